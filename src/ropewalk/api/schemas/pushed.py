"""Pushed events as they are read back (push-api.md §5)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from ropewalk.api.schemas.base import Shape, Time, left_out
from ropewalk.core.eventschema import EventKind
from ropewalk.core.values import MISSING
from ropewalk.engine.events import pushedevents
from ropewalk.store.events.base import Rejection, StoredEvent
from ropewalk.store.models import PushConnector


class PushedEvent(Shape):
    """Its item as it was sent, with what was read out of it."""

    source: str = Field(description="`custom:<source_name>`")
    connector_id: UUID
    external_id: str
    version: int = Field(description="1, and one more with each change of its content.")
    kind: EventKind
    name: str
    time: Time
    received_at: Time
    user_id: str | None
    metadata: dict[str, str] = Field(description="The connector's under the item's own.")
    data: Any = Field(
        default_factory=lambda: MISSING,
        exclude_if=lambda value: value is MISSING,
        description="Of an item of `/ingest`.",
    )
    text: str | None = left_out()
    payload: dict[str, Any] | None = left_out()
    file: str | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="SHA-256 of the file that came with it.",
    )


def pushed_event(event: StoredEvent, connector: PushConnector) -> PushedEvent:
    item = pushedevents.content(event)
    return PushedEvent(
        source=connector.source,
        connector_id=connector.id,
        external_id=event.external_id,
        version=event.version,
        kind=event.kind,
        name=event.name,
        time=event.at,
        received_at=event.arrived,
        user_id=event.user,
        metadata=dict(event.metadata),
        data=item.get("data", MISSING),
        text=item.get("text"),
        payload=item.get("payload"),
        file=event.upload,
    )


class RejectedItem(Shape):
    at: Time
    external_id: str | None
    errors: list[str] = Field(description="What its sender was told.")


def rejected_item(found: Rejection) -> RejectedItem:
    return RejectedItem(at=found.at, external_id=found.external_id, errors=list(found.errors))


class Erased(Shape):
    events: int
