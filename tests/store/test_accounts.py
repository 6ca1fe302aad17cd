from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, IntegrityError, connection as database, transaction
from django.test.utils import CaptureQueriesContext

from ropewalk.core.decide import ContactChange, Decision, apply
from ropewalk.core.matching import ContactState, Index
from ropewalk.core.values import JSON
from ropewalk.store import accounts, fields
from ropewalk.store.accounts import AccountWrites, Author
from ropewalk.store.ids import new_id
from ropewalk.store.models import Account, Change, Contact, TrackedField


def created(values: dict[str, JSON], connector: UUID | None = None, *contacts: ContactChange) -> Decision:
    changes = {name: (None, value) for name, value in values.items()}
    return Decision(
        "created", account_id=new_id(), changes=changes, contacts=contacts, sets_external_id=connector
    )


def carry_out(org: UUID, index: Index, decisions: list[Decision], by: Author, now: datetime) -> None:
    writes = AccountWrites()
    for decision in decisions:
        writes.take(decision, apply(decision, index))
    accounts.write(org, writes, by=by, now=now)


ODD: dict[str, JSON] = {
    "companyName": 'Ünïcode \\ "quoted"\tand\nlines',
    "companyDomain": "xn--bcher-kva.example",
    "externalCustomerId": "42",
    "huge": 1e300,
    "whole": 2**63 - 1,
    "digits": "123456789012345678901234567890",
    "tiny": -1.5e-7,
    "yes": True,
    "list": ["a", None, 1, {"deep": [1.0]}],
    "object": {"a.b": {"c": "\\N"}},
    "empty": "",
}


def test_what_is_written_is_read_back(org: UUID, connector: UUID, now: datetime) -> None:
    decision = created(ODD, connector)
    index = Index()
    carry_out(org, index, [decision], Author(connector_id=connector), now)

    found, links = accounts.candidates(org, connector_id=connector, external_ids=["42", "43"])

    assert (found, links) == ([index.by_id[decision.account_id]], {})  # type: ignore[index]
    assert found[0].values == ODD
    assert found[0].external_id_connector == connector


def test_what_is_written_by_itself_is_checked(org: UUID, now: datetime) -> None:
    decision = created(ODD)
    carry_out(org, Index(), [decision], Author(), now)

    with pytest.raises(DatabaseError), transaction.atomic(), database.cursor() as cursor:
        cursor.execute("UPDATE ropewalk_account SET fields = 'no json'")

    assert Account.objects.get().fields["digits"] == ODD["digits"]


def test_updates_set_and_clear(org: UUID, connector: UUID, now: datetime) -> None:
    index = Index()
    first, second = (
        created({"companyDomain": "a.example", "plan": "free"}),
        created({"companyDomain": "b.example"}),
    )
    carry_out(org, index, [first, second], Author(), now)
    update = Decision(
        "updated",
        account_id=first.account_id,
        changes={"plan": ("free", None), "seats": (None, 3), "externalCustomerId": (None, "1")},
        sets_external_id=connector,
    )
    rename = Decision("updated", account_id=second.account_id, changes={"companyName": (None, "B")})
    again = Decision("updated", account_id=second.account_id, changes={"companyName": ("B", "C")})
    run, later = new_id(), now + timedelta(hours=1)

    carry_out(org, index, [update, rename, again], Author(run, connector), later)

    stored = Account.objects.order_by("company_domain")
    assert list(
        stored.values_list(
            "company_domain", "external_customer_id", "external_id_connector", "fields", "company_name"
        )
    ) == [("a.example", "1", connector, {"seats": 3}, None), ("b.example", None, None, {}, "C")]
    assert list(stored.values_list("created_at", "updated_at")) == [(now, later)] * 2
    assert list(
        Change.objects.order_by("id").values_list("account", "run", "connector", "at", "created", "fields")
    ) == [
        (
            first.account_id,
            None,
            None,
            now,
            True,
            {"companyDomain": {"old": None, "new": "a.example"}, "plan": {"old": None, "new": "free"}},
        ),
        (second.account_id, None, None, now, True, {"companyDomain": {"old": None, "new": "b.example"}}),
        (
            first.account_id,
            run,
            connector,
            later,
            False,
            {
                "plan": {"old": "free", "new": None},
                "seats": {"old": None, "new": 3},
                "externalCustomerId": {"old": None, "new": "1"},
            },
        ),
        (second.account_id, run, connector, later, False, {"companyName": {"old": None, "new": "B"}}),
        (second.account_id, run, connector, later, False, {"companyName": {"old": "B", "new": "C"}}),
    ]


def test_an_account_made_and_updated_in_one_batch_is_inserted_once(
    org: UUID, connector: UUID, now: datetime
) -> None:
    first = created({"companyDomain": "a.example"})
    update = Decision("updated", account_id=first.account_id, changes={"companyName": (None, "A")})

    carry_out(org, Index(), [first, update], Author(), now)

    assert list(Account.objects.values_list("id", "company_name")) == [(first.account_id, "A")]
    assert Change.objects.count() == 2


def test_a_new_primary_takes_the_mark(org: UUID, connector: UUID, now: datetime) -> None:
    old = ContactChange(new_id(), "old@a.example", True, True)
    decision = created({"companyDomain": "a.example"}, None, old)
    index = Index()
    carry_out(org, index, [decision], Author(), now)
    new = ContactChange(new_id(), "new@a.example", True, True)
    demoted = ContactChange(old.contact_id, old.email, False, False)
    update = Decision("updated", account_id=decision.account_id, contacts=(demoted, new))

    carry_out(org, index, [update], Author(), now)

    assert list(Contact.objects.order_by("email").values_list("email", "is_primary", "source")) == [
        ("new@a.example", True, "sync"),
        ("old@a.example", False, "sync"),
    ]
    found, _ = accounts.candidates(
        org, connector_id=connector, domains=["a.example"], emails=["old@a.example"]
    )
    assert found[0].contacts == {
        "old@a.example": ContactState(old.contact_id, "old@a.example", "sync", False),
        "new@a.example": ContactState(new.contact_id, "new@a.example", "sync", True),
    }
    found, _ = accounts.candidates(org, connector_id=connector, domains=["a.example"], emails=[])
    assert list(found[0].contacts) == ["new@a.example"]
    assert list(
        Change.objects.filter(contact__isnull=False)
        .order_by("id")
        .values_list("contact", "created", "fields")
    )[1:] == [
        (old.contact_id, False, {"isPrimary": {"old": True, "new": False}}),
        (
            new.contact_id,
            True,
            {
                "email": {"old": None, "new": "new@a.example"},
                "source": {"old": None, "new": "sync"},
                "isPrimary": {"old": None, "new": True},
            },
        ),
    ]


def test_candidates_include_tombstones_and_links_but_no_stranger(
    org: UUID, stranger: UUID, connector: UUID, now: datetime
) -> None:
    dead = created({"externalCustomerId": "1"})
    linked = created({"companyDomain": "linked.example"})
    unasked = created({"companyDomain": "unasked.example", "externalCustomerId": "9"})
    carry_out(org, Index(), [dead, linked, unasked], Author(), now)
    Account.objects.filter(external_customer_id="1").update(deleted_at=now)
    foreign = created({"companyDomain": "linked.example", "externalCustomerId": "1"})
    carry_out(stranger, Index(), [foreign], Author(), now)
    assert linked.account_id is not None
    accounts.link(org, connector_id=connector, key=b"k", account_id=linked.account_id, now=now)

    found, links = accounts.candidates(
        org,
        connector_id=connector,
        external_ids=["1", "2"],
        domains=["linked.example"],
        account_ids=[foreign.account_id],  # type: ignore[list-item]
        link_keys=[b"k", b"other"],
    )

    assert {one.account_id: one.deleted for one in found} == {dead.account_id: True, linked.account_id: False}
    assert links == {b"k": linked.account_id}
    assert accounts.candidates(org, connector_id=connector) == ([], {})
    assert accounts.candidates(org, connector_id=new_id(), link_keys=[b"k"]) == ([], {})


@pytest.mark.parametrize("size", [1, 3_000])
def test_candidates_cost_three_queries_whatever_the_batch(
    org: UUID, connector: UUID, now: datetime, size: int
) -> None:
    carry_out(org, Index(), [created({"externalCustomerId": str(i)}) for i in range(size)], Author(), now)

    with CaptureQueriesContext(database) as queries:
        found, _ = accounts.candidates(
            org,
            connector_id=connector,
            external_ids=[str(i) for i in range(size)],
            domains=[f"{i}.example" for i in range(size)],
            link_keys=[bytes([i % 256]) for i in range(size)],
            emails=[f"{i}@example.com" for i in range(size)],
        )

    assert len(found) == size
    assert len(queries) == 3


def test_an_external_id_is_one_account_s(org: UUID, stranger: UUID, now: datetime) -> None:
    carry_out(org, Index(), [created({"externalCustomerId": "1"})], Author(), now)
    carry_out(stranger, Index(), [created({"externalCustomerId": "1"})], Author(), now)
    with pytest.raises(IntegrityError), transaction.atomic():
        carry_out(org, Index(), [created({"externalCustomerId": "1"})], Author(), now)
    Account.objects.update(deleted_at=now)
    carry_out(org, Index(), [created({"externalCustomerId": "1"})], Author(), now)

    assert Account.objects.filter(organization_id=org).count() == 2


def test_a_change_is_a_tracked_field_s_last(org: UUID, now: datetime) -> None:
    fields.learn(org, {"plan": ("created", "text"), "seats": ("created", "number")}, now=now)
    later = now + timedelta(hours=1)
    carry_out(org, Index(), [created({"plan": "free"})], Author(), later)

    assert list(TrackedField.objects.order_by("name").values_list("name", "last_changed_at")) == [
        ("plan", later),
        ("seats", None),
    ]


def used_indexes(sql: str, parameters: list[Any]) -> str:
    with database.cursor() as cursor:
        cursor.execute(
            ("EXPLAIN QUERY PLAN " if database.vendor == "sqlite" else "EXPLAIN ") + sql, parameters
        )
        return "\n".join(str(row) for row in cursor.fetchall())


def test_matching_never_scans(org: UUID, connector: UUID, now: datetime) -> None:
    if database.vendor != "sqlite":
        pytest.skip("PostgreSQL scans what is small")
    with CaptureQueriesContext(database) as queries:
        accounts.candidates(
            org,
            connector_id=connector,
            external_ids=["1"],
            domains=["a"],
            account_ids=[new_id()],
            emails=None,
        )
    plan = used_indexes(queries[0]["sql"], [])

    assert plan.count("SEARCH ropewalk_account USING INDEX") == 4, plan
    assert "SCAN ropewalk_account" not in plan
    # A partial index that is only narrowed down is walked through from end to end.
    assert (plan.count("external_customer_id=?"), plan.count("company_domain=?")) == (2, 1), plan
