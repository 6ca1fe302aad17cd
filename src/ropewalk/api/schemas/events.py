"""A timeline: its events, and how each of its sources did."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from ropewalk.api.schemas.base import Shape, Time, left_out
from ropewalk.engine.events import timeline as engine


class Event(Shape):
    time: Time
    name: str
    source: str
    user_id: str | None
    properties: dict[str, Any]


class SourceFailure(Shape):
    code: str
    message: str
    about: str = Field(
        description="Which of the settings to look at: url, credential or records_path; empty: none, or all of them."
    )


class EventSource(Shape):
    """`truncated`: it may have more than is shown. `notes` say what else there is to know."""

    connector_id: UUID | None = Field(description="null for what Ropewalk itself knows.")
    name: str
    status: Literal["ok", "failed", "timed_out", "not_asked", "disabled"]
    ms: int
    count: int
    read: int = Field(description="How many records were read for them.")
    since: Time | None = Field(description="From when on it was asked for.")
    filtered_at_source: bool
    truncated: bool
    notes: list[str]
    error: SourceFailure | None = left_out()


class Day(Shape):
    day: date
    count: int


class Timeline(Shape):
    items: list[Event]
    sources: list[EventSource]
    days: list[Day] | None = left_out()
    next_cursor: str | None


def timeline(found: engine.Timeline) -> Timeline:
    return Timeline(
        items=[
            Event(
                time=each.time,
                name=each.name,
                source=each.source,
                user_id=each.user_id,
                properties=each.properties,
            )
            for each in found.items
        ],
        sources=[_source(each) for each in found.sources],
        days=None
        if found.days is None
        else [Day(day=day, count=count) for day, count in sorted(found.days.items())],
        next_cursor=found.next_cursor,
    )


def _source(told: engine.Told) -> EventSource:
    answer = told.answer
    failure = answer.error
    return EventSource(
        connector_id=told.source.connector_id,
        name=told.source.name,
        status=answer.status,
        ms=answer.milliseconds,
        count=answer.count,
        read=answer.read,
        since=answer.since,
        filtered_at_source=answer.filtered_at_source,
        truncated=answer.truncated,
        notes=answer.notes,
        error=SourceFailure(code=failure.code, message=failure.message, about=failure.about)
        if failure
        else None,
    )
