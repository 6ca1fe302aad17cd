"""Medians and ratios, as tables of docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from statistics import median

from bench.measure import ROOT, Measured

PLACE = ROOT / "docs" / "benchmarks.md"

_HEAD = """\
# Benchmarks

`make bench` on {machine}, {date}; medians of {rounds}. It says what one machine did on one day: **the ratios are what
counts**, and `make bench` gives yours (`make bench ARGS="--rounds 1 --only sqlite"` a part).

What is counted is a whole process from its start to its end: wall time, CPU time of the process and its children (not
of a database server), and the peak of its memory. The API is a process of its own with pages made before; a record has
12 fields, two of them objects, and about 450 bytes. Twelve values are mapped.

- **floor**: the same work with no product around it. It fetches the pages one after the other, recognises what is
  unchanged by digest, decodes and maps the rest, matches by external id, and writes accounts, change log, digests
  and the run's counts into the same tables with the same indexes, 5,000 rows a transaction (`bench/floor.py`).
- **ropewalk**: `ropewalk sync`, with its lease, its place to go on from, its row ledger, and its checks.
- **dlt** 1.31, merged on the primary key (`bench/peers.py`). It keeps no change log.
"""


def shown(measured: Measured) -> str:
    return f"{measured.wall:.2f} s, CPU {measured.cpu:.2f} s, {measured.peak_mb:.0f} MB"


class Results:
    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._found: dict[str, dict[tuple[str, str], list[Measured]]] = {}
        self._sizes: dict[tuple[str, str, str], float] = {}
        self._starts: list[tuple[float, float]] = []

    def add(self, title: str, name: str, phase: str, measured: Measured, size_mb: float) -> None:
        self._found.setdefault(title, {}).setdefault((name, phase), []).append(measured)
        self._sizes[title, name, phase] = size_mb

    def add_start(self, help_: float, serve: float) -> None:
        self._starts.append((help_, serve))

    def page(self) -> str:
        machine = f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}, Python {platform.python_version()}"
        head = _HEAD.format(
            machine=machine,
            date=datetime.now(UTC).date().isoformat(),
            rounds=f"{self._rounds} round{'s'[: self._rounds != 1]}",
        )
        return head + self.text()

    def text(self) -> str:
        parts = [self._table(title) for title in self._found]
        if self._starts:
            help_, serve = (median(each) for each in zip(*self._starts, strict=True))
            parts.append(
                f"\n## Start\n\n`ropewalk --help`: {help_:.2f} s. `ropewalk serve` to its first answer: {serve:.2f} s.\n"
            )
        return "".join(parts)

    def _table(self, title: str) -> str:
        lines = [
            f"\n## {title}\n",
            "| work | who | wall | × floor | × Ropewalk | CPU | × floor | peak memory | database |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for (name, phase), rounds in sorted(self._found[title].items(), key=lambda each: _ORDER[each[0][1]]):
            wall, cpu = median(one.wall for one in rounds), median(one.cpu for one in rounds)
            peak = median(one.peak_mb for one in rounds)
            size = self._sizes[title, name, phase]
            lines.append(
                f"| {phase} | {name} | {wall:.2f} s | {self._ratio(title, 'floor', phase, wall, 'wall')}"
                f" | {self._ratio(title, 'ropewalk', phase, wall, 'wall')} | {cpu:.2f} s"
                f" | {self._ratio(title, 'floor', phase, cpu, 'cpu')} | {peak:.0f} MB"
                f" | {f'{size:.0f} MB' if size else ''} |"
            )
        return "\n".join(lines) + "\n"

    def _ratio(self, title: str, to: str, phase: str, value: float, what: str) -> str:
        rounds = self._found[title].get((to, phase))
        return f"{value / median(getattr(one, what) for one in rounds):.2f}" if rounds else ""


_ORDER = {"first load": 0, "nothing changed": 1, "1 % changed": 2}
