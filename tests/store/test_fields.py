from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from ropewalk.core.errors import NotFound
from ropewalk.core.values import JSON
from ropewalk.store import byhand, connectors, fields, streams
from ropewalk.store.ids import new_id
from ropewalk.store.models import Account, TrackedField


def test_fields_are_learnt_and_widened(org: UUID, stranger: UUID, now: datetime) -> None:
    fields.learn(org, {"plan": ("created", "text"), "seats": ("created", "number")}, now=now)
    fields.learn(org, {"Plan": ("created", "number"), "seats": ("widened", "text")}, now=now)
    fields.seen(org, ["companyName", "plan"], now=now)

    assert fields.types(org) == {"plan": "text", "seats": "text"}
    assert [field.name for field in fields.registry(org)] == ["companyName", "plan", "seats"]
    assert fields.types(stranger) == {}
    with pytest.raises(IntegrityError), transaction.atomic():
        TrackedField.objects.create(
            organization_id=org, name="PLAN", folded="plan", type="text", created_at=now
        )


def test_the_two_switches(org: UUID, stranger: UUID, now: datetime) -> None:
    fields.learn(org, {"plan": ("created", "text"), "seats": ("created", "number")}, now=now)

    switched = fields.switch(org, "PLAN", periodic=False)

    assert (switched.name, switched.periodic, switched.history) == ("plan", False, True)
    assert fields.without_periodic(org) == {"plan"}
    assert fields.switch(org, "plan", periodic=True, history=False).history is False
    assert fields.without_periodic(org) == frozenset()
    for organization, name in ((stranger, "plan"), (org, "none")):
        with pytest.raises(NotFound):
            fields.switch(organization, name, periodic=False)


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_of_fields_in_six_queries(
    org: UUID, stranger: UUID, connector: UUID, now: datetime, count: int
) -> None:
    names = [f"field{number}" for number in range(count)]
    byhand.create(org, dict.fromkeys(names, 1), actor={}, now=now)
    byhand.create(org, {"companyName": "Acme"}, actor={}, now=now)
    byhand.create(stranger, dict.fromkeys(names, 1), actor={}, now=now)
    fields.seen(org, ["companyName"], now=now)
    mapping: list[JSON] = [{"from": "x", "to": name} for name in names]
    streams.put(
        org,
        connector_id=connector,
        kind="accounts",
        settings={"mapping": mapping},
        baseline="",
        reset=False,
        now=now,
    )

    with CaptureQueriesContext(connection) as queries:
        found = fields.listing(org)

    assert len(queries) == 6
    assert [(one.field.name, one.fill_rate, one.connectors) for one in found] == [
        ("companyName", 0.5, ()),
        *((name, 0.5, [connector]) for name in names),
    ]
    connectors.delete(org, connector, now=now)
    assert [one.connectors for one in fields.listing(org)] == [()] * (count + 1)


def test_without_accounts_there_is_no_fill_rate(org: UUID, now: datetime) -> None:
    fields.learn(org, {"plan": ("created", "text")}, now=now)

    assert [one.fill_rate for one in fields.listing(org)] == [None]


def test_many_accounts_are_sampled_evenly(org: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "SAMPLE", 50)
    Account.objects.bulk_create(
        Account(
            id=new_id(),
            organization_id=org,
            company_name="x" if number % 2 else None,
            fields={"plan": 1} if number % 4 else {},
            created_at=now,
            updated_at=now + timedelta(seconds=number),
        )
        for number in range(2_000)
    )
    rates = fields.fill_rates(org)

    assert rates is not None
    assert rates["plan"] == pytest.approx(0.75, abs=0.2)
    assert rates["companyName"] == pytest.approx(0.5, abs=0.2)
    assert rates["accountOwnerId"] == 0.0
