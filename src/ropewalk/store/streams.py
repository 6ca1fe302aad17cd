"""Streams: their settings, their schedule, and where the next run reads from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from ropewalk.core.errors import NotFound
from ropewalk.core.values import JSON
from ropewalk.store import connectors, records, secrets
from ropewalk.store.ids import new_id
from ropewalk.store.models import Run, Stream
from ropewalk.store.models.runs import OPEN
from ropewalk.store.transactions import transaction

SETTABLE = frozenset(
    (
        "settings", "enabled", "baseline", "tested_at", "periodic", "every_minutes", "next_run_at",
        "not_before", "auth_failures", "paused", "watermark", "last_full_rows", "last_completed_at", "chain",
        "chain_seen", "needs_full",
    )
)  # fmt: skip


def get(organization_id: UUID, connector_id: UUID, kind: str) -> Stream:
    found = _mine(organization_id).filter(connector_id=connector_id, kind=kind).first()
    if found is None:
        raise NotFound("stream")
    return found


def by_id(organization_id: UUID, stream_id: UUID) -> Stream:
    found = _mine(organization_id).filter(id=stream_id).first()
    if found is None:
        raise NotFound("stream")
    return found


def of_connector(organization_id: UUID, connector_id: UUID) -> list[Stream]:
    return list(_mine(organization_id).filter(connector_id=connector_id).order_by("kind"))


def every(organization_id: UUID) -> list[Stream]:
    return list(_mine(organization_id).order_by("connector_id", "kind"))


def of_events(organization_id: UUID) -> list[Stream]:
    """Every event stream of a connector that is there, with its connector."""
    found = _mine(organization_id).filter(kind="events", connector__deleted_at=None)
    return list(found.select_related("connector").defer("chain", "chain_seen").order_by("connector_id"))


def settings_now(stream: Stream) -> dict[str, Any]:
    """With what is not only changed by saving them: whether it is on, and where it has one its schedule."""
    now = {**stream.settings, "enabled": stream.enabled}
    if "schedule" in now:
        now["schedule"] = {"periodic": stream.periodic, "every_minutes": stream.every_minutes}
    return now


def put(
    organization_id: UUID,
    *,
    connector_id: UUID,
    kind: str,
    settings: Mapping[str, JSON],
    baseline: str,
    reset: bool,
    now: datetime,
    **values: Any,
) -> Stream:
    """`reset`: the next run is a full one that heeds nothing of before. `values` are other columns to set."""
    _check(values)
    with transaction(organization_id):
        connectors.of_run(organization_id, connector_id)
        found = _mine(organization_id).filter(connector_id=connector_id, kind=kind).first()
        if found is None:
            found = Stream(
                id=new_id(),
                organization_id=organization_id,
                connector_id=connector_id,
                kind=kind,
                created_at=now,
            )
        found.settings = dict(settings)
        found.baseline = baseline
        found.updated_at = now
        for name, value in values.items():
            setattr(found, name, value)
        if reset:
            _start_over(found)
        found.save()
    return found


def reset_baseline(organization_id: UUID, stream_id: UUID) -> None:
    """The next run is a full one that compares every record."""
    with transaction(organization_id):
        found = by_id(organization_id, stream_id)
        _start_over(found)
        found.save()


def _start_over(stream: Stream) -> None:
    stream.watermark = stream.last_full_rows = stream.chain = stream.chain_seen = None
    stream.needs_full = True
    stream.resets += 1


def change(organization_id: UUID, stream_id: UUID, **values: Any) -> None:
    """Sets columns; a run calls it inside its own last transaction."""
    _check(values)
    if not _mine(organization_id).filter(id=stream_id).update(**values):
        raise NotFound("stream")


def read_in_full(organization_id: UUID, stream_ids: Sequence[UUID]) -> None:
    """The next run of each is a full one."""
    _mine(organization_id).filter(id__in=stream_ids).update(needs_full=True)


def change_if_baseline(organization_id: UUID, stream_id: UUID, baseline: str, **values: Any) -> bool:
    """As `change`, but only while the settings that a run froze are still the current ones."""
    _check(values)
    return bool(_mine(organization_id).filter(id=stream_id, baseline=baseline).update(**values))


def _check(values: Mapping[str, Any]) -> None:
    if unknown := values.keys() - SETTABLE:
        raise TypeError(f"a stream has no {', '.join(sorted(unknown))}")


def delete(organization_id: UUID, connector_id: UUID, kind: str) -> None:
    """Its secrets and its memory of records go; its runs and what they wrote stay."""
    with transaction(organization_id):
        found = get(organization_id, connector_id, kind)
        records.drop(organization_id, found.id)
        secrets.erase(organization_id, connector_id=connector_id, stream_id=found.id)
        found.delete()


def due(now: datetime, *, limit: int = 100) -> list[Stream]:
    """Of all organizations, whatever a schedule wants run by now, and isn't running."""
    under_way = Run.objects.filter(stream_id=OuterRef("id"), mode="sync", status__in=OPEN)
    wanted = Stream.objects.filter(
        ~Exists(under_way),
        Q(not_before=None) | Q(not_before__lte=now),
        periodic=True,
        enabled=True,
        paused="",
        next_run_at__lte=now,
        connector__enabled=True,
        connector__deleted_at=None,
    )
    return list(wanted.order_by("next_run_at", "id")[:limit])


def take_due(stream: Stream, *, next_run_at: datetime) -> bool:
    """Of several schedulers that saw a stream due, one is answered True."""
    found = Stream.objects.filter(id=stream.id, next_run_at=stream.next_run_at)
    return bool(found.update(next_run_at=next_run_at))


def _mine(organization_id: UUID) -> QuerySet[Stream, Stream]:
    return Stream.objects.filter(organization_id=organization_id)
