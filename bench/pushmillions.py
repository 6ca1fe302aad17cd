"""Ten million stored events: an account's newest, and the speed of taking more in, beside a store of ten thousand.

    python -m bench.pushmillions FOLDER [--events 10000000] [--accounts 10000] [--growing]

CPU times of this one process: it stores what the door has prepared, a thousand at a time. Ids are made at random, or
grow.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench import measure

sys.path.insert(0, str(measure.ROOT / "src"))

if TYPE_CHECKING:
    from ropewalk.store.events.sqlite import SqliteEvents

ORGANIZATION, CONNECTOR = uuid.UUID(int=1), uuid.UUID(int=2)
SMALL = 10_000
BEGAN = 1_772_366_400_000_000
_DATA = b'{"external_id":"%s","data":{"type":"order.paid","amount":129.5,"currency":"EUR","plan":"team","seats":12}}'


def take(
    store: SqliteEvents, events: int, accounts: int, first: int, size: int = 1_000, *, growing: bool
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
        before = time.process_time()
        store.append([Batch(ORGANIZATION, CONNECTOR, drafts)])
        spent.append(time.process_time() - before)
    return spent


def newest(store: SqliteEvents, accounts: int, looks: int = 200) -> list[float]:
    """Wall seconds, each of another account."""
    spent = []
    for _ in range(looks):
        key = f"id:c-{random.randrange(accounts)}"
        before = time.perf_counter()
        found = store.newest(ORGANIZATION, keys=[key], limit=100)
        spent.append(time.perf_counter() - before)
        assert found.events
    return spent


def fill(store: SqliteEvents, events: int, accounts: int, growing: bool) -> int:
    """Up to so many; how many there are then."""
    there = store.statistics(ORGANIZATION, CONNECTOR, datetime.now(UTC)).total
    while there < events:
        step = min(100_000, events - there)
        spent = take(store, step, accounts, there, min(step, 10_000), growing=growing)
        there += step
        print(f"{there:,}: {sum(spent) / step * 1e6:.1f} µs an event", flush=True)
    return there


def measured(folder: Path, events: int, accounts: int, growing: bool) -> str:
    from ropewalk.store.events.sqlite import SqliteEvents

    folder.mkdir(parents=True, exist_ok=True)
    small, large = SqliteEvents(folder / "small.sqlite"), SqliteEvents(folder / "large.sqlite")
    there = fill(large, events, accounts, growing)
    looks = sorted(newest(large, accounts))
    take(small, SMALL, accounts, 0, growing=growing)
    spent: dict[int, list[float]] = {SMALL: [], there: []}
    for turn in range(5):
        for store, size in ((small, SMALL), (large, there)):
            spent[size] += take(store, 2_000, accounts, size + turn * 2_000, growing=growing)
    of_each = ", ".join(f"{median(each) * 1e3:.1f} µs among {size:,}" for size, each in spent.items())
    return (
        f"Events whose ids {'grow' if growing else 'are made at random'}, of {accounts:,} accounts: the newest 100 of an "
        f"account among {there:,} in {median(looks) * 1e3:.1f} ms (median; 95th percentile "
        f"{looks[len(looks) * 95 // 100] * 1e3:.1f}, most {looks[-1] * 1e3:.1f}); to take one in costs {of_each}."
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
    given = told.parse_args()
    print(measured(given.folder, given.events, given.accounts, given.growing))


if __name__ == "__main__":
    main()
