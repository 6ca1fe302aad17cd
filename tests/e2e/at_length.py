"""What takes minutes: `make kills` runs it, `make test` a little of it (test_kills).

KILLS in the environment says how many there are, of runs of RECORDS; SEED repeats those of an earlier time.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections import Counter
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.kills import Moment, moments, trial
from tests.e2e.vendor import FULL, MEDIUM, Size

KILLS = int(os.environ.get("KILLS") or 50)
SEED = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
RECORDS = int(os.environ.get("RECORDS") or FULL.records)
RUN = Size(RECORDS, RECORDS // 100, 0 if FULL.records == RECORDS else RECORDS // 20)
EXTRA_RUNS = 4


def killed(what: str, size: Size, runs: list[list[Moment]], say: Any) -> int:
    """Moments that a run was too short for come in the next."""
    told: list[dict[str, Any]] = []
    missed: list[Moment] = []
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, trial(Path(folder), size, SEED, what) as made:
        for planned in chain(runs, repeat([], EXTRA_RUNS)):
            due = missed + planned
            if not due:
                break
            by_worker = due[-1].victim == "worker"
            # A run has victims of one kind, and one end.
            mine = [moment for moment in due if (moment.victim == "worker") is by_worker]
            done, late = made.survives(sorted(mine, key=lambda moment: moment.phase == "end"))
            told += done
            missed = [moment for moment in due if moment not in mine] + late
            seconds = time.monotonic() - begun
            say(f"{seconds:5.0f} s: {len(told)} kills, {len(missed)} to come again", flush=True)
    counted = Counter((one["victim"], one["phase"]) for one in told)
    lines = [f"  {victim:7} {phase:7} {count}" for (victim, phase), count in sorted(counted.items())]
    say(
        f"\n{what} of {size.records:,} records, seed {SEED}: {len(told)} kills, {seconds:.0f} s",
        *lines,
        sep="\n",
    )
    assert missed == []
    return len(told)


def test_runs_that_are_killed_end_as_an_undisturbed_one(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        assert killed("sync", RUN, list(moments(KILLS, SEED)), print) == KILLS


@pytest.mark.parametrize("what", ["undo", "dry_run"])
def test_so_do_undos_and_dry_runs(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    phases = ("apply", "commit", "end") if what == "undo" else ("fetch", "apply", "commit", "end")
    run = [Moment(phase, "worker", number % 2, 0.3 + number / 5) for number, phase in enumerate(phases)]
    with capsys.disabled():
        assert killed(what, MEDIUM, [run], print) == len(run)
