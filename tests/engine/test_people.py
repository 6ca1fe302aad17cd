"""Organizations, members, keys and fields: each verb with its line in the audit log, and who may do what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from ropewalk.core.actors import Actor
from ropewalk.core.errors import Conflict, MustFix, NotFound, Problem, Refused
from ropewalk.engine.members import passwords, people
from ropewalk.store import audit, fields, keys, people as store_people
from tests.engine.world import World

pytestmark = pytest.mark.django_db
SHELL = Actor("cli", "1000", "ada")


def audited(world: World) -> list[tuple[str, Any]]:
    return [(entry.verb, entry.detail) for entry in audit.listing(world.org).items]


def member(world: World, email: str, role: str = "member") -> Actor:
    added = people.add_user(world.org, SHELL, email, role, world.clock)
    return Actor("user", str(added.member.user_id), email)


def test_an_organization_comes_with_an_owner_and_a_password(world: World) -> None:
    made = people.create_organization("Beta", "Bo@Beta.example", None, SHELL, world.clock)

    assert (made.organization.name, made.owner.role, made.owner.user.email) == (
        "Beta",
        "owner",
        "bo@beta.example",
    )
    assert made.password is not None
    assert made.owner.user.check_password(made.password)
    entries = audit.listing(made.organization.id).items
    assert [(one.verb, one.actor, one.detail) for one in entries] == [
        (
            "organization.created",
            {"type": "cli", "id": "1000", "label": "ada"},
            {"name": "Beta", "owner": "bo@beta.example"},
        )
    ]


def test_an_owner_who_is_a_user_already_keeps_their_password(world: World) -> None:
    made = people.create_organization("Beta", "olga@acme.example", "another-long-one", SHELL, world.clock)

    assert made.password is None
    assert made.owner.user.check_password("tall-ship-9")


def test_a_taken_name_and_a_weak_password_make_nothing(world: World) -> None:
    with pytest.raises(Conflict):
        people.create_organization("ACME", "bo@beta.example", None, SHELL, world.clock)
    with pytest.raises(MustFix) as weak:
        people.create_organization("Beta", "bo@beta.example", "password", SHELL, world.clock)

    assert [problem.path for problem in weak.value.problems] == ["password", "password"]
    assert [one.name for one in store_people.organizations()] == ["Acme"]


def test_the_organization_is_changed_with_all_problems_at_once(world: World) -> None:
    people.update_organization(
        world.org,
        world.owner,
        {"own_domains": ["https://ACME.example/"], "time_zone": "Europe/Berlin"},
        world.clock,
    )
    changed = store_people.organization(world.org)

    assert (changed.own_domains, changed.time_zone) == (["acme.example"], "Europe/Berlin")
    noted = audited(world)
    assert noted[0] == (
        "organization.updated",
        {"own_domains": ["acme.example"], "time_zone": "Europe/Berlin"},
    )
    same = {"name": "Acme", "own_domains": ["ACME.example"], "keep_events_days": None}
    people.update_organization(world.org, world.owner, same, world.clock)
    assert audited(world) == noted
    with pytest.raises(MustFix) as wrong:
        people.update_organization(
            world.org,
            world.owner,
            {"name": " ", "time_zone": "Mars/Olympus", "own_domains": ["x"]},
            world.clock,
        )
    assert sorted(problem.path for problem in wrong.value.problems) == ["name", "own_domains.0", "time_zone"]
    with pytest.raises(MustFix) as unknown:
        people.update_organization(world.org, world.owner, {"nmae": "Beta"}, world.clock)
    assert [problem.path for problem in unknown.value.problems] == ["nmae"]


def test_members_come_change_and_go(world: World) -> None:
    added = people.add_user(world.org, world.owner, "ben@acme.example", "member", world.clock, name="Ben")
    people.set_role(world.org, world.owner, added.member.id, "admin", world.clock)
    people.remove_member(world.org, world.owner, added.member.id, world.clock)

    assert added.password is not None
    assert store_people.member_by_email(world.org, "ben@acme.example") is None
    assert audited(world) == [
        ("member.removed", {"email": "ben@acme.example", "role": "admin"}),
        ("member.role_set", {"email": "ben@acme.example", "old": "member", "new": "admin"}),
        ("member.added", {"email": "ben@acme.example", "role": "member"}),
    ]


def test_only_an_owner_changes_owners(world: World) -> None:
    admin = member(world, "ada@acme.example", "admin")
    ben = store_people.member_by_email(world.org, "ada@acme.example")
    assert ben is not None
    key = Actor("api_key", str(uuid4()), "robot")

    for actor in (admin, key):
        for refused in (
            lambda actor=actor: people.add_user(world.org, actor, "c@acme.example", "owner", world.clock),
            lambda actor=actor: people.set_role(world.org, actor, ben.id, "owner", world.clock),
            lambda actor=actor: people.set_role(world.org, actor, world.member_id, "member", world.clock),
            lambda actor=actor: people.remove_member(world.org, actor, world.member_id, world.clock),
            lambda actor=actor: passwords.set_password(world.org, actor, world.member_id, world.clock),
        ):
            with pytest.raises(Refused) as error:
                refused()
            assert error.value.code == "owner_required"
    assert people.set_role(world.org, world.owner, ben.id, "owner", world.clock).role == "owner"


def test_a_member_changes_nobody_and_may_go(world: World) -> None:
    mia = member(world, "mia@acme.example")
    ben = people.add_user(world.org, SHELL, "ben@acme.example", "member", world.clock).member
    own = store_people.member_by_email(world.org, "mia@acme.example")
    assert own is not None

    for refused in (
        lambda: people.add_user(world.org, mia, "c@acme.example", "member", world.clock),
        lambda: people.set_role(world.org, mia, own.id, "admin", world.clock),
        lambda: people.remove_member(world.org, mia, ben.id, world.clock),
        lambda: passwords.set_password(world.org, mia, ben.id, world.clock),
    ):
        with pytest.raises(Refused) as error:
            refused()
        assert error.value.code == "admin_required"
    people.remove_member(world.org, mia, own.id, world.clock)
    assert store_people.membership(world.org, own.user_id) is None
    with pytest.raises(Conflict):
        people.remove_member(world.org, world.owner, UUID(world.member_id), world.clock)


def test_an_owner_elsewhere_is_no_owner_here(world: World) -> None:
    other = people.create_organization("Beta", "bo@beta.example", None, SHELL, world.clock)
    stranger = Actor("user", str(other.owner.user_id), "bo@beta.example")

    with pytest.raises(Refused):
        people.remove_member(world.org, stranger, world.member_id, world.clock)
    with pytest.raises(NotFound):
        people.remove_member(other.organization.id, stranger, world.member_id, world.clock)


def test_the_last_owner_stays(world: World) -> None:
    with pytest.raises(Conflict) as error:
        people.set_role(world.org, world.owner, world.member_id, "member", world.clock)

    assert error.value.code == "last_owner"
    assert audited(world) == []


def test_keys_are_made_and_revoked(world: World) -> None:
    ends = world.clock.now() + timedelta(days=1)
    key, text = people.create_key(world.org, world.owner, "script", ["read"], ends, world.clock)

    found = keys.authenticate(text, now=world.clock.now())
    assert found is not None
    assert (found.id, found.created_by_type, found.created_by_id) == (key.id, "user", world.owner.id)
    people.revoke_key(world.org, world.owner, key.id, world.clock)
    assert keys.authenticate(text, now=world.clock.now()) is None
    assert audited(world) == [
        ("key.revoked", {"name": "script", "scopes": ["read"]}),
        ("key.created", {"name": "script", "scopes": ["read"]}),
    ]


def test_a_key_grants_only_what_it_has(world: World) -> None:
    own, _ = people.create_key(world.org, world.owner, "admin", ["read", "admin"], None, world.clock)
    robot = Actor("api_key", str(own.id), "admin")

    people.create_key(world.org, robot, "less", ["read"], None, world.clock)
    with pytest.raises(Refused) as error:
        people.create_key(world.org, robot, "more", ["read", "write"], None, world.clock)

    assert error.value.code == "insufficient_scopes"


def test_the_switches_of_a_field(world: World) -> None:
    fields.seen(world.org, ["companyName"], now=world.clock.now())

    people.set_field(world.org, world.owner, "companyName", {"periodic": False}, world.clock)

    assert [(one.name, one.periodic, one.history) for one in fields.registry(world.org)] == [
        ("companyName", False, True)
    ]
    assert audited(world) == [("field.switched", {"periodic": False})]
    with pytest.raises(NotFound):
        people.set_field(world.org, world.owner, "nope", {"periodic": False}, world.clock)
    with pytest.raises(MustFix) as nothing:
        people.set_field(world.org, world.owner, "companyName", {}, world.clock)
    assert nothing.value.problems == (Problem("", "Give periodic, history or indexed."),)
    with pytest.raises(MustFix) as wrong:
        people.set_field(
            world.org, world.owner, "companyName", {"periodic": "off", "histroy": True}, world.clock
        )
    assert sorted(problem.path for problem in wrong.value.problems) == ["histroy", "periodic"]
