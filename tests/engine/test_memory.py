"""Memory stays bounded whatever the size of a page and of its records (product.md §4.2)."""

from __future__ import annotations

import pytest

from tests.engine import process
from tests.engine.conftest import Serving
from tests.engine.world import World, brief, complete
from tests.fakes.hostile import BigPage

MB = 1_000


@pytest.mark.django_db(transaction=True)
def test_a_page_of_200_mb(world: World, serving: Serving) -> None:
    fake = BigPage(200, record_bytes=100_000)
    connector = world.connect(serving(fake), fake.stream)
    run = world.request(connector)

    peak = process.carried_out(run["run_id"])

    assert brief(world.run(run)) == complete(created=2_000)
    assert peak < 300 * MB
