"""Whatever is killed, and wherever: the run ends as if nothing had happened (product.md §5.1). Many more such moments,
in runs of 100,000 records, are in at_length."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.kills import Moment, Trial, trial
from tests.e2e.two_workers import stopped
from tests.e2e.vendor import SMALL


@pytest.fixture(scope="module")
def small() -> Iterator[Trial]:
    with tempfile.TemporaryDirectory() as folder, trial(Path(folder), SMALL, seed=7) as made:
        yield made


@pytest.mark.parametrize(
    "at",
    [
        [
            Moment("fetch", "worker", 0, 0.5),
            Moment("apply", "worker", 1, 0.3),
            Moment("commit", "worker", 1, 0.6),
            Moment("end", "worker", 0, 0.4),
        ],
        [Moment("apply", "serve", 1, 0.7), Moment("end", "web", 0, 0.2)],
    ],
    ids=["worker", "web"],
)
def test_a_killed_run_ends_as_an_undisturbed_one(at: list[Moment], small: Trial) -> None:
    told, missed = small.survives(at)

    assert ([(one["phase"], one["victim"]) for one in told], missed) == (
        [(moment.phase, moment.victim) for moment in at],
        [],
    )


def test_a_worker_that_hangs_in_a_transaction_holds_up_nobody(small: Trial) -> None:
    """Stopped, it keeps the organization's lock, until it is cut off; continued, it writes nothing more."""
    if "ROPEWALK_DATABASE_URL" not in small.template.environ:
        pytest.skip("a matter of PostgreSQL: on SQLite there is one machine")

    stopped(small, "commit", seconds=0)
