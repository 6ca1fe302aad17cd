"""Push connectors (push-api.md §2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import Field

from ropewalk.api.schemas.base import Shape, Time, left_out
from ropewalk.api.schemas.connectors import Connector
from ropewalk.api.schemas.people import CreatedBy
from ropewalk.api.schemas.pushed import RejectedItem, rejected_item
from ropewalk.core.events import MatchBy
from ropewalk.core.eventschema import EventKind
from ropewalk.store import models
from ropewalk.store.events.base import Rejection, Statistics


class EventSchema(Shape):
    """Paths into an item; those that are named."""

    time: str | None = left_out()
    name: str | None = left_out()
    account: str | None = left_out()
    match_by: MatchBy
    user: str | None = left_out()
    properties: str | None = left_out()


class PushStatistics(Shape):
    """`last_event_at` is the newest event's own time."""

    events_last_hour: int
    events_last_day: int
    events_total: int
    last_event_at: Time | None
    recent_rejections: list[RejectedItem]


class PushConnector(Shape):
    connector_id: UUID
    name: str
    source_name: str
    created_at: Time
    created_by: CreatedBy
    is_active: bool
    accepted_kinds: list[EventKind] = Field(description="Empty: all of them.")
    metadata: dict[str, str]
    event_schema: EventSchema | None


def push_connector(row: models.PushConnector) -> PushConnector:
    return PushConnector(
        connector_id=row.id,
        name=row.name,
        source_name=row.source_name,
        created_at=row.created_at,
        created_by=CreatedBy(type=row.created_by["type"], id=row.created_by["id"]),
        is_active=row.is_active,
        accepted_kinds=row.accepted_kinds,
        metadata=row.metadata,
        event_schema=row.event_schema and EventSchema(**row.event_schema),
    )


class PushConnectorWithStatistics(PushConnector):
    statistics: PushStatistics


def with_statistics(
    row: models.PushConnector, found: Statistics, rejections: Sequence[Rejection]
) -> PushConnectorWithStatistics:
    return PushConnectorWithStatistics(
        **dict(push_connector(row)),
        statistics=PushStatistics(
            events_last_hour=found.last_hour,
            events_last_day=found.last_day,
            events_total=found.total,
            last_event_at=found.last_event_at,
            recent_rejections=[rejected_item(each) for each in rejections],
        ),
    )


def listed_connector(row: models.PushConnector) -> Connector:
    """Beside connectors that ask."""
    settings: dict[str, Any] = {
        name: getattr(row, name) for name in ("source_name", "accepted_kinds", "metadata", "event_schema")
    }
    return Connector(
        connector_id=row.id,
        source="push",
        name=row.name,
        settings=settings,
        secrets={},
        streams={},
        enabled=row.is_active,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
