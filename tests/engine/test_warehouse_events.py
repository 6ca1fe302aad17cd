"""Events asked of BigQuery and Snowflake when an account is looked at (product.md §7, sources.md §3, §4)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from ropewalk.core.timeline import Filter
from ropewalk.engine.events import timeline
from ropewalk.engine.events.answers import answers
from tests.engine.warehouses import EVENTS, connect, mapping
from tests.engine.world import START, Clock, World

pytestmark = pytest.mark.any_database


class Patient(Clock):
    """Warehouses take real time. With a clock that jumps, the eight seconds of a timeline would pass while one of these is
    asked a dozen times whether it is done."""

    def sleep(self, seconds: float) -> None:
        threading.Event().wait(min(seconds, 0.02))


@pytest.fixture(autouse=True)
def patient(settings: Any, loopback: Any) -> None:
    settings.CLOCK = Patient()


@pytest.fixture(scope="module", autouse=True)
def tables(of: Any) -> None:
    warehouse = of
    text, number, instant, local = (warehouse.types[name] for name in ("text", "number", "instant", "local"))
    for table in ("events", "signed_up", "signed_out"):
        warehouse.execute(
            f"CREATE OR REPLACE TABLE app.{table} (happened {instant}, at_local {local}, day DATE, epoch {number}, "
            f"what {text}, account {text}, who {text}, page {number}, note {text})"
        )
    add(
        warehouse,
        "events",
        *[(hours, "opened", "c-1") for hours in range(30)],
        (2, "opened", "c-2"),
        (40 * 24, "old", "c-1"),
    )
    add(warehouse, "events", (3, "Unicode", "ключ"), (3, "other", "c-1 "), (4, "upper", "C-1"))
    add(warehouse, "signed_up", (5, "-", "c-1"), (6, "-", "c-2"))
    add(warehouse, "signed_out", (1, "-", "c-1"))


def add(of: Any, table: str, *events: tuple[int, str, str]) -> None:
    values = []
    for hours, what, account in events:
        at = START - timedelta(hours=hours)
        local = at.replace(tzinfo=None).isoformat()
        values.append(
            f"('{at.isoformat()}', '{local}', '{at.date()}', {int(at.timestamp())}, '{what}', '{account}', 'u-{hours % 3}', {hours}, 'x')"
        )
    of.execute(
        f"INSERT INTO app.{table} (happened, at_local, day, epoch, what, account, who, page, note) VALUES {', '.join(values)}"
    )


@pytest.fixture
def shown(world: World, of: Any) -> Iterator[Any]:
    def show(external_id: str = "c-1", **options: Any) -> Any:
        source = of.source
        made = world.post("accounts", {"companyName": external_id, "externalCustomerId": external_id})
        wanted = Filter(**{name: options.pop(name) for name in Filter.__slots__ if name in options})
        found = timeline.read(
            world.org, made["account_id"], world.clock, wanted=wanted, limit=100, source=source, **options
        )
        [asked] = [each for each in found.sources if each.source.name == of.source]
        return found, asked.answer

    yield show
    answers(world.clock).close()
    answers.cache_clear()


def names(found: Any) -> list[str]:
    return [item.name for item in found.items]


def test_the_events_of_one_account_newest_first(world: World, of: Any, shown: Any) -> None:
    connect(world, of, "events", tables=["app.events"], lookback_days=30)
    found, answer = shown()

    assert answer.status == "ok", answer
    assert names(found) == ["opened"] * 4 + ["other"] + ["opened", "upper"] + ["opened"] * 25
    assert (answer.read, answer.filtered_at_source, answer.truncated) == (32, True, False)
    assert found.items[0].properties[of.field("page")] == 0
    assert found.items[0].user_id == "u-0"


@pytest.mark.parametrize(
    "key", ["a'b", 'a"b', "a\\b", "a\\' OR 1=1 --", "ключ", "%", "`; DROP TABLE app.events"]
)
def test_an_account_key_is_only_ever_a_parameter(world: World, of: Any, shown: Any, key: str) -> None:
    connect(world, of, "events", tables=["app.events"])
    found, answer = shown(key)

    assert (answer.status, names(found)) == ("ok", ["Unicode"] if key == "ключ" else [])


@pytest.mark.parametrize("time", ["at_local", "day", "epoch"])
def test_times_of_other_types_are_compared_as_what_they_are(
    world: World, of: Any, shown: Any, time: str
) -> None:
    entries = [{**each, "from": time} if each["to"] == "eventTime" else each for each in EVENTS]
    connect(world, of, "events", tables=["app.events"], mapping=mapping(of, entries))
    found, answer = shown("c-2", start=START - timedelta(days=1))

    assert (answer.status, names(found), answer.read) == ("ok", ["opened"], 1)


def test_one_table_for_each_event(world: World, of: Any, shown: Any) -> None:
    entries = [{**each, "from": "_table"} if each["to"] == "eventName" else each for each in EVENTS]
    connect(world, of, "events", tables=["app.signed_*"], mapping=mapping(of, entries))
    found, answer = shown()

    assert answer.status == "ok", answer
    assert [name.lower() for name in names(found)] == ["signed_out", "signed_up"]
    assert found.items[1].properties[of.field("page")] == 5


def test_columns_and_expressions_become_properties(world: World, of: Any, shown: Any) -> None:
    expressions = ["shouted = UPPER(note)", "twice = page * 2"]
    connect(world, of, "events", tables=["app.events"], columns=["page"], expressions=expressions)
    found, answer = shown("c-2")

    assert answer.status == "ok", answer
    assert found.items[0].properties == {
        of.field("page"): 2,
        "shouted": "X",
        "twice": 4,
        "_table": of.field("events"),
    }


def test_what_is_nested_is_reached_by_path_and_by_expression(world: World, of: Any, shown: Any) -> None:
    """A STRUCT and JSON in the one, VARIANT in the other."""
    instant = of.types["instant"]
    if of.source == "bigquery":
        columns, values = (
            "who STRUCT<account STRING>, payload JSON",
            """STRUCT('c-1'), JSON '{"plan": {"tier": "gold"}}'""",
        )
        plan = "plan = JSON_VALUE(payload, '$.plan.tier')"
    else:
        columns, values = (
            "who VARIANT, payload VARIANT",
            """PARSE_JSON('{"account": "c-1"}'), PARSE_JSON('{"plan": {"tier": "gold"}}')""",
        )
        plan = "plan = payload:plan.tier::varchar"
    of.execute(
        f"CREATE OR REPLACE TABLE app.nested (happened {instant}, {columns})",
        f"INSERT INTO app.nested SELECT '{(START - timedelta(hours=1)).isoformat()}', {values}",
    )
    # Names in VARIANT are as they are.
    key = {"bigquery": "who.account", "snowflake": "WHO.account"}[of.source]
    entries = [
        {"from": of.field("happened"), "to": "eventTime"},
        {"from": "plan", "to": "eventName"},
        {"from": key, "to": "accountKey"},
    ]
    connect(world, of, "events", tables=["app.nested"], mapping=entries, expressions=[plan])
    found, answer = shown()

    assert (answer.status, answer.filtered_at_source, names(found)) == ("ok", True, ["gold"]), answer


def test_a_table_s_name_from_discovery_is_quoted(world: World, of: Any, shown: Any) -> None:
    if of.source == "bigquery":
        pytest.skip("names of the emulator's tables are plain")
    odd = 'ODD"; DROP TABLE app.events; --'
    of.execute(
        f"CREATE OR REPLACE TABLE app.{of_quoted(odd)} AS SELECT * FROM app.signed_out",
    )
    entries = [{**each, "from": "_table"} if each["to"] == "eventName" else each for each in EVENTS]
    connect(world, of, "events", tables=["app.odd*"], mapping=mapping(of, entries))
    found, answer = shown()

    assert (answer.status, names(found)) == ("ok", [odd]), answer
    of.execute("SELECT * FROM app.events")


def of_quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def test_a_test_shows_what_there_is_of_every_account(world: World, of: Any) -> None:
    answer = world.of("events").test(connect(world, of, "events", tables=["app.events"]))

    assert answer["ok"], answer
    assert answer["preview"]["readable"] == 35


def test_a_missing_table_is_that_sources_error(world: World, of: Any, shown: Any) -> None:
    connect(world, of, "events", tables=["app.nothing"])

    assert shown()[1].error.code == "not_found_there"


@pytest.mark.parametrize(
    "tables", [["app.events"], ["app.signed_up", "app.signed_out"]], ids=["one", "several"]
)
def test_a_draft_is_tested_before_it_is_mapped(world: World, of: Any, tables: list[str]) -> None:
    draft = {
        "source": of.source,
        "kind": "events",
        "settings": of.settings(),
        "secrets": of.secrets(),
        "stream": {"tables": tables},
    }
    answer = world.post("test", draft)

    assert answer["ok"], answer
    assert {of.field("happened"), of.field("account"), "_table"} <= {
        each["path"] for each in answer["fields"]
    }
