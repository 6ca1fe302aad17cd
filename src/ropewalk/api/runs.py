"""Runs, their row ledger, and what can be asked of them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from ninja import Body, BodyEx, P, Path, Router, Status

from ropewalk.api import schemas
from ropewalk.api.auth import Keyed, read, write
from ropewalk.api.reading import Cursor, DocumentedBy, Limit
from ropewalk.core.checking import check
from ropewalk.engine.operated import clock
from ropewalk.engine.runs import requests
from ropewalk.store import ledger, pages, runs

router = Router(tags=["runs"])

Position = Annotated[int, Path(ge=0, lt=2**63)]


@router.get("/runs", auth=read, response=schemas.Items[schemas.Run])
def list_runs(
    request: Keyed,
    connector_id: UUID | None = None,
    kind: schemas.Kind | None = None,
    status: schemas.Status | None = None,
    limit: Limit = pages.LIMIT,
    cursor: Cursor = None,
) -> Any:
    """Newest first."""
    found = runs.listing(
        request.auth.organization_id,
        connector_id=connector_id,
        kind=kind,
        status=status,
        limit=limit,
        cursor=cursor,
    )
    return {"items": [schemas.run(each) for each in found.items], "next_cursor": found.next_cursor}


@router.get("/runs/{run_id}", auth=read, response=schemas.Run)
def get_run(request: Keyed, run_id: UUID) -> Any:
    return schemas.run(runs.get(request.auth.organization_id, run_id))


@router.get("/runs/{run_id}/rows", auth=read, response=schemas.Items[schemas.LedgerRow])
def list_rows(
    request: Keyed,
    run_id: UUID,
    outcome: schemas.Outcome | None = None,
    reason: str | None = None,
    limit: Limit = pages.LIMIT,
    cursor: Cursor = None,
) -> Any:
    """The rows that weren't taken, each with its reason: 1,000 of a reason are kept, the run's counts are exact.
    Of a dry run the first 1,000 of each outcome, with `changes`; of an undo what went back, and what was kept."""
    found = ledger.listing(
        request.auth.organization_id, run_id, outcome=outcome, reason=reason, limit=limit, cursor=cursor
    )
    return {"items": [schemas.ledger_row(each) for each in found.items], "next_cursor": found.next_cursor}


@router.post("/runs/{run_id}/cancel", auth=write, response=schemas.Run)
def cancel_run(request: Keyed, run_id: UUID) -> Any:
    """Rows that were already applied stay."""
    caller = request.auth
    return schemas.run(requests.cancel(caller.organization_id, caller.actor, run_id, clock()))


@router.post("/runs/{run_id}/apply", auth=write, response={202: schemas.Run, 200: schemas.Run})
def apply_dry_run(request: Keyed, run_id: UUID) -> Any:
    """Of a dry run: a sync over the same window, decided anew; `preview` says what came out differently.
    200: the one that does so already."""
    caller = request.auth
    run, created = requests.apply_dry_run(caller.organization_id, caller.actor, run_id, clock())
    return Status(202 if created else 200, schemas.run(run))


@router.post("/runs/{run_id}/undo", auth=write, response={202: schemas.Run})
def undo_run(request: Keyed, run_id: UUID) -> Any:
    """A run that takes back what this one changed, but for what somebody has changed since: its rows list what was
    kept. The stream's schedule is paused, and its next run is a full one."""
    caller = request.auth
    return Status(202, schemas.run(requests.undo(caller.organization_id, caller.actor, run_id, clock())))


@router.post("/runs/{run_id}/retry-rows", auth=write, response={202: schemas.Run})
def retry_rows(
    request: Keyed,
    run_id: UUID,
    body: BodyEx[Annotated[dict[str, Any] | None, DocumentedBy(requests.Retry)], P(default=None)],
) -> Any:
    """A run that takes the kept rows of this one (of one reason, or all) once more, under the settings of now."""
    caller = request.auth
    reason = check(requests.Retry, body or {}).reason
    run = requests.retry_rows(caller.organization_id, caller.actor, run_id, reason, clock())
    return Status(202, schemas.run(run))


@router.post("/runs/{run_id}/accept", auth=write, response=schemas.Run)
def accept_run(request: Keyed, run_id: UUID) -> Any:
    """Takes a suspicious run's word, as if it were complete: its watermark moves, and of a full one, accounts that it
    didn't see are gone at the source."""
    caller = request.auth
    return schemas.run(requests.accept(caller.organization_id, caller.actor, run_id, clock()))


@router.post("/runs/{run_id}/rows/{position}/link", auth=write, response=schemas.Link)
def link_row(
    request: Keyed,
    run_id: UUID,
    position: Position,
    body: Body[Annotated[dict[str, Any], DocumentedBy(requests.Choice)]],
) -> Any:
    """Settles an ambiguous row for good."""
    caller = request.auth
    account_id = check(requests.Choice, body).account_id
    requests.link_row(caller.organization_id, caller.actor, run_id, position, account_id, clock())
    return {"run_id": run_id, "position": position, "account_id": account_id}
