from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from ropewalk.core import limits
from ropewalk.engine.events.answers import Answers, answers
from tests.engine.world import START, Clock

pytestmark = pytest.mark.any_database

MB = 1024 * 1024
ORGANIZATIONS = [uuid4() for _ in range(6)]


class Reading:
    """Takes so much memory; ends when it is told to."""

    def __init__(self, weight: int = 0, end: threading.Event | None = None) -> None:
        self.weight = weight
        self.failed = False
        self._end = end

    def run(self) -> None:
        if self._end is not None:
            assert self._end.wait(10)


@pytest.fixture
def kept() -> Iterator[Answers[Reading]]:
    made: Answers[Reading] = Answers(Clock())
    yield made
    made.close()


def landed(kept: Answers[Reading], organization: UUID, query: int, weight: int = 0) -> Reading:
    flight = kept.ask(organization, query, lambda: Reading(weight))
    assert flight.landed.wait(10)
    return flight.reading


def test_what_nobody_asked_for_longest_goes_first(kept: Answers[Reading]) -> None:
    mine, theirs = ORGANIZATIONS[:2]
    share = limits.KEPT_BYTES_PER_ORGANIZATION // 4
    first = [landed(kept, mine, number, share) for number in range(4)]
    other = landed(kept, theirs, 0, share)

    assert landed(kept, mine, 0, share) is first[0]
    landed(kept, mine, 4, share)

    assert kept.weight == 5 * share
    assert [landed(kept, mine, number, share) is first[number] for number in (0, 2, 3)] == [True] * 3
    assert landed(kept, mine, 1, share) is not first[1]
    assert landed(kept, theirs, 0, share) is other


def test_all_organizations_together_keep_no_more_than_the_process_may(kept: Answers[Reading]) -> None:
    for organization in ORGANIZATIONS:
        for query in range(4):
            landed(kept, organization, query, 15 * MB)

    assert limits.KEPT_BYTES - 15 * MB < kept.weight <= limits.KEPT_BYTES


@pytest.mark.parametrize(
    ("organizations", "threads"),
    [(1, limits.LIVE_THREADS // 2), (len(ORGANIZATIONS), limits.LIVE_THREADS)],
)
def test_no_more_threads_than_there_may_be(organizations: int, threads: int, kept: Answers[Reading]) -> None:
    """One alone has half of them, and the others what they leave each other."""
    end, before = threading.Event(), {*threading.enumerate()}
    flights = [
        kept.ask(organization, number, lambda: Reading(0, end))
        for organization in ORGANIZATIONS[:organizations]
        for number in range(50)
    ]
    busy = {*threading.enumerate()} - before
    end.set()

    assert all(flight.landed.wait(10) for flight in flights)
    assert len(busy) == threads


def test_whoever_comes_next_is_answered_at_once_however_many_of_others_hang(kept: Answers[Reading]) -> None:
    end = threading.Event()
    hanging = [
        kept.ask(organization, number, lambda: Reading(0, end))
        for organization in ORGANIZATIONS[:4]
        for number in range(100)
    ]

    for organization in ORGANIZATIONS[4:]:
        landed(kept, organization, 1)

    assert not any(flight.landed.is_set() for flight in hanging)
    end.set()
    assert all(flight.landed.wait(10) for flight in hanging)


@pytest.mark.parametrize(
    ("start", "end", "shared"),
    [(0, 0, True), (1, 0, True), (-1, 0, False), (0, -5, True), (0, 1, True)],
)
def test_who_goes_on_gets_what_covers_all_that_is_left(
    start: int, end: int, shared: bool, kept: Answers[Reading]
) -> None:
    """The first one asked for everything from noon on."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    first = kept.ask(ORGANIZATIONS[0], 1, Reading, start=noon)
    going_on = {"start": noon + timedelta(hours=start), "end": START + timedelta(hours=end)}

    second = kept.ask(ORGANIZATIONS[0], 1, Reading, **going_on, going_on=True)
    third = kept.ask(ORGANIZATIONS[0], 1, Reading, **going_on, going_on=True)

    assert (second is first, third is second) == (shared, True)


def test_a_tail_serves_only_whoever_is_further_down(kept: Answers[Reading]) -> None:
    def tail(minutes: int) -> object:
        end = START - timedelta(minutes=minutes)
        return kept.ask(ORGANIZATIONS[0], 1, Reading, end=end, going_on=True)

    at_ten = tail(10)

    assert (tail(11) is at_ten, tail(10) is at_ten, tail(9) is at_ten) == (True, True, False)
    assert kept.ask(ORGANIZATIONS[0], 1, Reading) is not at_ten


def test_a_failure_of_ours_ends_the_flight_too(kept: Answers[Reading]) -> None:
    class Broken(Reading):
        def run(self) -> None:
            raise RuntimeError

    assert kept.ask(ORGANIZATIONS[0], 1, Broken).landed.wait(10)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_that_is_forked_off_has_threads_of_its_own() -> None:
    """As the web process is, by a command that has asked before: `ropewalk demo`."""
    clock = Clock()
    landed(answers(clock), ORGANIZATIONS[0], 1)

    child = os.fork()
    if child == 0:
        flight = answers(clock).ask(ORGANIZATIONS[0], 2, Reading)
        os._exit(0 if flight.landed.wait(10) else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    answers(clock).close()
    answers.cache_clear()
