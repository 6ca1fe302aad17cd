"""A run that is killed again and again, beside one that is left alone.

Both begin as copies of one installation in which the run is asked for and nobody is there to carry it out.
"""

from __future__ import annotations

import json
import random
import shutil
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from tests.e2e.installation import Installation, until
from tests.e2e.killed import PHASES, Kill, Phase, Victim
from tests.e2e.left_behind import differences, state
from tests.e2e.vendor import Size, Vendor
from tests.fakes import serve
from tests.fakes.warehouses.listening import free_port
from tests.migrated import migrated

MODULE = "tests.e2e.killed"


@dataclass(frozen=True)
class Moment:
    """In a phase, after so many commits of the process, at a share of the phase's length."""

    phase: Phase
    victim: Victim
    after: int
    share: float


@dataclass(frozen=True)
class Trial:
    template: Installation
    run_id: str
    size: Size

    @property
    def told(self) -> Path:
        return self.template.folder.parent / "told.jsonl"

    @contextmanager
    def copy(self, name: str = "copy") -> Iterator[Installation]:
        copied = Installation(self.template.folder.parent / name, like=self.template)
        try:
            yield copied
        finally:
            copied.drop()
            shutil.rmtree(copied.folder)

    @cached_property
    def undisturbed(self) -> tuple[dict[str, list[str]], dict[str, float]]:
        """What is left behind, and how long each phase took."""
        with self.copy() as alone:
            return self.finish(alone), self._lengths()

    def survives(self, moments: Sequence[Moment]) -> tuple[list[dict[str, Any]], list[Moment]]:
        """Kills the run at each of the moments, and compares its end. What the killer told, and which moments never
        came."""
        wanted, lengths = self.undisturbed
        told: list[dict[str, Any]] = []
        missed = []
        port = free_port()
        with self.copy() as victim:
            for moment in moments:
                if one := self._kill(victim, moment, port, lengths[moment.phase]):
                    told.append(one)
                else:
                    missed.append(moment)
            found = self.finish(victim)
        assert differences(found, wanted) == [], told
        return told, missed

    def finish(self, of: Installation) -> dict[str, list[str]]:
        """Carries the run on to its end."""
        self.told.unlink(missing_ok=True)
        with self.process(
            of, Kill(None, str(self.told), batch_rows=self.size.batch_rows), "worker"
        ) as worker:
            worker.says("The worker is up")
            until(lambda: self.over(of), f"the run ends: {worker.text[-2_000:]}", seconds=300)
            assert worker.ends(signal.SIGTERM) == 0, worker.text
        return state(of, self.run_id)

    def _kill(self, of: Installation, moment: Moment, port: int, seconds: float) -> dict[str, Any] | None:
        """Carries the run on until it is killed, and what the killer told; None where the run was over first."""
        self.told.unlink(missing_ok=True)
        how = Kill(
            moment.phase,
            str(self.told),
            moment.after,
            moment.share,
            seconds,
            moment.victim,
            self.size.batch_rows,
        )
        arguments = ("worker",) if moment.victim == "worker" else ("serve", "--port", str(port))
        with self.process(of, how, *arguments) as process:

            def gone() -> bool:
                return process.process.poll() is not None

            def late() -> bool:
                return self.over(of) and (moment.phase != "end" or not self._still_ending(of))

            until(lambda: gone() or late(), f"{moment} comes: {process.text[-2_000:]}", seconds=300)
            if not gone():
                process.ends(signal.SIGTERM)
                return None
            # Where the web process is killed, `serve` ends the rest and says so.
            wanted = 1 if moment.victim == "web" else -signal.SIGKILL
            assert process.process.returncode == wanted, process.text
        if moment.victim == "worker":
            of.half_a_minute_passes()
        answer: dict[str, Any] = json.loads(self.told.read_text())
        if moment.victim != "worker":
            until(lambda: not psutil.pid_exists(answer["worker"]), "the worker beside has handed over")
        return answer

    def process(self, of: Installation, kill: Kill, *arguments: str) -> Any:
        return of.started(*arguments, module=MODULE, **kill.environ())

    def over(self, of: Installation) -> bool:
        [(status,)] = of.execute(self._select("status"))
        return status not in ("queued", "running")

    def _still_ending(self, of: Installation) -> bool:
        """What has ended in its row may still be killed at its end; another process's end is over soon."""
        [(finished_at,)] = of.execute(self._select("finished_at"))
        since = datetime.fromisoformat(str(finished_at)).replace(tzinfo=UTC)
        return datetime.now(UTC) - since < timedelta(seconds=10)

    def _select(self, column: str) -> str:
        run = f"replace(CAST(id AS text), '-', '') = '{self.run_id}'"
        return f"SELECT {column} FROM ropewalk_run WHERE {run}"

    def _lengths(self) -> dict[str, float]:
        measured: dict[str, list[float]] = {phase: [] for phase in PHASES}
        for line in self.told.read_text().splitlines():
            one = json.loads(line)
            measured[one["phase"]].append(one["seconds"])
        return {phase: median(seconds) for phase, seconds in measured.items() if seconds}


@contextmanager
def trial(folder: Path, size: Size, seed: int, what: str = "sync") -> Iterator[Trial]:
    """`what`: sync, dry_run or undo."""
    vendor = Vendor(size, seed)
    template = Installation(folder / "template", like=migrated())
    try:
        with serve(vendor) as url:
            said = template.python("tests.e2e.prepared", what, url, json.dumps(vendor.connector(url)))
            yield Trial(template, said.split()[-1], size)
    finally:
        template.drop()


def moments(count: int, seed: int) -> Iterator[list[Moment]]:
    """A list for each run, `count` in all: as many in each phase, in every other run beside web processes that are
    killed. Whatever happens to the web process, a worker that is at the end of a run gets there: so once a run."""
    chance = random.Random(seed)
    inside = deque(PHASES[number % 3] for number in range(count * 3 // 4))
    chance.shuffle(inside)
    runs = -(-len(inside) // RUN_KILLS)
    by_worker = count - len(inside) - runs // 2
    for number in range(runs):
        phases = [inside.popleft() for _ in range(min(RUN_KILLS, len(inside)))]
        victims: tuple[Victim, ...] = ("serve", "web") if number % 2 else ("worker",)
        ends = 1 if number % 2 else _share(by_worker, number // 2, runs - runs // 2)
        yield [
            # The end comes whenever it comes.
            Moment(
                phase, chance.choice(victims), 0 if phase == "end" else chance.randrange(3), chance.random()
            )
            for phase in [*phases, *["end"] * ends]
        ]


def _share(count: int, number: int, of: int) -> int:
    return count * (number + 1) // of - count * number // of


RUN_KILLS = 10
