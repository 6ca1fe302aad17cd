"""Runs and the rows of their ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from ropewalk.api.schemas.base import Kind, OldNew, Outcome, Shape, Status, Time, left_out
from ropewalk.core.counts import OUTCOMES
from ropewalk.core.reasons import CHANGED_SINCE, REJECTED, SKIPPED
from ropewalk.store import models


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
    differs: dict[str, int] = Field(
        description="By outcome, how many rows more or fewer than the dry run said; filled at the end of the run."
    )


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
    of_run: UUID | None = Field(
        description="The run that this one undoes or whose rows it retries; the dry run that it applies."
    )
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


class LedgerRow(Shape):
    position: int
    outcome: Outcome
    reason: str | None = Field(json_schema_extra={"examples": [*SKIPPED, *REJECTED, CHANGED_SINCE]})
    message: str | None
    record: Any
    candidates: list[Any] | None = left_out()
    changes: dict[str, OldNew] | None = left_out()


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
