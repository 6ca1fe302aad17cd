"""What people and clocks ask of runs. Each verb is one transaction with its audit entry; the job follows it."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import structlog
from pydantic import StrictBool
from pyroaring import BitMap

from ropewalk.core.actors import SYSTEM, Actor
from ropewalk.core.checking import Settings
from ropewalk.core.errors import Conflict, MustFix, NotFound, Problem, RetryLater
from ropewalk.core.reasons import REJECTED, SKIPPED
from ropewalk.core.window import completed
from ropewalk.engine import jobs
from ropewalk.engine.clock import Clock
from ropewalk.engine.connectors.frozen import Frozen
from ropewalk.engine.operated import installation
from ropewalk.engine.runs import conditions, periodic, retrying, waited
from ropewalk.engine.runs.subjects import ABOUT
from ropewalk.store import (
    accounts,
    audit,
    connectors,
    ids,
    ledger,
    records,
    runs,
    streams,
    waiting,
    workers,
)
from ropewalk.store.models import Connector, Run, Stream
from ropewalk.store.transactions import transaction

log = structlog.get_logger(__name__)

Mode = Literal["sync", "dry_run"]
_REASONS = (*SKIPPED, *REJECTED)


class RunRequest(Settings):
    """`dry_run`: what a sync would do, exactly, and nothing of it done. `full` says everything again, whatever has
    changed since."""

    mode: Mode
    full: StrictBool = False


class Retry(Settings):
    reason: Literal[_REASONS] | None = None  # type: ignore[valid-type]


class Choice(Settings):
    account_id: UUID


def request_run(
    organization_id: UUID,
    actor: Actor,
    connector_id: UUID,
    kind: str,
    clock: Clock,
    *,
    full: bool = False,
    mode: Mode = "sync",
    imported: bool = False,
) -> tuple[Run, bool]:
    """A new run and True, or the one of its mode that is under way and False. A dry run is in nobody's way, and
    nobody in its. `imported`: of a file, not of a connector."""
    find = connectors.get_import if imported else connectors.get
    with transaction(organization_id):
        connector = find(organization_id, connector_id)
        run, created = _make(connector, actor, kind, clock, full=full, mode=mode)
    if created:
        _enqueue(run, clock)
    return run, created


def start_scheduled(stream: Stream, next_run_at: datetime, clock: Clock) -> Run | None:
    """The run of a stream that is due, and its next time, in one transaction: killed in between, neither is lost.
    None where another scheduler was first. Raises `Conflict` where it can't start now; it is due as before then."""
    with transaction(stream.organization_id):
        if not streams.take_due(stream, next_run_at=next_run_at):
            return None
        connector = connectors.get(stream.organization_id, stream.connector_id)
        run, created = _make(connector, SYSTEM, stream.kind, clock, trigger="periodic")
        if not created:
            raise Conflict("A run of this stream is under way.")
    _enqueue(run, clock)
    return run


def _make(
    connector: Connector,
    actor: Actor,
    kind: str,
    clock: Clock,
    *,
    full: bool = False,
    mode: Mode = "sync",
    trigger: str = "manual",
) -> tuple[Run, bool]:
    organization_id = connector.organization_id
    if kind == "events":
        message = "An event stream is read live, when an account's events are looked at; it has no runs."
        raise MustFix("no_runs", message, [Problem("", message)])
    stream = streams.get(organization_id, connector.id, kind)
    if mode == "sync":
        conditions.can_sync(organization_id, connector, stream)
        _make_way(organization_id, stream.id, clock)
    else:
        conditions.enabled(connector, stream)
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
        connector, stream = conditions.can_retry(organization_id, earlier)
        _make_way(organization_id, stream.id, clock)
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
        connector, stream, under_way = conditions.can_apply(organization_id, dry)
        if under_way is not None:
            return under_way, False
        _make_way(organization_id, stream.id, clock)
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
        conditions.can_undo(organization_id, earlier, clock)
        if earlier.stream_id is not None:
            _make_way(organization_id, earlier.stream_id, clock)
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


def cancel(organization_id: UUID, actor: Actor, run_id: UUID, clock: Clock) -> Run:
    """A queued run is over at once, a running one within moments; rows already applied stay."""
    with transaction(organization_id):
        conditions.can_cancel(runs.get(organization_id, run_id))
        run = runs.cancel(organization_id, run_id, now=clock.now())
        _note(organization_id, actor, "run.cancelled", run, clock.now())
    return run


def accept(organization_id: UUID, actor: Actor, run_id: UUID, clock: Clock) -> Run:
    """Takes a suspicious run's word, as if it were complete: its watermark moves, and of a full one, what it didn't see
    is gone at the source."""
    now = clock.now()
    with transaction(organization_id):
        run = runs.get(organization_id, run_id)
        conditions.can_accept(organization_id, run)
        runs.accept(organization_id, run_id, now=now)
        if run.stream_id is not None and run.trigger != "retry":
            _take_as_complete(organization_id, run, now)
        _note(organization_id, actor, "run.accepted", run, now, {"reasons": run.verdict_reasons})
        return runs.get(organization_id, run_id)


def _take_as_complete(organization_id: UUID, run: Run, now: datetime) -> None:
    stream = streams.get(organization_id, run.connector_id, run.kind)
    place: dict[str, Any] = run.progress
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
        connector = connectors.of_run(organization_id, stream.connector_id)
        conditions.enabled(connector, stream)
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


def _make_way(organization_id: UUID, stream_id: UUID, clock: Clock) -> None:
    """Ends a run that only takes contacts that waited: what it hasn't taken yet waits for the next one."""
    run = runs.open_run(organization_id, stream_id, "sync")
    if run is not None and run.trigger == "retry" and run.of_run is None:
        runs.end_open(organization_id, stream_id, now=clock.now(), mode="sync")


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
