"""Home: how everything stands, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from django.http import HttpResponseBase

from ropewalk.engine import overview
from ropewalk.engine.operated import clock
from ropewalk.engine.overview import Day, Overview
from ropewalk.web import charts, pages, standings
from ropewalk.web.access import Signed, open_to
from ropewalk.web.charts import Chart, Series


@open_to("member")
def home(request: Signed) -> HttpResponseBase:
    found = overview.of(request.access.organization, clock())
    return pages.render(
        request,
        "ropewalk/home.html",
        {
            "overview": found,
            "steps": [standings.told(each) for each in found.steps] if request.access.is_admin else [],
            "standings": [(each, *standings.badge(each)) for each in found.standings],
            "accounts_chart": _accounts(found),
            "rows_chart": _rows(found.days),
        },
    )


def _accounts(found: Overview) -> Chart:
    first = found.days[0]
    return charts.line(
        "Accounts",
        f"From {first.accounts:,} on {_long(first.date)} to {found.accounts:,} today.",
        [_short(day.date) for day in found.days],
        Series("Accounts", [day.accounts for day in found.days]),
    )


def _rows(days: Sequence[Day]) -> Chart:
    busiest = max(days, key=lambda day: day.synced)
    return charts.bars(
        "Rows synced",
        f"{sum(day.synced for day in days):,} in {len(days)} days, most on {_long(busiest.date)}."
        if busiest.synced
        else f"None in {len(days)} days.",
        [_short(day.date) for day in days],
        [
            Series("Created or updated", [day.rows["created"] + day.rows["updated"] for day in days]),
            Series("Unchanged", [day.rows["unchanged"] for day in days]),
            Series("Skipped or rejected", [day.rows["skipped"] + day.rows["rejected"] for day in days]),
        ],
    )


def _short(day: date) -> str:
    return f"{day.day} {day:%b}"


def _long(day: date) -> str:
    return f"{day.day} {day:%B}"
