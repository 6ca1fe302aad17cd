"""A numeric field's history as a line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from django.utils import timezone
from msgspec.structs import replace

from ropewalk.store.models import Change
from ropewalk.web import charts
from ropewalk.web.charts import Chart, Series

_POINTS: Final = 90
_LARGEST: Final = 1e100
_DAY: Final = timedelta(days=1)


def chart(label: str, name: str, newest_first: Sequence[Change], now: datetime) -> Chart | None:
    """Day by day (or several days by several), the value that held at its end; within two days, change by change. None
    where fewer than two numbers are known."""
    points = [
        (change.at, value)
        for change in reversed(newest_first)
        if _is_drawn(value := change.fields[name].get("new"))
    ]
    if len(points) < 2:
        return None
    unit, drawn = ("Time", _each(points)) if points[-1][0] - points[0][0] < 2 * _DAY else _daily(points, now)
    first, last = points[0], points[-1]
    values = [value for _, value in points]
    described = (
        f"From {charts.told(first[1])} on {_day(first[0])} to {charts.told(last[1])}, between"
        f" {charts.told(min(values))} and {charts.told(max(values))}."
    )
    made = charts.line(
        label, described, [text for text, _ in drawn], Series(label, [one for _, one in drawn])
    )
    return replace(made, unit=unit)


def _is_drawn(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


def _each(points: Sequence[tuple[datetime, float]]) -> list[tuple[str, float]]:
    local = [(timezone.localtime(at), value) for at, value in points[-_POINTS:]]
    return [(f"{at.day} {at:%b, %H:%M}", value) for at, value in local]


def _daily(points: Sequence[tuple[datetime, float]], now: datetime) -> tuple[str, list[tuple[str, float]]]:
    first = timezone.localtime(points[0][0]).date()
    days = (timezone.localtime(now).date() - first).days + 1
    step = ceil(days / _POINTS)
    drawn, place, value = [], 0, points[0][1]
    for number in range(0, days, step):
        begins = first + number * _DAY
        while place < len(points) and timezone.localtime(points[place][0]).date() < begins + step * _DAY:
            value = points[place][1]
            place += 1
        drawn.append((f"{begins.day} {begins:%b %Y}", value))
    return ("Day" if step == 1 else f"{step} days from"), drawn


def _day(moment: datetime) -> str:
    local = timezone.localtime(moment)
    return f"{local.day} {local:%B %Y}"
