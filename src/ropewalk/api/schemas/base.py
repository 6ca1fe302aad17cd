"""What the shapes have in common."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from ropewalk.core import times

T = TypeVar("T")

Time = Annotated[
    datetime,
    PlainSerializer(times.iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "ISO 8601, UTC, with Z."}),
]
Kind = Literal["accounts", "contacts", "events"]
Role = Literal["owner", "admin", "member"]
ScopeName = Literal["read", "write", "ingest", "admin"]
Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Outcome = Literal["created", "updated", "unchanged", "skipped", "rejected"]


class Shape(BaseModel):
    model_config = ConfigDict(populate_by_name=True)


def left_out() -> Any:
    """A key that is there only where it has something to say."""
    return Field(default=None, exclude_if=lambda value: value is None)


class Items(Shape, Generic[T]):
    items: list[T]
    next_cursor: str | None


class IsSet(Shape):
    """A secret: that it is there is all that is ever said of it."""

    set: Literal[True] = True


class OldNew(Shape):
    old: Any
    new: Any


class ActorShape(Shape):
    type: str
    id: str
    label: str


def actor(kept: Mapping[str, Any]) -> ActorShape:
    return ActorShape(**{name: str(kept.get(name, "")) for name in ("type", "id", "label")})


class ProblemShape(Shape):
    path: str
    message: str


class Refusal(Shape):
    error_code: str
    message: str
    details: dict[str, Any] | None = left_out()
