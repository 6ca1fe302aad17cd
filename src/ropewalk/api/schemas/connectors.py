"""Sources, connectors, streams, and what a test found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from ropewalk.api.schemas.base import IsSet, Kind, Shape, Time, left_out
from ropewalk.api.schemas.runs import Run, run
from ropewalk.engine.connectors import connection, oauthapps
from ropewalk.sources import base as sources
from ropewalk.sources.base import HEADER, Source
from ropewalk.store import models
from ropewalk.store.grants import ACCESS, PREFIX as GRANTED
from ropewalk.store.status import StreamStatus


class SourceShape(Shape):
    slug: str
    name: str
    about: str
    kinds: list[Kind]
    to_install: str | None = Field(
        description="The command that brings what this source needs; null where nothing is missing."
    )
    settings: dict[str, Any] = Field(description="JSON Schema of the connector's settings.")
    streams: dict[str, dict[str, Any]] = Field(description="By kind, the JSON Schema of a stream's settings.")
    secrets: list[str]
    choices: dict[str, str] = Field(
        description="What `POST /v1/choices` can be asked for, by name; a setting with `choices` is chosen from it."
    )


def source(declared: Source) -> SourceShape:
    return SourceShape(
        slug=declared.slug,
        name=declared.name,
        about=declared.about,
        kinds=list(declared.kinds),
        to_install=connection.to_install(declared) or None,
        settings=declared.settings.model_json_schema(),
        streams={kind: each.settings.model_json_schema() for kind, each in declared.kinds.items()},
        secrets=list(declared.secrets),
        choices={name: each.title for name, each in declared.choices.items()},
    )


class Issue(Shape):
    run_id: UUID
    at: Time
    code: str
    message: str


class StreamState(Shape):
    tested: bool
    tested_at: Time | None
    last_completed_at: Time | None
    last_run: Run | None
    next_run_at: Time | None
    watermark: Time | None
    paused: Literal["reconnect", "undo"] | None
    needs_full: bool
    waiting: int | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="Contacts that wait for their account.",
    )
    recent_issues: list[Issue]
    warnings: list[str] = Field(description="Where it matches by what few accounts have, or none is given.")


class Schedule(Shape):
    periodic: bool
    every_minutes: int


class Stream(Shape):
    """The stream's settings lie beside these keys, in the shape of its source and kind (`GET /v1/sources`)."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    kind: Kind
    enabled: bool
    schedule: Schedule | None = left_out()
    secrets: dict[str, IsSet]
    status: StreamState


class SavedStream(Shape):
    stream: Stream | None = Field(description="null where it was only validated.")
    baseline_reset: bool = Field(description="Whether the next run is a full one because of this change.")


class Authorization(Shape):
    """Of a connector that is let in by somebody's yes at its vendor."""

    granted: bool
    page: str = Field(description="Where an admin is asked for that yes, in the browser.")


class Connector(Shape):
    connector_id: UUID
    source: str
    name: str
    settings: dict[str, Any]
    secrets: dict[str, IsSet]
    streams: dict[str, Stream]
    enabled: bool
    authorization: Authorization | None = left_out()
    created_at: Time
    updated_at: Time


def stream(row: models.Stream, status: StreamStatus) -> Stream:
    paused = row.paused or None
    return Stream.model_validate(
        {
            **row.settings,
            "kind": row.kind,
            "enabled": row.enabled,
            "schedule": Schedule(periodic=row.periodic, every_minutes=row.every_minutes)
            if row.kind != "events"
            else None,
            "secrets": _secrets(status.secrets),
            "status": StreamState(
                tested=row.tested_at is not None,
                tested_at=row.tested_at,
                last_completed_at=row.last_completed_at,
                last_run=run(status.last_run) if status.last_run else None,
                next_run_at=status.next_run_at,
                watermark=row.watermark,
                paused=paused,
                needs_full=row.needs_full,
                waiting=status.waiting,
                recent_issues=[
                    Issue(run_id=each.run_id, at=each.at, code=each.code, message=each.message)
                    for each in status.issues
                ],
                warnings=status.warnings,
            ),
        }
    )


def _secrets(names: Sequence[str]) -> dict[str, IsSet]:
    # Values of headers are shown among the headers; what was granted is no secret that anybody enters.
    return {name: IsSet() for name in names if not name.startswith((HEADER, GRANTED))}


def _authorization(row: models.Connector, secrets: Sequence[str]) -> Authorization | None:
    if not oauthapps.is_by_oauth(row):
        return None
    return Authorization(granted=ACCESS in secrets, page=oauthapps.page_of(row.id))


def connector(
    row: models.Connector,
    secrets: Sequence[str],
    streams: Sequence[tuple[models.Stream, StreamStatus]],
) -> Connector:
    return Connector(
        connector_id=row.id,
        source=row.source,
        name=row.name,
        settings=row.settings,
        secrets=_secrets(secrets),
        streams={each.kind: stream(each, status) for each, status in streams},
        enabled=row.enabled,
        authorization=_authorization(row, secrets),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


class Discovered(Shape):
    """`type` is null where every value was empty."""

    path: str
    label: str = Field(description="What the source calls it; empty where it doesn’t say.")
    transform: str = Field(
        description="What makes of its texts what the source says that they are; or empty."
    )
    type: str | None
    fill_rate: float
    examples: list[Any]


class Option(Shape):
    value: str
    label: str
    group: str
    about: str


class Choices(Shape):
    items: list[Option]


def option(found: sources.Option) -> Option:
    return Option(value=found.value, label=found.label or found.value, group=found.group, about=found.about)


class Suggestion(Shape):
    from_: str = Field(alias="from")
    to: str
    score: float
    reason: str


class Found(Shape):
    """What was found by itself. Not proved, it is a guess; `why` says what speaks for it."""

    value: Any
    proved: bool
    why: str
    others: list[Any] = Field(description="Further candidates, the likelier first.")


class Proposal(Shape):
    """How the stream may be set up, in the shapes of its settings."""

    records_path: Found
    pagination: Found
    total_path: Found
    has_more_path: Found
    incremental: Found
    matching: Found
    mapping: Found


class TestError(Shape):
    model_config = ConfigDict(extra="allow")

    code: str
    message: str


class Test(Shape):
    """What the endpoint was asked, what it answered, and what its records could be mapped to."""

    model_config = ConfigDict(extra="allow")

    ok: bool
    request: dict[str, Any] | None
    response: dict[str, Any] | None
    records: list[Any]
    fields: list[Discovered]
    suggestions: list[Suggestion]
    proposal: Proposal | None
    error: TestError | None = left_out()
