"""The audit log: who did what, when, from where."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from ropewalk.core.actors import Actor
from ropewalk.core.errors import MustFix
from ropewalk.store import anycase, pages
from ropewalk.store.ids import new_id
from ropewalk.store.models import AuditEntry, Member
from ropewalk.store.pages import Listing


def record(
    organization_id: UUID | None,
    actor: Actor,
    verb: str,
    object_id: UUID | str = "",
    *,
    now: datetime,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """In the transaction of what it tells of: both are kept, or neither. `verb` begins with the kind of thing that
    was dealt with: `connector.created`."""
    _entry(organization_id, actor, verb, object_id, now, detail).save(force_insert=True)


def _entry(
    organization_id: UUID | None,
    actor: Actor,
    verb: str,
    object_id: UUID | str,
    now: datetime,
    detail: Mapping[str, Any] | None,
) -> AuditEntry:
    return AuditEntry(
        id=new_id(),
        organization_id=organization_id,
        at=now,
        actor=actor.record(),
        verb=verb,
        object_type=verb.partition(".")[0],
        object_id=str(object_id),
        detail=dict(detail or {}),
        ip=actor.ip or None,
    )


def record_of_user(
    user_id: UUID | None,
    actor: Actor,
    verb: str,
    *,
    now: datetime,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """What concerns a person rather than an organization stands in the log of each that they belong to. Without
    `user_id`: somebody whom nobody here knows."""
    of_theirs: list[UUID | None] = []
    if user_id is not None:
        of_theirs += Member.objects.filter(user_id=user_id).values_list("organization_id", flat=True)
    AuditEntry.objects.bulk_create(
        _entry(organization_id, actor, verb, user_id or "", now, detail)
        for organization_id in of_theirs or [None]
    )


def listing(
    organization_id: UUID,
    *,
    actor: str = "",
    action: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = pages.LIMIT,
    cursor: str | None = None,
) -> Listing[AuditEntry]:
    """Newest first. `actor`: a part of what they are called; `action`: a verb, or the kind of thing that verbs begin
    with; `until` itself is not in it."""
    if problems := anycase.too_long("actor", actor):
        raise MustFix("invalid_filter", "This list can't be made.", problems)
    found = AuditEntry.objects.filter(organization_id=organization_id)
    if actor:
        found = found.filter(actor__label__icontains=actor)
    if action:
        found = found.filter(**{"verb" if "." in action else "object_type": action})
    if since is not None:
        found = found.filter(at__gte=since)
    if until is not None:
        found = found.filter(at__lt=until)
    return pages.newest_first(found, limit=limit, cursor=cursor)
