"""What has to hold so that something can be asked of a run. A verb of `requests` checks it before it acts, a page before
it offers the verb: each check raises `Conflict`, whose message is for whoever asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from ropewalk.core import limits
from ropewalk.core.errors import Conflict, NotFound
from ropewalk.engine.clock import Clock
from ropewalk.engine.connectors.frozen import Frozen
from ropewalk.store import connectors, reversal, runs, streams
from ropewalk.store.models import Connector, Run, Stream
from ropewalk.store.models.runs import OPEN

UNDO_WITHIN = timedelta(days=limits.UNDO_DAYS)
_DOING = {"retry": "retries rows", "undo": "undoes an earlier one"}


def why_not(check: Callable[[], object]) -> str:
    """Empty where nothing stands in the way."""
    try:
        check()
    except (Conflict, NotFound) as error:
        return error.message
    return ""


def enabled(connector: Connector, stream: Stream) -> None:
    if not connector.enabled:
        raise Conflict(f"The connector {connector.name} is disabled; enable it to sync.", code="disabled")
    if not stream.enabled:
        raise Conflict(
            f"The {stream.kind} stream of {connector.name} is disabled; enable it to sync.", code="disabled"
        )


def in_the_way(organization_id: UUID, stream_id: UUID) -> Run | None:
    """The stream's run, unless it only takes contacts that waited: that makes way for what somebody asks for."""
    run = runs.open_run(organization_id, stream_id, "sync")
    return None if run is None or (run.trigger == "retry" and run.of_run is None) else run


def can_sync(organization_id: UUID, connector: Connector, stream: Stream) -> None:
    enabled(connector, stream)
    run = in_the_way(organization_id, stream.id)
    if run is not None and run.trigger in _DOING:
        raise Conflict(f"A run that {_DOING[run.trigger]} is under way; sync once it has ended.")


def stream_of(organization_id: UUID, run: Run) -> tuple[Connector, Stream]:
    if run.stream_id is None:
        raise NotFound("stream")
    connector = connectors.of_run(organization_id, run.connector_id)
    return connector, streams.get(organization_id, run.connector_id, run.kind)


def can_cancel(run: Run) -> None:
    if run.status not in OPEN:
        raise Conflict(f"This run has already ended ({run.status}).")


def can_retry(organization_id: UUID, run: Run) -> tuple[Connector, Stream]:
    if run.mode == "dry_run" or run.trigger == "undo":
        raise Conflict("Only the rows of a sync can be retried.")
    if run.status in OPEN:
        raise Conflict("This run is still under way; its rows can be retried once it has ended.")
    connector, stream = stream_of(organization_id, run)
    enabled(connector, stream)
    if in_the_way(organization_id, stream.id) is not None:
        raise Conflict("A run of this stream is under way; retry its rows once that has ended.")
    return connector, stream


def can_apply(organization_id: UUID, dry: Run) -> tuple[Connector, Stream, Run | None]:
    """With the run that applies it already, where there is one."""
    if dry.mode != "dry_run":
        raise Conflict("This is no dry run; what it did has been done.")
    if dry.status != "succeeded":
        raise Conflict(f"Only a dry run that succeeded can be applied; this one is {dry.status}.")
    connector, stream = stream_of(organization_id, dry)
    enabled(connector, stream)
    under_way = in_the_way(organization_id, stream.id)
    if under_way is not None and under_way.of_run == dry.id:
        return connector, stream, under_way
    if under_way is not None:
        raise Conflict("A run of this stream is under way; apply the dry run once that has ended.")
    if not Frozen.load(dry.settings).still_holds(stream):
        raise Conflict(
            "The stream's settings have changed since this dry run, or a run was undone; make another one.",
            code="settings_changed",
        )
    return connector, stream, None


def can_undo(organization_id: UUID, run: Run, clock: Clock) -> None:
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
    if run.stream_id is not None and in_the_way(organization_id, run.stream_id) is not None:
        raise Conflict("A run of this stream is under way; undo once that has ended.")


def can_accept(organization_id: UUID, run: Run) -> None:
    if run.mode != "sync" or run.verdict != "suspicious" or run.accepted_at is not None:
        raise Conflict("Only a suspicious run can be accepted, and only once.")
    if run.stream_id is None or run.trigger == "retry":
        return
    stream = streams.get(organization_id, run.connector_id, run.kind)
    if not Frozen.load(run.settings).still_holds(stream):
        raise Conflict(
            "The stream's settings have changed since this run, so its watermark means nothing now."
        )
