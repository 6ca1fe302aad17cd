"""Saved views of the list of accounts: everybody has their own; those of the organization are an admin's to change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import StrictBool, StrictStr, field_validator
from pydantic_core import PydanticCustomError

from ropewalk.core.actors import Actor
from ropewalk.core.checking import Settings, check
from ropewalk.core.errors import MustFix, Problem, Refused
from ropewalk.engine import account_lists, ranks
from ropewalk.engine.clock import Clock
from ropewalk.store import audit, people, views
from ropewalk.store.models import SavedView
from ropewalk.store.transactions import transaction


class ViewBody(Settings):
    """`list`: the parts of the list's query string, as `account_lists.read` takes them."""

    name: StrictStr
    list: dict[StrictStr, StrictStr]
    shared: StrictBool = False

    @field_validator("name")
    @classmethod
    def _has_a_fitting_length(cls, name: str) -> str:
        name = " ".join(name.split())
        if not 1 <= len(name) <= views.NAME_CHARS:
            message = "A view needs a name of at most {most} characters."
            raise PydanticCustomError("name", message, {"most": views.NAME_CHARS})
        return name


def visible(organization_id: UUID, actor: Actor) -> list[SavedView]:
    return views.visible(organization_id, _member(organization_id, actor))


def get(organization_id: UUID, actor: Actor, view_id: UUID) -> SavedView:
    return views.get(organization_id, _member(organization_id, actor), view_id)


def create(organization_id: UUID, actor: Actor, body: Mapping[str, Any], clock: Clock) -> SavedView:
    return _save(organization_id, actor, body, clock, None)


def change(
    organization_id: UUID, actor: Actor, view_id: UUID, body: Mapping[str, Any], clock: Clock
) -> SavedView:
    """All of it anew. A shared one can become somebody's own, and the other way round."""
    return _save(organization_id, actor, body, clock, view_id)


def delete(organization_id: UUID, actor: Actor, view_id: UUID, clock: Clock) -> None:
    with transaction(organization_id):
        view = _changeable(organization_id, actor, view_id)
        views.delete(view)
        _note(actor, "view.deleted", view, clock)


def _save(
    organization_id: UUID, actor: Actor, body: Mapping[str, Any], clock: Clock, view_id: UUID | None
) -> SavedView:
    given = _checked(organization_id, body)
    with transaction(organization_id):
        view = None if view_id is None else _changeable(organization_id, actor, view_id)
        member_id = None if given.shared else _own(organization_id, actor)
        if member_id is None:
            ranks.require_admin(organization_id, actor)
        saved = views.save(
            organization_id, member_id, name=given.name, parts=given.list, now=clock.now(), view=view
        )
        _note(actor, "view.created" if view is None else "view.changed", saved, clock)
    return saved


def _checked(organization_id: UUID, body: Mapping[str, Any]) -> ViewBody:
    problems: list[Problem] = []
    parts = body.get("list")
    if isinstance(parts, Mapping) and all(isinstance(text, str) for text in parts.values()):
        try:
            account_lists.read(organization_id, parts)
        except MustFix as error:
            problems += error.under("list").problems
    try:
        given = check(ViewBody, body)
    except MustFix as error:
        raise MustFix(error.code, error.message, [*error.problems, *problems]) from None
    if problems:
        raise MustFix("invalid_view", "This view can't be saved like this.", problems)
    return given


def _changeable(organization_id: UUID, actor: Actor, view_id: UUID) -> SavedView:
    view = get(organization_id, actor, view_id)
    if view.member_id is None:
        ranks.require_admin(organization_id, actor)
    return view


def _own(organization_id: UUID, actor: Actor) -> UUID:
    member_id = _member(organization_id, actor)
    if member_id is None:
        message = "A key or the command line has no views of its own; give shared: true."
        raise MustFix("invalid_view", message, [Problem("shared", message)])
    return member_id


def _member(organization_id: UUID, actor: Actor) -> UUID | None:
    if actor.type != "user":
        return None
    found = people.membership(organization_id, UUID(actor.id))
    if found is None:
        raise Refused("no_member", "Only a member of the organization sees views of it.")
    return found.id


def _note(actor: Actor, verb: str, view: SavedView, clock: Clock) -> None:
    detail = {"name": view.name, "shared": view.member_id is None}
    audit.record(view.organization_id, actor, verb, view.id, now=clock.now(), detail=detail)
