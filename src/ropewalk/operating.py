"""For whoever runs this: is it up, can it work, and what does it do (product.md §13)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ropewalk import __version__
from ropewalk.engine.operated import clock
from ropewalk.store import figures, schema
from ropewalk.store.transactions import UNAVAILABLE

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

http = CollectorRegistry()
_requests = Counter(
    "ropewalk_http_requests_total", "Answers by this process.", ("method", "route", "status"), registry=http
)
_durations = Histogram(
    "ropewalk_http_request_seconds",
    "How long they took.",
    ("method", "route"),
    registry=http,
    buckets=_SECONDS,
)


def observe(request: HttpRequest, status: int, seconds: float) -> None:
    """The route, never the path: ids in it would be customers' data, and as many labels as there are customers."""
    match = request.resolver_match
    route = f"/{match.route}" if match else "none"
    method = request.method if request.method in _METHODS else "other"
    _requests.labels(method, route, str(status)).inc()
    _durations.labels(method, route).observe(seconds)


def observe_ingest(call: str, status: int, seconds: float) -> None:
    """Thousands a second: what is counted is looked up once."""
    count, duration = _ingest(call, status)
    count.inc()
    duration.observe(seconds)


@cache
def _ingest(call: str, status: int) -> tuple[Counter, Histogram]:
    route = f"/v1/custom-connectors/<connector_id>/ingest{call}"
    return _requests.labels("POST", route, str(status)), _durations.labels("POST", route)


def healthz(_: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok", "version": __version__})


def readyz(_: HttpRequest) -> HttpResponse:
    """The database answers, and has all migrations."""
    checks = {"database": "ok", "migrations": "ok"}
    try:
        if pending := schema.pending():
            checks["migrations"] = f"{len(pending)} to run; they run when `ropewalk serve` starts"
    except UNAVAILABLE:
        checks = {"database": "can't be reached", "migrations": "not known"}
    ready = set(checks.values()) == {"ok"}
    body = {"status": "ready" if ready else "not ready", "checks": checks}
    response = JsonResponse(body, status=200 if ready else 503)
    if not ready:
        response["Retry-After"] = "5"
    return response


def metrics(_: HttpRequest) -> HttpResponse:
    installed = CollectorRegistry()
    installed.register(_Installation())
    return HttpResponse(generate_latest(http) + generate_latest(installed), content_type=CONTENT_TYPE_LATEST)


class _Installation(Collector):
    """Read from the database at each scrape, so that every web process says the same."""

    def collect(self) -> Iterable[Metric]:
        try:
            found = figures.figures(clock().now())
        except UNAVAILABLE:
            yield GaugeMetricFamily("ropewalk_database_up", "Whether the database answers.", 0)
            return
        yield GaugeMetricFamily("ropewalk_database_up", "Whether the database answers.", 1)
        runs = GaugeMetricFamily("ropewalk_runs", "Sync runs that are kept, by status.", labels=["status"])
        for status in ("queued", "running", "succeeded", "failed", "cancelled"):
            runs.add_metric([status], found.runs.get(status, 0))
        yield runs
        rows = GaugeMetricFamily("ropewalk_rows", "Rows of these runs, by outcome.", labels=["outcome"])
        for outcome, count in found.rows.items():
            rows.add_metric([outcome], count)
        yield rows
        yield GaugeMetricFamily("ropewalk_queue_depth", "Runs that wait for a worker.", found.queued)
        yield GaugeMetricFamily(
            "ropewalk_queue_oldest_seconds", "How long the first of them has waited.", found.oldest_queued
        )
        yield GaugeMetricFamily("ropewalk_workers", "Workers that are registered.", len(found.heartbeats))
        beats = GaugeMetricFamily(
            "ropewalk_worker_heartbeat_age_seconds", "Since a worker's last heartbeat.", labels=["worker"]
        )
        for worker, age in found.heartbeats.items():
            beats.add_metric([worker], age)
        yield beats
