"""What is pushed, and what is answered to it (push-api.md §3), as the API's description has them: the door in front of
Django takes the one and gives the other."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ropewalk.api.schemas.base import Refusal, Shape, left_out
from ropewalk.core import limits
from ropewalk.core.eventschema import EventKind

ExternalId = Annotated[str, Field(min_length=1, max_length=limits.ITEM_ID_CHARS)]
Metadata = Annotated[dict[str, str], Field(max_length=limits.ITEM_METADATA_KEYS)]


class Item(Shape):
    external_id: ExternalId | None = Field(
        default=None, description="Its identity in the connector, for ever; one is made where there is none."
    )
    metadata: Metadata | None = None
    timestamp: str | float | None = Field(
        default=None, description="ISO 8601, or an epoch in seconds or milliseconds; else when it arrived."
    )


class DataItem(Item):
    data: Any


class TextItem(Item):
    text: str


class TypedItem(Item):
    kind: EventKind
    payload: dict[str, Any]


class DataItems(Shape):
    items: list[DataItem] = Field(max_length=limits.ITEMS)


class TextItems(Shape):
    items: list[TextItem] = Field(max_length=limits.ITEMS)


class TypedItems(Shape):
    items: list[TypedItem] = Field(min_length=1, max_length=limits.ITEMS)


class Upload(Shape):
    file: Annotated[bytes, Field(json_schema_extra={"format": "binary"})]
    kind: EventKind = "page"
    external_id: ExternalId | None = None
    payload: str | None = Field(default=None, description="JSON, as text.")
    metadata: str | None = Field(default=None, description="JSON, as text.")


class ItemResult(Shape):
    external_id: str | None
    outcome: Literal["created", "updated", "duplicate", "rejected"]
    error: Refusal | None = left_out()


class Accepted(Shape):
    """Answered after the events are durable; results in the order of the items."""

    status: Literal["accepted"]
    events: int
    external_ids: list[str]
    results: list[ItemResult]


class Valid(Shape):
    """Of `validate=true`: nothing was kept."""

    status: Literal["valid"]
    events: int
