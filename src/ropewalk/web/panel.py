"""A connector's own page: how each of its streams stands, live while it runs, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponseBase
from django.utils import timezone
from msgspec import Struct

from ropewalk.core.checking import check
from ropewalk.engine import overview
from ropewalk.engine.connectors import configure
from ropewalk.engine.operated import clock
from ropewalk.engine.runs import conditions, report, requests
from ropewalk.sources import REGISTRY
from ropewalk.store import connectors, runs, status
from ropewalk.store.models import Connector, Run, Stream
from ropewalk.store.status import StreamStatus
from ropewalk.web import charts, live, pages, runtexts, standings
from ropewalk.web.access import Access, Signed, open_to
from ropewalk.web.charts import Chart, Series
from ropewalk.web.live import Going
from ropewalk.web.runs import Line, line

PAST_RUNS: Final = 30
LISTED_RUNS: Final = 10


class Panel(Struct, frozen=True):
    """One stream. `why` says why it can't be synced now, and `ended` is how its last run came out."""

    stream: Stream
    status: StreamStatus
    tone: str
    words: str
    going: Sequence[Going]
    ended: Line | None
    why: str
    chart: Chart | None
    offers_schedule: bool


@open_to("member")
def page(request: Signed, connector_id: UUID) -> HttpResponseBase:
    organization_id = request.access.organization_id
    connector = connectors.get(organization_id, connector_id)
    now = clock().now()
    open_runs = runs.under_way(organization_id, connector_id)
    followed = next((run for run in open_runs if str(run.id) == live.asked_for(request)), None)
    if followed is not None:
        return live.fragment(request, followed, now)
    answer = pages.render(
        request, "ropewalk/connector.html", _context(request.access, connector, open_runs, now)
    )
    return live.in_place(answer) if live.asked_for(request) else answer


def _context(access: Access, connector: Connector, open_runs: Sequence[Run], now: datetime) -> dict[str, Any]:
    organization_id = connector.organization_id
    found = status.of_connector(organization_id, connector, now=now)
    past = runs.past(organization_id, connector.id, a_stream=PAST_RUNS)
    listed = runs.listing(organization_id, connector_id=connector.id, limit=LISTED_RUNS)
    return {
        "connector": connector,
        "source": REGISTRY[connector.source].name,
        "panels": [
            _panel(
                access,
                connector,
                stream,
                of_stream,
                [run for run in open_runs if run.stream_id == stream.id],
                past,
                now,
            )
            for stream, of_stream in found.streams
        ],
        "lines": [line(each, connector.name, now) for each in listed.items],
        "open_kinds": [
            kind
            for kind in REGISTRY[connector.source].kinds
            if kind not in {each.kind for each, _ in found.streams}
        ],
        "may_not": access.why_not("admin"),
    }


def _panel(
    access: Access,
    connector: Connector,
    stream: Stream,
    of_stream: StreamStatus,
    going: Sequence[Run],
    past: Mapping[UUID, Sequence[Run]],
    now: datetime,
) -> Panel:
    tone, words = standings.BADGES[overview.state(connector, stream, of_stream)]
    mine = past.get(stream.id, ())
    last = mine[-1] if mine else None
    why = access.why_not("admin") or conditions.why_not(
        lambda: conditions.can_sync(connector.organization_id, connector, stream)
    )
    complete = last is not None and last.verdict == "complete"
    return Panel(
        stream,
        of_stream,
        tone,
        words,
        [live.going(run, now) for run in going],
        line(last, connector.name, now) if last else None,
        why,
        _chart(mine),
        complete and not stream.periodic and not stream.paused and stream.enabled,
    )


def _chart(past: Sequence[Run]) -> Chart | None:
    if not past:
        return None
    took = sum(report.seconds(run, run.created_at) or 0.0 for run in past) / len(past)
    described = f"Rows of the last {len(past)} runs, {runtexts.duration(took)} each on average."
    if len(past) == 1:
        described = f"Rows of its only run so far, which took {runtexts.duration(took)}."

    def values(*names: str) -> list[float]:
        return [0] * (PAST_RUNS - len(past)) + [
            sum(run.counts.get(name, 0) for name in names) for run in past
        ]

    # Bars keep their width, however few there are.
    labels = [""] * (PAST_RUNS - len(past)) + [_label(run) for run in past]
    return charts.bars(
        "Past runs",
        described,
        labels,
        [
            Series("Created or updated", values("created", "updated")),
            Series("Unchanged", values("unchanged")),
            Series("Skipped or rejected", values("skipped", "rejected")),
        ],
        unit="Run",
    )


def _label(run: Run) -> str:
    local = timezone.localtime(run.created_at)
    return f"{local.day} {local:%b %H:%M}"


# ---- verbs ----


@open_to("admin", "POST")
def run(request: Signed, connector_id: UUID, kind: str) -> HttpResponseBase:
    access = request.access
    asked = check(
        requests.RunRequest, {"mode": request.POST.get("mode", "sync"), "full": "full" in request.POST}
    )
    made, created = requests.request_run(
        access.organization_id, access.actor, connector_id, kind, clock(), full=asked.full, mode=asked.mode
    )
    if not created:
        pages.toast(request, "A run was under way already; this is that one.", "info")
    return pages.to(request, "run", run_id=made.id)


@open_to("admin", "POST")
def switch(request: Signed, connector_id: UUID) -> HttpResponseBase:
    access = request.access
    body = {"enabled": request.POST.get("enabled") == "on"}
    found = configure.update_connector(access.organization_id, access.actor, connector_id, body, clock())
    told = (
        "is on again."
        if found.enabled
        else "is off: nothing of it runs or is read. A run under way finishes."
    )
    pages.toast(request, f"{found.name} {told}")
    return pages.to(request, "connector", connector_id=connector_id)


@open_to("admin", "POST")
def switch_stream(request: Signed, connector_id: UUID, kind: str) -> HttpResponseBase:
    """`enabled` or `periodic`, on or off."""
    access = request.access
    switches = {name: request.POST[name] == "on" for name in ("enabled", "periodic") if name in request.POST}
    configure.switch_stream(access.organization_id, access.actor, connector_id, kind, clock(), **switches)
    for name, is_on in switches.items():
        pages.toast(request, _SWITCHED[name, is_on].format(kind.capitalize()))
    return pages.to(request, "connector", connector_id=connector_id)


_SWITCHED: Final = {
    ("enabled", True): "{} is on again.",
    ("enabled", False): "{} is off. A run under way finishes.",
    ("periodic", True): "{} now keeps itself up to date.",
    ("periodic", False): "{} only syncs by hand from now on.",
}
