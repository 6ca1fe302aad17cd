"""What every answer carries, whoever gives it; and what the operator sees."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from ropewalk.store import schema
from tests.doors.conftest import Api, World, make_world

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
PATHS = [
    "/healthz",
    "/v1/docs",
    "/v1/openapi.json",
    "/v1/runs",
    "/nowhere",
    "/static/ninja/swagger-ui.css",
    "/v1/",
]


@pytest.mark.django_db
@pytest.mark.parametrize("path", PATHS)
def test_an_id_and_strict_headers_on_every_answer(path: str) -> None:
    answer = Api(None)("get", path)

    assert re.fullmatch("[0-9a-f]{32}", answer["X-Request-Id"])
    assert answer["Content-Security-Policy"] == CSP
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert "Strict-Transport-Security" not in answer


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "taken"), [("trace-1.A_b", True), ("a b", False), ("x" * 65, False), ("é", False)]
)
def test_a_callers_own_request_id(given: str, taken: bool) -> None:
    answer = Api(None)("get", "/healthz", **{"X-Request-Id": given})

    assert (answer["X-Request-Id"] == given) == taken


@pytest.mark.django_db
def test_another_host_name_is_refused_save_for_probes() -> None:
    client = Client(headers={"Host": "evil.example"})

    answers = {path: client.get(path) for path in ("/healthz", "/readyz", "/metrics", "/v1/runs", "/nowhere")}

    assert {path: answer.status_code for path, answer in answers.items()} == {
        "/healthz": 200,
        "/readyz": 200,
        "/metrics": 200,
        "/v1/runs": 400,
        "/nowhere": 400,
    }
    assert json.loads(answers["/v1/runs"].content) == {
        "error_code": "bad_request",
        "message": "This installation doesn't answer to that host name; its operator can allow it with "
        "ROPEWALK_ALLOWED_HOSTS.",
    }


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["POST", "PUT", "TRACE", "OPTIONS", "HEAD"])
def test_a_method_that_is_not_taken(method: str) -> None:
    answer = Api(None)(method, "/v1/organization")

    assert (answer.status_code, set(answer["Allow"].split(", "))) == (405, {"GET", "PATCH"})
    if method != "HEAD":
        assert json.loads(answer.content)["error_code"] == "method_not_allowed"


def test_the_calls_of_a_minute(world: World, api: Api, settings: Any) -> None:
    settings.ROPEWALK = settings.ROPEWALK.model_copy(update={"rate_limit": 2})

    answers = [api("get", "/v1/organization") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer["X-RateLimit-Limit"] for answer in answers] == ["2", "2", "2"]
    assert [answer["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[2]["Retry-After"] == answers[2]["X-RateLimit-Reset"]
    assert 1 <= int(answers[2]["Retry-After"]) <= 60
    assert json.loads(answers[2].content)["error_code"] == "rate_limit_exceeded"


def test_a_new_minute_begins(world: World, api: Api, settings: Any) -> None:
    settings.ROPEWALK = settings.ROPEWALK.model_copy(update={"rate_limit": 1})
    settings.CLOCK = clock = Moving(settings.CLOCK)

    statuses = []
    for seconds in (0.0, 1.0, 59.0, 60.0, 61.0):
        clock.seconds = seconds
        statuses.append(api("get", "/v1/organization").status_code)

    assert statuses == [200, 429, 429, 200, 429]


class Moving:
    def __init__(self, clock: Any) -> None:
        self.now, self.jitter, self.seconds = clock.now, clock.jitter, 0.0

    def monotonic(self) -> float:
        return 1_000.0 + self.seconds


@pytest.mark.django_db
def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = Api(None)("get", "/v1/docs").content.decode()
    linked = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert linked == [
        "/static/ninja/swagger-ui.css",
        "/static/ninja/favicon.svg",
        "/static/ninja/swagger-ui-bundle.js",
        "/static/ninja/swagger-ui-init.js",
    ]
    assert [Api(None)("get", each).status_code for each in linked] == [200] * 4
    assert "style=" not in page
    assert re.findall(r"<script(?! src=| type=\"application/json\")", page) == []


@pytest.mark.django_db
def test_ready() -> None:
    answer = Api(None)("get", "/readyz")

    assert (answer.status_code, json.loads(answer.content)) == (
        200,
        {"status": "ready", "checks": {"database": "ok", "migrations": "ok"}},
    )


@pytest.fixture
def world(db: None) -> World:
    """In a transaction that is its own: a database that is away ends it."""
    return make_world("Acme")


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The database can't be reached, whoever asks."""
    from django.db import connection

    def refuse(*_: Any, **__: Any) -> Any:
        raise OperationalError("gone")

    with connection.execute_wrapper(refuse):
        yield


def test_without_a_database(world: World, api: Api, away: None) -> None:
    statuses = {path: api("get", path) for path in ("/healthz", "/readyz", "/metrics", "/v1/runs")}

    assert {path: answer.status_code for path, answer in statuses.items()} == {
        "/healthz": 200,
        "/readyz": 503,
        "/metrics": 200,
        "/v1/runs": 503,
    }
    assert json.loads(statuses["/v1/runs"].content) == {
        "error_code": "unavailable",
        "message": "Storage can't take this now, and nothing was kept. Try again in a while.",
    }
    assert statuses["/v1/runs"]["Retry-After"] == "5"
    assert b"ropewalk_database_up 0.0" in statuses["/metrics"].content


@pytest.mark.django_db
def test_migrations_that_are_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "pending", lambda: ["ropewalk.0002_later"])

    answer = Api(None)("get", "/readyz")

    assert (answer.status_code, json.loads(answer.content)["checks"]["migrations"]) == (
        503,
        "1 to run; they run when `ropewalk serve` starts",
    )


def test_the_operators_figures(world: World, api: Api) -> None:
    api.get(world.path("/v1/runs/{run_id}"))
    api("get", "/no/such/place")

    lines = set(Api(None)("get", "/metrics").content.decode().splitlines())

    assert {
        'ropewalk_runs{status="cancelled"} 1.0',
        'ropewalk_runs{status="queued"} 0.0',
        'ropewalk_rows{outcome="created"} 0.0',
        "ropewalk_queue_depth 0.0",
        "ropewalk_workers 0.0",
        "ropewalk_database_up 1.0",
    } <= lines
    assert [line for line in lines if str(world.ids["run_id"]) in line or "/no/such" in line] == []
    assert [
        line
        for line in lines
        if line.startswith('ropewalk_http_requests_total{method="GET",route="/v1/runs/<')
    ]
    assert [
        line for line in lines if line.startswith('ropewalk_http_requests_total{method="GET",route="none"')
    ]
