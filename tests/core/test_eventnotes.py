from collections import Counter
from datetime import UTC, datetime

import pytest

from ropewalk.core.eventnotes import (
    Asked,
    Came,
    crowded,
    hint,
    notes,
    out_of_reach,
    resolved,
    slow,
    unreadable,
    without_value,
)
from ropewalk.core.events import Tally

ASKED = Asked("external_id", "from", "to", None, 90, 30_000)
FILTERED = Asked("external_id", None, "to", "customer", 30, 5_000)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


def came(records=3, found=3, of_account=3, keys=(), **more):
    tally = Tally(records=records, keys=dict.fromkeys(keys))
    return Came(tally, found, of_account, "“c-1”", **more)


@pytest.mark.parametrize(
    ("asked", "came", "told"),
    [
        (ASKED, came(), []),
        (ASKED, came(499, 1), []),
        (ASKED, came(501, 101), []),
        (FILTERED, came(500, 100), []),
        (
            ASKED,
            came(5_000, 1_000),
            ["5,000 records were read to show 1,000. Set an account parameter (account_param), so that the API filters by itself."],
        ),
        (ASKED, came(others=True), []),
        (
            FILTERED,
            came(others=True),
            ["The API gave events of other accounts too: it ignores the account parameter customer."],
        ),
        (ASKED, came(outside=2), ["2 records are not of the time that was asked for: the API ignores from and to."]),
        (FILTERED, came(outside=1), ["1 records are not of the time that was asked for: the API ignores to."]),
        (
            ASKED,
            came(7, 0, 7),
            ["7 events of this account are of another time than was asked for; a timeline goes back 90 days (lookback_days)."],
        ),
        (ASKED, came(0, 0, 0), ["The API gave no records at all for the last 90 days (lookback_days)."]),
        (FILTERED, came(0, 0, 0), ["The API gave no records at all."]),
        (
            ASKED,
            came(2, 0, 0, ["a", "b" * 101]),
            [
                f"None of 2 records is of this account: the account field holds “a”, “{'b' * 100}”, the account has “c-1”. "
                "Case makes no difference."
            ],
        ),
        (
            ASKED,
            came(2, 0, 0),
            ["None of 2 records could be read: check the paths of time, name and account."],
        ),
    ],
)  # fmt: skip
def test_what_came_is_explained(asked, came, told):
    assert notes(asked, came) == told


MORE = "There are more, and nothing proves that these are the newest: have the API give its newest first."


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"cut": "max_records"}, f"3 records were read, the most that one query reads. {MORE}"),
        (
            {"cut": "max_pages", "order_proven": True},
            f"3 records were read, on as many pages as the stream allows (max_pages). {MORE}",
        ),
        (
            {"cut": "bytes", "order_proven": True, "oldest": MARCH},
            "3 records were read, 16 MiB, the most that one query keeps: the newest, back to 2026-03-01T00:00:00Z. What "
            "is older is not shown.",
        ),
        (
            {"cut": "cursor_cycle", "order_proven": True, "oldest": MARCH},
            "3 records were read, and pages that made no sense ended it (cursor_cycle): check the pagination settings.",
        ),
    ],
)
def test_newest_is_said_only_where_it_is_proved(more, told):
    assert notes(ASKED, came(**more)) == [told]


def test_unreadable_records_are_counted_with_an_example_each():
    tally = Tally(
        records=1_000,
        unreadable=Counter(record=1, time=2, name=3),
        examples={"record": "This entry of the array is null, not an object.", "time": '"soon"', "name": ""},
        spellings=Counter(date=1),
    )

    assert unreadable(tally) == [
        "1 of 1,000 records can’t be read, for example This entry of the array is null, not an object.",
        '2 of 1,000 records have no eventTime that can be read, for example "soon".',
        "3 of 1,000 records have nothing at the path of eventName.",
        "Times without a zone were taken for UTC.",
    ]


def test_an_account_without_the_match_value_is_not_asked_about():
    assert without_value("domain") == (
        "This account has no company domain, by which this stream finds its events; it was not asked."
    )


PARAM = " Set an account parameter (account_param), so that the API filters by itself and has less to send."


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (ASKED, f"It gave no whole answer within 2.5 s.{PARAM}"),
        (
            FILTERED,
            "It gave no whole answer within 2.5 s. Or raise the timeout (timeout_ms, 5,000 now); a timeline waits up to "
            "8 s.",
        ),
    ],
)
def test_a_slow_stream_is_told_what_may_help(asked, told):
    assert slow(asked, 2.5) == told


@pytest.mark.parametrize(
    ("about", "path", "told"),
    [
        ("credential", "data", " The auth type is bearer."),
        ("records_path", "data", " The records path is “data”."),
        ("records_path", "", " The records path is empty: the whole body."),
        ("url", "data", ""),
    ],
)
def test_the_setting_to_look_at(about, path, told):
    assert hint(about, "bearer", path) == told


READ = "2 of 3 records could be read as events, {} of them are of an account."


@pytest.mark.parametrize(
    ("matched", "keys", "held", "told"),
    [
        (1, ["a"], ["b"], READ.format(1)),
        (0, [], ["b"], READ.format(0)),
        (0, ["a"], ["b"], READ.format(0) + " The account field holds “a”; as company domain accounts have “b”."),
        (0, ["a"], [], READ.format(0) + " The account field holds “a”; as company domain accounts have nothing yet."),
    ],
)  # fmt: skip
def test_how_much_of_a_sample_is_of_accounts(matched, keys, held, told):
    assert resolved(3, 2, matched, keys, held, "domain") == told


def test_a_stream_that_was_not_asked_says_why():
    assert out_of_reach(FILTERED) == (
        "The time that was asked for is not within the last 30 days (lookback_days), as far as this stream's timeline "
        "goes back; it was not asked."
    )
    assert crowded(7.5) == (
        "It was not asked: within 7.5 s other queries of this organization did not end, and only so many run at once. "
        "Their sources are the slow ones."
    )
