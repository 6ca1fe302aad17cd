"""Dates and times as sources write them, and the one form we keep: ISO 8601, in UTC where there is a time of day."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?:[.,]([0-9]{1,9}))?"
    r" ?([Zz]|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
# How most machines write it, so that the standard library reads it as it is.
_PLAIN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3}|\.[0-9]{6})?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
_DIGITS = re.compile(r"-?[0-9]{9,13}(?:\.[0-9]+)?")
# 1e11 seconds are the year 5138 and 1e11 milliseconds are March 1973: between them no real date is lost.
_MILLISECONDS_FROM = 1e11
_SECONDS_FROM = 1e8


def iso(moment: date | datetime) -> str:
    """A date stays a date; a time without a zone is taken for UTC."""
    if not isinstance(moment, datetime):
        return moment.isoformat()
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.replace(tzinfo=None).isoformat() + "Z"


def read(text: str) -> date | datetime | None:
    """What an ISO 8601 date or date-time says; None for any other text."""
    try:
        if _PLAIN.fullmatch(text):
            return _in_utc(datetime.fromisoformat(text))
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
        parts = _DATE_TIME.fullmatch(text)
        if parts is None:
            return None
        day, minutes, seconds, fraction, zone = parts.groups()
        zone = {"Z": "+00:00", "z": "+00:00", "UTC": "+00:00", None: ""}.get(zone, zone)
        clock = f"{minutes}{seconds or ':00'}.{(fraction or '0')[:6].ljust(6, '0')}"
        return _in_utc(datetime.fromisoformat(f"{day}T{clock}{zone}"))
    except (ValueError, OverflowError):
        # The first and last day of the calendar can't be moved to UTC from every zone.
        return None


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(UTC)


def read_epoch(value: float | str) -> datetime | None:
    """Seconds or milliseconds since 1970, told apart by their size; None for what is too small to be a date of ours."""
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        return None
    number = float(value)
    try:
        if abs(number) >= _MILLISECONDS_FROM:
            return _EPOCH + timedelta(milliseconds=number)
        return _EPOCH + timedelta(seconds=number) if abs(number) >= _SECONDS_FROM else None
    except OverflowError:
        return None
