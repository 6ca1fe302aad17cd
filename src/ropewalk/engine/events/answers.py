"""Answers to live queries: asked once however many want them, and kept for a minute (product.md §7)."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Generic, Literal, Protocol, TypeVar
from uuid import UUID

from msgspec import Struct, field

from ropewalk.core import limits
from ropewalk.engine.clock import Clock
from ropewalk.engine.forks import one_a_process

FAILED_SECONDS = 10.0
"""A failure is kept too: who turns pages doesn't wait for a server that hangs at each of them."""

Slot = Literal["head", "tail"]


class Reading(Protocol):
    """`run` reads, without raising, and what it has read so far can be looked at while it does."""

    @property
    def failed(self) -> bool: ...
    @property
    def weight(self) -> int: ...
    def run(self) -> None: ...


R = TypeVar("R", bound=Reading)


class Flight(Struct, Generic[R], eq=False):
    """A query under way, and afterwards what it brought. `start` and `end`: of the time it asks for, where it does."""

    reading: R
    start: datetime | None
    end: datetime | None
    landed: threading.Event = field(default_factory=threading.Event)
    kept_until: float = float("inf")

    @property
    def has_failed(self) -> bool:
        return self.landed.is_set() and self.reading.failed

    def covers(self, start: datetime | None, end: datetime | None) -> bool:
        if start is not None and self.start is not None and self.start > start:
            return False
        return self.end is None or (end is not None and self.end >= end)


class Answers(Generic[R]):
    """Of each query the newest flight without an end (its head), and the newest one that goes on from a page (its
    tail). All its threads and all that it keeps are bounded; what nobody has asked for longest goes first.

    An organization may take a thread while it has fewer than are free: half of them where it is alone, and whoever
    comes next finds one at once, however long the others' sources hang."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._flights: OrderedDict[tuple[UUID, Hashable, Slot], Flight[R]] = OrderedDict()
        self._running: Counter[UUID] = Counter()
        self._queued: dict[UUID, deque[Flight[R]]] = {}
        self._threads = ThreadPoolExecutor(limits.LIVE_THREADS, thread_name_prefix="ropewalk-live")

    def ask(
        self,
        organization_id: UUID,
        query: Hashable,
        reading: Callable[[], R],
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        going_on: bool = False,
        anew: bool = False,
    ) -> Flight[R]:
        """A first page takes what was kept within the minute; one that goes on wants all from `start` to `end`. `anew`: no
        failure is taken."""
        slots: tuple[Slot, ...] = ("head", "tail") if going_on else ("head",)
        with self._lock:
            now = self._clock.monotonic()
            for slot in slots:
                there = self._flights.get((organization_id, query, slot))
                if there is None or there.kept_until <= now or (anew and there.has_failed):
                    continue
                if not going_on or there.covers(start, end):
                    self._flights.move_to_end((organization_id, query, slot))
                    return there
            flight = Flight(reading(), start, end)
            self._flights[organization_id, query, slots[-1]] = flight
            self._flights.move_to_end((organization_id, query, slots[-1]))
            self._queued.setdefault(organization_id, deque()).append(flight)
            self._start()
        return flight

    def _start(self) -> None:
        """Whoever may: the organization with the fewest under way first."""
        while self._queued:
            organization_id = min(self._queued, key=lambda each: self._running[each])
            if self._running[organization_id] >= limits.LIVE_THREADS - self._running.total():
                return
            queue = self._queued[organization_id]
            flight = queue.popleft()
            if not queue:
                del self._queued[organization_id]
            self._running[organization_id] += 1
            self._threads.submit(self._fly, organization_id, flight)

    def _fly(self, organization_id: UUID, flight: Flight[R]) -> None:
        try:
            flight.reading.run()
        finally:
            with self._lock:
                seconds = FAILED_SECONDS if flight.reading.failed else limits.KEPT_SECONDS
                flight.kept_until = self._clock.monotonic() + seconds
                self._make_room()
                self._running[organization_id] -= 1
                if not self._running[organization_id]:
                    del self._running[organization_id]
                self._start()
            flight.landed.set()

    def _make_room(self) -> None:
        now = self._clock.monotonic()
        for key in [key for key, flight in self._flights.items() if flight.kept_until <= now]:
            del self._flights[key]
        total = 0
        of_organization: dict[UUID, int] = {}
        for key, flight in reversed(list(self._flights.items())):
            weight = flight.reading.weight
            mine = of_organization.get(key[0], 0) + weight
            under_way = flight.kept_until == float("inf")
            fits = total + weight <= limits.KEPT_BYTES and mine <= limits.KEPT_BYTES_PER_ORGANIZATION
            if not fits and not under_way:
                del self._flights[key]
                continue
            total, of_organization[key[0]] = total + weight, mine

    @property
    def weight(self) -> int:
        """About how many bytes of memory are kept."""
        with self._lock:
            return sum(flight.reading.weight for flight in self._flights.values())

    def close(self) -> None:
        with self._lock:
            self._queued.clear()
        self._threads.shutdown(wait=True, cancel_futures=True)


@one_a_process
def answers(clock: Clock) -> Answers[Any]:
    """One a process, where the clock is the system's."""
    return Answers(clock)
