"""An undo of many changes goes batch by batch: its memory is bounded (product.md §5.5)."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from ropewalk.engine import requests
from ropewalk.store.models import Account
from tests.engine import process
from tests.engine.conftest import Serving
from tests.engine.test_dryrun_size import MB
from tests.engine.world import World, brief, complete
from tests.fakes import Fake, customers

# TRY_RECORDS=100000 tries more.
RECORDS = int(os.environ.get("TRY_RECORDS", "4000"))


@pytest.mark.django_db(transaction=True)
def test_many_changes(world: World, serving: Serving, settings: Any) -> None:
    settings.ROPEWALK = settings.ROPEWALK.model_copy(update={"max_records": 10**7})
    there: list[Any] = customers(RECORDS)
    base = serving(Fake(lambda asked: {"data": there}))
    connector = world.connect(base, max_records=10**7, timeout_ms=300_000)
    world.sync(connector)
    there = [{**one, "name": f"{one['name']} & Sons"} for one in there[: RECORDS // 2]]
    there += [{"id": f"new-{number}", "name": "New"} for number in range(RECORDS // 2)]
    run = world.sync(connector)
    before = time.monotonic()

    undo = requests.undo(world.org, world.owner, run["run_id"], world.clock)
    peak = process.carried_out(str(undo.id))

    print(f"{RECORDS:,} changes: {peak / MB:.0f} MB, {time.monotonic() - before:.1f} s")
    assert brief(world.run(undo.id)) == complete(updated=RECORDS)
    assert Account.objects.filter(company_name__endswith="Sons").count() == 0
    assert Account.objects.count() == RECORDS
    assert peak < 150 * MB
