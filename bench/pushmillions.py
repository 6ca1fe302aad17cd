"""Ten million stored events: an account's newest, and the speed of taking more in, beside a store of ten thousand.

    python -m bench.pushmillions FOLDER [--events 10000000] [--accounts 10000] [--growing]

CPU times of this one process: it stores what the door has prepared, a thousand at a time. Ids are made at random, or
grow.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import uuid
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


def main() -> None:
    from ropewalk.store.events.sqlite import SqliteEvents

    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("folder", type=Path)
    told.add_argument("--events", type=int, default=10_000_000)
    told.add_argument("--accounts", type=int, default=10_000)
    told.add_argument("--growing", action="store_true")
    given = told.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    small = SqliteEvents(given.folder / "small.sqlite")
    large = SqliteEvents(given.folder / "large.sqlite")
    there = large.statistics(ORGANIZATION, CONNECTOR, _now()).total
    while there < given.events:
        step = min(100_000, given.events - there)
        spent = take(
            large, step, given.accounts, there, 10_000 if step >= 10_000 else 1_000, growing=given.growing
        )
        there += step
        print(f"{there:,}: {sum(spent) / step * 1e6:.1f} µs an event", flush=True)
    looks = sorted(newest(large, given.accounts))
    print(
        f"newest 100 of an account among {there:,}: median {median(looks) * 1e3:.1f} ms, "
        f"95th percentile {looks[len(looks) * 95 // 100] * 1e3:.1f} ms, most {looks[-1] * 1e3:.1f} ms"
    )
    take(small, SMALL, given.accounts, 0, growing=given.growing)
    at_small: list[float] = []
    at_large: list[float] = []
    for turn in range(5):
        at_small += take(small, 2_000, given.accounts, SMALL + turn * 2_000, growing=given.growing)
        at_large += take(large, 2_000, given.accounts, there + turn * 2_000, growing=given.growing)
    for size, spent in ((SMALL, at_small), (there, at_large)):
        print(
            f"a thousand into {size:,}: {median(spent) * 1e3:.1f} ms of CPU ({median(spent) * 1e3:.1f} µs an event)"
        )


def _now():  # type: ignore[no-untyped-def]
    from datetime import UTC, datetime

    return datetime.now(UTC)


if __name__ == "__main__":
    main()
