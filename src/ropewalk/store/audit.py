"""The audit log: who did what, when, from where."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from ropewalk.core.actors import Actor
from ropewalk.store import pages
from ropewalk.store.ids import new_id
from ropewalk.store.models import AuditEntry
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
    AuditEntry.objects.create(
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


def listing(
    organization_id: UUID, *, limit: int = pages.LIMIT, cursor: str | None = None
) -> Listing[AuditEntry]:
    """Newest first."""
    found = AuditEntry.objects.filter(organization_id=organization_id)
    return pages.newest_first(found, limit=limit, cursor=cursor)
