from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from ropewalk.core.errors import Conflict, NotFound
from ropewalk.store import connectors, records, secrets, streams
from ropewalk.store.ids import new_id
from ropewalk.store.models import Connector, Secret, Stream
from ropewalk.store.records import Remembered


def make(org: UUID, now: datetime, name: str = "CRM") -> Connector:
    return connectors.create(org, source="custom_api", name=name, settings={"a": 1}, now=now)


def test_a_name_is_one_connector_s(org: UUID, stranger: UUID, now: datetime) -> None:
    crm = make(org, now)
    make(stranger, now)
    other = make(org, now, "Billing")
    with pytest.raises(Conflict):
        make(org, now, "crm")
    with pytest.raises(Conflict):
        connectors.update(org, other.id, name="CRM", now=now)
    with pytest.raises(IntegrityError), transaction.atomic():
        Connector.objects.create(organization_id=org, name="cRM", created_at=now, updated_at=now)

    assert connectors.named(org, "Crm") == crm
    assert connectors.update(org, crm.id, name="crm", now=now).name == "crm"
    connectors.delete(org, crm.id, now=now)
    assert make(org, now).name == "CRM"
    assert connectors.names(org)[crm.id] == "crm"


def test_updating_sets_what_is_given(org: UUID, now: datetime) -> None:
    crm = make(org, now)
    later = now + timedelta(hours=1)
    connectors.update(org, crm.id, settings={"b": 2}, now=later)
    updated = connectors.update(org, crm.id, enabled=False, now=later)

    assert (updated.name, updated.settings, updated.enabled, updated.updated_at) == (
        "CRM",
        {"b": 2},
        False,
        later,
    )


def test_deleting_erases_the_secrets_and_stops_the_streams(org: UUID, now: datetime) -> None:
    crm = make(org, now)
    stream = streams.put(
        org,
        connector_id=crm.id,
        kind="accounts",
        settings={},
        baseline="1",
        reset=False,
        periodic=True,
        next_run_at=now,
        now=now,
    )
    for of in (None, stream.id):
        secrets.put(org, connector_id=crm.id, stream_id=of, values={"token": "x"}, origins=[], now=now)

    connectors.delete(org, crm.id, now=now)

    assert not Secret.objects.exists()
    assert streams.due(now) == []
    assert connectors.every(org) == []
    assert connectors.listing(org).items == []
    with pytest.raises(NotFound):
        connectors.get(org, crm.id)


def test_a_stranger_finds_no_connector_and_no_stream(
    org: UUID, stranger: UUID, connector: UUID, stream: UUID, now: datetime
) -> None:
    with pytest.raises(NotFound):
        connectors.get(stranger, connector)
    with pytest.raises(NotFound):
        connectors.update(stranger, connector, name="x", now=now)
    with pytest.raises(NotFound):
        connectors.delete(stranger, connector, now=now)
    with pytest.raises(NotFound):
        streams.get(stranger, connector, "accounts")
    with pytest.raises(NotFound):
        streams.by_id(stranger, stream)
    with pytest.raises(NotFound):
        streams.put(
            stranger, connector_id=connector, kind="contacts", settings={}, baseline="", reset=False, now=now
        )
    with pytest.raises(NotFound):
        streams.change(stranger, stream, enabled=False)
    with pytest.raises(NotFound):
        streams.reset_baseline(stranger, stream)
    with pytest.raises(NotFound):
        streams.delete(stranger, connector, "accounts")
    assert not streams.change_if_baseline(stranger, stream, "", enabled=False)
    assert connectors.named(stranger, "CRM") is None
    assert connectors.names(stranger) == {}
    assert (streams.every(stranger), streams.of_connector(stranger, connector)) == ([], [])


@pytest.mark.parametrize("count", [1, 3])
def test_listing_connectors_is_a_query_for_each_of_both_kinds(org: UUID, now: datetime, count: int) -> None:
    made = [make(org, now, f"CRM {number}") for number in range(count)]
    with CaptureQueriesContext(connection) as queries:
        found = connectors.listing(org)

    assert len(queries) == 2
    assert found.items == made


# ---- budgets ----


def test_requests_are_spread_over_the_minute(connector: UUID) -> None:
    waits = [connectors.reserve(connector, per_minute=60, now=1_000.0) for _ in range(3)]
    assert waits == [0.0, 1.0, 2.0]
    assert connectors.reserve(connector, per_minute=60, now=1_002.5) == 0.5
    assert connectors.reserve(connector, per_minute=60, now=2_000.0) == 0.0
    assert connectors.reserve(connector, per_minute=120, now=2_000.0) == pytest.approx(1.0)


def test_several_moments_are_reserved_at_once(connector: UUID) -> None:
    first = connectors.reserve(connector, per_minute=600, now=1_000.0, slots=5)

    assert first == 0.0
    assert connectors.reserve(connector, per_minute=600, now=1_000.0) == pytest.approx(0.5)


# ---- streams ----


def test_a_reset_starts_over(org: UUID, connector: UUID, now: datetime) -> None:
    stream = streams.put(
        org, connector_id=connector, kind="accounts", settings={}, baseline="1", reset=False, now=now
    )
    assert (stream.resets, stream.needs_full) == (0, False)
    streams.change(org, stream.id, watermark=now, last_full_rows=3, chain={"page": 1}, chain_seen=b"x")

    same = streams.put(
        org,
        connector_id=connector,
        kind="accounts",
        settings={"a": 1},
        baseline="1",
        reset=False,
        enabled=False,
        now=now,
    )
    assert (same.id, same.resets, same.watermark, same.enabled, same.needs_full) == (
        stream.id,
        0,
        now,
        False,
        False,
    )
    assert streams.change_if_baseline(org, stream.id, "1", auth_failures=0)

    other = streams.put(
        org, connector_id=connector, kind="accounts", settings={"a": 2}, baseline="2", reset=True, now=now
    )

    assert other.resets == 1
    assert (other.watermark, other.last_full_rows, other.chain, other.chain_seen, other.needs_full) == (
        None,
        None,
        None,
        None,
        True,
    )
    assert not streams.change_if_baseline(org, stream.id, "1", watermark=now)
    assert streams.by_id(org, stream.id).watermark is None


def test_columns_of_a_stream_are_named(org: UUID, stream: UUID) -> None:
    with pytest.raises(TypeError, match=r"^a stream has no connector_id$"):
        streams.change(org, stream, connector_id=new_id())


def test_one_stream_a_kind(org: UUID, connector: UUID, stream: UUID, now: datetime) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Stream.objects.create(
            organization_id=org, connector_id=connector, kind="accounts", created_at=now, updated_at=now
        )


def test_deleting_a_stream_forgets_its_records(org: UUID, connector: UUID, stream: UUID, run: UUID) -> None:
    from ropewalk.store import runs

    subject = new_id()
    records.remember(org, stream, [Remembered(subject, b"A" * 16, b"A" * 16)], periodic=False)
    streams.delete(org, connector, "accounts")

    assert records.by_subject(org, stream, [subject], periodic=False) == {}
    assert runs.get(org, run).stream_id is None


@pytest.mark.parametrize(
    ("values", "due"),
    [
        ({}, True),
        ({"periodic": False}, False),
        ({"enabled": False}, False),
        ({"paused": "undo"}, False),
        ({"next_run_at": None}, False),
        ({"next_run_at": datetime(2030, 1, 1).astimezone()}, False),
        ({"not_before": datetime(2030, 1, 1).astimezone()}, False),
        ({"not_before": datetime(2020, 1, 1).astimezone()}, True),
    ],
)
def test_what_is_due(org: UUID, stream: UUID, now: datetime, values: dict[str, object], due: bool) -> None:
    streams.change(org, stream, **{"periodic": True, "next_run_at": now, **values})

    assert [one.id for one in streams.due(now)] == [stream] * due


def test_of_a_disabled_connector_nothing_is_due(
    org: UUID, connector: UUID, stream: UUID, now: datetime
) -> None:
    streams.change(org, stream, periodic=True, next_run_at=now)
    connectors.update(org, connector, enabled=False, now=now)

    assert streams.due(now) == []


def test_one_scheduler_takes_what_is_due(org: UUID, stream: UUID, now: datetime) -> None:
    streams.change(org, stream, periodic=True, next_run_at=now)
    first, second = streams.due(now) + streams.due(now)
    later = now + timedelta(hours=1)

    assert streams.take_due(first, next_run_at=later)
    assert not streams.take_due(second, next_run_at=later)
    assert streams.by_id(org, stream).next_run_at == later
