"""Runs against warehouses of ours, for what engines on this machine can't: results in chunks and gone on in, keys that are
refused, queries that would read too much."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.conftest import Serving
from tests.engine.world import Flags, World, brief, complete, failed, truncated
from tests.fakes import warehouses
from tests.fakes.bigquery import BigQuery
from tests.fakes.snowflake import Snowflake

pytestmark = pytest.mark.django_db

ROWS = [(f"c-{number}", number) for number in range(1, 1_004)]


def connect(world: World, url: str, **stream: Any) -> str:
    mapping = [{"from": "ID", "to": "externalCustomerId"}, {"from": "SEATS", "to": "seats"}]
    body = {
        "source": "snowflake",
        "name": "Snowflake",
        "settings": {"account": "acme", "user": "ROPEWALK", "database": "ACME", "endpoint": url},
        "secrets": {"password": "tall ships"},
        "streams": {
            "accounts": {
                "query": "SELECT id, seats FROM crm.customers",
                "matching": "external_id",
                "mapping": mapping,
                **stream,
            }
        },
    }
    return str(world.post("connectors", body)["connector_id"])


def test_a_run_that_is_cut_off_goes_on_in_its_chunks(world: World, serving: Serving) -> None:
    account = Snowflake(ROWS)
    connector = connect(world, serving(account), max_records=550)
    first, second = world.sync(connector), world.sync(connector)

    assert brief(first) == truncated("max_records", created=550)
    assert brief(second) == complete(created=453)
    assert (second["restarts"], len(account.statements)) == (0, 1)
    assert {each["externalCustomerId"] for each in world.accounts()} == {row[0] for row in ROWS}


def test_where_the_result_is_gone_the_window_is_read_anew(world: World, serving: Serving) -> None:
    account = Snowflake(ROWS)
    connector = connect(world, serving(account), max_records=550)
    world.sync(connector)
    account.keeps = False
    second = world.sync(connector)

    assert brief(second) == truncated("max_records", unchanged=550)
    assert (second["restarts"], len(account.statements)) == (1, 2)


def test_a_worker_that_stops_between_chunks_loses_nothing(world: World, serving: Serving) -> None:
    account = Snowflake([(f"c-{number}", number) for number in range(5_500)], chunk=900)
    run = world.request(connect(world, serving(account)))
    asked = iter([False, True])
    stopped = world.carry_out(run, Flags(stop=lambda: next(asked, True)))
    ended = world.carry_out(run)

    assert (stopped["status"], stopped["counts"]["processed"]) == ("running", 5_000)
    assert brief(ended) == complete(created=5_500)
    assert len(account.statements) == 1


def test_a_password_that_is_not_accepted_fails_the_run(world: World, serving: Serving) -> None:
    assert brief(world.sync(connect(world, serving(Snowflake(knows=False))))) == failed(
        "authentication_failed"
    )


@pytest.mark.parametrize(
    ("fake", "code"),
    [(BigQuery(size=3 * 1024**3), "too_expensive"), (BigQuery(knows_key=False), "authentication_failed")],
    ids=["bytes", "key"],
)
def test_a_query_that_bigquery_must_not_run_fails_the_run_and_says_why(
    world: World, serving: Serving, fake: BigQuery, code: str
) -> None:
    body = {
        "source": "bigquery",
        "name": "BigQuery",
        "settings": {"endpoint": serving(fake), "max_bytes_billed": 1024**3},
        "secrets": {"service_account": warehouses.key_file()},
        "streams": {
            "accounts": {
                "query": "SELECT id FROM crm.customers",
                "matching": "external_id",
                "mapping": [{"from": "id", "to": "externalCustomerId"}],
            }
        },
    }
    run = world.sync(str(world.post("connectors", body)["connector_id"]))

    assert brief(run) == failed(code)
    assert ("3.00 GiB (3,221,225,472 bytes, by a dry run)" in run["error"]["message"]) is (
        code == "too_expensive"
    )
    assert not [each for each in fake.jobs.values() if not each["dry"]]
