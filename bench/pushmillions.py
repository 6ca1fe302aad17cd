"""Ten million stored events: an account's newest, and the speed of taking more in, beside a store of ten thousand.

    python -m bench.pushmillions FOLDER [--events 10000000] [--accounts 10000] [--growing] [--postgres]

CPU times of this one process, and of PostgreSQL's server: it stores what the door has prepared, a thousand at a time. Ids
are made at random, or grow. What is filled stays in the folder, for another run.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING

from bench import measure
from bench.postgres import Postgres

sys.path.insert(0, str(measure.ROOT / "src"))

if TYPE_CHECKING:
    from ropewalk.store.events.base import EventStore

ORGANIZATION, CONNECTOR = uuid.UUID(int=1), uuid.UUID(int=2)
SMALL = 10_000
ROUNDS, ROUND = 5, 2_000
BEGAN = 1_772_366_400_000_000
_DATA = b'{"external_id":"%s","data":{"type":"order.paid","amount":129.5,"currency":"EUR","plan":"team","seats":12}}'


@dataclass(frozen=True, slots=True)
class Contestant:
    """`clock`: CPU seconds that were spent for it."""

    open: Callable[[], EventStore]
    clock: Callable[[], float]


@contextmanager
def contestants(folder: Path, postgres: bool) -> Iterator[tuple[Contestant, Contestant]]:
    """A small one and a large one. Each has a server of its own, so that what happens in the background counts, too."""
    from ropewalk.store.events.postgres import PostgresEvents
    from ropewalk.store.events.sqlite import SqliteEvents

    names = ("small", "large")
    folder.mkdir(parents=True, exist_ok=True)
    if not postgres:
        small, large = (folder / f"{name}.sqlite" for name in names)
        yield (
            Contestant(lambda: SqliteEvents(small), time.process_time),
            Contestant(lambda: SqliteEvents(large), time.process_time),
        )
        return
    folder.chmod(0o755)
    servers = []
    for name in names:
        (folder / name).mkdir(exist_ok=True)
        servers.append(Postgres(folder / name, keep=True))

    def opened(server: Postgres) -> Contestant:
        url = server.database("bench")
        return Contestant(
            lambda: PostgresEvents({"conninfo": url}), lambda: time.process_time() + server.cpu()
        )

    try:
        yield opened(servers[0]), opened(servers[1])
    finally:
        for server in servers:
            server.stop()


def take(
    store: EventStore,
    clock: Callable[[], float],
    events: int,
    accounts: int,
    first: int,
    *,
    growing: bool,
    size: int = 1_000,
) -> list[float]:
    """CPU seconds of each batch."""
    from ropewalk.core.pushed import Draft
    from ropewalk.store.events.base import Batch

    spent = []
    for begin in range(first, first + events, size):
        drafts = []
        for number in range(begin, begin + size):
            name = f"{number:032x}" if growing else uuid.uuid4().hex
            at = BEGAN + number * 1_000
            keys = (f"id:c-{random.randrange(accounts)}",)
            drafts.append(Draft(name, at, at, "custom", "custom", _DATA % name.encode(), keys))
        before = clock()
        store.append([Batch(ORGANIZATION, CONNECTOR, drafts)])
        spent.append(clock() - before)
    return spent


def newest(
    store: EventStore, clock: Callable[[], float], accounts: int, looks: int = 200
) -> list[tuple[float, float]]:
    """Wall and CPU seconds, each of another account."""
    spent = []
    for _ in range(looks):
        key = f"id:c-{random.randrange(accounts)}"
        before, began = clock(), time.perf_counter()
        store.newest(ORGANIZATION, keys=[key], limit=100)
        spent.append((time.perf_counter() - began, clock() - before))
    return spent


def fill(each: Contestant, events: int, accounts: int, growing: bool) -> int:
    """Up to so many; how many there are then."""
    store = each.open()
    there = store.statistics(ORGANIZATION, CONNECTOR, datetime.now(UTC)).total
    while there < events:
        step = min(100_000, events - there)
        began, before = time.perf_counter(), each.clock()
        spent = take(store, each.clock, step, accounts, there, growing=growing, size=min(step, 10_000))
        there += step
        print(
            f"{there:,}: {sum(spent) / step * 1e6:.1f} µs an event, ten thousand at most {max(spent) * 1e3:.0f} ms, "
            f"{each.clock() - before:.1f} s of {time.perf_counter() - began:.1f}; peak {_peak():.0f} MB",
            flush=True,
        )
    store.close_all()
    return there


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


def measured(folder: Path, events: int, accounts: int, growing: bool, postgres: bool = False) -> str:
    with contestants(folder, postgres) as (few, many):
        there = fill(many, events, accounts, growing)
        small, large = few.open(), many.open()
        cold = newest(large, many.clock, accounts, 1)[0]
        looks = newest(large, many.clock, accounts)
        began = many.clock()
        first = take(large, many.clock, 1, accounts, there, growing=growing, size=1)[0]
        start = many.clock() - began
        of_few = small.statistics(ORGANIZATION, CONNECTOR, datetime.now(UTC)).total
        if of_few < SMALL:
            take(small, few.clock, SMALL - of_few, accounts, of_few, growing=growing)
        spent: dict[int, list[float]] = {SMALL: [], there: []}
        for turn in range(ROUNDS):
            for store, clock, size in ((small, few.clock, SMALL), (large, many.clock, there)):
                spent[size] += take(store, clock, ROUND, accounts, size + 1 + turn * ROUND, growing=growing)
        small.close_all()
        large.close_all()
    of_each = ", ".join(
        f"{median(each) * 1e3:.1f} µs (mean {mean(each) * 1e3:.1f}) among {size:,}"
        for size, each in spent.items()
    )
    wall, cpu = (sorted(which) for which in zip(*looks, strict=True))
    return (
        f"Events whose ids {'grow' if growing else 'are made at random'}, of {accounts:,} accounts, on "
        f"{'PostgreSQL' if postgres else 'SQLite'}: the newest 100 of an account among {there:,} in "
        f"{median(wall) * 1e3:.1f} ms (median; CPU {median(cpu) * 1e3:.1f}, 95th percentile {wall[len(wall) * 95 // 100] * 1e3:.1f}, "
        f"most {wall[-1] * 1e3:.1f}, the first after a start {cold[0] * 1e3:.1f}); the first event after a start costs "
        f"{first * 1e3:.0f} of {start * 1e3:.0f} ms; to take one in costs {of_each}. Peak {_peak():.0f} MB."
    )


def text(events: int = 10_000_000, accounts: int = 10_000) -> str:
    told = []
    for growing in (False, True):
        with tempfile.TemporaryDirectory(prefix="ropewalk-bench-", dir="/tmp") as folder:
            told.append(measured(Path(folder), events, accounts, growing))
    return "\n\n".join(told)


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("folder", type=Path)
    told.add_argument("--events", type=int, default=10_000_000)
    told.add_argument("--accounts", type=int, default=10_000)
    told.add_argument("--growing", action="store_true")
    told.add_argument("--postgres", action="store_true")
    given = told.parse_args()
    print(measured(given.folder, given.events, given.accounts, given.growing, given.postgres))


if __name__ == "__main__":
    main()
