"""The log: one door for all lines, and no secret passes it, in any spelling."""

from __future__ import annotations

import base64
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import structlog

from ropewalk.engine import logs

pytestmark = pytest.mark.any_database

SECRET = "s3cret/planted+token=42"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    # What an earlier test has left on would stay as it is.
    logging.captureWarnings(False)
    yield io.StringIO()
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers, root.level = handlers, level


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    for line in found:
        line.pop("timestamp")
    return found


def set_up(stream: io.StringIO, level: str = "info", *, json: bool = True) -> logs.KnownSecrets:
    known = logs.KnownSecrets()
    known.know([SECRET])
    logs.set_up(level, json=json, stream=stream, known=known)
    return known


def test_a_line_is_json_with_what_was_said(stream: io.StringIO) -> None:
    set_up(stream)

    structlog.get_logger("engine").info("run_started", run_id="7", rows=3)

    assert lines(stream) == [
        {"event": "run_started", "logger": "engine", "level": "info", "run_id": "7", "rows": 3}
    ]


def test_lines_below_the_level_are_left_out(stream: io.StringIO) -> None:
    set_up(stream, "warning")

    structlog.get_logger("engine").info("not_this")
    logging.getLogger("django").info("nor this")
    structlog.get_logger("engine").warning("but_this")

    assert [line["event"] for line in lines(stream)] == ["but_this"]


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        quote(SECRET, safe=""),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"user:{SECRET}".encode()).decode(),
        json.dumps(SECRET),
    ],
)
def test_a_known_secret_is_taken_out_in_every_spelling(stream: io.StringIO, spelled: str) -> None:
    set_up(stream)
    log = structlog.get_logger("engine")

    log.info(f"asked {spelled}", url=f"https://api.example/{spelled}", nested={"list": [spelled]})
    logging.getLogger("django").error("failed: %s", spelled)

    written = stream.getvalue()
    assert len(written.splitlines()) == 2
    assert SECRET not in written
    assert spelled not in written


def test_what_is_called_like_a_secret_is_taken_out_unread(stream: io.StringIO) -> None:
    set_up(stream)

    structlog.get_logger("engine").info(
        "request", authorization="Bearer unknown", headers={"X-API-Key": "unknown", "Accept": "*/*"}
    )

    assert lines(stream) == [
        {
            "event": "request",
            "logger": "engine",
            "level": "info",
            "authorization": "***",
            "headers": {"X-API-Key": "***", "Accept": "*/*"},
        }
    ]


@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_has_no_locals_and_no_secrets(stream: io.StringIO, as_json: bool) -> None:
    set_up(stream, json=as_json)

    def breaks() -> None:
        planted = "only-in-a-local-variable"
        raise ValueError(f"no answer for {SECRET}, {len(planted)}")

    try:
        breaks()
    except ValueError:
        structlog.get_logger("engine").exception("run_broke")
        logging.getLogger("django").exception("it broke")

    written = stream.getvalue()
    assert written.count("ValueError: no answer for") == 2
    assert SECRET not in written
    assert "only-in-a-local-variable" not in written


def test_what_nobody_caught_is_written_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "excepthook", None)
    monkeypatch.setattr(threading, "excepthook", None)
    known = logs.KnownSecrets()
    known.know([SECRET])
    logs.redact_tracebacks(known)

    def breaks() -> None:
        raise ValueError(f"no answer for {quote(SECRET)}")

    for broken in (breaks, sys.exit):
        thread = threading.Thread(target=broken)
        thread.start()
        thread.join()
    with pytest.raises(ValueError, match="no answer") as caught:
        breaks()
    sys.excepthook(ValueError, caught.value, caught.tb)

    written = capsys.readouterr().err
    assert written.count("Traceback (most recent call last)") == 2
    assert written.count("ValueError: no answer for ***\n") == 2
    assert SECRET not in written


def test_a_secret_learned_later_counts_from_then_on(stream: io.StringIO) -> None:
    known = set_up(stream)

    known.know(["learned-at-run-time"])
    structlog.get_logger("engine").info("asked", url="https://x/?key=learned-at-run-time")

    assert "learned-at-run-time" not in stream.getvalue()


def test_only_the_sets_opened_last_are_remembered() -> None:
    known = logs.KnownSecrets()
    for number in range(logs.REMEMBERED + 1):
        known.know([f"secret-number-{number}"])

    assert known.text(f"secret-number-{logs.REMEMBERED}") != f"secret-number-{logs.REMEMBERED}"
    assert known.text("secret-number-0") == "secret-number-0"


def test_nothing_known_means_nothing_taken_out() -> None:
    known = logs.KnownSecrets()
    known.know([""])

    assert known.text("as it is") == "as it is"


def test_warnings_and_the_job_engine_come_through_the_same_door(stream: io.StringIO) -> None:
    set_up(stream)

    logging.getLogger("dbos").error("job %s", SECRET)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"about {SECRET}", UserWarning, stacklevel=1)

    assert [(line["logger"], line["level"]) for line in lines(stream)] == [
        ("dbos", "error"),
        ("py.warnings", "warning"),
    ]
    assert SECRET not in stream.getvalue()


def test_a_link_that_lets_somebody_in_is_not_written_down(stream: io.StringIO) -> None:
    from ropewalk.engine.members import invitations, passwords

    set_up(stream)

    for path in (invitations.PATH, passwords.PATH):
        logging.getLogger("django.request").warning("%s: %s", "Gone", f"{path}mWq-9_x")

    assert [line["event"] for line in lines(stream)] == ["Gone: /app/invitation/***", "Gone: /app/reset/***"]


def test_a_console_line_is_for_reading(stream: io.StringIO) -> None:
    set_up(stream, json=False)

    structlog.get_logger("engine").info("run_started", rows=3)

    assert "run_started" in stream.getvalue()
    assert "rows=3" in stream.getvalue()
    assert "\x1b[" not in stream.getvalue()
