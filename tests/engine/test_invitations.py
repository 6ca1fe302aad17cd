"""Invitations by link (product.md §10)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from ropewalk.core.actors import Actor
from ropewalk.core.errors import Conflict, MustFix, NotFound, Refused
from ropewalk.engine.members import invitations, people, signin
from ropewalk.store import access, audit, people as store_people, retention
from ropewalk.store.models import Invitation
from tests.engine.world import World

pytestmark = pytest.mark.django_db
SHELL = Actor("cli", "1000", "ada")
HERE = "192.0.2.7"


def invite(world: World, email: str = "Mia@acme.example", role: str = "admin") -> str:
    return invitations.invite(world.org, world.owner, email, role, world.clock)[1]


def accept(world: World, token: str, password: str = "tall-ship-9") -> Any:
    return invitations.accept(token, name="Mia", password=password, address=HERE, clock=world.clock)


def audited(world: World) -> list[tuple[str, str, Any]]:
    found = audit.listing(world.org).items
    return [(one.verb, one.actor["label"], one.detail) for one in found if one.verb.startswith("invitation.")]


def test_who_is_new_takes_a_name_and_a_password(world: World) -> None:
    token = invite(world)

    assert token not in Invitation.objects.get().token_hash
    assert invitations.invited(token, world.clock) == ("Acme", "mia@acme.example", "admin", False)
    with pytest.raises(MustFix):
        accept(world, token, "short")
    member = accept(world, token)

    assert (member.organization_id, member.role, member.user.email, member.user.name) == (
        world.org,
        "admin",
        "mia@acme.example",
        "Mia",
    )
    assert signin.sign_in("mia@acme.example", "tall-ship-9", address=HERE, clock=world.clock) == member.user
    kept = {"email": "mia@acme.example", "role": "admin"}
    assert audited(world) == [
        ("invitation.accepted", "mia@acme.example", kept),
        ("invitation.created", "olga@acme.example", kept),
    ]


def test_who_is_a_user_joins_as_themselves(world: World) -> None:
    beta = people.create_organization("Beta", "mia@acme.example", "tall-ship-9", SHELL, world.clock)
    mia, token = signin.actor(beta.owner.user, HERE), invite(world)

    assert invitations.invited(token, world.clock).is_user
    with pytest.raises(Refused) as first:
        accept(world, token, "another-one-9")
    with pytest.raises(Refused) as other:
        invitations.join(token, world.owner, world.clock)
    member = invitations.join(token, mia, world.clock)

    assert (first.value.code, other.value.code) == ("sign_in_first", "invitation_of_another")
    assert (member.organization_id, member.user_id, member.role) == (world.org, beta.owner.user_id, "admin")
    assert member.user.check_password("tall-ship-9")


def test_a_link_that_does_not_work_says_how_to_get_one(world: World) -> None:
    used, revoked, replaced, late = (invite(world, f"{name}@acme.example") for name in ("a", "b", "c", "d"))
    accept(world, used)
    [second] = [one for one in access.invitations(world.org).items if one.email == "b@acme.example"]
    invitations.revoke(world.org, world.owner, second.id, world.clock)
    again = invite(world, "c@acme.example")
    assert invitations.invited(again, world.clock).email == "c@acme.example"
    world.clock.advance(days=7)

    said = set()
    for token in (used, revoked, replaced, late, "nonsense", ""):
        for use in (
            lambda token=token: invitations.invited(token, world.clock),
            lambda token=token: accept(world, token),
            lambda token=token: invitations.join(token, world.owner, world.clock),
        ):
            with pytest.raises(Refused) as error:
                use()
            said.add((error.value.code, error.value.message))
    assert said == {
        (
            "invalid_link",
            "This invitation doesn't work any more, or never did: each works once, and for a week. "
            "Ask an admin of the organization for a new one.",
        )
    }


def test_those_that_wait_are_listed_and_forgotten_in_the_end(world: World) -> None:
    for name in ("a", "b"):
        invite(world, f"{name}@acme.example")
    accept(world, invite(world, "a@acme.example"))

    [waiting] = access.invitations(world.org).items
    assert (waiting.email, waiting.role, waiting.created_by["label"]) == (
        "b@acme.example",
        "admin",
        "olga@acme.example",
    )
    retention.sweep(world.clock.advance(days=36))
    assert Invitation.objects.count() == 3
    retention.sweep(world.clock.advance(days=2))
    assert Invitation.objects.count() == 0


def test_who_may_invite_whom(world: World) -> None:
    admin = people.add_user(world.org, SHELL, "ada@acme.example", "admin", world.clock).member
    mia = people.add_user(world.org, SHELL, "mia@acme.example", "member", world.clock).member
    beta = people.create_organization("Beta", "bo@beta.example", None, SHELL, world.clock)

    def refusal(by: Any, role: str) -> str | None:
        try:
            invitations.invite(world.org, signin.actor(by.user, HERE), "x@acme.example", role, world.clock)
        except Refused as error:
            return error.code
        return None

    assert [
        refusal(who, role) for who in (admin, mia, beta.owner) for role in ("owner", "admin", "member")
    ] == [
        *("owner_required", None, None),
        *("owner_required", "admin_required", "admin_required"),
        *("owner_required", "admin_required", "admin_required"),
    ]
    made, _ = invitations.invite(world.org, world.owner, "y@acme.example", "owner", world.clock)
    with pytest.raises(Refused):
        invitations.revoke(world.org, signin.actor(admin.user, HERE), made.id, world.clock)
    with pytest.raises(NotFound):
        invitations.revoke(beta.organization.id, signin.actor(beta.owner.user, HERE), made.id, world.clock)


def test_nobody_is_invited_twice_over_or_by_half(world: World) -> None:
    with pytest.raises(Conflict):
        invite(world, "olga@acme.example")
    with pytest.raises(MustFix) as wrong:
        invite(world, "olga", "boss")
    assert [one.path for one in wrong.value.problems] == ["email", "role"]

    # Whoever became a member by another way meanwhile.
    token = invite(world)
    mia = people.add_user(world.org, SHELL, "mia@acme.example", "member", world.clock).member
    with pytest.raises(Conflict):
        invitations.join(token, signin.actor(mia.user, HERE), world.clock)
    assert store_people.membership(world.org, mia.user_id).role == "member"  # type: ignore[union-attr]


def test_of_two_who_use_a_link_at_once_one_joins(world: World) -> None:
    invite(world)
    [waiting] = access.invitations(world.org).items

    assert access.accepted(waiting, now=world.clock.now())
    assert not access.accepted(waiting, now=world.clock.now())
    assert UUID(world.member_id) in {one.id for one in store_people.members(world.org).items}
