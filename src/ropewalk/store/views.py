"""Saved views: lists of accounts by name, somebody's own or the organization's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from ropewalk.core.errors import Conflict, NotFound
from ropewalk.store.ids import new_id
from ropewalk.store.models import SavedView

NAME_CHARS = 100
MOST = 100
"""Of one member's, and of the organization's: they stand in a menu."""


def visible(organization_id: UUID, member_id: UUID | None) -> list[SavedView]:
    """The member's own and the shared ones, by name."""
    return list(_visible(organization_id, member_id).order_by("folded", "id"))


def _visible(organization_id: UUID, member_id: UUID | None) -> QuerySet[SavedView, SavedView]:
    whose = Q(member=None) if member_id is None else Q(member=None) | Q(member_id=member_id)
    return SavedView.objects.filter(whose, organization_id=organization_id)


def get(organization_id: UUID, member_id: UUID | None, view_id: UUID) -> SavedView:
    found = _visible(organization_id, member_id).filter(id=view_id).first()
    if found is None:
        raise NotFound("view")
    return found


def save(
    organization_id: UUID,
    member_id: UUID | None,
    *,
    name: str,
    parts: Mapping[str, str],
    now: datetime,
    view: SavedView | None = None,
) -> SavedView:
    """A new one, or `view` changed; `member_id` says whose it is, None: the organization's."""
    made = view or SavedView(id=new_id(), organization_id=organization_id, created_at=now)
    others = SavedView.objects.filter(organization_id=organization_id, member=member_id).exclude(id=made.id)
    if others.filter(folded=name.casefold()).exists():
        raise Conflict(f"There is a view with the name {name} already.")
    if others.count() >= MOST:
        raise Conflict(f"There are {MOST} views already. Delete one first.", code="too_many_views")
    made.member_id, made.name, made.folded = member_id, name, name.casefold()
    made.parts, made.updated_at = dict(parts), now
    made.save()
    return made


def delete(view: SavedView) -> None:
    SavedView.objects.filter(organization_id=view.organization_id, id=view.id).delete()
