"""Every limit of a stream at its minimum, its maximum and one beyond; nothing is clamped silently (product.md §8, §9)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.conftest import Serving
from tests.engine.world import Refused, World, brief, complete, stream_body, truncated
from tests.fakes import customers
from tests.fakes.shapes import Pages

pytestmark = pytest.mark.any_database


def body(**settings: Any) -> dict[str, Any]:
    paged = {"records_path": "data", "pagination": {"type": "page"}}
    return stream_body("https://api.example", paged) | settings


def page(**settings: Any) -> dict[str, Any]:
    return {"pagination": {"type": "page", **settings}}


def long_url(length: int) -> str:
    start = "https://api.example/"
    return start + "x" * (length - len(start))


LIMITS: dict[str, tuple[str, Any, int, int]] = {
    "max_records": ("max_records", lambda value: {"max_records": value}, 1, 100_000),
    "maxRecords": ("maxRecords", lambda value: {"maxRecords": value}, 1, 100_000),
    "max_pages": ("pagination.max_pages", lambda value: page(max_pages=value), 1, 1_000),
    "page_size": ("pagination.page_size", lambda value: page(page_size=value), 1, 10_000),
    "first_page": ("pagination.first_page", lambda value: page(first_page=value), 0, 1),
    "first_offset": (
        "pagination.first_offset",
        lambda value: {"pagination": {"type": "offset", "first_offset": value}},
        0,
        1,
    ),
    "timeout_ms": ("timeout_ms", lambda value: {"timeout_ms": value}, 1_000, 300_000),
    "every_minutes": (
        "schedule.every_minutes",
        lambda value: {"schedule": {"periodic": True, "every_minutes": value}},
        5,
        10_080,
    ),
    "overlap_seconds": (
        "incremental.overlap_seconds",
        lambda value: {"incremental": {"param": "since", "overlap_seconds": value}},
        0,
        604_800,
    ),
}


@pytest.fixture
def connector(world: World) -> str:
    return str(world.post("connectors", {"source": "custom_api", "name": "CRM"})["connector_id"])


@pytest.mark.parametrize("name", LIMITS)
def test_minimum_and_maximum_are_taken(name: str, world: World, connector: str) -> None:
    _, settings, low, high = LIMITS[name]

    for value in (low, high):
        world.save(connector, body(**settings(value)))

    assert list(world.get(f"connectors/{connector}")["streams"]) == ["accounts"]


@pytest.mark.parametrize("name", LIMITS)
def test_one_beyond_is_refused_with_the_range(name: str, world: World, connector: str) -> None:
    path, settings, low, high = LIMITS[name]

    for value in (low - 1, high + 1):
        with pytest.raises(Refused) as caught:
            world.save(connector, body(**settings(value)))
        assert caught.value.problems == [(path, f"Give a whole number from {low} to {high}.")]
    assert world.get(f"connectors/{connector}")["streams"] == {}


@pytest.mark.parametrize(
    ("per_minute", "taken"), [(1, True), (100_000, True), (0, False), (100_001, False), (None, True)]
)
def test_requests_per_minute(per_minute: int | None, taken: bool, world: World, connector: str) -> None:
    change = {"settings": {"requests_per_minute": per_minute}}
    if taken:
        world.reconfigure(connector, **change)
        return
    with pytest.raises(Refused) as caught:
        world.reconfigure(connector, **change)
    assert caught.value.problems == [
        ("settings.requests_per_minute", "Give a whole number from 1 to 100000.")
    ]


def test_a_url_of_2048_characters(world: World, connector: str) -> None:
    world.save(connector, body(url=long_url(2_048)))

    with pytest.raises(Refused) as caught:
        world.save(connector, body(url=long_url(2_049)))

    assert caught.value.problems == [("url", "A URL has at most 2048 characters.")]


@pytest.mark.parametrize(
    ("length", "taken"),
    [(1, True), (64, True), (65, False)],
)
def test_a_field_name_of_64_characters(length: int, taken: bool, world: World, connector: str) -> None:
    mapping = [{"from": "id", "to": "externalCustomerId"}, {"from": "x", "to": "f" * length}]
    if taken:
        assert world.save(connector, body(mapping=mapping))["stream"]["mapping"][1]["to"] == "f" * length
        return
    with pytest.raises(Refused) as caught:
        world.save(connector, body(mapping=mapping))
    assert [path for path, _ in caught.value.problems] == ["mapping.1.to"]


@pytest.mark.parametrize(
    ("mapping", "places"),
    [
        ([{"from": "a", "to": "planTier"}, {"from": "b", "to": "PLANTIER"}], ["mapping.2.to"]),
        ([{"from": "a", "to": "companyname"}], ["mapping.1.to"]),
        ([{"from": "a", "to": "accountId"}], ["mapping.1.to"]),
        ([{"from": "a", "to": "fields"}], ["mapping.1.to"]),
        ([{"from": "a", "to": "plan_tier"}, {"from": "b", "to": "1st"}], ["mapping.1.to", "mapping.2.to"]),
        ([{"from": "", "to": "planTier"}], ["mapping.1.from"]),
    ],
)
def test_target_names(mapping: list[dict[str, str]], places: list[str], world: World, connector: str) -> None:
    with pytest.raises(Refused) as caught:
        world.save(connector, body(mapping=[{"from": "id", "to": "externalCustomerId"}, *mapping]))

    assert [path for path, _ in caught.value.problems] == places


def test_an_installation_may_raise_the_ceilings(world: World, connector: str, settings: Any) -> None:
    raised = {"max_records": 250_000, "max_pages": 5_000}
    settings.ROPEWALK = settings.ROPEWALK.model_copy(update=raised)

    world.save(connector, body(max_records=250_000, **page(max_pages=5_000)))
    with pytest.raises(Refused) as caught:
        world.save(connector, body(max_records=250_001, **page(max_pages=5_001)))

    assert sorted(caught.value.problems) == [
        ("max_records", "Give a whole number from 1 to 250000."),
        ("pagination.max_pages", "Give a whole number from 1 to 5000."),
    ]


def test_all_problems_come_at_once(world: World) -> None:
    with pytest.raises(Refused) as caught:
        world.post(
            "connectors",
            {
                "source": "custom_api",
                "name": "CRM",
                "settings": {"auth": {"type": "bearer"}, "requests_per_minute": 0},
                "secrets": {"tokn": "x"},
            },
        )
    assert sorted(path for path, _ in caught.value.problems) == [
        "secrets.tokn",
        "settings.requests_per_minute",
    ]

    with pytest.raises(Refused) as caught:
        world.connect(
            "https://user:pw@api.example",
            {"records_pth": "data", "pagination": {"type": "page", "page_size": 0}},
            timeout_ms=1,
            matching="domain",
            mapping=[{"from": "id", "to": "externalCustomerId"}],
        )
    assert sorted(path for path, _ in caught.value.problems) == [
        "streams.accounts.mapping",
        "streams.accounts.pagination.page_size",
        "streams.accounts.records_pth",
        "streams.accounts.timeout_ms",
        "streams.accounts.url",
    ]
    assert world.every("connectors") == []


# ---- what a limit does ----


@pytest.mark.parametrize(
    ("records", "outcome"),
    [(1, complete(created=1)), (2, truncated("max_records", created=1))],
)
def test_max_records_of_one(records: int, outcome: dict[str, Any], world: World, serving: Serving) -> None:
    shop = Pages(customers(records), total_key="total")
    connector = world.connect(serving(shop), shop.stream, max_records=1)

    assert brief(world.sync(connector)) == outcome


@pytest.mark.parametrize(
    ("records", "outcome"),
    [(10, complete(created=10)), (11, truncated("max_pages", created=10))],
)
def test_max_pages_of_one(records: int, outcome: dict[str, Any], world: World, serving: Serving) -> None:
    shop = Pages(customers(records), total_key="total")
    paging = shop.stream["pagination"] | {"max_pages": 1, "page_size": 10}
    connector = world.connect(serving(shop), shop.stream, pagination=paging)

    assert brief(world.sync(connector)) == outcome


def test_a_page_size_of_one(world: World, serving: Serving) -> None:
    shop = Pages(customers(3), total_key="total")
    connector = world.connect(
        serving(shop), shop.stream, pagination=shop.stream["pagination"] | {"page_size": 1}
    )

    run = world.sync(connector)

    assert (brief(run), sorted(shop.lines)) == (
        complete(created=3),
        [f"GET /customers?page={number}&limit=1" for number in (1, 2, 3)],
    )
