"""Pages are refused with pages, the API with JSON; chosen by where somebody knocked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError

from tests.doors.conftest import World
from tests.web.conftest import Browser


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "kind"), [("/app/nowhere", "html"), ("/nowhere", "json"), ("/v1/no", "json")]
)
def test_not_found(path: str, kind: str) -> None:
    answer = Browser().get(path)

    assert answer.status_code == 404
    assert answer["Content-Type"].partition(";")[0] == {"html": "text/html", "json": "application/json"}[kind]
    assert ("Page not found" in answer.content.decode()) == (kind == "html")


@pytest.mark.django_db
def test_home_is_behind_every_front_door() -> None:
    browser = Browser()

    assert {path: browser.get(path)["Location"] for path in ("/", "/app")} == {"/": "/app/", "/app": "/app/"}


@pytest.mark.django_db
def test_a_page_is_never_kept_and_never_framed() -> None:
    answer = Browser().get("/app/nowhere")

    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]


@pytest.mark.django_db
def test_another_host_name() -> None:
    answer = Browser(Host="evil.example").get("/app/sign-in")

    assert answer.status_code == 400
    assert "ROPEWALK_ALLOWED_HOSTS" in answer.content.decode()
    assert answer["Content-Type"] == "text/html; charset=utf-8"


@pytest.fixture
def away() -> Iterator[None]:
    from django.db import connection

    def refuse(*_: Any, **__: Any) -> Any:
        raise OperationalError("gone")

    with connection.execute_wrapper(refuse):
        yield


def test_without_a_database(world: World, owner: Browser, away: None) -> None:
    answer = owner.get("/app/")

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "Back in a moment" in answer.content.decode()


def test_what_broke_here_is_said_with_the_id_that_the_log_has(
    world: World, owner: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ropewalk.engine import overview

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("<script>planted</script>")

    monkeypatch.setattr(overview, "of", broken)
    owner.client.raise_request_exception = False

    answer = owner.get("/app/", **{"X-Request-Id": "trace-7"})

    assert answer.status_code == 500
    assert "trace-7" in answer.content.decode()
    assert "planted" not in answer.content.decode()


@pytest.mark.django_db
def test_the_api_has_no_session(world: World, owner: Browser) -> None:
    """Being signed in opens no call, and a call makes no cookie."""
    answer = owner.get("/v1/accounts")

    assert (answer.status_code, answer.cookies.output()) == (401, "")
    assert json.loads(answer.content)["error_code"] == "authentication_error"
