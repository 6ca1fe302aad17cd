"""What a full run didn't meet is gone at the source; what it met and couldn't take is not (product.md §5.3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.conftest import Serving
from tests.engine.test_matching import DOMAIN, ID, NAME, Source, by_hand
from tests.engine.world import World

TIER = {"from": "tier", "to": "planTier", "transforms": ["number"]}
ONE = {"id": "1", "site": "one.example", "name": "One", "tier": 1}
TWO = {"id": "2", "site": "two.example", "name": "Two", "tier": 1}


def gone(world: World) -> list[str]:
    """The names of the accounts that are."""
    return sorted(each["companyName"] for each in world.every("accounts", gone_at_source=True))


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
