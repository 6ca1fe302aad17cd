"""The audit log: who did what, when, from where."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from ropewalk.core.values import JSON
from ropewalk.store import pages
from ropewalk.store.ids import new_id
from ropewalk.store.models import AuditEntry
from ropewalk.store.pages import Listing


def record(
    organization_id: UUID | None,
    *,
    actor: Mapping[str, JSON],
    verb: str,
    now: datetime,
    object_type: str = "",
    object_id: UUID | str = "",
    detail: Mapping[str, JSON] | None = None,
    ip: str | None = None,
) -> None:
    """In the transaction of what it tells of: both are kept, or neither. `actor`: type, id, label."""
    AuditEntry.objects.create(
        id=new_id(),
        organization_id=organization_id,
        at=now,
        actor=dict(actor),
        verb=verb,
        object_type=object_type,
        object_id=str(object_id),
        detail=dict(detail or {}),
        ip=ip,
    )


def listing(
    organization_id: UUID, *, limit: int = pages.LIMIT, cursor: str | None = None
) -> Listing[AuditEntry]:
    """Newest first."""
    found = AuditEntry.objects.filter(organization_id=organization_id)
    return pages.newest_first(found, limit=limit, cursor=cursor)
