"""What takes minutes, most of them spent waiting: `make kills` runs it beside the kills, on PostgreSQL. In `make test`
(test_kills) half a minute is made to pass instead."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.kills import Trial, trial
from tests.e2e.two_workers import died, stopped
from tests.e2e.vendor import MEDIUM


@pytest.fixture(scope="module")
def medium() -> Iterator[Trial]:
    with tempfile.TemporaryDirectory() as folder, trial(Path(folder), MEDIUM, seed=7) as made:
        yield made


def test_a_worker_stopped_for_90_seconds_writes_nothing_more(
    medium: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    took = stopped(medium, "commit", seconds=90)
    with capsys.disabled():
        print(f"\nstopped inside a transaction: the other worker had its run after {took:.0f} s")
    assert took < 60


def test_a_dead_workers_run_goes_on_elsewhere(medium: Trial, capsys: pytest.CaptureFixture[str]) -> None:
    took = died(medium, "apply")
    with capsys.disabled():
        print(f"\nkilled: the other worker had its run after {took:.0f} s")
    assert took < 60
