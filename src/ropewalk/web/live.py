"""A part of a page that follows a run: it asks for itself every second while the run goes, and once it has ended for the
whole page, which then stands still. What it asks is an address like any other, so that it outlives a restart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.http import HttpResponse
from msgspec import Struct

from ropewalk.core.counts import OUTCOMES
from ropewalk.core.pace import Pace
from ropewalk.engine.runs import report
from ropewalk.store.models import Run
from ropewalk.store.models.runs import OPEN
from ropewalk.web import pages, runtexts
from ropewalk.web.access import Signed

PARAMETER: Final = "live"


class Going(Struct, frozen=True):
    """A run under way."""

    run: Run
    title: str
    tone: str
    words: str
    pace: Pace
    seconds: float
    left: str
    waits_for_worker: bool
    outcomes: Sequence[tuple[str, int]]


def going(run: Run, now: datetime) -> Going:
    pace = report.pace_of(run, now)
    left = "" if not pace.seconds_left else runtexts.about(pace.seconds_left)
    return Going(
        run,
        runtexts.title(run),
        *runtexts.badge(run),
        pace,
        report.seconds(run, now) or 0.0,
        left,
        report.waits_for_worker(run, now),
        [(name, run.counts[name]) for name in OUTCOMES if run.counts.get(name)],
    )


def asked_for(request: Signed) -> str:
    """The id of the run that a page follows; empty where somebody asks for the page itself."""
    return request.GET.get(PARAMETER, "") if request.htmx else ""


def fragment(request: Signed, run: Run, now: datetime) -> HttpResponse:
    return pages.render(request, "ropewalk/parts/run_live.html", {"each": going(run, now)})


def is_open(run: Run) -> bool:
    return run.status in OPEN


def in_place(answer: HttpResponse) -> HttpResponse:
    """The whole page, in place of what stands between its frame."""
    answer["HX-Retarget"] = answer["HX-Reselect"] = "#main"
    answer["HX-Reswap"] = "outerHTML"
    return answer
