"""What a full run didn't meet is gone at the source; what it met and couldn't take is not (product.md §5.3)."""

from __future__ import annotations

from typing import Any

import pytest

from ropewalk.store.models import RunState, StreamRecord
from tests.engine.conftest import Serving
from tests.engine.test_matching import DOMAIN, ID, NAME, Source, by_hand
from tests.engine.world import World

TIER = {"from": "tier", "to": "planTier", "transforms": ["number"]}
ONE = {"id": "1", "site": "one.example", "name": "One", "tier": 1}
TWO = {"id": "2", "site": "two.example", "name": "Two", "tier": 1}


def gone(world: World) -> list[str]:
    """The names of the accounts that are."""
    subjects = StreamRecord.objects.filter(gone_since__isnull=False).values_list("subject_id", flat=True)
    return sorted(str(row.company_name) for row in world.account_rows() if row.id in set(subjects))


def test_gone_and_back_again(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="external_id")

    source.sync(ONE, TWO)
    source.sync(ONE)
    without = gone(world)
    source.sync(ONE, TWO)

    assert (without, gone(world)) == (["Two"], [])


@pytest.mark.parametrize(
    ("mode", "refused"),
    [
        ("external_id", {**TWO, "tier": "many"}),
        ("external_id", {**TWO, "name": ["Two"]}),
        ("domain", {**TWO, "tier": "many"}),
        ("domain_and_external_id", {**TWO, "tier": "x" * 70_000}),
    ],
)
def test_a_row_that_is_refused_is_still_there(
    mode: str, refused: dict[str, Any], world: World, serving: Serving
) -> None:
    source = Source(world, serving, matching=mode, mapping=[ID, DOMAIN, NAME, TIER])
    source.sync(ONE, TWO)

    run = source.sync(ONE, refused)

    assert (run["reasons"], gone(world)) == ({"invalid_value": 1}, [])


def test_so_is_one_that_has_become_ambiguous(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="domain", mapping=[DOMAIN, NAME])
    source.sync(ONE, TWO)
    by_hand(world, companyName="Another", companyDomain="two.example")

    run = source.sync({**ONE, "name": "Uno"}, {**TWO, "name": "Due"})

    assert (run["reasons"], gone(world)) == ({"ambiguous_match": 1}, [])


def test_and_one_of_a_truncated_chain(world: World, serving: Serving) -> None:
    source = Source(
        world, serving, matching="external_id", mapping=[ID, NAME, TIER], max_records=2,
    )  # fmt: skip
    source.sync(ONE, TWO)

    first = source.sync({**TWO, "tier": "many"}, {"id": "3"}, {"id": "4"}, {**ONE, "name": "Uno"})
    last = world.sync(source.connector)

    assert (first["verdict"], last["verdict"], gone(world)) == ("truncated", "complete", [])


def test_a_suspicious_run_says_so_once_it_is_accepted(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="external_id")
    source.sync(ONE, TWO)
    world.clock.advance(hours=1)

    run = source.sync()
    before = gone(world)
    world.accept(run)

    assert (run["verdict_reasons"], before, gone(world)) == (["no_rows"], [], ["One", "Two"])
    assert RunState.objects.count() == 0
    source.sync(ONE)
    assert gone(world) == ["Two"]


def test_what_it_saw_or_met_and_what_came_later_is_not(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="external_id", mapping=[ID, NAME, TIER])
    three, four = {"id": "3", "name": "Three"}, {"id": "4", "name": "Four"}
    source.sync(ONE, TWO, three)
    world.clock.advance(hours=1)
    bad = [{**TWO, "tier": "many"}, {**four, "tier": "many"}]
    run = source.sync(*bad)
    assert run["verdict_reasons"] == ["all_skipped"]

    world.retry(run)
    world.accept(run)

    assert gone(world) == ["One", "Three"]


def test_a_run_in_between_has_seen_more(world: World, serving: Serving) -> None:
    """Nobody knows now what the earlier one would have to say of accounts that are as they were."""
    source = Source(world, serving, matching="external_id", mapping=[ID, NAME, TIER])
    source.sync(ONE, TWO)
    world.clock.advance(hours=1)
    run = source.sync({**TWO, "tier": "many"})
    world.clock.advance(hours=1)
    later = source.sync({**ONE, "tier": "many"})

    world.accept(run)
    between = gone(world)
    world.accept(later)

    assert (run["verdict"], later["verdict"], between, gone(world)) == (
        "suspicious",
        "suspicious",
        [],
        ["Two"],
    )


def test_what_any_run_sees_is_back(world: World, serving: Serving) -> None:
    source = Source(world, serving, matching="external_id", max_records=1)
    source.sync(ONE)
    world.change(source.connector, max_records=10)
    source.sync(TWO)
    assert gone(world) == ["One"]
    world.change(source.connector, max_records=1)

    run = source.sync(ONE, TWO)

    assert (run["verdict"], gone(world)) == ("truncated", [])


def test_accepting_the_run_that_does_again_what_was_undone_lets_the_schedule_go_on(
    world: World, serving: Serving
) -> None:
    source = Source(world, serving, matching="external_id", schedule={"periodic": True, "every_minutes": 5})
    source.sync(ONE)
    world.undo(source.sync({**ONE, "name": "Uno"}))
    run = source.sync({"id": None})

    paused = world.stream(source.connector).paused
    world.accept(run)

    assert (paused, world.stream(source.connector).paused) == ("undo", "")
