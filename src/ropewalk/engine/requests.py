"""What people and clocks ask of runs. Each verb is one transaction with its audit entry; the job follows it."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import structlog
from pyroaring import BitMap

from ropewalk.core import limits
from ropewalk.core.actors import SYSTEM, Actor
from ropewalk.core.errors import Conflict, NotFound, RetryLater
from ropewalk.core.window import completed
from ropewalk.engine import jobs, periodic, retrying, waited
from ropewalk.engine.clock import Clock
from ropewalk.engine.frozen import Frozen
from ropewalk.engine.operated import installation
from ropewalk.engine.subjects import ABOUT
from ropewalk.store import (
    accounts,
    audit,
    connectors,
    ids,
    ledger,
    records,
    reversal,
    runs,
    streams,
    waiting,
    workers,
)
from ropewalk.store.models import Connector, Run, Stream
from ropewalk.store.models.runs import OPEN
from ropewalk.store.transactions import transaction

log = structlog.get_logger(__name__)

Mode = Literal["sync", "dry_run"]
UNDO_WITHIN = timedelta(days=limits.UNDO_DAYS)


def request_run(
    organization_id: UUID,
    actor: Actor,
    connector_id: UUID,
    kind: str,
    clock: Clock,
    *,
    full: bool = False,
    mode: Mode = "sync",
) -> tuple[Run, bool]:
    """A new run and True, or the one of its mode that is under way and False. A dry run is in nobody's way, and
    nobody in its."""
    with transaction(organization_id):
        run, created = _make(organization_id, actor, connector_id, kind, clock, full=full, mode=mode)
    if created:
        _enqueue(run, clock)
    return run, created


def start_scheduled(stream: Stream, next_run_at: datetime, clock: Clock) -> Run | None:
    """The run of a stream that is due, and its next time, in one transaction: killed in between, neither is lost.
    None where another scheduler was first. Raises `Conflict` where it can't start now; it is due as before then."""
    with transaction(stream.organization_id):
        if not streams.take_due(stream, next_run_at=next_run_at):
            return None
        run, created = _make(
            stream.organization_id, SYSTEM, stream.connector_id, stream.kind, clock, trigger="periodic"
        )
        if not created:
            raise Conflict("A run of this stream is under way.")
    _enqueue(run, clock)
    return run


def _make(
    organization_id: UUID,
    actor: Actor,
    connector_id: UUID,
    kind: str,
    clock: Clock,
    *,
    full: bool = False,
    mode: Mode = "sync",
    trigger: str = "manual",
) -> tuple[Run, bool]:
    connector = connectors.get(organization_id, connector_id)
    stream = streams.get(organization_id, connector_id, kind)
    _require_enabled(connector, stream)
    if mode == "sync":
        _require_no_other(organization_id, stream, clock)
    run, created = runs.create(
        organization_id,
        connector_id=connector.id,
        stream_id=stream.id,
        kind=kind,
        actor=actor.record(),
        settings=Frozen.record(connector, stream),
        now=clock.now(),
        mode=mode,
        trigger=trigger,
        full=full,
    )
    if created:
        detail = {"kind": kind, "mode": mode, "full": full}
        _note(organization_id, actor, "run.requested", run, clock.now(), detail)
    return run, created


def retry_rows(organization_id: UUID, actor: Actor, run_id: UUID, reason: str | None, clock: Clock) -> Run:
    """Applies rows that a run skipped or rejected once more, under the stream's settings of now."""
    with transaction(organization_id):
        earlier = runs.get(organization_id, run_id)
        if earlier.mode == "dry_run" or earlier.trigger == "undo":
            raise Conflict("Only the rows of a sync can be retried.")
        if earlier.status in OPEN:
            raise Conflict("This run is still under way; its rows can be retried once it has ended.")
        if earlier.stream_id is None:
            raise NotFound("stream")
        connector = connectors.get(organization_id, earlier.connector_id)
        stream = streams.get(organization_id, earlier.connector_id, earlier.kind)
        _require_enabled(connector, stream)
        if _under_way(organization_id, stream.id, clock) is not None:
            raise Conflict("A run of this stream is under way; retry its rows once that has ended.")
        run, _ = runs.create(
            organization_id,
            connector_id=connector.id,
            stream_id=stream.id,
            kind=earlier.kind,
            actor=actor.record(),
            settings=Frozen.record(connector, stream)
            | {"retry_reason": reason, "first_run": str(retrying.first_run(earlier))},
            now=clock.now(),
            trigger="retry",
            of_run=earlier.id,
        )
        detail = {"of_run": str(earlier.id), "reason": reason}
        _note(organization_id, actor, "run.rows_retried", run, clock.now(), detail)
    _enqueue(run, clock)
    return run


def apply_dry_run(organization_id: UUID, actor: Actor, run_id: UUID, clock: Clock) -> tuple[Run, bool]:
    """A sync over the window that a dry run read, decided anew, and True; or the one that does so already."""
    with transaction(organization_id):
        dry = runs.get(organization_id, run_id)
        if dry.mode != "dry_run":
            raise Conflict("This is no dry run; what it did has been done.")
        if dry.status != "succeeded":
            raise Conflict(f"Only a dry run that succeeded can be applied; this one is {dry.status}.")
        if dry.stream_id is None:
            raise NotFound("stream")
        connector = connectors.get(organization_id, dry.connector_id)
        stream = streams.get(organization_id, dry.connector_id, dry.kind)
        _require_enabled(connector, stream)
        under_way = _under_way(organization_id, stream.id, clock)
        if under_way is not None and under_way.of_run == dry.id:
            return under_way, False
        if under_way is not None:
            raise Conflict("A run of this stream is under way; apply the dry run once that has ended.")
        if not Frozen.load(dry.settings).still_holds(stream):
            raise Conflict(
                "The stream's settings have changed since this dry run, or a run was undone; make another one.",
                code="settings_changed",
            )
        previewed = {"window": dry.progress["window"], "counts": dry.counts}
        run, _ = runs.create(
            organization_id,
            connector_id=connector.id,
            stream_id=stream.id,
            kind=dry.kind,
            actor=actor.record(),
            settings=Frozen.record(connector, stream) | {"previewed": previewed},
            now=clock.now(),
            full=dry.full,
            of_run=dry.id,
            preview={"run_id": str(dry.id), "differs": {}},
        )
        _note(organization_id, actor, "run.dry_run_applied", run, clock.now(), {"of_run": str(dry.id)})
    _enqueue(run, clock)
    return run, True


def undo(organization_id: UUID, actor: Actor, run_id: UUID, clock: Clock) -> Run:
    """Takes back what a run changed, as a run of its own."""
    now = clock.now()
    with transaction(organization_id):
        earlier = runs.get(organization_id, run_id)
        _require_undoable(organization_id, earlier, clock)
        run, _ = runs.create(
            organization_id,
            connector_id=earlier.connector_id,
            stream_id=earlier.stream_id,
            kind=earlier.kind,
            actor=actor.record(),
            settings=earlier.settings,
            now=now,
            trigger="undo",
            of_run=earlier.id,
        )
        _note(organization_id, actor, "run.undone", run, now, {"of_run": str(earlier.id)})
    _enqueue(run, clock)
    return run


def _require_undoable(organization_id: UUID, run: Run, clock: Clock) -> None:
    if run.mode == "dry_run":
        raise Conflict("A dry run changed nothing, so there is nothing to undo.")
    if run.trigger == "undo":
        raise Conflict("An undo can't be undone. Sync again to have the changes back.")
    if run.status in OPEN or run.finished_at is None:
        raise Conflict("This run is still under way; cancel it, or undo it once it has ended.")
    if clock.now() - run.finished_at > UNDO_WITHIN:
        raise Conflict(
            f"A run can be undone within {limits.UNDO_DAYS} days; this one is older.", code="too_late"
        )
    if reversal.undone(organization_id, run.id):
        raise Conflict("This run has been undone already.", code="already_undone")
    if run.stream_id is not None and _under_way(organization_id, run.stream_id, clock) is not None:
        raise Conflict("A run of this stream is under way; undo once that has ended.")


def cancel(organization_id: UUID, actor: Actor, run_id: UUID, clock: Clock) -> Run:
    """A queued run is over at once, a running one within moments; rows already applied stay."""
    with transaction(organization_id):
        before = runs.get(organization_id, run_id)
        if before.status not in OPEN:
            raise Conflict(f"This run has already ended ({before.status}).")
        run = runs.cancel(organization_id, run_id, now=clock.now())
        _note(organization_id, actor, "run.cancelled", run, clock.now())
    return run


def accept(organization_id: UUID, actor: Actor, run_id: UUID, clock: Clock) -> Run:
    """Takes a suspicious run's word, as if it were complete: its watermark moves, and of a full one, what it didn't see
    is gone at the source."""
    now = clock.now()
    with transaction(organization_id):
        run = runs.get(organization_id, run_id)
        if not runs.accept(organization_id, run_id, now=now):
            raise Conflict("Only a suspicious run can be accepted, and only once.")
        if run.stream_id is not None and run.trigger != "retry":
            _take_as_complete(organization_id, run, now)
        _note(organization_id, actor, "run.accepted", run, now, {"reasons": run.verdict_reasons})
        return runs.get(organization_id, run_id)


def _take_as_complete(organization_id: UUID, run: Run, now: datetime) -> None:
    stream = streams.get(organization_id, run.connector_id, run.kind)
    place: dict[str, Any] = run.progress
    if not Frozen.load(run.settings).still_holds(stream):
        raise Conflict(
            "The stream's settings have changed since this run, so its watermark means nothing now."
        )
    closing = completed(
        datetime.fromisoformat(place["first_started_at"]), full=place["full"], rows=place["rows"]
    )
    if stream.watermark is not None and closing.watermark and stream.watermark >= closing.watermark:
        return
    kept: dict[str, Any] = {"watermark": closing.watermark, "last_completed_at": now}
    if place["full"]:
        left_out = periodic.named(place["scope"])
        needs_full = periodic.passed_over(organization_id, Frozen.load(run.settings).stream, left_out)
        kept |= {"needs_full": needs_full, "last_full_rows": closing.last_full_rows}
        if run.trigger == "manual" and stream.paused == "undo":
            kept["paused"] = ""
        missing = runs.take_missing(organization_id, stream.id, run.id)
        if missing is not None:
            read_at = ids.made_at(run.id)
            numbers = BitMap.deserialize(missing)
            records.mark_missing(organization_id, stream.id, numbers, read_at=read_at, now=now)
    if ABOUT[Frozen.load(run.settings).kind].waits:
        began = datetime.fromisoformat(place["first_started_at"])
        kept |= waited.after_run(organization_id, stream.id, full=place["full"], since=began)
    streams.change(organization_id, stream.id, **kept)


def link_row(
    organization_id: UUID, actor: Actor, run_id: UUID, position: int, account_id: UUID, clock: Clock
) -> None:
    """Settles for good which account an ambiguous row means; a retry then takes it."""
    with transaction(organization_id):
        run = runs.get(organization_id, run_id)
        row = ledger.row(organization_id, run_id, position)
        if row.reason != "ambiguous_match":
            raise Conflict("Only a row that could be several accounts can be settled.")
        frozen = Frozen.load(run.settings)
        found, _ = accounts.candidates(
            organization_id, connector_id=run.connector_id, account_ids=[account_id]
        )
        if not found or found[0].deleted:
            raise NotFound("account")
        accounts.link(
            organization_id,
            connector_id=run.connector_id,
            key=ABOUT[frozen.kind].link_key(frozen.stream, row.record or {}),
            account_id=account_id,
            now=clock.now(),
        )
        detail = {"position": position, "account_id": str(account_id)}
        _note(organization_id, actor, "run.row_linked", run, clock.now(), detail)


def _require_enabled(connector: Connector, stream: Stream) -> None:
    if not connector.enabled:
        raise Conflict(f"The connector {connector.name} is disabled; enable it to sync.", code="disabled")
    if not stream.enabled:
        raise Conflict(
            f"The {stream.kind} stream of {connector.name} is disabled; enable it to sync.", code="disabled"
        )


def take_waiting(clock: Clock, organization_id: UUID | None = None) -> list[Run]:
    """Contacts whose account has appeared are taken by a run of their own, wherever nothing else is under way. None:
    those of all organizations."""
    made: list[Run] = []
    for stream in waiting.streams_called(organization_id, now=clock.now()):
        # Deleted or disabled since.
        with suppress(Conflict, NotFound):
            run, created = _make_taking(stream.organization_id, stream.id, clock)
            if created:
                _enqueue(run, clock)
                made.append(run)
    return made


def _make_taking(organization_id: UUID, stream_id: UUID, clock: Clock) -> tuple[Run, bool]:
    with transaction(organization_id):
        stream = streams.by_id(organization_id, stream_id)
        connector = connectors.get(organization_id, stream.connector_id)
        _require_enabled(connector, stream)
        run, created = runs.create(
            organization_id,
            connector_id=connector.id,
            stream_id=stream.id,
            kind=stream.kind,
            actor=SYSTEM.record(),
            settings=Frozen.record(connector, stream),
            now=clock.now(),
            trigger="retry",
        )
        if created:
            detail = {"kind": stream.kind, "waiting": True}
            _note(organization_id, SYSTEM, "run.requested", run, clock.now(), detail)
        return run, created


def _under_way(organization_id: UUID, stream_id: UUID, clock: Clock) -> Run | None:
    """The stream's run, unless it only takes contacts that waited: that makes way for what somebody asks for, and what
    it hasn't taken yet waits until then."""
    run = runs.open_run(organization_id, stream_id, "sync")
    if run is None or run.trigger != "retry" or run.of_run is not None:
        return run
    runs.end_open(organization_id, stream_id, now=clock.now(), mode="sync")
    return None


def _require_no_other(organization_id: UUID, stream: Stream, clock: Clock) -> None:
    run = _under_way(organization_id, stream.id, clock)
    if run is not None and run.trigger in ("retry", "undo"):
        raise Conflict(f"A run that {_DOING[run.trigger]} is under way; sync once it has ended.")


_DOING = {"retry": "retries rows", "undo": "undoes an earlier one"}


def _note(
    organization_id: UUID,
    actor: Actor,
    verb: str,
    run: Run,
    now: datetime,
    detail: dict[str, Any] | None = None,
) -> None:
    about = (detail or {}) | {"connector_id": str(run.connector_id)}
    audit.record(organization_id, actor, verb, run.id, now=now, detail=about)


def _enqueue(run: Run, clock: Clock) -> None:
    """Where no worker is alive, the next one finds the run when it starts; the queue takes half a second to load."""
    if not workers.alive(clock.now()):
        return
    try:
        jobs.enqueue(installation().jobs_url, str(run.id))
    except RetryLater as error:
        # A worker's sweep finds the run within seconds.
        log.info("not_enqueued", run_id=str(run.id), reason=error.detail)
