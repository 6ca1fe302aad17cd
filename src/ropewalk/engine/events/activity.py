"""What a timeline says of how an account is used: when last, by how many, how often (product.md §10)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from ropewalk.engine.events import fieldevents
from ropewalk.engine.events.timeline import Timeline, Told

DAYS: Final = 28
"""What counts as now: active users have an event in it, and events a week are its average."""


class Activity(Struct, frozen=True):
    """`is_partial`: a source has not told everything, so that there may be more."""

    last_seen: datetime | None
    active_users: int
    events_a_week: float
    is_partial: bool


class Last(Struct, frozen=True):
    at: datetime
    name: str


def of(found: Timeline, now: datetime) -> Activity | None:
    """None where no source but the change log was asked."""
    told = _asked(found)
    if not told:
        return None
    since = now - timedelta(days=DAYS)
    recent = [event for each in told for event in each.answer.events if since <= event.at <= now]
    return Activity(
        last_seen=max((each.answer.events[0].at for each in told if each.answer.events), default=None),
        active_users=len({event.user.casefold() for event in recent if event.user}),
        events_a_week=len(recent) / (DAYS / 7),
        is_partial=any(each.answer.truncated or each.answer.error is not None for each in told),
    )


def last_by_user(found: Timeline) -> dict[str, Last]:
    """By the user in lower case, their newest event."""
    answer: dict[str, Last] = {}
    for told in _asked(found):
        for event in told.answer.events:
            user = (event.user or "").strip().casefold()
            if user and (user not in answer or answer[user].at < event.at):
                answer[user] = Last(event.at, str(told.answer.redactor.values(event.name)))
    return answer


def _asked(found: Timeline) -> list[Told]:
    """Those that tell what people did, as far as they were asked."""
    return [each for each in found.sources if each.source.key != fieldevents.KEY and _was_asked(each)]


def _was_asked(told: Told) -> bool:
    return told.answer.status in ("ok", "failed", "timed_out")
