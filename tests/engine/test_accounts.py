"""Accounts and contacts by hand: the rules of product.md §2, the history and the audit log."""

from __future__ import annotations

from typing import Any

import pytest

from ropewalk.core import limits
from ropewalk.core.errors import Conflict, MustFix, NotFound
from ropewalk.engine import accounts
from ropewalk.engine.members import people, signin
from ropewalk.store import audit, byhand, changes, contacts, fields
from ropewalk.store.models import Account
from tests.engine.conftest import Serving
from tests.engine.world import World
from tests.fakes.shapes import Pages

pytestmark = pytest.mark.django_db


def create(world: World, **body: Any) -> Account:
    return accounts.create_account(world.org, world.owner, body, world.clock)


def paths(error: pytest.ExceptionInfo[MustFix]) -> list[str]:
    return sorted(problem.path for problem in error.value.problems)


def history(world: World, account: Account) -> list[Any]:
    return [(one.created, one.fields, one.actor) for one in changes.history(world.org, account.id).items]


def audited(world: World) -> list[str]:
    return [entry.verb for entry in audit.listing(world.org).items]


def test_values_are_kept_in_normal_form_and_recorded_with_their_author(world: World) -> None:
    made = create(
        world,
        companyName=" Acme ",
        companyDomain="https://WWW.Acme.example/x",
        externalCustomerId=42,
        accountOwnerId=str(world.member_id),
        fields={"planTier": "team", "seats": 3},
    )

    kept = byhand.get(world.org, made.id)
    assert byhand.values_of(kept) == {
        "companyName": "Acme",
        "companyDomain": "acme.example",
        "externalCustomerId": "42",
        "accountOwnerId": str(world.member_id),
        "planTier": "team",
        "seats": 3,
    }
    assert fields.types(world.org) == {"planTier": "text", "seats": "number"}
    [(created, changed, actor)] = history(world, made)
    assert (created, sorted(changed), actor) == (
        True,
        ["accountOwnerId", "companyDomain", "companyName", "externalCustomerId", "planTier", "seats"],
        world.owner.record(),
    )
    assert audited(world) == ["account.created"]


def test_all_problems_come_at_once_with_their_paths(world: World) -> None:
    with pytest.raises(MustFix) as error:
        create(
            world,
            comapnyName="x",
            companyDomain="no domain",
            externalCustomerId=True,
            accountOwnerId="somebody",
            fields={
                "plan-tier": 1,
                "endUsers": "a@b.example",
                "companyName": "in the wrong place",
                "notes": "x" * (limits.VALUE_BYTES + 1),
            },
        )

    assert paths(error) == [
        "accountOwnerId",
        "comapnyName",
        "companyDomain",
        "externalCustomerId",
        "fields.companyName",
        "fields.endUsers",
        "fields.notes",
        "fields.plan-tier",
    ]
    assert audited(world) == []
    assert fields.types(world.org) == {}


def test_what_has_the_wrong_shape_writes_nothing(world: World) -> None:
    with pytest.raises(MustFix) as error:
        create(world, companyName="Acme", fields=["planTier"])
    assert paths(error) == ["fields"]
    with pytest.raises(MustFix) as unknown:
        create(world, companyName="Acme", nope=1)
    assert paths(unknown) == ["nope"]
    with pytest.raises(MustFix):
        create(world)

    assert Account.objects.count() == 0


def test_the_largest_value_is_kept(world: World) -> None:
    text = "x" * (limits.VALUE_BYTES - 2)  # and two quotes

    made = create(world, companyName="Acme", fields={"notes": text})

    assert byhand.get(world.org, made.id).fields == {"notes": text}


def test_there_is_room_for_500_custom_fields(world: World) -> None:
    first = create(world, fields={f"field{number}": number for number in range(limits.CUSTOM_FIELDS)})

    accounts.edit_account(world.org, world.owner, first.id, {"fields": {"FIELD7": "seven"}}, world.clock)
    with pytest.raises(MustFix) as error:
        create(world, fields={"oneMore": 1})

    assert byhand.get(world.org, first.id).fields["field7"] == "seven"
    assert len(error.value.problems) == 1
    assert len(fields.types(world.org)) == limits.CUSTOM_FIELDS


def test_editing_changes_what_is_given_and_null_clears(world: World) -> None:
    made = create(world, companyName="Acme", companyDomain="acme.example", fields={"planTier": "team"})

    accounts.edit_account(
        world.org,
        world.owner,
        made.id,
        {"companyName": "Acme", "companyDomain": None, "fields": {"planTier": None, "seats": 1}},
        world.clock,
    )

    assert byhand.values_of(byhand.get(world.org, made.id)) == {"companyName": "Acme", "seats": 1}
    assert history(world, made)[0] == (
        False,
        {
            "companyDomain": {"old": "acme.example", "new": None},
            "planTier": {"old": "team", "new": None},
            "seats": {"old": None, "new": 1},
        },
        world.owner.record(),
    )


def test_an_external_id_belongs_to_one_account(world: World) -> None:
    create(world, externalCustomerId="7")
    other = create(world, externalCustomerId="8")

    with pytest.raises(Conflict) as made:
        create(world, externalCustomerId=7)
    with pytest.raises(Conflict) as edited:
        accounts.edit_account(world.org, world.owner, other.id, {"externalCustomerId": " 7 "}, world.clock)

    assert {made.value.code, edited.value.code} == {"external_id_conflict"}


def test_a_deleted_account_is_gone_until_it_is_restored(world: World) -> None:
    made = create(world, companyName="Acme", externalCustomerId="7")

    accounts.delete_account(world.org, world.owner, made.id, world.clock)
    with pytest.raises(NotFound):
        byhand.get(world.org, made.id)
    accounts.restore_account(world.org, world.owner, made.id, world.clock)

    assert byhand.values_of(byhand.get(world.org, made.id)) == {
        "companyName": "Acme",
        "externalCustomerId": "7",
    }
    assert [changed for _, changed, _ in history(world, made)][:2] == [
        {byhand.DELETED: {"old": True, "new": False}},
        {byhand.DELETED: {"old": False, "new": True}},
    ]
    assert audited(world) == ["account.restored", "account.deleted", "account.created"]


def test_restoring_gives_way_to_who_has_the_id_now(world: World) -> None:
    made = create(world, externalCustomerId="7")
    accounts.delete_account(world.org, world.owner, made.id, world.clock)
    create(world, externalCustomerId="7")

    with pytest.raises(Conflict) as error:
        accounts.restore_account(world.org, world.owner, made.id, world.clock)

    assert error.value.code == "external_id_conflict"
    assert audited(world) == ["account.created", "account.deleted", "account.created"]


def test_a_sync_skips_what_was_deleted_by_hand_until_it_is_restored(world: World, serving: Serving) -> None:
    fake = Pages([{"id": "c-1", "name": "Acme", "website": "acme.example"}])
    connector = world.connect(serving(fake), fake.stream, matching="external_id")
    world.sync(connector)
    [account] = Account.objects.all()

    accounts.delete_account(world.org, world.owner, account.id, world.clock)
    skipped = world.sync(connector)
    accounts.restore_account(world.org, world.owner, account.id, world.clock)
    again = world.sync(connector)

    # The record is what it was: only because it was forgotten is it looked at again.
    assert skipped["reasons"] == {"deleted_here": 1}
    assert (again["reasons"], again["counts"]["unchanged"]) == ({}, 1)


def test_another_organization_finds_nothing(world: World) -> None:
    made = create(world, companyName="Acme")
    stranger = people.create_organization("Beta", "bo@beta.example", None, world.owner, world.clock)
    org, bo = stranger.organization.id, signin.actor(stranger.owner.user, "")

    for verb in (
        lambda: accounts.edit_account(org, bo, made.id, {"companyName": "x"}, world.clock),
        lambda: accounts.delete_account(org, bo, made.id, world.clock),
        lambda: accounts.restore_account(org, bo, made.id, world.clock),
        lambda: accounts.create_contact(org, bo, made.id, {"email": "a@b.example"}, world.clock),
    ):
        with pytest.raises(NotFound):
            verb()


def test_contacts_come_change_and_go(world: World) -> None:
    account = create(world, companyName="Acme")
    contact = accounts.create_contact(
        world.org,
        world.owner,
        account.id,
        {"email": " Ada@Acme.example ", "name": "Ada", "isPrimary": True},
        world.clock,
    )
    accounts.edit_contact(world.org, world.owner, contact.id, {"role": "CTO", "name": None}, world.clock)

    kept = contacts.get(world.org, contact.id)
    assert (kept.email, kept.name, kept.role, kept.source, kept.is_primary) == (
        "ada@acme.example",
        None,
        "CTO",
        "manual",
        True,
    )
    with pytest.raises(Conflict):
        accounts.create_contact(
            world.org, world.owner, account.id, {"email": "ADA@acme.example"}, world.clock
        )
    accounts.delete_contact(world.org, world.owner, contact.id, world.clock)
    assert contacts.listing(world.org).items == []
    assert audited(world) == ["contact.deleted", "contact.edited", "contact.created", "account.created"]


def test_a_contact_with_problems_names_them_all(world: World) -> None:
    account = create(world, companyName="Acme")

    with pytest.raises(MustFix) as error:
        accounts.create_contact(
            world.org,
            world.owner,
            account.id,
            {"email": "nobody", "phone": 5, "isPrimary": 1, "title": "x"},
            world.clock,
        )
    with pytest.raises(MustFix) as missing:
        accounts.create_contact(world.org, world.owner, account.id, {}, world.clock)

    assert paths(error) == ["email", "isPrimary", "phone", "title"]
    assert paths(missing) == ["email"]


@pytest.mark.parametrize("name", ["accountId", "FIELDS", "goneAtSource", "contactEmail", "companyname"])
def test_names_of_built_in_properties_are_taken(name: str, world: World) -> None:
    with pytest.raises(MustFix) as caught:
        create(world, companyName="Acme", fields={name: "x"})

    assert paths(caught) == [f"fields.{name}"]


def test_a_member_who_leaves_leaves_their_accounts_and_that_is_history(world: World) -> None:
    member = people.add_user(world.org, world.owner, "max@acme.example", "member", world.clock).member
    made = create(world, companyName="Acme", accountOwnerId=str(member.id))

    people.remove_member(world.org, world.owner, member.id, world.clock)

    assert byhand.values_of(byhand.get(world.org, made.id)) == {"companyName": "Acme"}
    assert history(world, made)[0] == (
        False,
        {"accountOwnerId": {"old": str(member.id), "new": None}},
        world.owner.record(),
    )
