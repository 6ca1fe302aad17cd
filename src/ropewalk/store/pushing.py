"""Push connectors: made, listed, changed. They are never deleted: events stay under their names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet

from ropewalk.core.actors import Actor
from ropewalk.core.errors import Conflict, NotFound
from ropewalk.store.ids import new_id
from ropewalk.store.models import PushConnector
from ropewalk.store.transactions import transaction


def create(
    organization_id: UUID,
    *,
    name: str,
    source_name: str,
    accepted_kinds: Collection[str],
    metadata: Mapping[str, str],
    event_schema: Mapping[str, Any] | None,
    created_by: Actor,
    now: datetime,
) -> PushConnector:
    """Raises `Conflict` where another connector, active or not, has that source name."""
    with transaction(organization_id):
        if _of(organization_id).filter(source_name=source_name).exists():
            raise Conflict(
                f"There is a push connector with the source name {source_name} already. Choose another."
            )
        return PushConnector.objects.create(
            id=new_id(),
            organization_id=organization_id,
            name=name,
            source_name=source_name,
            accepted_kinds=list(accepted_kinds),
            metadata=dict(metadata),
            event_schema=None if event_schema is None else dict(event_schema),
            created_by=created_by.record(),
            created_at=now,
            updated_at=now,
        )


def connector(organization_id: UUID, connector_id: UUID) -> PushConnector:
    there = found(organization_id, connector_id)
    if there is None:
        raise NotFound("push connector")
    return there


def found(organization_id: UUID, connector_id: UUID) -> PushConnector | None:
    return _of(organization_id).filter(id=connector_id).first()


def sourced(organization_id: UUID, source_name: str) -> PushConnector | None:
    return _of(organization_id).filter(source_name=source_name).first()


def is_any(organization_id: UUID) -> bool:
    return _of(organization_id).exists()


def listing(organization_id: UUID, *, include_inactive: bool = False) -> list[PushConnector]:
    """Newest first; all of them."""
    newest_first = _of(organization_id).order_by("-id")
    return list(newest_first if include_inactive else newest_first.filter(is_active=True))


def change(organization_id: UUID, connector_id: UUID, *, now: datetime, **changes: Any) -> PushConnector:
    """`changes`: fields of the model by name. Where none differs, nothing is written and the version stays."""
    with transaction(organization_id):
        there = connector(organization_id, connector_id)
        differing = {name: value for name, value in changes.items() if getattr(there, name) != value}
        if differing:
            _of(organization_id).filter(id=connector_id).update(
                **differing, updated_at=now, version=F("version") + 1
            )
            there.refresh_from_db()
    return there


# ---- keys of earlier events ----


def key_anew(organization_id: UUID, *, now: datetime) -> None:
    """All events of all connectors, in the background; active or not."""
    _of(organization_id).update(rekeying={}, updated_at=now, version=F("version") + 1)


def next_to_key_anew() -> PushConnector | None:
    return PushConnector.objects.filter(rekeying__isnull=False).order_by("updated_at", "id").first()


def keyed_until(connector: PushConnector, place: dict[str, Any] | None) -> None:
    """None: to the end. Whatever has changed meanwhile begins from the start."""
    mine = _of(connector.organization_id).filter(id=connector.id, version=connector.version)
    mine.update(rekeying=place)


def _of(organization_id: UUID) -> QuerySet[PushConnector, PushConnector]:
    return PushConnector.objects.filter(organization_id=organization_id)
