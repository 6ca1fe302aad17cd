"""Dates and times as sources write them, and the one form we keep: ISO 8601, in UTC where there is a time of day."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

from msgspec import Struct

from ropewalk.core.values import JSON

Spelling = Literal["iso", "no_zone", "date", "mail", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?:[.,]([0-9]{1,9}))?"
    r" ?([Zz]|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?(?: UTC)?)?"
)
# How most machines write it, so that the standard library reads it as it is.
_PLAIN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3}|\.[0-9]{6})?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
_NAMED_ZONES = dict.fromkeys(("Z", "z", "UTC", "GMT"), "+00:00")
_BASIC = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})[Tt]([0-9]{2})([0-9]{2})([0-9]{2})?((?:[.,Zz+-].*)?)", re.DOTALL
)
# Fourteen digits of this and the last century; as an epoch they would be after the year 2500.
_COMPACT = re.compile(r"((?:19|20)[0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})()")
_MAIL = re.compile(
    r"(?:[A-Za-z]{3}, ?)?[0-9]{1,2} [A-Za-z]{3} [0-9]{4} [0-9]{2}:[0-9]{2}(?::[0-9]{2})? (?:GMT|UTC|[+-][0-9]{4})"
)
_DIGITS = re.compile(r"-?[0-9]{9,19}(?:\.[0-9]{1,9})?")
_SHORT_DIGITS = re.compile(r"-?[0-9]{9,13}(?:\.[0-9]+)?")
# 1e11 seconds are the year 5138 and 1e11 milliseconds are March 1973: between them no real date is lost.
# The same holds for each finer unit.
_UNITS: tuple[tuple[float, int, Spelling], ...] = (
    (1e17, 1_000_000_000, "epoch_ns"),
    (1e14, 1_000_000, "epoch_us"),
    (1e11, 1_000, "epoch_ms"),
    (1e8, 1, "epoch_s"),
)


class Moment(Struct, frozen=True):
    """An instant in UTC, and how it was written: `no_zone` and `date` were taken for UTC."""

    at: datetime
    spelling: Spelling


def moment(value: JSON) -> Moment | None:
    """The instant that a value names, whichever way it is written; None for what names none."""
    if isinstance(value, bool):
        return None
    if not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    basic = _COMPACT.fullmatch(text) or _BASIC.fullmatch(text)
    if basic is not None:
        year, month, day, hour, minute, second, rest = basic.groups()
        text = f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}{rest}"
    elif not isinstance(value, str):
        return _epoch(value)
    elif _DIGITS.fullmatch(text):
        return _epoch(text)
    found = read(text)
    if found is None:
        return _mail(text)
    if not isinstance(found, datetime):
        return Moment(datetime(found.year, found.month, found.day, tzinfo=UTC), "date")
    if found.tzinfo is None:
        return Moment(found.replace(tzinfo=UTC), "no_zone")
    return Moment(found, "iso")


def _mail(text: str) -> Moment | None:
    """As in the headers of mail and HTTP: `Sun, 01 Mar 2026 12:00:00 GMT`."""
    if not _MAIL.fullmatch(text):
        return None
    try:
        found: datetime = parsedate_to_datetime(text)
        return Moment(found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC), "mail")
    except (ValueError, OverflowError):
        return None


def micros(moment: datetime) -> int:
    """Since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(number: int) -> datetime:
    return _EPOCH + number * _MICROSECOND


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
        zone = _NAMED_ZONES.get(zone, zone.removesuffix(" UTC")) if zone else ""
        clock = f"{minutes}{seconds or ':00'}.{(fraction or '0')[:6].ljust(6, '0')}"
        return _in_utc(datetime.fromisoformat(f"{day}T{clock}{zone}"))
    except (ValueError, OverflowError):
        # The first and last day of the calendar can't be moved to UTC from every zone.
        return None


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(UTC)


def read_epoch(value: float | str) -> datetime | None:
    """Seconds or milliseconds since 1970; larger numbers are more likely ids than dates where nobody said which."""
    if isinstance(value, str) and not _SHORT_DIGITS.fullmatch(value):
        return None
    found = _epoch(value)
    return found.at if found is not None and found.spelling in ("epoch_s", "epoch_ms") else None


def _epoch(value: float | str) -> Moment | None:
    """Seconds since 1970 or a finer unit, told apart by their size; None for what is too small to be a date of ours."""
    whole = isinstance(value, int) or (isinstance(value, str) and "." not in value)
    number = int(value) if whole else float(value)
    for least, in_a_second, spelling in _UNITS:
        if abs(number) >= least:
            try:
                # Whole numbers are divided as such: a float has no room for the microseconds of today.
                micros = number * 1_000_000 // in_a_second if whole else number * 1e6 / in_a_second
                return Moment(_EPOCH + timedelta(microseconds=micros), spelling)
            except (OverflowError, ValueError):
                return None
    return None
