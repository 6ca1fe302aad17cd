"""Which failures are worth another try, and when (product.md §5.4)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_SECONDS = re.compile(r"\s*[0-9]{1,9}(\.[0-9]{1,6})?\s*\Z")


def pause(failures: int, random: Callable[[], float]) -> float:
    """Seconds before the next try: doubling, and half of it left to chance so that workers don't march in step."""
    whole = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** (failures - 1))
    return whole / 2 + whole / 2 * random()


def retry_after(value: str | None, date: str | None, now: float) -> float | None:
    """Seconds that a `Retry-After` asks for. One that is a date counts from the answer's own `Date`, not our clock."""
    if value is None:
        return None
    if _SECONDS.match(value):
        return float(value)
    until = _timestamp(value)
    if until is None:
        return None
    sent = _timestamp(date) if date else None
    return max(0.0, until - (now if sent is None else sent))


def milliseconds(value: str | None) -> float | None:
    """Seconds, of a header that counts in thousandths."""
    return float(value) / 1_000 if value is not None and _SECONDS.match(value) else None


def _timestamp(value: str) -> float | None:
    try:
        moment: datetime = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
