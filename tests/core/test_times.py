from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st

from ropewalk.core import times

NOON = datetime(2024, 1, 31, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-31", date(2024, 1, 31)),
        ("2024-01-31T12:00:00Z", NOON),
        ("2024-01-31t12:00:00z", NOON),
        ("2024-01-31 12:00:00 UTC", NOON),
        ("2024-01-31T12:00Z", NOON),
        ("2024-01-31T14:00:00+02:00", NOON),
        ("2024-01-31T14:00:00+0200", NOON),
        ("2024-01-31T14:00:00+02", NOON),
        ("2024-01-31T12:00:00", NOON.replace(tzinfo=None)),
        ("2024-01-31T12:00:00.5Z", NOON.replace(microsecond=500_000)),
        ("2024-01-31T12:00:00,123456789Z", NOON.replace(microsecond=123_456)),
        ("2024-02-30", None),
        ("2024-01-31T25:00:00Z", None),
        ("0001-01-01T00:00:00+02:00", None),
        ("2024", None),
        ("20240131", None),
        ("31.01.2024", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_iso_8601_is_read(text, moment):
    assert times.read(text) == moment


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (1706702400, NOON),
        (1706702400.5, NOON.replace(microsecond=500_000)),
        (1706702400000, NOON),
        ("1706702400", NOON),
        ("1706702400000", NOON),
        (100_000_000, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
        (99_999_999, None),
        (99_999_999_999, datetime(5138, 11, 16, 9, 46, 39, tzinfo=UTC)),
        (100_000_000_000, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
        (10**18, None),
        ("42", None),
        ("12345678901234", None),
        ("x", None),
    ],
)
def test_epochs_are_told_apart_by_their_size(value, moment):
    assert times.read_epoch(value) == moment


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (date(2024, 1, 31), "2024-01-31"),
        (NOON, "2024-01-31T12:00:00Z"),
        (NOON.replace(tzinfo=None), "2024-01-31T12:00:00Z"),
        (NOON.astimezone(timezone(timedelta(hours=2))), "2024-01-31T12:00:00Z"),
    ],
)
def test_a_time_is_written_in_utc(moment, text):
    assert times.iso(moment) == text


@given(st.datetimes(timezones=st.just(UTC)) | st.dates())
def test_what_is_written_is_read_again(moment):
    assert times.read(times.iso(moment)) == moment


@given(st.datetimes(timezones=st.just(UTC)))
def test_microseconds_are_read_again(moment):
    assert times.from_micros(times.micros(moment)) == moment
