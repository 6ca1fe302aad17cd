"""Runs: their rows are the truth; a worker holds one by its lease."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.db import transaction as django_transaction
from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from msgspec import Struct

from ropewalk.core.errors import GiveUp, NotFound
from ropewalk.core.values import JSON
from ropewalk.store import pages
from ropewalk.store.ids import new_id
from ropewalk.store.models import Run, RunState, Worker
from ropewalk.store.models.runs import OPEN
from ropewalk.store.pages import Listing
from ropewalk.store.transactions import transaction

SILENT_SECONDS = 30
_PROGRESS = {
    *("counts", "reasons", "notices", "contacts", "filtered", "pages", "restarts", "expected_total"),
    *("progress", "since", "full", "preview"),
}


class LeaseLost(GiveUp):
    def __init__(self, run_id: UUID) -> None:
        super().__init__(
            "lease_lost", "Another worker has taken this run over, or it has ended.", detail=f"run {run_id}"
        )


class Resumable(Struct, frozen=True):
    """What a run goes on from: None and b"" at its start."""

    checkpoint: Any
    seen: bytes


def create(
    organization_id: UUID,
    *,
    connector_id: UUID,
    stream_id: UUID | None,
    kind: str,
    actor: JSON,
    settings: JSON,
    now: datetime,
    mode: str = "sync",
    trigger: str = "manual",
    full: bool = False,
    of_run: UUID | None = None,
    preview: JSON = None,
    run_id: UUID | None = None,
) -> tuple[Run, bool]:
    """A new queued run and True, or the open run of that stream and mode and False. `stream_id` None: it was
    deleted, and something of it is undone."""
    with transaction(organization_id):
        there = None if stream_id is None else open_run(organization_id, stream_id, mode)
        if there is not None:
            return there, False
        run = Run.objects.create(
            id=run_id or new_id(),
            organization_id=organization_id,
            connector_id=connector_id,
            stream_id=stream_id,
            kind=kind,
            mode=mode,
            trigger=trigger,
            full=full,
            of_run=of_run,
            preview=preview,
            actor=actor,
            settings=settings,
            created_at=now,
        )
        RunState.objects.create(run=run)
    return run, True


def get(organization_id: UUID, run_id: UUID) -> Run:
    run = Run.objects.filter(organization_id=organization_id, id=run_id).first()
    if run is None:
        raise NotFound("run")
    return run


def open_run(organization_id: UUID, stream_id: UUID, mode: str | None = None) -> Run | None:
    found = Run.objects.filter(organization_id=organization_id, stream_id=stream_id, status__in=OPEN)
    return (found.filter(mode=mode) if mode else found).order_by("id").first()


def last_of(organization_id: UUID, connector_ids: Sequence[UUID]) -> dict[UUID, Run]:
    """The newest run of each connector that has one."""
    mine = Run.objects.filter(organization_id=organization_id, connector_id__in=connector_ids)
    place = Window(RowNumber(), partition_by=F("connector_id"), order_by=F("id").desc())
    return {run.connector_id: run for run in mine.annotate(place=place).filter(place=1)}


def listing(
    organization_id: UUID,
    *,
    connector_id: UUID | None = None,
    stream_id: UUID | None = None,
    kind: str | None = None,
    status: str | None = None,
    mode: str | None = None,
    limit: int = pages.LIMIT,
    cursor: str | None = None,
) -> Listing[Run]:
    """Newest first."""
    named = {
        "connector_id": connector_id,
        "stream_id": stream_id,
        "kind": kind,
        "status": status,
        "mode": mode,
    }
    found = Run.objects.filter(
        organization_id=organization_id, **{name: value for name, value in named.items() if value is not None}
    )
    return pages.newest_first(found, limit=limit, cursor=cursor)


def under_way(organization_id: UUID, connector_id: UUID) -> list[Run]:
    """The open runs of a connector's streams, of each mode at most one a stream."""
    found = Run.objects.filter(organization_id=organization_id, connector_id=connector_id, status__in=OPEN)
    return list(found.order_by("id"))


def past(organization_id: UUID, connector_id: UUID, *, a_stream: int) -> dict[UUID, list[Run]]:
    """Of each stream of a connector the last syncs that have ended, the oldest first."""
    ended = Run.objects.filter(
        organization_id=organization_id, connector_id=connector_id, mode="sync", finished_at__isnull=False
    )
    place = Window(RowNumber(), partition_by=F("stream_id"), order_by=F("id").desc())
    found = ended.filter(stream_id__isnull=False).annotate(place=place).filter(place__lte=a_stream)
    answer: dict[UUID, list[Run]] = {}
    for run in found.defer("progress").order_by("id"):
        answer.setdefault(cast(UUID, run.stream_id), []).append(run)
    return answer


def followers(organization_id: UUID, run: Run, *, limit: int = 10) -> list[Run]:
    """The runs that undo it, apply it or retry its rows, the newest first."""
    later = Run.objects.filter(
        organization_id=organization_id, connector_id=run.connector_id, id__gt=run.id, of_run=run.id
    )
    return list(later.defer("progress").order_by("-id")[:limit])


def claim(run_id: UUID, *, worker: str, lease: UUID, now: datetime) -> Run:
    """Takes an open run, also from a worker that is silent or gone: that one's lease is void from here on."""
    with django_transaction.atomic():
        others = _alive(now).exclude(id=worker)
        found = Run.objects.filter(id=run_id, status__in=OPEN).exclude(
            status="running", worker__in=others.values("id")
        )
        if not found.update(status="running", worker=worker, lease=lease):
            raise LeaseLost(run_id)
        Run.objects.filter(id=run_id, started_at=None).update(started_at=now)
        return Run.objects.get(id=run_id)


def resumable(run_id: UUID) -> Resumable:
    state = RunState.objects.filter(run_id=run_id).first()
    if state is None:
        return Resumable(None, b"")
    return Resumable(state.checkpoint, bytes(state.seen or b""))


def progress(
    run_id: UUID,
    *,
    lease: UUID,
    checkpoint: JSON = None,
    seen: bytes | None = None,
    **values: Any,
) -> None:
    """The last statement of every batch. Raises `LeaseLost` where the run is no longer held by `lease`.

    `values` are columns of the run: counts, reasons, notices, pages …"""
    unknown = values.keys() - _PROGRESS
    if unknown:
        raise TypeError(f"a run's progress has no {', '.join(sorted(unknown))}")
    _hold(run_id, lease, values or {"status": "running"})
    state: dict[str, Any] = {"checkpoint": checkpoint} if checkpoint is not None else {}
    if seen is not None:
        state["seen"] = seen
    if state:
        RunState.objects.filter(run_id=run_id).update(**state)


def finish(
    run_id: UUID,
    *,
    lease: UUID,
    status: str,
    now: datetime,
    verdict: str | None = None,
    verdict_reasons: Sequence[str] = (),
    error: Mapping[str, JSON] | None = None,
    **values: Any,
) -> None:
    """Raises `LeaseLost` as `progress` does. Its place is forgotten; a truncated chain's is the stream's."""
    unknown = values.keys() - _PROGRESS
    if unknown:
        raise TypeError(f"a run has no {', '.join(sorted(unknown))}")
    with django_transaction.atomic():
        _hold(
            run_id,
            lease,
            {
                **values,
                "status": status,
                "verdict": verdict,
                "verdict_reasons": list(verdict_reasons),
                "error": error,
                "finished_at": now,
                "lease": None,
            },
        )
        RunState.objects.filter(run_id=run_id).delete()


def keep_missing(stream_id: UUID, run_id: UUID, missing: bytes | None) -> None:
    """After its `finish`, of a run that may be accepted. Whatever runs before it missed is out of date."""
    RunState.objects.filter(run__stream_id=stream_id, missing__isnull=False).delete()
    if missing is not None:
        RunState.objects.create(run_id=run_id, missing=missing)


def take_missing(organization_id: UUID, stream_id: UUID, run_id: UUID) -> bytes | None:
    """None where it missed nothing that it may say, or another run has read the stream since."""
    kept = RunState.objects.filter(
        run__organization_id=organization_id, run_id=run_id, missing__isnull=False
    ).first()
    later = Run.objects.filter(stream_id=stream_id, mode="sync", id__gt=run_id, started_at__isnull=False)
    if kept is None or kept.missing is None or later.exclude(trigger="retry").exists():
        return None
    kept.delete()
    return bytes(kept.missing)


def _hold(run_id: UUID, lease: UUID, values: Mapping[str, Any]) -> None:
    if Run.objects.filter(id=run_id, lease=lease, status="running").update(**values) != 1:
        raise LeaseLost(run_id)


def cancel(organization_id: UUID, run_id: UUID, *, now: datetime) -> Run:
    """A queued run is over at once, a running one at its next batch, a finished one stays as it is."""
    with transaction(organization_id):
        mine = Run.objects.filter(organization_id=organization_id, id=run_id)
        mine.filter(status="queued").update(status="cancelled", cancel_requested=True, finished_at=now)
        mine.filter(status="running").update(cancel_requested=True)
        return get(organization_id, run_id)


def end_open(organization_id: UUID, stream_id: UUID, *, now: datetime, mode: str | None = None) -> None:
    """Where the stream itself goes: its runs are over at once, and whoever carries one out can commit no more."""
    mine = Run.objects.filter(organization_id=organization_id, stream_id=stream_id, status__in=OPEN)
    mine = mine if mode is None else mine.filter(mode=mode)
    ended = list(mine.values_list("id", flat=True))
    mine.update(status="cancelled", cancel_requested=True, finished_at=now, lease=None)
    RunState.objects.filter(run_id__in=ended).delete()


def cancel_requested(run_ids: Collection[UUID]) -> list[UUID]:
    """Those of the runs, which one worker holds, that somebody wants to end."""
    if not run_ids:
        return []
    return list(Run.objects.filter(id__in=run_ids, cancel_requested=True).values_list("id", flat=True))


def accept(organization_id: UUID, run_id: UUID, *, now: datetime) -> bool:
    """False where it is no suspicious run, or was accepted before."""
    found = Run.objects.filter(
        organization_id=organization_id, id=run_id, mode="sync", verdict="suspicious", accepted_at=None
    )
    return bool(found.update(accepted_at=now))


def queued(*, limit: int = 100) -> list[UUID]:
    """Of all organizations, the oldest first: the sweep sees to it that each has a job."""
    return list(Run.objects.filter(status="queued").order_by("id").values_list("id", flat=True)[:limit])


def abandoned(now: datetime, *, limit: int = 100) -> list[Run]:
    """Running ones whose worker is silent or gone."""
    held = Run.objects.filter(status="running")
    return list(held.filter(Q(worker=None) | ~Q(worker__in=_alive(now).values("id"))).order_by("id")[:limit])


def _alive(now: datetime) -> QuerySet[Worker]:
    return Worker.objects.filter(heartbeat_at__gte=now - timedelta(seconds=SILENT_SECONDS))
