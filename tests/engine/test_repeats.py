"""Records that come again: within a batch, and in the next run (product.md §5.2)."""

from __future__ import annotations

from tests.engine.conftest import Serving
from tests.engine.test_matching import ID, NAME, Source
from tests.engine.world import World, brief, complete


def test_of_two_records_for_one_account_the_later_wins_also_where_it_says_what_was_said_before(
    world: World, serving: Serving
) -> None:
    source = Source(world, serving, matching="external_id", mapping=[ID, NAME])
    old = [{"id": n, "name": f"old {n}"} for n in (1, 2, 3)]
    new = [{"id": n, "name": f"new {n}"} for n in (1, 2, 3)]
    source.sync(*old)

    run = source.sync(*new, *old)

    assert [row["companyName"] for row in world.accounts()] == ["old 1", "old 2", "old 3"]
    assert brief(run) == complete(updated=6, notices={"duplicate_in_run": 3})
