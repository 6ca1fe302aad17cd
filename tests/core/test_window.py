from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st

from ropewalk.core import window
from ropewalk.core.verdict import Tally, Verdict
from ropewalk.core.window import Chain, Closing, Opening

NOON = datetime(2024, 1, 31, 12, 0, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
PAGING = {"page": 3, "seen": ["ab"]}


@pytest.mark.parametrize(
    ("watermark", "overlap", "expected"),
    [
        (None, 0, None),
        (None, 60, None),
        (NOON, 0, NOON),
        (NOON, 60, NOON - timedelta(seconds=60)),
        (NOON + timedelta(microseconds=999_999), 0, NOON),
        (NOON.astimezone(timezone(timedelta(hours=2))), 0, NOON),
    ],
)
def test_since_is_the_watermark_less_the_overlap(watermark, overlap, expected):
    assert window.since(watermark, overlap) == expected


@pytest.mark.parametrize(
    ("moment", "format", "template", "text"),
    [
        (NOON, "iso8601", None, "2024-01-31T12:00:00Z"),
        (NOON.replace(microsecond=999_999), "iso8601", None, "2024-01-31T12:00:00Z"),
        (NOON.astimezone(timezone(timedelta(hours=2))), "iso8601", None, "2024-01-31T12:00:00Z"),
        (NOON, "date", None, "2024-01-31"),
        (datetime(2024, 2, 1, 1, tzinfo=timezone(timedelta(hours=2))), "date", None, "2024-01-31"),
        (NOON, "epoch_s", None, "1706702400"),
        (NOON.replace(microsecond=999_999), "epoch_s", None, "1706702400"),
        (NOON, "epoch_ms", None, "1706702400000"),
        (NOON, "iso8601", "updated_at ge '{since}'", "updated_at ge '2024-01-31T12:00:00Z'"),
        (NOON, "epoch_s", '{"$gt": "{since}"}', '{"$gt": "1706702400"}'),
        (NOON, "date", "{since}", "2024-01-31"),
        (NOON, "date", "{0} %s {since}", "{0} %s 2024-01-31"),
    ],
)
def test_since_is_written_as_the_api_wants_it(moment, format, template, text):
    assert window.format_since(moment, format, template) == text


def test_the_format_is_iso_8601_unless_said_otherwise():
    assert window.format_since(NOON) == "2024-01-31T12:00:00Z"


FULL = Opening(LATER, None, True)
INCREMENTAL = Opening(LATER, NOON, False)
FULL_CHAIN = Chain(NOON, None, True, "", PAGING, Tally(10, 8))
CHAIN = Chain(NOON, NOON - timedelta(days=1), False, "", PAGING, Tally(10, 8))
ON_FULL = Opening(NOON, None, True, "", PAGING, Tally(10, 8))
ON = Opening(NOON, NOON - timedelta(days=1), False, "", PAGING, Tally(10, 8))


@pytest.mark.parametrize(
    ("given_", "opening"),
    [
        ({"watermark": None}, FULL),
        ({"watermark": NOON}, INCREMENTAL),
        ({"watermark": NOON, "overlap_seconds": 60}, Opening(LATER, NOON - timedelta(seconds=60), False)),
        ({"watermark": NOON, "incremental": False}, FULL),
        ({"watermark": NOON, "asked_full": True}, FULL),
        ({"watermark": NOON, "needs_full": True}, FULL),
        ({"watermark": NOON, "scope": "manual"}, Opening(LATER, NOON, False, "manual")),
        ({"watermark": NOON, "chain": CHAIN}, ON),
        ({"watermark": NOON, "chain": FULL_CHAIN}, ON_FULL),
        ({"watermark": None, "chain": FULL_CHAIN}, ON_FULL),
        ({"watermark": None, "chain": FULL_CHAIN, "needs_full": True}, ON_FULL),
        ({"watermark": NOON, "chain": CHAIN, "needs_full": True}, FULL),
        ({"watermark": NOON, "chain": CHAIN, "asked_full": True}, FULL),
        ({"watermark": None, "chain": FULL_CHAIN, "asked_full": True}, FULL),
        ({"watermark": NOON, "chain": CHAIN, "scope": "manual"}, Opening(LATER, NOON, False, "manual")),
    ],
)
def test_a_run_opens_or_goes_on(given_, opening):
    assert window.open(LATER, **given_) == opening


TRUNCATED = Verdict("truncated", ("max_records",))
SUSPICIOUS = Verdict("suspicious", ("page_repeated",))
COMPLETE = Verdict("complete")


@pytest.mark.parametrize(
    ("opening", "verdict", "closing"),
    [
        (FULL, COMPLETE, Closing(LATER, 5, None)),
        (INCREMENTAL, COMPLETE, Closing(LATER, None, None)),
        (ON_FULL, COMPLETE, Closing(NOON, 15, None)),
        (ON, COMPLETE, Closing(NOON, None, None)),
        (FULL, SUSPICIOUS, Closing()),
        (ON, SUSPICIOUS, Closing()),
        (FULL, TRUNCATED, Closing(chain=Chain(LATER, None, True, "", {"page": 9}, Tally(5, 4)))),
        (ON, TRUNCATED, Closing(chain=Chain(NOON, ON.since, False, "", {"page": 9}, Tally(15, 12)))),
    ],
)
def test_only_a_complete_run_moves_the_watermark_to_the_first_start(opening, verdict, closing):
    assert window.close(opening, verdict, Tally(5, 4), {"page": 9}) == closing


def test_accepting_a_suspicious_run_moves_the_watermark():
    assert window.completed(NOON, full=True, rows=0) == Closing(NOON, 0, None)


def test_three_runs_over_one_window():
    """25,000 records at 10,000 a run: the watermark becomes the first run's start."""
    chain, watermark = None, None
    for hour, (rows, verdict) in enumerate([(10_000, TRUNCATED), (10_000, TRUNCATED), (5_000, COMPLETE)]):
        opening = window.open(NOON + timedelta(hours=hour), watermark=watermark, chain=chain)
        closing = window.close(opening, verdict, Tally(rows, rows), {"hour": hour})
        chain, watermark = closing.chain, closing.watermark
    assert (opening.resume, chain, watermark, closing.last_full_rows) == ({"hour": 1}, None, NOON, 25_000)


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.none() | st.datetimes(timezones=st.just(UTC)),
    st.booleans(),
    st.builds(Tally, st.integers(0, 10**9), st.integers(0, 10**9)),
)
def test_a_chain_is_kept_as_json(first, since, full, tally):
    chain = Chain(first, since, full, "manual", PAGING, tally)
    kept = chain.to_json()
    assert (
        Chain.from_json(kept),
        {type(value) for value in kept.values()} <= {str, bool, dict, type(None)},
    ) == (chain, True)
