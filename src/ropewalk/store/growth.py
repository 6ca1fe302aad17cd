"""How many accounts there are and were, and how many rows runs have brought, day by day. Never row by row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Sum
from django.db.models.fields import BigIntegerField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce, TruncDate
from msgspec import Struct

from ropewalk.core.counts import OUTCOMES
from ropewalk.store.database import id_column, rows_of
from ropewalk.store.ids import first_id
from ropewalk.store.models import Contact, Run


class Accounts(Struct, frozen=True):
    """`at` has as many as existed at each of the moments asked for, of those that still do."""

    at: list[int]
    now: int


def accounts(organization_id: UUID, moments: Sequence[datetime]) -> Accounts:
    """Ids grow with time and have an index, which answers this without reading one account."""
    bounds = [id_column(first_id(moment)) for moment in moments]
    mine = id_column(organization_id)
    whose = "FROM ropewalk_account WHERE organization_id = %s"
    counts = ", ".join([f"(SELECT count(*) {whose} AND id >= %s AND id < %s)"] * len(bounds))
    pieces: list[Any] = []
    for low, high in zip([id_column(UUID(int=0)), *bounds], bounds, strict=False):
        pieces += [mine, low, high]
    whole = f"(SELECT count(*) {whose})"
    [(*made, total)] = rows_of(f"SELECT {counts}, {whole}", [*pieces, mine])
    before = ", ".join(["count(CASE WHEN id < %s THEN 1 END)"] * len(bounds))
    [(*gone, deleted)] = rows_of(
        f"SELECT {before}, count(*) {whose} AND deleted_at IS NOT NULL", [*bounds, mine]
    )
    at, sum_of = [], 0
    for new, lost in zip(made, gone, strict=True):
        sum_of += new
        at.append(sum_of - lost)
    return Accounts(at, total - deleted)


def contacts(organization_id: UUID) -> int:
    return Contact.objects.filter(organization_id=organization_id).count()


def rows(organization_id: UUID, since: datetime, zone: ZoneInfo) -> dict[date, dict[str, int]]:
    """By day, in whose time zone they ended, and outcome."""
    runs = Run.objects.filter(
        organization_id=organization_id, id__gte=first_id(since), mode="sync", finished_at__isnull=False
    )
    number = BigIntegerField()
    sums: dict[str, Any] = {
        outcome: Coalesce(Sum(Cast(KT(f"counts__{outcome}"), number)), 0) for outcome in OUTCOMES
    }
    by_day = runs.annotate(day=TruncDate("finished_at", tzinfo=zone)).values("day").annotate(**sums)
    return {
        day: dict(zip(OUTCOMES, counts, strict=True))
        for day, *counts in by_day.order_by("day").values_list("day", *OUTCOMES)
    }
