"""Passwords: changed, set, and made anew by a link (product.md §10, §12.3)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from ropewalk.core.actors import Actor
from ropewalk.core.errors import MustFix, NotFound, Refused, RetryLater
from ropewalk.engine.members import passwords, people, signin
from ropewalk.store import access, audit, people as store_people, retention
from ropewalk.store.models import Member, ResetLink
from tests.engine.world import World

pytestmark = pytest.mark.django_db
SHELL = Actor("cli", "1000", "ada")
HERE = "192.0.2.7"
NEW = "a-longer-voyage"


def add(world: World, email: str, role: str = "member", organization_id: UUID | None = None) -> Member:
    made = people.add_user(
        organization_id or world.org, SHELL, email, role, world.clock, password="tall-ship-9"
    )
    return made.member


def acting(member: Member) -> Actor:
    return signin.actor(member.user, HERE)


def audited(world: World) -> list[tuple[str, Any]]:
    return [(one.verb, one.detail) for one in audit.listing(world.org).items if one.verb.startswith("user.")]


def test_a_password_is_changed_by_whoever_knows_the_present_one(world: World) -> None:
    held = store_people.user(UUID(world.owner.id)).get_session_auth_hash()  # type: ignore[union-attr]

    with pytest.raises(MustFix) as wrong:
        passwords.change(world.owner, present="wrong", password="short", clock=world.clock)
    assert [one.path for one in wrong.value.problems] == ["present", "password"]
    user = passwords.change(world.owner, present="tall-ship-9", password=NEW, clock=world.clock)

    assert user.check_password(NEW)
    assert user.get_session_auth_hash() != held
    assert audited(world) == [("user.password_changed", {"email": "olga@acme.example"})]


def test_a_stolen_session_can_not_try_passwords_for_ever(world: World) -> None:
    for _ in range(10):
        with pytest.raises(MustFix):
            passwords.change(world.owner, present="wrong", password=NEW, clock=world.clock)
    with pytest.raises(RetryLater):
        passwords.change(world.owner, present="tall-ship-9", password=NEW, clock=world.clock)


def test_a_password_set_in_the_shell_counts(world: World) -> None:
    chosen = passwords.set_password(world.org, SHELL, UUID(world.member_id), world.clock)

    assert store_people.member(world.org, UUID(world.member_id)).user.check_password(chosen)
    assert audited(world) == [("user.password_set", {"email": "olga@acme.example"})]
    with pytest.raises(MustFix):
        passwords.set_password(world.org, SHELL, UUID(world.member_id), world.clock, password="short")


def test_a_link_gives_a_new_password_once(world: World) -> None:
    mia = add(world, "mia@acme.example")
    first = passwords.make_reset_link(world.org, world.owner, mia.id, world.clock).token
    token = passwords.make_reset_link(world.org, world.owner, mia.id, world.clock).token
    held = mia.user.get_session_auth_hash()

    assert token not in ResetLink.objects.get().token_hash
    assert passwords.reset_for(token, world.clock) == "mia@acme.example"
    with pytest.raises(MustFix):
        passwords.reset(token, password="short", address=HERE, clock=world.clock)
    user = passwords.reset(token, password=NEW, address=HERE, clock=world.clock)

    assert user.check_password(NEW)
    assert user.get_session_auth_hash() != held
    assert audited(world) == [
        ("user.password_reset", {"email": "mia@acme.example"}),
        ("user.reset_link_made", {"email": "mia@acme.example"}),
        ("user.reset_link_made", {"email": "mia@acme.example"}),
    ]
    said = set()
    for wrong in (first, token, "nonsense", ""):
        for use in (
            lambda wrong=wrong: passwords.reset_for(wrong, world.clock),
            lambda wrong=wrong: passwords.reset(wrong, password=NEW, address=HERE, clock=world.clock),
        ):
            with pytest.raises(Refused) as error:
                use()
            said.add((error.value.code, error.value.message))
    assert len(said) == 1


def test_a_link_holds_for_a_day_and_until_the_password_is_another(world: World) -> None:
    mia = add(world, "mia@acme.example")
    token = passwords.make_reset_link(world.org, world.owner, mia.id, world.clock).token
    passwords.change(acting(mia), present="tall-ship-9", password=NEW, clock=world.clock)
    with pytest.raises(Refused):
        passwords.reset_for(token, world.clock)

    token = passwords.make_reset_link(world.org, world.owner, mia.id, world.clock).token
    world.clock.advance(hours=24)
    with pytest.raises(Refused):
        passwords.reset_for(token, world.clock)
    retention.sweep(world.clock.advance(seconds=1))
    assert ResetLink.objects.count() == 0


def test_a_link_opens_an_account_that_too_many_attempts_closed(world: World) -> None:
    for place in range(11):
        with pytest.raises((Refused, RetryLater)):
            signin.sign_in("olga@acme.example", "wrong", address=f"198.51.100.{place}", clock=world.clock)
    token = passwords.make_reset_link(world.org, SHELL, UUID(world.member_id), world.clock).token
    passwords.reset(token, password=NEW, address=HERE, clock=world.clock)

    assert (
        signin.sign_in("olga@acme.example", NEW, address=HERE, clock=world.clock).email == "olga@acme.example"
    )


def test_nobody_becomes_somebody_higher(world: World) -> None:
    admin, other = add(world, "ada@acme.example", "admin"), add(world, "abe@acme.example", "admin")
    mia = add(world, "mia@acme.example")
    second = add(world, "otto@acme.example", "owner")
    beta = people.create_organization("Beta", "bo@beta.example", None, SHELL, world.clock)
    abroad = add(world, "ida@acme.example")
    add(world, "ida@acme.example", "admin", beta.organization.id)

    def refusal(actor: Actor, member: Member) -> str | None:
        codes = set()
        for ask in (passwords.make_reset_link, passwords.set_password):
            try:
                ask(world.org, actor, member.id, world.clock)
            except Refused as error:
                codes.add(error.code)
            else:
                codes.add(None)
        [code] = codes
        return code

    assert {
        "a member, anybody": refusal(acting(mia), mia),
        "an admin, a member": refusal(acting(admin), mia),
        "an admin, an admin": refusal(acting(admin), other),
        "an admin, an owner": refusal(acting(admin), second),
        "an owner, an owner": refusal(world.owner, second),
        "an owner, an admin of elsewhere": refusal(world.owner, abroad),
        "the shell, an admin of elsewhere": refusal(SHELL, abroad),
        "a stranger": refusal(acting(beta.owner), mia),
    } == {
        "a member, anybody": "admin_required",
        "an admin, a member": None,
        "an admin, an admin": None,
        "an admin, an owner": "owner_required",
        "an owner, an owner": None,
        "an owner, an admin of elsewhere": "outranked",
        "the shell, an admin of elsewhere": None,
        "a stranger": "admin_required",
    }
    with pytest.raises(NotFound):
        passwords.make_reset_link(beta.organization.id, acting(beta.owner), mia.id, world.clock)


def test_of_two_who_use_a_link_at_once_one_does(world: World) -> None:
    token = passwords.make_reset_link(world.org, SHELL, UUID(world.member_id), world.clock).token

    assert access.used_reset_link(token, now=world.clock.now())
    assert not access.used_reset_link(token, now=world.clock.now())
