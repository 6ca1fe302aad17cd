"""The resources as the API answers them (api.md), and how rows become them. `--json` of the CLI prints the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from ropewalk.core import times
from ropewalk.core.counts import OUTCOMES
from ropewalk.core.reasons import REJECTED, SKIPPED
from ropewalk.sources.base import Source
from ropewalk.store import models
from ropewalk.store.byhand import DELETED
from ropewalk.store.fields import FieldState
from ropewalk.store.status import StreamStatus

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


def _left_out() -> Any:
    """A key that is there only where it has something to say."""
    return Field(default=None, exclude_if=lambda value: value is None)


class Items(Shape, Generic[T]):
    items: list[T]
    next_cursor: str | None


class IsSet(Shape):
    """A secret: that it is there is all that is ever said of it."""

    set: Literal[True] = True


# ---- sources ----


class SourceShape(Shape):
    slug: str
    name: str
    kinds: list[Kind]
    settings: dict[str, Any] = Field(description="JSON Schema of the connector's settings.")
    streams: dict[str, dict[str, Any]] = Field(description="By kind, the JSON Schema of a stream's settings.")
    secrets: list[str]


def source(declared: Source) -> SourceShape:
    return SourceShape(
        slug=declared.slug,
        name=declared.name,
        kinds=list(declared.kinds),
        settings=declared.settings.model_json_schema(),
        streams={kind: each.settings.model_json_schema() for kind, each in declared.kinds.items()},
        secrets=list(declared.secrets),
    )


# ---- runs ----


class Counts(Shape):
    processed: int
    created: int
    updated: int
    unchanged: int
    skipped: int
    rejected: int


class ContactCounts(Shape):
    created: int
    updated: int


class Failure(Shape):
    code: str
    message: str


class Preview(Shape):
    run_id: UUID
    differs: dict[str, int]


class Run(Shape):
    run_id: UUID
    connector_id: UUID
    kind: Kind
    mode: Literal["sync", "dry_run"]
    trigger: Literal["manual", "periodic", "retry", "undo"]
    status: Status
    verdict: Literal["complete", "truncated", "suspicious"] | None
    verdict_reasons: list[str]
    counts: Counts
    contacts: ContactCounts
    reasons: dict[str, int]
    notices: dict[str, int]
    filtered: dict[str, int]
    preview: Preview | None
    pages: int
    restarts: int
    expected_total: int | None
    since: Time | None
    full: bool
    of_run: UUID | None = Field(description="The run whose rows this one retries.")
    accepted_at: Time | None
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    error: Failure | None


def run(row: models.Run) -> Run:
    counted: Mapping[str, int] = row.counts
    return Run(
        run_id=row.id,
        connector_id=row.connector_id,
        kind=row.kind,
        mode=row.mode,
        trigger=row.trigger,
        status=row.status,
        verdict=row.verdict,
        verdict_reasons=row.verdict_reasons,
        counts=Counts(**{name: counted.get(name, 0) for name in ("processed", *OUTCOMES)}),
        contacts=ContactCounts(**{name: row.contacts.get(name, 0) for name in ("created", "updated")}),
        reasons=row.reasons,
        notices=row.notices,
        filtered=row.filtered,
        preview=row.preview,
        pages=row.pages,
        restarts=row.restarts,
        expected_total=row.expected_total,
        since=row.since,
        full=row.full,
        of_run=row.of_run,
        accepted_at=row.accepted_at,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        error=Failure(**{name: str(row.error.get(name, "")) for name in ("code", "message")})
        if row.error
        else None,
    )


class OldNew(Shape):
    old: Any
    new: Any


class LedgerRow(Shape):
    position: int
    outcome: Outcome
    reason: str | None = Field(json_schema_extra={"examples": [*SKIPPED, *REJECTED]})
    message: str | None
    record: Any
    candidates: list[Any] | None = _left_out()
    changes: dict[str, OldNew] | None = _left_out()


def ledger_row(row: models.LedgerRow) -> LedgerRow:
    return LedgerRow(
        position=row.position,
        outcome=row.outcome,
        reason=row.reason or None,
        message=row.message or None,
        record=row.record,
        candidates=row.candidates,
        changes=row.changes,
    )


class Link(Shape):
    """From here on, rows of this connector with this row's match values mean that account."""

    run_id: UUID
    position: int
    account_id: UUID


# ---- connectors and streams ----


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
    recent_issues: list[Issue]


class Schedule(Shape):
    periodic: bool
    every_minutes: int


class Stream(Shape):
    """The stream's settings lie beside these keys, in the shape of its source and kind (`GET /v1/sources`)."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    kind: Kind
    enabled: bool
    schedule: Schedule
    secrets: dict[str, IsSet]
    status: StreamState


class SavedStream(Shape):
    stream: Stream | None = Field(description="null where it was only validated.")
    baseline_reset: bool = Field(description="Whether the next run is a full one because of this change.")


class Connector(Shape):
    connector_id: UUID
    source: str
    name: str
    settings: dict[str, Any]
    secrets: dict[str, IsSet]
    streams: dict[str, Stream]
    enabled: bool
    created_at: Time
    updated_at: Time


def stream(row: models.Stream, status: StreamStatus) -> Stream:
    paused = row.paused or None
    return Stream.model_validate(
        {
            **row.settings,
            "kind": row.kind,
            "enabled": row.enabled,
            "schedule": Schedule(periodic=row.periodic, every_minutes=row.every_minutes),
            "secrets": _secrets(status.secrets),
            "status": StreamState(
                tested=row.tested_at is not None or row.last_completed_at is not None,
                tested_at=row.tested_at,
                last_completed_at=row.last_completed_at,
                last_run=run(status.last_run) if status.last_run else None,
                next_run_at=row.next_run_at if row.periodic and row.enabled and not paused else None,
                watermark=row.watermark,
                paused=paused,
                needs_full=row.needs_full,
                recent_issues=[
                    Issue(run_id=each.run_id, at=each.at, code=each.code, message=each.message)
                    for each in status.issues
                ],
            ),
        }
    )


def _secrets(names: Sequence[str]) -> dict[str, IsSet]:
    # Values of headers are shown among the headers.
    return {name: IsSet() for name in names if not name.startswith("header:")}


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
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


class Discovered(Shape):
    path: str
    type: str
    fill_rate: float
    examples: list[Any]


class Suggestion(Shape):
    from_: str = Field(alias="from")
    to: str
    score: float
    reason: str


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
    proposal: dict[str, Any] | None
    error: TestError | None = _left_out()


# ---- accounts, contacts, fields ----


class GoneAtSource(Shape):
    connector_id: UUID
    since: Time


class Account(Shape):
    account_id: UUID
    companyName: str | None
    companyDomain: str | None
    externalCustomerId: str | None
    accountOwnerId: UUID | None
    fields: dict[str, Any]
    gone_at_source: list[GoneAtSource]
    created_at: Time
    updated_at: Time


def account(row: models.Account, gone: Sequence[tuple[UUID, datetime]] = ()) -> Account:
    return Account(
        account_id=row.id,
        companyName=row.company_name,
        companyDomain=row.company_domain,
        externalCustomerId=row.external_customer_id,
        accountOwnerId=row.owner_id,
        fields=row.fields,
        gone_at_source=[GoneAtSource(connector_id=connector_id, since=since) for connector_id, since in gone],
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


class Contact(Shape):
    contact_id: UUID
    account_id: UUID
    email: str
    name: str | None
    phone: str | None
    role: str | None
    source: Literal["sync", "manual"]
    isPrimary: bool


def contact(row: models.Contact) -> Contact:
    return Contact(
        contact_id=row.id,
        account_id=row.account_id,
        email=row.email,
        name=row.name,
        phone=row.phone,
        role=row.role,
        source=row.source,
        isPrimary=row.is_primary,
    )


class ActorShape(Shape):
    type: str
    id: str
    label: str


class Change(Shape):
    at: Time
    action: Literal["created", "updated", "deleted", "restored"]
    changes: dict[str, OldNew]
    run_id: UUID | None
    connector_id: UUID | None
    actor: ActorShape | None


def change(row: models.Change) -> Change:
    fields = dict(row.fields)
    action: Literal["created", "updated", "deleted", "restored"] = "created" if row.created else "updated"
    if (gone := fields.pop(DELETED, None)) is not None:
        action = "deleted" if gone["new"] else "restored"
    return Change(
        at=row.at,
        action=action,
        changes=fields,
        run_id=row.run,
        connector_id=row.connector,
        actor=_actor(row.actor) if row.actor else None,
    )


def _actor(kept: Mapping[str, Any]) -> ActorShape:
    return ActorShape(**{name: str(kept.get(name, "")) for name in ("type", "id", "label")})


class TrackedField(Shape):
    name: str
    type: str
    periodic: bool
    history: bool
    fill_rate: float | None
    last_changed_at: Time | None
    connectors: list[UUID] = Field(description="Those that have a stream which maps to it.")


def field(state: FieldState) -> TrackedField:
    row = state.field
    return TrackedField(
        name=row.name,
        type=row.type,
        periodic=row.periodic,
        history=row.history,
        fill_rate=state.fill_rate,
        last_changed_at=row.last_changed_at,
        connectors=list(state.connectors),
    )


# ---- the organization ----


class Organization(Shape):
    name: str
    own_domains: list[str]
    time_zone: str


def organization(row: models.Organization) -> Organization:
    return Organization(name=row.name, own_domains=row.own_domains, time_zone=row.time_zone)


class Member(Shape):
    member_id: UUID
    email: str
    name: str
    role: Role
    created_at: Time


class NewMember(Member):
    password: str | None = Field(description="Of a user who is new here; shown this once.")


def member(row: models.Member) -> Member:
    return Member(
        member_id=row.id,
        email=row.user.email,
        name=row.user.name,
        role=row.role,
        created_at=row.created_at,
    )


def new_member(row: models.Member, password: str | None) -> NewMember:
    return NewMember(**member(row).model_dump(), password=password)


class CreatedBy(Shape):
    type: str
    id: str


class ApiKey(Shape):
    key_id: UUID
    name: str
    prefix: str
    scopes: list[ScopeName]
    created_at: Time
    created_by: CreatedBy
    last_used_at: Time | None
    expires_at: Time | None
    revoked_at: Time | None


class NewApiKey(ApiKey):
    key: str = Field(description="Shown this once.")


def api_key(row: models.ApiKey) -> ApiKey:
    return ApiKey(
        key_id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=row.scopes,
        created_at=row.created_at,
        created_by=CreatedBy(type=row.created_by_type, id=row.created_by_id),
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


def new_api_key(row: models.ApiKey, text: str) -> NewApiKey:
    return NewApiKey(**api_key(row).model_dump(), key=text)


class AuditEntry(Shape):
    entry_id: UUID
    at: Time
    actor: ActorShape
    verb: str
    object_type: str | None
    object_id: str | None
    detail: dict[str, Any]
    ip: str | None


def audit_entry(row: models.AuditEntry) -> AuditEntry:
    return AuditEntry(
        entry_id=row.id,
        at=row.at,
        actor=_actor(row.actor),
        verb=row.verb,
        object_type=row.object_type or None,
        object_id=row.object_id or None,
        detail=row.detail,
        ip=row.ip,
    )


# ---- refusals ----


class ProblemShape(Shape):
    path: str
    message: str


class Refusal(Shape):
    error_code: str
    message: str
    details: dict[str, Any] | None = _left_out()
