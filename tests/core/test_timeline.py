from datetime import UTC, date, datetime, timedelta
from itertools import chain

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from ropewalk.core.events import Event
from ropewalk.core.redact import Redactor
from ropewalk.core.timeline import Cursor, Filter, days, merge, newest_first, ordered, page, place

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def event(minutes=0, source="a", identity="1", name="opened", user=None, properties=b"{}"):
    return Event(NOON - timedelta(minutes=minutes), source, identity, name, user, ("c-1",), properties)


# Few of each, so that instants, sources and events coincide.
EVENTS = st.builds(event, st.integers(0, 5), st.sampled_from("abc"), st.sampled_from("123"))
LISTS = st.lists(st.lists(EVENTS, max_size=12), max_size=4)


def test_of_one_instant_the_order_is_by_source_and_event():
    found = ordered([event(1, "b"), event(0, "b"), event(1, "a", "2"), event(1, "a", "1"), event(1, "b")])

    assert [(each.at.minute, each.source, each.identity) for each in found] == [
        (0, "b", "1"),
        (59, "a", "1"),
        (59, "a", "2"),
        (59, "b", "1"),
    ]


@given(LISTS)
def test_merging_lists_is_as_ordering_all_of_them(lists):
    assert list(merge([ordered(each) for each in lists])) == ordered(chain.from_iterable(lists))


@given(LISTS, st.integers(1, 5))
def test_pages_hold_every_event_once_and_in_order(lists, limit):
    lists = [ordered(each) for each in lists]
    seen, after = [], None
    while True:
        found = page(lists, after, limit)
        seen += found.events
        assert len(found.events) == limit or not found.more
        if not found.more:
            break
        after = place(found.events[-1])

    assert seen == list(merge(lists))


@given(LISTS, st.integers(1, 5), st.lists(EVENTS, max_size=5))
def test_what_comes_up_between_two_pages_neither_repeats_nor_hides_what_was_there(lists, limit, new):
    first = page([ordered(each) for each in lists], None, limit)
    if not first.more:
        return
    after = place(first.events[-1])
    rest = page([ordered(each + new) for each in lists], after, 100).events

    assert all(place(each) > after for each in rest)
    assert set(ordered(chain.from_iterable(lists))) - set(first.events) <= set(rest)


@given(LISTS)
def test_days_count_every_event_once(lists):
    assert sum(days([ordered(each) for each in lists]).values()) == len(ordered(chain.from_iterable(lists)))


def test_days_are_of_utc():
    berlin = datetime.fromisoformat("2026-03-02T00:30:00+01:00")

    assert days([[Event(berlin, "a", "1", "opened", None, (), b"{}")]]) == {date(2026, 3, 1): 1}


@given(
    EVENTS,
    st.datetimes(NOON.replace(year=2002, tzinfo=None), timezones=st.just(UTC)).filter(
        lambda at: at.year < 8000
    ),
)
def test_a_cursor_is_read_as_it_was_written(one, asked_at):
    cursor = Cursor(asked_at, place(one))

    assert Cursor.from_json(cursor.to_json()) == cursor
    assert cursor.time == one.at


@pytest.mark.parametrize(
    "value",
    [
        ["events", -62_135_596_800_000_000, 0, "a", "1"],
        ["events", True, 0, "a", "1"],
        ["events", 1_772_366_400_000_000, True, "a", "1"],
        ["events", 1_772_366_400_000_000, 10**17, "a", "1"],
        ["events", 1_772_366_400_000_000, 10**30, "a", "1"],
        ["events", 1_772_366_400_000_000, 0, "a"],
        ["others", 1_772_366_400_000_000, 0, "a", "1"],
    ],
)
def test_a_cursor_of_no_time_or_of_no_timeline_is_refused(value):
    with pytest.raises(ValueError, match=r"calendar|cursor"):
        Cursor.from_json(value)


@settings(max_examples=30)
@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)
    | st.tuples(
        st.just("events"), st.integers() | st.booleans(), st.integers() | st.booleans(), st.text(), st.text()
    ).map(list)
)
def test_what_is_no_cursor_is_refused(value):
    try:
        cursor = Cursor.from_json(value)
    except ValueError:
        return
    assert cursor.to_json() == value


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (Filter(), True),
        (Filter(start=NOON), True),
        (Filter(start=NOON + timedelta(seconds=1)), False),
        (Filter(end=NOON), False),
        (Filter(end=NOON + timedelta(seconds=1)), True),
        (Filter(name="OPENED"), True),
        (Filter(name="open"), False),
        (Filter(user="ADA"), True),
        (Filter(user="bob"), False),
        (Filter(text="pen"), True),
        (Filter(text="Münch"), True),
        (Filter(text="ada"), True),
        (Filter(text="rome"), False),
        (Filter(name="opened", text="rome"), False),
    ],
)
def test_a_filter(wanted, kept):
    assert wanted.keeps(event(user="Ada", properties='{"city":"München"}'.encode())) is kept


SEEN = {
    'the "best" plan': ["a\\b", "line\nbreak"],
    "Straße": {"Été": 1.5, "paid": True, "none": None, "deep": [{"n": 42}]},
}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ('"BEST"', True),
        ("a\\b", True),
        ("line\nbreak", True),
        ("STRASSE", True),
        ("e\u0301te\u0301", True),
        ("ÉTÉ", True),
        ("1.5", True),
        ("true", True),
        ("42", True),
        ('\\"best', False),
        ("\\n", False),
        ("\\\\b", False),
        ('":', False),
        ("null", False),
        ("{", False),
        (",", False),
        ("[", False),
    ],
)
def test_text_is_looked_for_in_what_is_seen(text, seen):
    assert Filter(text=text).keeps(event(properties=msgspec.json.encode(SEEN))) is seen


def test_a_secret_is_not_found():
    told = event(name="of t-oken", user="t-oken", properties=b'{"echo":"Bearer t-oken"}')
    shown = Redactor(["t-oken"]).values

    found = [Filter(text=text).keeps(told, shown) for text in ("t-o", "t-oken", "bearer", "of ")]
    assert found == [False, False, True, True]


@pytest.mark.parametrize(
    ("minutes", "proved"),
    [
        ([], False),
        ([1], False),
        ([1, 1], False),
        ([1, 2], True),
        ([1, 1, 2], True),
        ([2, 1], False),
        ([1, 3, 2], False),
    ],
)
def test_an_order_is_proved_by_times_that_only_go_back(minutes, proved):
    assert newest_first([NOON - timedelta(minutes=each) for each in minutes]) is proved
