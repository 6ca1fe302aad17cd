"""Saved views of the list of accounts (issue 6)."""

from __future__ import annotations

from typing import Any

import pytest

from ropewalk.core.actors import Actor
from ropewalk.core.errors import Conflict, MustFix, NotFound, Refused
from ropewalk.engine import accounts, views
from ropewalk.engine.members import people, signin
from ropewalk.store import audit, views as store_views
from tests.engine.world import World

pytestmark = pytest.mark.django_db
SHELL = Actor("cli", "1000", "ada")
GOLD = {"field.tier": "gold", "sort": "-companyName", "columns": "companyName,tier"}


@pytest.fixture(autouse=True)
def _a_field(world: World) -> None:
    accounts.create_account(world.org, SHELL, {"companyName": "A", "fields": {"tier": "gold"}}, world.clock)


def member(world: World, email: str, role: str = "member") -> Actor:
    added = people.add_user(world.org, SHELL, email, role, world.clock)
    return signin.actor(added.member.user, "")


def create(world: World, actor: Actor, name: str, *, shared: bool = False) -> Any:
    return views.create(world.org, actor, {"name": name, "list": GOLD, "shared": shared}, world.clock)


def names(world: World, actor: Actor) -> list[tuple[str, bool]]:
    return [(one.name, one.member_id is None) for one in views.visible(world.org, actor)]


def test_everybody_sees_their_own_and_the_shared_ones(world: World) -> None:
    mia = member(world, "mia@acme.example")
    mine = create(world, mia, " Gold   accounts ")
    create(world, world.owner, "All gold", shared=True)
    create(world, world.owner, "gold accounts")

    assert mine.parts == GOLD
    assert names(world, mia) == [("All gold", True), ("Gold accounts", False)]
    assert names(world, world.owner) == [("All gold", True), ("gold accounts", False)]
    assert names(world, SHELL) == [("All gold", True)]
    with pytest.raises(NotFound):
        views.get(world.org, world.owner, mine.id)
    with pytest.raises(NotFound):
        views.delete(world.org, world.owner, mine.id, world.clock)
    kept = [(one.verb, one.detail) for one in audit.listing(world.org).items if one.verb.startswith("view.")]
    assert kept[0] == ("view.created", {"name": "gold accounts", "shared": False})


def test_shared_ones_are_an_admins_to_change(world: World) -> None:
    mia, ada = member(world, "mia@acme.example"), member(world, "ada@acme.example", "admin")
    shared, mine = create(world, ada, "Gold", shared=True), create(world, mia, "Mine")
    body = {"name": "Silver", "list": {"q": "x"}, "shared": True}

    for refused in (
        lambda: create(world, mia, "Other", shared=True),
        lambda: views.change(world.org, mia, shared.id, body, world.clock),
        lambda: views.change(world.org, mia, mine.id, body, world.clock),
        lambda: views.delete(world.org, mia, shared.id, world.clock),
    ):
        with pytest.raises(Refused) as error:
            refused()
        assert error.value.code == "admin_required"
    changed = views.change(world.org, ada, shared.id, body, world.clock)
    assert (changed.id, changed.name, changed.parts) == (shared.id, "Silver", {"q": "x"})
    views.delete(world.org, ada, shared.id, world.clock)
    views.delete(world.org, mia, mine.id, world.clock)
    assert names(world, mia) == []


def test_what_can_not_be_shown_can_not_be_saved(world: World) -> None:
    wrong: dict[str, Any] = {
        "field.teir": "gold",
        "columns": "tire",
        "colums": "",
        "q": "a\0",
        "deleted": "no",
    }
    with pytest.raises(MustFix) as error:
        views.create(world.org, world.owner, {"name": "x", "list": wrong}, world.clock)
    assert sorted(one.path for one in error.value.problems) == [
        "list.columns",
        "list.colums",
        "list.deleted",
        "list.field.teir",
        "list.q",
    ]
    for name in (" ", "x" * 101):
        body = {"name": name, "list": {"colums": ""}}
        with pytest.raises(MustFix) as error:
            views.create(world.org, world.owner, body, world.clock)
        assert [one.path for one in error.value.problems] == ["name", "list.colums"]
    with pytest.raises(MustFix):
        create(world, SHELL, "Nobody's")


def test_a_name_is_given_once_and_there_are_not_too_many(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = create(world, world.owner, "Gold")
    for shared in (False, True):
        if shared:
            create(world, world.owner, "Gold", shared=True)
        with pytest.raises(Conflict):
            create(world, world.owner, "GOLD", shared=shared)
    assert (
        views.change(world.org, world.owner, first.id, {"name": "GOLD", "list": {}}, world.clock).name
        == "GOLD"
    )

    monkeypatch.setattr(store_views, "MOST", 1)
    with pytest.raises(Conflict) as error:
        create(world, world.owner, "Silver")
    assert error.value.code == "too_many_views"


def test_views_go_with_their_member_and_are_seen_by_no_stranger(world: World) -> None:
    mia = member(world, "mia@acme.example")
    create(world, mia, "Mine")
    shared = create(world, world.owner, "Gold", shared=True)
    beta = people.create_organization("Beta", "bo@beta.example", None, SHELL, world.clock)
    stranger = signin.actor(beta.owner.user, "")

    with pytest.raises(Refused):
        views.visible(world.org, stranger)
    with pytest.raises(NotFound):
        views.get(beta.organization.id, stranger, shared.id)
    own = next(one.member_id for one in views.visible(world.org, mia) if one.member_id)
    people.remove_member(world.org, world.owner, own, world.clock)
    assert names(world, SHELL) == [("Gold", True)]
    assert store_views.visible(world.org, own) == [shared]
