"""BigQuery and Snowflake through their vendors' clients, against engines that are not ours (sources.md §3, §4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.engine.warehouses import connect, mapping
from tests.engine.world import START, Flags, World, brief, complete, failed, truncated

pytestmark = pytest.mark.any_database

QUERY = (
    "SELECT id, name, domain, seats FROM crm.customers WHERE updated_at >= $LAST_SYNC_TIMESTAMP ORDER BY id"
)


@pytest.fixture
def customers(of: Any) -> Any:
    types = of.types
    of.execute(
        "DROP TABLE IF EXISTS crm.customers",
        f"CREATE TABLE crm.customers (id {types['text']}, name {types['text']}, domain {types['text']}, "
        f"seats {types['number']}, updated_at {types['instant']})",
    )
    add(of, 1, 2, 3)
    return of


def add(of: Any, *numbers: int, at: Any = START - timedelta(days=1), seats: int | None = 5) -> None:
    values = ", ".join(
        f"('c-{n}', 'Company {n}', 'company-{n}.example', {'NULL' if seats is None else seats}, '{at.isoformat()}')"
        for n in numbers
    )
    of.execute(f"INSERT INTO crm.customers (id, name, domain, seats, updated_at) VALUES {values}")


def test_a_first_run_reads_all_and_the_next_what_has_changed(world: World, customers: Any) -> None:
    connector = connect(world, customers, query=QUERY)
    first = world.sync(connector)
    world.clock.advance(hours=1)
    again = world.sync(connector)
    add(customers, 4, at=world.clock.now())
    customers.execute(
        f"UPDATE crm.customers SET seats = 9, updated_at = '{world.clock.now().isoformat()}' WHERE id = 'c-2'"
    )
    world.clock.advance(hours=1)
    second = world.sync(connector)

    assert brief(first) == complete(created=3)
    assert brief(again) == complete()
    assert brief(second) == complete(created=1, updated=1)
    assert world.accounts()[1] == {
        "companyName": "Company 2",
        "companyDomain": "company-2.example",
        "externalCustomerId": "c-2",
        "seats": 9,
    }
    assert world.watermark(connector) == START + timedelta(hours=2)


def test_without_the_timestamp_every_run_is_a_full_one(world: World, customers: Any) -> None:
    connector = connect(world, customers, query="SELECT * FROM crm.customers")
    first = world.sync(connector)
    world.clock.advance(hours=1)
    customers.execute("DELETE FROM crm.customers WHERE id = 'c-3'")

    assert brief(first) == complete(created=3)
    assert brief(world.sync(connector)) == complete(unchanged=2)
    assert [each["externalCustomerId"] for each in world.every("accounts", gone_at_source=True)] == ["c-3"]


@pytest.mark.parametrize(
    "where",
    [
        "updated_at >= $LAST_SYNC_TIMESTAMP",
        "updated_at >= '$LAST_SYNC_TIMESTAMP'",
        "updated_at >= TIMESTAMP '$LAST_SYNC_TIMESTAMP'",
        "updated_at >= CAST('$LAST_SYNC_TIMESTAMP' AS TIMESTAMP)",
        "updated_at >= $LAST_SYNC_TIMESTAMP AND updated_at >= '$LAST_SYNC_TIMESTAMP'",
        "updated_at BETWEEN $LAST_SYNC_TIMESTAMP AND TIMESTAMP '2100-01-01 00:00:00'",
        "id IN (SELECT id FROM crm.customers WHERE COALESCE(updated_at, $LAST_SYNC_TIMESTAMP) >= $LAST_SYNC_TIMESTAMP)",
        "CASE WHEN updated_at >= $LAST_SYNC_TIMESTAMP THEN 1 ELSE 0 END = 1",
        "name <> 'it’s $LAST_SYNC_TIMESTAMP' /* not $LAST_SYNC_TIMESTAMP */ AND $LAST_SYNC_TIMESTAMP <= updated_at",
    ],
)
def test_the_timestamp_is_a_parameter_wherever_it_stands(world: World, customers: Any, where: str) -> None:
    if customers.source == "snowflake" and "it’s" in where:
        pytest.skip("fakesnow looks for variables in texts")
    connector = connect(
        world, customers, query=f"SELECT id, name, domain, seats FROM crm.customers WHERE {where}"
    )
    world.sync(connector)
    world.clock.advance(hours=1)
    add(customers, 4, at=world.clock.now())
    second = world.sync(connector)

    assert brief(second) == complete(created=1)
    asked = world.test(connector)["request"]
    assert set(asked["params"]) == {"last_sync_timestamp"}
    assert "1970" not in asked["body"]


def test_a_text_that_only_holds_it_makes_no_query_incremental(world: World, customers: Any) -> None:
    if customers.source == "snowflake":
        pytest.skip("fakesnow looks for variables in texts")
    query = "SELECT * FROM crm.customers WHERE name <> 'since $LAST_SYNC_TIMESTAMP' -- $LAST_SYNC_TIMESTAMP"
    connector = connect(world, customers, query=query)
    world.sync(connector)

    assert brief(world.sync(connector)) == complete(unchanged=3)
    assert world.test(connector)["request"]["params"] == {}


def test_a_truncated_run_goes_on_in_the_same_result_or_from_the_start(world: World, customers: Any) -> None:
    connector = connect(world, customers, query=QUERY, max_records=2)
    first, second = world.sync(connector), world.sync(connector)

    assert brief(first) == truncated("max_records", created=2)
    # fakesnow keeps no results: there the run reads its window again, up to where it is cut off again.
    kept = customers.source == "bigquery"
    assert brief(second) == (complete(created=1) if kept else truncated("max_records", unchanged=2))
    assert second["restarts"] == (0 if kept else 1)


def test_a_worker_that_stops_loses_nothing_and_applies_nothing_twice(world: World, customers: Any) -> None:
    add(customers, *range(4, 30))
    connector = connect(world, customers, query=QUERY)
    run = world.request(connector)
    asked = iter([False, True])
    world.carry_out(run, Flags(stop=lambda: next(asked, True)))
    ended = world.carry_out(run)

    assert brief(ended) == complete(created=29)
    assert len(world.listed()) == 29


def test_wrong_queries_and_missing_tables_are_said(world: World, customers: Any) -> None:
    missing = connect(world, customers, query="SELECT * FROM crm.nobody", name="missing")
    wrong = connect(
        world,
        customers,
        query=f"SELECT CAST(name AS {customers.types['number']}) AS n FROM crm.customers",
        name="wrong",
    )

    assert brief(world.sync(missing)) == failed("not_found_there")
    assert brief(world.sync(wrong)) == failed("query_failed")
    assert world.listed() == []
    assert world.watermark(missing) is None


def test_an_empty_result_is_no_error(world: World, customers: Any) -> None:
    connector = connect(world, customers, query="SELECT * FROM crm.customers WHERE id = 'nobody'")

    assert brief(world.sync(connector)) == complete()
    assert world.test(connector)["message"] == "The endpoint answers as it should; there are no records yet."


def test_a_test_shows_records_fields_and_the_statement(world: World, customers: Any) -> None:
    answer = world.test(connect(world, customers, query=QUERY))
    name = customers.field

    assert answer["ok"]
    assert answer["records"][0] == {
        name("id"): "c-1",
        name("name"): "Company 1",
        name("domain"): "company-1.example",
        name("seats"): 5,
    }
    assert {each["path"]: each["type"] for each in answer["fields"]} == {
        name("id"): "text", name("name"): "text", name("domain"): "text", name("seats"): "number",
    }  # fmt: skip
    assert {each["from"]: each["to"] for each in answer["suggestions"]}[name("domain")] == "companyDomain"
    assert ("bytes by a dry run" in answer["response"]["headers"]) == (customers.source == "bigquery")


def test_a_test_shows_twenty_rows(world: World, customers: Any) -> None:
    query = "SELECT a.id FROM crm.customers AS a CROSS JOIN crm.customers AS b CROSS JOIN crm.customers AS c"

    assert len(world.test(connect(world, customers, query=query))["records"]) == 20


def test_contacts_come_from_a_query_of_their_own(world: World, customers: Any) -> None:
    accounts = connect(world, customers, query=QUERY, name="accounts")
    world.sync(accounts)
    query = (
        "SELECT id, 'Ann@company.example' AS email, 'Ann' AS first_name FROM crm.customers WHERE id = 'c-1'"
    )
    entries = [
        {"from": "id", "to": "externalCustomerId"},
        {"from": "email", "to": "email"},
        {"from": "first_name", "to": "name"},
    ]
    connector = connect(
        world, customers, "contacts", name="people", query=query, mapping=mapping(customers, entries)
    )

    assert brief(world.of("contacts").sync(connector)) == complete(created=1)


def test_tables_are_fetched_with_their_columns(world: World, customers: Any) -> None:
    body = {
        "source": customers.source,
        "choices": "tables",
        "settings": customers.settings(),
        "secrets": customers.secrets(),
    }
    found = world.post("choices", body)

    [table] = [each for each in found["items"] if each["label"].lower() == "customers"]
    assert table["value"].lower() == "crm.customers"
    assert table["about"].lower().startswith("id ")
