from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from ropewalk.core.errors import Conflict, MustFix, NotFound
from ropewalk.core.values import JSON
from ropewalk.store import byhand, changes, contacts, fields, people, records
from ropewalk.store.ids import new_id
from ropewalk.store.models import Account, Change, Contact
from ropewalk.store.records import Remembered

ACTOR: dict[str, JSON] = {"type": "user", "id": "1", "label": "ada@acme.example"}


def make(org: UUID, now: datetime, **values: JSON) -> Account:
    return byhand.create(org, values, actor=ACTOR, now=now)


def test_an_account_by_hand_is_normalised_typed_and_recorded(org: UUID, now: datetime) -> None:
    member, _ = people.add_member(org, email="m@acme.example", role="member", now=now)
    account = make(
        org,
        now,
        companyName=" Acme ",
        companyDomain="https://www.Acme.example/about",
        externalCustomerId=42,
        accountOwnerId=str(member.id).upper(),
        seats=7,
        plan=None,
    )

    stored = byhand.get(org, account.id)
    values = {
        "companyName": "Acme",
        "companyDomain": "acme.example",
        "externalCustomerId": "42",
        "accountOwnerId": str(member.id),
        "seats": 7,
    }
    assert byhand.values_of(stored) == values
    assert stored.external_id_connector is None
    assert fields.types(org) == {"seats": "number"}
    assert list(Change.objects.values_list("account", "actor", "created", "fields")) == [
        (account.id, ACTOR, True, {name: {"old": None, "new": value} for name, value in values.items()})
    ]


def test_editing_sets_clears_and_leaves(org: UUID, now: datetime) -> None:
    account = make(org, now, companyName="Acme", plan="free", seats=1)
    later = now + timedelta(hours=1)

    edited = byhand.edit(
        org, account.id, {"plan": None, "Seats": 2, "companyName": "Acme"}, actor=ACTOR, now=later
    )

    assert byhand.values_of(edited) == {"companyName": "Acme", "seats": 2}
    assert edited.updated_at == later
    assert Change.objects.order_by("-id")[0].fields == {
        "plan": {"old": "free", "new": None},
        "seats": {"old": 1, "new": 2},
    }
    byhand.edit(org, account.id, {"seats": 2}, actor=ACTOR, now=later + timedelta(hours=1))
    assert (byhand.get(org, account.id).updated_at, Change.objects.count()) == (later, 2)


def test_all_problems_at_once(org: UUID, now: datetime) -> None:
    odd: dict[str, JSON] = {"bad name": 1, "COMPANYname": 2, "big": "x" * 70_000}
    with pytest.raises(MustFix) as caught:
        make(
            org,
            now,
            companyName=3,
            companyDomain="no domain",
            accountOwnerId=str(new_id()),
            endUsers="a@b.example",
            **odd,
        )
    assert sorted(problem.path for problem in caught.value.problems) == [
        "COMPANYname",
        "accountOwnerId",
        "bad name",
        "big",
        "companyDomain",
        "companyName",
        "endUsers",
    ]
    with pytest.raises(MustFix):
        make(org, now)
    assert not Account.objects.exists()


def test_an_external_id_is_one_living_account_s(org: UUID, now: datetime) -> None:
    first = make(org, now, externalCustomerId="1")
    second = make(org, now, externalCustomerId="2")
    with pytest.raises(Conflict):
        make(org, now, externalCustomerId=1)
    with pytest.raises(Conflict):
        byhand.edit(org, second.id, {"externalCustomerId": "1"}, actor=ACTOR, now=now)
    byhand.delete(org, first.id, actor=ACTOR, now=now)
    byhand.edit(org, second.id, {"externalCustomerId": "1"}, actor=ACTOR, now=now)

    with pytest.raises(Conflict) as caught:
        byhand.restore(org, first.id, actor=ACTOR, now=now)
    assert caught.value.code == "external_id_conflict"


def test_a_tombstone_keeps_its_keys_and_is_restored(org: UUID, stream: UUID, now: datetime) -> None:
    account = make(org, now, companyName="Acme", externalCustomerId="1")
    records.remember(org, stream, [Remembered(account.id, b"A" * 16, b"A" * 16)], periodic=False)

    byhand.delete(org, account.id, actor=ACTOR, now=now)

    assert Account.objects.get().external_customer_id == "1"
    assert records.known(org, stream, [b"A" * 16], periodic=False) == {}
    for ask in (byhand.get, lambda org, account: byhand.delete(org, account, actor=ACTOR, now=now)):
        with pytest.raises(NotFound):
            ask(org, account.id)
    assert byhand.restore(org, account.id, actor=ACTOR, now=now).deleted_at is None
    with pytest.raises(NotFound):
        byhand.restore(org, account.id, actor=ACTOR, now=now)
    assert [change.fields for change in changes.history(org, account.id).items[:2]] == [
        {"$deleted": {"old": True, "new": False}},
        {"$deleted": {"old": False, "new": True}},
    ]


STRANGE: list[Callable[[UUID, UUID, datetime], Any]] = [
    lambda org, account, now: byhand.get(org, account),
    lambda org, account, now: byhand.edit(org, account, {"plan": 1}, actor=ACTOR, now=now),
    lambda org, account, now: byhand.delete(org, account, actor=ACTOR, now=now),
    lambda org, account, now: byhand.restore(org, account, actor=ACTOR, now=now),
    lambda org, account, now: changes.history(org, account),
    lambda org, account, now: contacts.listing(org, account_id=account),
    lambda org, account, now: contacts.create(org, account, {"email": "a@b.example"}, actor=ACTOR, now=now),
]


@pytest.mark.parametrize("ask", STRANGE)
def test_a_stranger_finds_no_account(
    org: UUID, stranger: UUID, now: datetime, ask: Callable[[UUID, UUID, datetime], Any]
) -> None:
    account = make(org, now, companyName="Acme")
    with pytest.raises(NotFound):
        ask(stranger, account.id, now)
    assert changes.provenance(stranger, account.id) == {}
    assert byhand.values_of(byhand.get(org, account.id)) == {"companyName": "Acme"}


# ---- history ----


def test_history_and_provenance(org: UUID, now: datetime) -> None:
    account = make(org, now, companyName="Acme", plan="free", seats=1)
    byhand.edit(org, account.id, {"plan": "team"}, actor=ACTOR, now=now)
    byhand.edit(org, account.id, {"plan": "big", "seats": None}, actor=ACTOR, now=now)
    first, second, third = Change.objects.order_by("id")

    assert [change.fields for change in changes.history(org, account.id, "plan").items] == [
        {"plan": {"old": "team", "new": "big"}},
        {"plan": {"old": "free", "new": "team"}},
        {"plan": {"old": None, "new": "free"}},
    ]
    page = changes.history(org, account.id, limit=2)
    assert [change.id for change in page.items] == [third.id, second.id]
    rest = changes.history(org, account.id, limit=2, cursor=page.next_cursor)
    assert [change.id for change in rest.items] == [first.id]
    assert {name: change.id for name, change in changes.provenance(org, account.id).items()} == {
        "companyName": first.id,
        "plan": third.id,
    }
    fields.switch(org, "plan", history=False)
    assert changes.history(org, account.id, "plan").items == []
    assert [sorted(change.fields) for change in changes.history(org, account.id).items] == [
        ["seats"],
        ["companyName", "seats"],
    ]


# ---- contacts ----


def test_contacts_by_hand(org: UUID, stranger: UUID, now: datetime) -> None:
    account = make(org, now, companyName="Acme")
    ada = contacts.create(
        org,
        account.id,
        {"email": " Ada@Acme.example", "name": "Ada", "phone": "", "isPrimary": True},
        actor=ACTOR,
        now=now,
    )
    bob = contacts.create(
        org, account.id, {"email": "bob@acme.example", "isPrimary": True}, actor=ACTOR, now=now
    )

    assert list(
        Contact.objects.order_by("email").values_list("email", "name", "phone", "source", "is_primary")
    ) == [
        ("ada@acme.example", "Ada", None, "manual", False),
        ("bob@acme.example", None, None, "manual", True),
    ]
    assert [contact.id for contact in contacts.listing(org).items] == [bob.id, ada.id]
    assert [contact.id for contact in contacts.listing(org, q="ADA").items] == [ada.id]
    edited = contacts.edit(org, ada.id, {"role": "CTO", "name": None}, actor=ACTOR, now=now)
    assert (edited.role, edited.name) == ("CTO", None)
    with pytest.raises(Conflict):
        contacts.edit(org, ada.id, {"email": "bob@acme.example"}, actor=ACTOR, now=now)
    with pytest.raises(Conflict):
        contacts.create(org, account.id, {"email": "BOB@acme.example"}, actor=ACTOR, now=now)
    for ask in (
        lambda: contacts.get(stranger, ada.id),
        lambda: contacts.edit(stranger, ada.id, {"role": "x"}, actor=ACTOR, now=now),
        lambda: contacts.delete(stranger, ada.id, actor=ACTOR, now=now),
    ):
        with pytest.raises(NotFound):
            ask()
    assert contacts.listing(stranger).items == []
    contacts.delete(org, ada.id, actor=ACTOR, now=now)
    with pytest.raises(NotFound):
        contacts.get(org, ada.id)
    assert list(Change.objects.filter(contact=ada.id).order_by("id").values_list("created", "fields")) == [
        (
            True,
            {
                "email": {"old": None, "new": "ada@acme.example"},
                "name": {"old": None, "new": "Ada"},
                "isPrimary": {"old": False, "new": True},
                "source": {"old": None, "new": "manual"},
            },
        ),
        (False, {"isPrimary": {"old": True, "new": False}}),
        (False, {"role": {"old": None, "new": "CTO"}, "name": {"old": "Ada", "new": None}}),
        (
            False,
            {
                "email": {"old": "ada@acme.example", "new": None},
                "role": {"old": "CTO", "new": None},
                "isPrimary": {"old": False, "new": None},
                "$deleted": {"old": False, "new": True},
            },
        ),
    ]
    byhand.delete(org, account.id, actor=ACTOR, now=now)
    assert contacts.listing(org).items == []


def test_a_contact_s_problems_come_at_once(org: UUID, now: datetime) -> None:
    account = make(org, now, companyName="Acme")
    with pytest.raises(MustFix) as caught:
        contacts.create(
            org,
            account.id,
            {"name": 3, "isPrimary": "yes", "source": "x", "phone": "1\0"},
            actor=ACTOR,
            now=now,
        )
    assert [problem.path for problem in caught.value.problems] == [
        "email",
        "name",
        "isPrimary",
        "source",
        "phone",
    ]
