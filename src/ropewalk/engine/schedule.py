"""When streams run by themselves."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from ropewalk.core.errors import Conflict, NotFound
from ropewalk.engine.clock import Clock
from ropewalk.engine.runs import requests
from ropewalk.store import streams
from ropewalk.store.models import Stream

JITTER = 0.1
RECONNECT_AFTER = 2
AUTHENTICATION = "authentication_failed"


def next_run(now: datetime, every_minutes: int, jitter: float) -> datetime:
    """Up to a tenth of the interval early, so that streams made together drift apart; `jitter` is 0 ≤ x < 1."""
    return now + timedelta(minutes=every_minutes) * (1 - JITTER * jitter)


def start_due(clock: Clock) -> None:
    """Times that were missed, or came while a run was under way, are made up for by one run as soon as it can start."""
    now = clock.now()
    for stream in streams.due(now):
        following = next_run(now, stream.every_minutes, clock.jitter())
        # Deleted or disabled since, or busy.
        with suppress(Conflict, NotFound):
            requests.start_scheduled(stream, following, clock)


def after_run(stream: Stream, error_code: str | None, not_before: datetime | None) -> dict[str, object]:
    """The schedule's own columns after a run has ended: two authentication failures in a row pause it, and a run
    that succeeds all the same, by hand, shows that the other side has been mended."""
    failures = stream.auth_failures + 1 if error_code == AUTHENTICATION else 0
    paused = stream.paused
    if failures >= RECONNECT_AFTER:
        paused = "reconnect"
    elif error_code is None and paused == "reconnect":
        paused = ""
    return {"auth_failures": failures, "paused": paused, "not_before": not_before}
