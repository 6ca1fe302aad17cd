"""Medians and ratios, as tables of docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.measure import ROOT, Measured

PLACE = ROOT / "docs" / "benchmarks.md"


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

    def sections(self) -> dict[str, str]:
        """By heading."""
        found = {title: self._table(title) for title in self._found}
        if self._starts:
            help_, serve = (median(each) for each in zip(*self._starts, strict=True))
            found["Start"] = (
                f"`ropewalk --help`: {help_:.2f} s. `ropewalk serve` to its first answer: {serve:.2f} s."
            )
        how = f"Medians of {self._rounds} rounds" if self._rounds > 1 else "One round"
        return {title: f"{how}, {_where()}.\n\n{text}" for title, text in found.items()}

    def _table(self, title: str) -> str:
        lines = [
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
        return "\n".join(lines)

    def _ratio(self, title: str, to: str, phase: str, value: float, what: str) -> str:
        rounds = self._found[title].get((to, phase))
        return f"{value / median(getattr(one, what) for one in rounds):.2f}" if rounds else ""


_ORDER = {"first load": 0, "nothing changed": 1, "1 % changed": 2}


def _where() -> str:
    machine = f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}, Python {platform.python_version()}"
    return f"{datetime.now(UTC).date().isoformat()}, {machine}"


def shown_all(sections: Mapping[str, str]) -> str:
    return "\n\n".join(f"## {title}\n\n{text.strip()}" for title, text in sections.items()) + "\n"


def keep(sections: Mapping[str, str], page: Path = PLACE) -> None:
    """Each in the place of the one with its heading, or at the end; what else the page says stays."""
    text = page.read_text(encoding="utf-8")
    for title, section in sections.items():
        whole = shown_all({title: section})
        there = re.search(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        if there is None:
            text = f"{text.rstrip()}\n\n{whole}"
        else:
            text = f"{text[: there.start()]}{whole}\n{text[there.end() :]}"
    page.write_text(text.rstrip() + "\n", encoding="utf-8")
