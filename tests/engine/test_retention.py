"""What is not kept for ever goes while runs are under way, and takes nothing that somebody still needs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest

from ropewalk.engine import people
from ropewalk.store import ledger, retention, transactions
from ropewalk.store.ledger import Entry
from ropewalk.store.models import Change, LedgerRow, Run
from tests.engine.conftest import Serving
from tests.engine.test_matching import ID, NAME, Source
from tests.engine.world import World, brief, complete

TIER = {"from": "tier", "to": "planTier"}
REASONS = ("no_match", "ambiguous_match", "deleted_here")
MANY = 1_500


def records(tier: str) -> list[dict[str, Any]]:
    return [{"id": number, "name": f"Company {number}", "tier": tier} for number in range(MANY)]


@contextmanager
def sweeping(now: datetime) -> Iterator[list[float]]:
    """Somebody who clears up all the time, in a thread of their own, until nothing is left to clear; how long each
    batch took."""
    took: list[float] = []
    over = threading.Event()

    def sweep() -> None:
        done = 1
        while done or not over.is_set():
            begun = time.monotonic()
            done = retention.sweep(now)
            took.append(time.monotonic() - begun)
            over.wait(0.005)
        transactions.close()

    thread = threading.Thread(target=sweep)
    thread.start()
    try:
        yield took
    finally:
        over.set()
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_it_goes_on_beside_a_sync_and_its_undo(
    world: World, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 250)
    source = Source(world, serving, matching="external_id", mapping=[ID, NAME, TIER])
    old = source.sync(*records("free"))
    dry = world.dry_run(source.connector)
    rows = [Entry(at, "skipped", reason) for reason in REASONS for at in range(1_000)]
    ledger.write(world.org, old["run_id"], rows)
    last = source.sync(*records("team"), 7)
    people.set_field(world.org, world.owner, "planTier", {"history": False}, world.clock)
    world.clock.advance(days=31)

    with sweeping(world.clock.now()) as took:
        run = source.sync(*records("gold"))
        undo = world.undo(run)

    print(f"{len(took)} batches, the longest {max(took) * 1_000:.0f} ms")
    assert (brief(run), brief(undo)) == (complete(updated=MANY), complete(updated=MANY))
    assert {account["planTier"] for account in world.accounts()} == {"team"}
    kept = Run.objects.filter(id__in=[old["run_id"], dry["run_id"], last["run_id"], run["run_id"]])
    assert set(kept.values_list("id", flat=True)) == {old["run_id"], last["run_id"], run["run_id"]}
    # The undone run is not a month old; those before it have rows and changes that nobody can ask for.
    assert set(LedgerRow.objects.values_list("run_id", flat=True)) == {undo["run_id"]}
    told = Change.objects.filter(fields__has_key="planTier").values_list("run", flat=True)
    assert set(told) == {run["run_id"], undo["run_id"]}
    assert Change.objects.filter(run=old["run_id"], fields__has_key="companyName").count() == MANY
