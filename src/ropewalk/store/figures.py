"""Numbers of the whole installation for its operator: no organization's names or values are in them."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.db.models.fields import BigIntegerField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce
from msgspec import Struct, field

from ropewalk.core.counts import OUTCOMES
from ropewalk.store.models import Run, Worker


class Figures(Struct, frozen=True):
    """`rows` by outcome are those of the runs that are kept; `heartbeats` by worker, in seconds since the last."""

    runs: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    queued: int = 0
    oldest_queued: float = 0.0
    heartbeats: dict[str, float] = field(default_factory=dict)


def figures(now: datetime) -> Figures:
    syncs = Run.objects.filter(mode="sync")
    runs: Counter[str] = Counter()
    for status, count in syncs.values_list("status").annotate(count=Count("id")):
        runs[status] += count
    oldest = Run.objects.filter(status="queued").order_by("id").values_list("created_at", flat=True).first()
    return Figures(
        runs=dict(runs),
        rows=_rows(syncs),
        queued=Run.objects.filter(status="queued").count(),
        oldest_queued=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
        heartbeats={
            worker.id: max(0.0, (now - worker.heartbeat_at).total_seconds())
            for worker in Worker.objects.all()
        },
    )


def _rows(syncs: QuerySet[Run, Run]) -> dict[str, int]:
    number = BigIntegerField()
    sums: dict[str, Any] = {
        outcome: Coalesce(Sum(Cast(KT(f"counts__{outcome}"), number)), 0) for outcome in OUTCOMES
    }
    return dict(syncs.aggregate(**sums))
