from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import TypeAdapter

from ropewalk.core.pagination import PagingSettings
from ropewalk.core.paging import Ask, Ending, Facts, Pager, Seen, Take
from ropewalk.core.values import digest
from tests.fakes.paged import Answer, Shape, cursor, linked, numbered, offset

Server = Callable[[Ask], Answer]

COMPLETE = Ending("complete")
LAST_PAGE_REPEATED = Ending("complete", (), {"last_page_repeated": 1})


def settings(**given: Any) -> PagingSettings:
    made: PagingSettings = TypeAdapter(PagingSettings).validate_python(given)
    return made


PAGE = settings(type="page", page_size=10)
OFFSET = settings(type="offset", page_size=10)
CURSOR = settings(type="cursor", page_size=10, next_cursor_path="next")
NEXT_URL = settings(type="next_url", next_url_path="next")
LINK = settings(type="link_header")
NONE = settings(type="none")


def facts(answer: Answer, asked: str | None = None) -> Facts:
    return Facts(
        count=len(answer.rows),
        fingerprint=digest(json.dumps(list(answer.rows)).encode()),
        cursor=answer.cursor,
        next_url=answer.next,
        total=answer.total,
        has_more=answer.more,
        asked=asked,
    )


def read(pager: Pager, server: Server) -> list[Any]:
    """One run: the rows that it takes."""
    rows: list[Any] = []
    while (ask := pager.ask()) is not None:
        answer = server(ask)
        take = pager.receive(facts(answer))
        rows.extend(answer.rows[take.skip : take.skip + take.count])
    return rows


def by_params(ask: Callable[[Any], Answer]) -> Server:
    return lambda asked: ask(asked.params)


def by_url(ask: Callable[[str | None], Answer]) -> Server:
    return lambda asked: ask(asked.url)


def scripted(pages: Iterable[Answer]) -> Server:
    """Answers in this order, whatever is asked."""
    left = iter(pages)
    return lambda asked: next(left)


def outcome(paging: PagingSettings, *pages: Answer, **limits: int) -> tuple[list[Any], Ending | None, int]:
    pager = Pager(paging, **limits)
    asked: list[Ask] = []
    answers = scripted(pages)

    def server(ask: Ask) -> Answer:
        asked.append(ask)
        return answers(ask)

    rows = read(pager, server)
    return rows, pager.ending, len(asked)


def rows(start: int, end: int) -> list[int]:
    return list(range(start, end))


# Any shape: each record once, and an end


@st.composite
def apis(draw: st.DrawFn) -> tuple[PagingSettings, Server, list[int]]:
    count = draw(st.integers(0, 60))
    every = list(range(count))
    size = draw(st.integers(1, 25))
    shape = Shape(
        most=draw(st.integers(1, 25)),
        default=draw(st.integers(1, 25)),
        tells_total=draw(st.booleans()),
        tells_more=draw(st.booleans()),
        repeats_last=draw(st.booleans()),
    )
    kind = draw(st.sampled_from(["page", "offset", "cursor", "next_url", "link_header"]))
    size_param = draw(st.sampled_from(["limit", None]))
    if kind == "page":
        first = draw(st.integers(0, 1))
        asked = size if size_param else None
        effective = min(shape.most, asked or shape.default)
        if count <= effective and (asked is None or count >= asked):
            # A full page 1 that comes again can't be told from a page parameter that is ignored.
            shape = replace(shape, repeats_last=False)
        paging = settings(type=kind, page_size=size, first_page=first, size_param=size_param)
        return paging, by_params(numbered(every, shape, first)), every
    if kind == "offset":
        first = draw(st.integers(0, 1))
        paging = settings(type=kind, page_size=size, first_offset=first, size_param=size_param)
        return paging, by_params(offset(every, shape, first)), every
    if kind == "cursor":
        name = draw(st.sampled_from([str, int, lambda start: {"after": start}, lambda start: [start, "x"]]))
        paging = settings(type=kind, page_size=size, size_param=size_param, next_cursor_path="next")
        return paging, by_params(cursor(every, shape, name)), every
    paging = settings(type=kind, next_url_path="next") if kind == "next_url" else settings(type=kind)
    return paging, by_url(linked(every, shape)), every


@given(apis())
def test_any_shape_gives_each_record_once_and_stops(api: tuple[PagingSettings, Server, list[int]]) -> None:
    paging, server, every = api
    pager = Pager(paging)
    assert read(pager, server) == every
    assert pager.ending is not None
    assert (pager.ending.verdict, pager.ending.reasons) == ("complete", ())
    assert pager.rows == len(every)


@given(apis(), st.integers(1, 30), st.integers(1, 6))
def test_a_truncated_chain_gives_each_record_once_within_its_limits(
    api: tuple[PagingSettings, Server, list[int]], max_records: int, max_pages: int
) -> None:
    paging, server, every = api
    got: list[int] = []
    state: dict[str, Any] | None = None
    for _ in range(2_000):
        pager = Pager(paging, max_records, max_pages, state)
        of_run = read(pager, server)
        got.extend(of_run)
        assert len(of_run) <= max_records
        assert pager.run_pages <= max_pages
        assert pager.ending is not None
        if pager.ending.verdict != "truncated":
            break
        state = Pager.continue_from(json.loads(json.dumps(pager.state())))
    assert got == every
    assert pager.ending.verdict == "complete"
    assert pager.rows == len(every)


@given(apis(), st.integers(1, 30), st.integers(1, 6))
def test_resuming_from_any_state_goes_on_exactly(
    api: tuple[PagingSettings, Server, list[int]], max_records: int, max_pages: int
) -> None:
    paging, server, _ = api
    straight = Pager(paging, max_records, max_pages)
    resumed = Pager(paging, max_records, max_pages)
    while (ask := straight.ask()) is not None:
        assert resumed.ask() == ask
        assert resumed.ahead(4) == straight.ahead(4)
        heard = facts(server(ask))
        assert resumed.receive(heard) == straight.receive(heard)
        resumed = Pager(paging, max_records, max_pages, json.loads(json.dumps(resumed.state())))
        assert resumed.state() == straight.state()
    assert resumed.ask() is None
    assert resumed.ending == straight.ending


@given(apis())
def test_the_first_page_ahead_is_the_next(api: tuple[PagingSettings, Server, list[int]]) -> None:
    paging, server, _ = api
    pager = Pager(paging)
    while (ask := pager.ask()) is not None:
        assert pager.ahead(4)[:1] in ([], [ask])
        pager.receive(facts(server(ask)))


# What is asked


@pytest.mark.parametrize(
    ("paging", "asks"),
    [
        (NONE, [Ask()]),
        (PAGE, [Ask({"page": 1, "limit": 10}), Ask({"page": 2, "limit": 10}), Ask({"page": 3, "limit": 10})]),
        (
            settings(type="page", page_param="p", size_param="per", page_size=10, first_page=0),
            [Ask({"p": 0, "per": 10}), Ask({"p": 1, "per": 10}), Ask({"p": 2, "per": 10})],
        ),
        (settings(type="page", size_param=None), [Ask({"page": 1}), Ask({"page": 2}), Ask({"page": 3})]),
        (OFFSET, [Ask({"offset": at, "limit": 10}) for at in (0, 10, 20)]),
        (
            settings(type="offset", offset_param="skip", size_param=None),
            [Ask({"skip": at}) for at in (0, 10, 20)],
        ),
        (
            settings(
                type="offset", offset_param="startIndex", size_param="count", page_size=10, first_offset=1
            ),
            [Ask({"startIndex": at, "count": 10}) for at in (1, 11, 21)],
        ),
        (
            CURSOR,
            [Ask({"limit": 10}), Ask({"cursor": "c1", "limit": 10}), Ask({"cursor": "c2", "limit": 10})],
        ),
        (NEXT_URL, [Ask(), Ask(url="u1"), Ask(url="u2")]),
        (LINK, [Ask(), Ask(url="u1"), Ask(url="u2")]),
    ],
)
def test_asks(paging: PagingSettings, asks: list[Ask]) -> None:
    pager = Pager(paging)
    made = []
    for page in (1, 2, 3):
        ask = pager.ask()
        if ask is None:
            break
        made.append(ask)
        pager.receive(facts(Answer(rows(page * 10, page * 10 + 10), cursor=f"c{page}", next=f"u{page}")))
    assert made == asks


def test_an_ended_chain_asks_nothing() -> None:
    pager = Pager(NONE)
    pager.receive(facts(Answer([1])))
    assert (pager.ask(), pager.ahead(4), pager.ending) == (None, [], COMPLETE)


def test_offset_moves_by_the_records_received() -> None:
    pager = Pager(settings(type="offset", page_size=100))
    pager.receive(facts(Answer(rows(0, 50), more=True)))
    assert pager.ask() == Ask({"offset": 50, "limit": 100})
    pager.receive(facts(Answer(rows(50, 57), more=True)))
    assert pager.ask() == Ask({"offset": 57, "limit": 100})


# Ends


@pytest.mark.parametrize("paging", [PAGE, OFFSET])
def test_a_short_first_page_ends_nothing(paging: PagingSettings) -> None:
    assert outcome(paging, Answer([1, 2, 3]), Answer([])) == ([1, 2, 3], COMPLETE, 2)
    assert outcome(paging, Answer([1, 2, 3]), Answer([4, 5, 6]), Answer([7])) == (
        [1, 2, 3, 4, 5, 6, 7],
        COMPLETE,
        3,
    )


@pytest.mark.parametrize("paging", [PAGE, OFFSET])
def test_a_page_shorter_than_the_first_ends(paging: PagingSettings) -> None:
    assert outcome(paging, Answer(rows(0, 10)), Answer(rows(10, 19))) == (rows(0, 19), COMPLETE, 2)


def test_a_short_page_ends_no_cursor() -> None:
    pages = Answer([1, 2], cursor="a"), Answer([3], cursor="b"), Answer([4, 5])
    assert outcome(CURSOR, *pages) == ([1, 2, 3, 4, 5], COMPLETE, 3)


@pytest.mark.parametrize("promise", [{"more": True}, {"total": 25}])
def test_a_short_page_ends_nothing_while_more_is_promised(promise: dict[str, Any]) -> None:
    pages = Answer(rows(0, 10), **promise), Answer(rows(10, 15), **promise), Answer(rows(15, 25), more=False)
    assert outcome(PAGE, *pages) == (rows(0, 25), COMPLETE, 3)


@pytest.mark.parametrize("paging", [PAGE, OFFSET, CURSOR, NEXT_URL, LINK, NONE])
def test_has_more_false_ends(paging: PagingSettings) -> None:
    assert outcome(paging, Answer(rows(0, 10), more=False, cursor="c", next="u")) == (
        rows(0, 10),
        COMPLETE,
        1,
    )
    assert outcome(paging, Answer([], more=False, cursor="c", next="u")) == ([], COMPLETE, 1)


@pytest.mark.parametrize("paging", [PAGE, OFFSET, CURSOR, NEXT_URL, LINK, NONE])
def test_total_reached_ends(paging: PagingSettings) -> None:
    assert outcome(paging, Answer(rows(0, 10), total=10, cursor="c", next="u")) == (rows(0, 10), COMPLETE, 1)
    assert outcome(paging, Answer([], total=0, cursor="c", next="u")) == ([], COMPLETE, 1)


def test_the_latest_total_counts() -> None:
    pages = Answer(rows(0, 10), total=20), Answer(rows(10, 19), total=19)
    assert outcome(PAGE, *pages) == (rows(0, 19), COMPLETE, 2)
    pages = Answer(rows(0, 10), total=20), Answer(rows(10, 20), total=21), Answer([20], total=21)
    assert outcome(PAGE, *pages) == (rows(0, 21), COMPLETE, 3)


def test_a_total_said_once_is_kept() -> None:
    pages = Answer(rows(0, 10), total=12), Answer(rows(10, 12))
    assert outcome(PAGE, *pages) == (rows(0, 12), COMPLETE, 2)


def test_a_total_below_the_answers_own_count_is_none() -> None:
    pages = Answer(rows(0, 10), total=3), Answer(rows(10, 20), total=3), Answer(rows(20, 25), total=3)
    assert outcome(PAGE, *pages) == (rows(0, 25), COMPLETE, 3)
    pager = Pager(PAGE)
    pager.receive(facts(Answer(rows(0, 10), total=9)))
    assert pager.total is None


def test_an_empty_page_takes_no_total_back() -> None:
    pages = Answer(rows(0, 10), total=30), Answer([], total=0), Answer([], total=0)
    assert outcome(PAGE, *pages) == (rows(0, 10), Ending("suspicious", ("empty_page", "fewer_than_total")), 3)
    assert outcome(PAGE, *pages[:1], Answer([], total=9), Answer([]))[1] == Ending(
        "suspicious", ("empty_page", "fewer_than_total")
    )
    pages = Answer(rows(0, 10), total=12), Answer([], total=10)
    assert outcome(PAGE, *pages) == (rows(0, 10), COMPLETE, 2)


@pytest.mark.parametrize("lead", [None, "", False])
def test_no_next_cursor_ends(lead: Any) -> None:
    assert outcome(CURSOR, Answer([1], cursor="a"), Answer([2], cursor=lead)) == ([1, 2], COMPLETE, 2)
    assert outcome(CURSOR, Answer([1], cursor="a"), Answer([], cursor=lead, more=True)) == ([1], COMPLETE, 2)


def test_zero_is_a_cursor() -> None:
    assert outcome(CURSOR, Answer([1], cursor=0), Answer([2])) == ([1, 2], COMPLETE, 2)


def test_no_next_url_ends() -> None:
    assert outcome(NEXT_URL, Answer([1], next="a"), Answer([2])) == ([1, 2], COMPLETE, 2)
    assert outcome(LINK, Answer([1], next="a"), Answer([2])) == ([1, 2], COMPLETE, 2)


@pytest.mark.parametrize("paging", [PAGE, OFFSET, CURSOR, NEXT_URL, LINK, NONE])
def test_an_empty_page_ends_where_nothing_is_promised(paging: PagingSettings) -> None:
    assert outcome(paging, Answer([], cursor="c", next="u")) == ([], COMPLETE, 1)


def test_one_answer_is_all_of_a_single_page() -> None:
    assert outcome(NONE, Answer([1, 2], more=True, cursor="c", next="u")) == ([1, 2], COMPLETE, 1)


# An empty page while more is promised


@pytest.mark.parametrize(
    ("paging", "after_empty"),
    [
        (PAGE, Ask({"page": 3, "limit": 10})),
        (OFFSET, Ask({"offset": 8, "limit": 10})),
        (CURSOR, Ask({"cursor": "b", "limit": 10})),
        (NEXT_URL, Ask(url="b")),
    ],
)
def test_an_empty_page_is_read_past_once(paging: PagingSettings, after_empty: Ask) -> None:
    pager = Pager(paging)
    assert pager.receive(facts(Answer(rows(0, 4), more=True, cursor="a", next="a"))) == Take(0, 4)
    assert pager.receive(facts(Answer([], more=True, cursor="b", next="b"))) == Take(0, 0)
    assert pager.ask() == after_empty
    assert pager.receive(facts(Answer(rows(8, 12), more=True, cursor="c", next="c"))) == Take(0, 4)
    pager.receive(facts(Answer([], more=True, cursor="d", next="d")))
    assert pager.ending is None
    pager.receive(facts(Answer([], more=True, cursor="e", next="e")))
    assert pager.ending == Ending("suspicious", ("empty_page",))
    assert (pager.number, pager.rows, pager.run_pages) == (5, 8, 5)


def test_past_an_empty_first_page_offset_moves_by_the_size_asked_for() -> None:
    pager = Pager(OFFSET)
    pager.receive(facts(Answer([], more=True)))
    assert pager.ask() == Ask({"offset": 10, "limit": 10})
    pager.receive(facts(Answer(rows(0, 3), more=True)))
    assert (pager.ask(), pager.size) == (Ask({"offset": 13, "limit": 10}), 3)
    pager = Pager(settings(type="offset", size_param=None, page_size=7))
    pager.receive(facts(Answer([], more=True)))
    assert pager.ask() == Ask({"offset": 7})


def test_a_total_promises_too() -> None:
    pages = Answer(rows(0, 10), total=30), Answer([], total=30), Answer([], total=30)
    assert outcome(PAGE, *pages) == (rows(0, 10), Ending("suspicious", ("empty_page", "fewer_than_total")), 3)
    pages = Answer(rows(0, 10), total=20), Answer([]), Answer([])
    assert outcome(PAGE, *pages) == (rows(0, 10), Ending("suspicious", ("empty_page",)), 3)


def test_empty_pages_are_not_compared() -> None:
    pages = (
        Answer(rows(0, 10), more=True), Answer([], more=True), Answer(rows(10, 20), more=True),
        Answer([], more=True), Answer(rows(20, 30), more=False),
    )  # fmt: skip
    assert outcome(PAGE, *pages) == (rows(0, 30), COMPLETE, 5)


def test_an_empty_page_with_an_old_cursor_is_a_cycle() -> None:
    pages = Answer([1], cursor="a", more=True), Answer([], cursor="a", more=True)
    assert outcome(CURSOR, *pages) == ([1], Ending("suspicious", ("cursor_cycle",)), 2)
    assert outcome(CURSOR, Answer([1], cursor="a"), Answer([], cursor="a")) == ([1], COMPLETE, 2)


# A page seen before


def test_a_last_page_that_comes_again_is_the_end() -> None:
    last = Answer(rows(10, 20))
    assert outcome(PAGE, Answer(rows(0, 10)), last, last) == (rows(0, 20), LAST_PAGE_REPEATED, 3)
    third = Answer(rows(20, 30))
    assert outcome(PAGE, Answer(rows(0, 10)), last, third, third) == (rows(0, 30), LAST_PAGE_REPEATED, 4)


def test_a_short_first_page_that_comes_again_is_the_end() -> None:
    short = Answer(rows(0, 9))
    assert outcome(PAGE, short, short) == (rows(0, 9), LAST_PAGE_REPEATED, 2)


@pytest.mark.parametrize(
    "paging", [PAGE, OFFSET, settings(type="page", size_param=None, page_size=1_000), LINK, NEXT_URL]
)
def test_a_full_first_page_that_comes_again_is_suspicious(paging: PagingSettings) -> None:
    first, second = Answer(rows(0, 10), next="u1"), Answer(rows(0, 10), next="u2")
    assert outcome(paging, first, second) == (rows(0, 10), Ending("suspicious", ("page_repeated",)), 2)


def test_any_other_repeat_is_suspicious() -> None:
    one, two, three = (Answer(rows(at, at + 10)) for at in (0, 10, 20))
    assert outcome(PAGE, one, two, one) == (rows(0, 20), Ending("suspicious", ("page_repeated",)), 3)
    assert outcome(PAGE, one, two, three, two) == (rows(0, 30), Ending("suspicious", ("page_repeated",)), 4)
    empty = Answer([], more=True)
    two_more = Answer(rows(10, 20), more=True)
    assert outcome(PAGE, one, two_more, empty, two) == (
        rows(0, 20),
        Ending("suspicious", ("page_repeated",)),
        4,
    )


def test_a_repeated_last_page_short_of_the_total_is_suspicious() -> None:
    last = Answer(rows(10, 20), total=31)
    expected = Ending("suspicious", ("fewer_than_total",), {"last_page_repeated": 1})
    assert outcome(PAGE, Answer(rows(0, 10), total=31), last, last) == (rows(0, 20), expected, 3)


def test_a_repeat_is_told_also_where_the_answer_says_it_was_the_last() -> None:
    first, again = Answer(rows(0, 10), cursor="a"), Answer(rows(0, 10), more=False)
    assert outcome(CURSOR, first, again) == (rows(0, 10), Ending("suspicious", ("page_repeated",)), 2)
    again = Answer(rows(0, 10), more=False, cursor="a")
    assert outcome(CURSOR, first, again) == (rows(0, 10), Ending("suspicious", ("page_repeated",)), 2)


# Cursors that lead nowhere


def test_the_same_cursor_for_ever() -> None:
    pages = Answer([1], cursor="a"), Answer([2], cursor="a")
    assert outcome(CURSOR, *pages) == ([1, 2], Ending("suspicious", ("cursor_cycle",)), 2)


def test_the_same_cursor_with_the_same_page() -> None:
    short = Answer([1], cursor="a")
    assert outcome(CURSOR, short, short) == ([1], Ending("suspicious", ("cursor_cycle",)), 2)
    full = Answer(rows(0, 10), cursor="a")
    assert outcome(CURSOR, full, full) == (
        rows(0, 10),
        Ending("suspicious", ("page_repeated", "cursor_cycle")),
        2,
    )


def test_alternating_cursors() -> None:
    pages = Answer([1], cursor="a"), Answer([2], cursor="b"), Answer([3], cursor="a")
    assert outcome(CURSOR, *pages) == ([1, 2, 3], Ending("suspicious", ("cursor_cycle",)), 3)


def test_cursors_differ_by_type() -> None:
    pages = Answer([1], cursor=1), Answer([2], cursor="1"), Answer([3], cursor=[1]), Answer([4])
    assert outcome(CURSOR, *pages) == ([1, 2, 3, 4], COMPLETE, 4)


def test_a_last_page_that_comes_again_under_another_cursor_is_the_end() -> None:
    pages = Answer([1], cursor="a"), Answer([2], cursor="b"), Answer([2], cursor="c")
    assert outcome(CURSOR, *pages) == ([1, 2], LAST_PAGE_REPEATED, 3)


@pytest.mark.parametrize("paging", [NEXT_URL, LINK])
def test_next_pointing_to_the_page_itself(paging: PagingSettings) -> None:
    pager = Pager(paging)
    assert pager.receive(facts(Answer([1], next="u0"), asked="u0")) == Take(0, 1)
    assert pager.ending == Ending("suspicious", ("cursor_cycle",))


def test_urls_in_a_circle() -> None:
    pager = Pager(NEXT_URL)
    pager.receive(facts(Answer([1], next="u1"), asked="u0"))
    pager.receive(facts(Answer([2], next="u2"), asked="u1"))
    assert pager.ending is None
    pager.receive(facts(Answer([3], next="u0"), asked="u2"))
    assert pager.ending == Ending("suspicious", ("cursor_cycle",))


# Fewer than the total


@pytest.mark.parametrize(
    ("total", "ending"), [(14, COMPLETE), (15, COMPLETE), (16, Ending("suspicious", ("fewer_than_total",)))]
)
def test_a_pages_worth_of_churn_is_allowed(total: int, ending: Ending) -> None:
    """Two pages of 5; the effective page size is 5."""
    pages = Answer(rows(0, 5), total=total, cursor="a"), Answer(rows(5, 10), total=total)
    assert outcome(CURSOR, *pages) == (rows(0, 10), ending, 2)


@pytest.mark.parametrize(
    ("total", "ending"), [(10, COMPLETE), (11, Ending("suspicious", ("fewer_than_total",)))]
)
def test_a_single_answer_has_no_churn(total: int, ending: Ending) -> None:
    assert outcome(NONE, Answer(rows(0, 10), total=total)) == (rows(0, 10), ending, 1)


def test_says_30_gives_none() -> None:
    pages = Answer([], total=30, cursor="a"), Answer([], total=30)
    assert outcome(CURSOR, *pages) == ([], Ending("suspicious", ("fewer_than_total",)), 2)


def test_has_more_false_short_of_the_total() -> None:
    assert outcome(PAGE, Answer(rows(0, 5), total=30, more=False)) == (
        rows(0, 5),
        Ending("suspicious", ("fewer_than_total",)),
        1,
    )


# Limits and chains


def test_25_000_records_at_10_000_a_run_are_three_runs() -> None:
    every = rows(0, 25_000)
    server = by_params(numbered(every, Shape(), 1))
    state = None
    runs = []
    got: list[int] = []
    for _ in range(3):
        pager = Pager(settings(type="page", page_size=300), 10_000, 1_000, state)
        taken = read(pager, server)
        got += taken
        assert pager.ending is not None
        runs.append((len(taken), pager.ending.verdict, pager.ending.reasons))
        state = Pager.continue_from(pager.state()) if pager.ending.verdict == "truncated" else None
    assert runs == [
        (10_000, "truncated", ("max_records",)), (10_000, "truncated", ("max_records",)), (5_000, "complete", ()),
    ]  # fmt: skip
    assert got == every


def test_the_natural_end_comes_before_a_limit() -> None:
    assert outcome(NONE, Answer([1, 2]), max_records=2, max_pages=1) == ([1, 2], COMPLETE, 1)
    assert outcome(CURSOR, Answer([1]), max_records=1, max_pages=1) == ([1], COMPLETE, 1)
    assert outcome(PAGE, Answer([1, 2], total=2), max_records=2, max_pages=1) == ([1, 2], COMPLETE, 1)


@pytest.mark.parametrize(
    ("limits", "reasons"),
    [
        ({"max_records": 20}, ("max_records",)),
        ({"max_pages": 2}, ("max_pages",)),
        ({"max_records": 20, "max_pages": 2}, ("max_records", "max_pages")),
        ({"max_records": 21, "max_pages": 2}, ("max_pages",)),
        ({"max_records": 20, "max_pages": 3}, ("max_records",)),
    ],
)
def test_limits_truncate(limits: dict[str, int], reasons: tuple[str, ...]) -> None:
    pages = Answer(rows(0, 10), more=True), Answer(rows(10, 20), more=True)
    assert outcome(PAGE, *pages, **limits) == (rows(0, 20), Ending("truncated", reasons), 2)


def test_max_pages_counts_empty_pages() -> None:
    pages = Answer(rows(0, 10), more=True), Answer([], more=True)
    assert outcome(PAGE, *pages, max_pages=2) == (rows(0, 10), Ending("truncated", ("max_pages",)), 2)


def test_a_cut_page_is_read_again_and_its_taken_rows_are_skipped() -> None:
    page = Answer(rows(0, 10), more=True)
    first = Pager(PAGE, max_records=4)
    assert first.receive(facts(page)) == Take(0, 4)
    assert first.ending == Ending("truncated", ("max_records",))
    assert (first.number, first.rows, first.size) == (0, 4, 0)

    second = Pager(PAGE, max_records=4, state=Pager.continue_from(first.state()))
    assert second.ask() == Ask({"page": 1, "limit": 10})
    assert second.receive(facts(page)) == Take(4, 4)
    assert (second.ending, second.rows) == (Ending("truncated", ("max_records",)), 8)

    third = Pager(PAGE, max_records=4, state=Pager.continue_from(second.state()))
    assert third.receive(facts(page)) == Take(8, 2)
    assert (third.ending, third.number, third.rows, third.size) == (None, 1, 10, 10)
    assert third.ask() == Ask({"page": 2, "limit": 10})
    assert third.receive(facts(Answer(rows(10, 12), more=True))) == Take(0, 2)
    assert third.ending == Ending("truncated", ("max_records",))


def test_a_cut_page_that_has_changed_is_taken_whole() -> None:
    first = Pager(PAGE, max_records=4)
    first.receive(facts(Answer(rows(0, 10), total=20)))
    second = Pager(PAGE, max_records=40, state=Pager.continue_from(first.state()))
    assert second.receive(facts(Answer(rows(1, 11), total=20))) == Take(0, 10)
    assert (second.rows, second.number) == (10, 1)
    assert second.receive(facts(Answer(rows(11, 21), total=20))) == Take(0, 10)
    assert second.ending == COMPLETE


def test_a_cut_page_that_has_changed_can_be_cut_again() -> None:
    first = Pager(PAGE, max_records=4)
    first.receive(facts(Answer(rows(0, 10), total=20)))
    second = Pager(PAGE, max_records=3, state=Pager.continue_from(first.state()))
    changed = facts(Answer(rows(1, 11), total=20))
    assert second.receive(changed) == Take(0, 3)
    assert second.rows == 3
    third = Pager(PAGE, state=Pager.continue_from(second.state()))
    assert third.receive(changed) == Take(3, 7)
    assert third.rows == 10


def test_a_cut_page_that_has_gone_is_forgotten() -> None:
    first = Pager(PAGE, max_records=4)
    page = facts(Answer(rows(0, 10), more=True))
    first.receive(page)
    second = Pager(PAGE, state=Pager.continue_from(first.state()))
    second.receive(facts(Answer([], more=True)))
    assert second.receive(page) == Take(0, 10)
    assert second.rows == 14


def test_a_cut_page_under_a_cursor_is_asked_for_by_that_cursor() -> None:
    first = Pager(CURSOR, max_records=3)
    first.receive(facts(Answer([1, 2], cursor="a")))
    assert first.receive(facts(Answer([3, 4], cursor="b"))) == Take(0, 1)
    second = Pager(CURSOR, max_records=3, state=Pager.continue_from(first.state()))
    assert second.ask() == Ask({"cursor": "a", "limit": 10})
    assert second.receive(facts(Answer([3, 4], cursor="b"))) == Take(1, 1)
    assert second.ask() == Ask({"cursor": "b", "limit": 10})


def test_a_chain_keeps_total_rows_and_fingerprints() -> None:
    one, two = Answer(rows(0, 10), total=30), Answer(rows(10, 20))
    first = Pager(PAGE, max_pages=2)
    read(first, scripted([one, two]))
    assert first.ending == Ending("truncated", ("max_pages",))
    repeats = Pager(PAGE, state=Pager.continue_from(first.state()))
    assert (repeats.total, repeats.rows, repeats.run_pages) == (30, 20, 0)
    repeats.receive(facts(one))
    assert repeats.ending == Ending("suspicious", ("page_repeated",))
    ends = Pager(PAGE, state=Pager.continue_from(first.state()))
    ends.receive(facts(two))
    assert ends.ending == LAST_PAGE_REPEATED
    goes_on = Pager(PAGE, state=Pager.continue_from(first.state()))
    goes_on.receive(facts(Answer(rows(20, 30))))
    assert goes_on.ending == COMPLETE


def test_a_chain_keeps_its_cursors() -> None:
    first = Pager(CURSOR, max_pages=2)
    read(first, scripted([Answer([1], cursor="a"), Answer([2], cursor="b")]))
    second = Pager(CURSOR, state=Pager.continue_from(first.state()))
    second.receive(facts(Answer([3], cursor="a")))
    assert second.ending == Ending("suspicious", ("cursor_cycle",))


def test_an_ended_state_keeps_its_ending_and_notices() -> None:
    short = Answer(rows(0, 9))
    pager = Pager(PAGE)
    read(pager, scripted([short, short]))
    again = Pager(PAGE, state=json.loads(json.dumps(pager.state())))
    assert (again.ending, again.ask()) == (LAST_PAGE_REPEATED, None)


def test_a_page_that_gives_no_rows_skips_none() -> None:
    pager = Pager(PAGE)
    pager.receive(facts(Answer([1], more=True)))
    assert pager.receive(facts(Answer([1], more=True))) == Take(0, 0)


def test_only_a_truncated_chain_can_be_continued() -> None:
    pager = Pager(PAGE)
    with pytest.raises(ValueError, match="truncated"):
        Pager.continue_from(pager.state())
    pager.receive(facts(Answer([])))
    with pytest.raises(ValueError, match="truncated"):
        Pager.continue_from(pager.state())


def test_the_state_is_plain_and_small() -> None:
    every = rows(0, 1_000)
    pager = Pager(settings(type="cursor", page_size=1, next_cursor_path="next"), max_pages=900)
    read(pager, by_params(cursor(every, Shape())))
    text = json.dumps(pager.state())
    assert json.loads(text) == pager.state()
    assert len(text) < 25_000


def test_the_state_of_a_fresh_pager() -> None:
    assert Pager(OFFSET).state() == {
        "number": 0, "rows": 0, "size": 0, "total": None, "place": 0, "short_first": False, "empty": False,
        "last": "", "cut": 0, "cut_print": "", "run_pages": 0, "run_rows": 0, "pages": "", "leads": "", "ending": None,
    }  # fmt: skip


def test_the_state_of_an_ended_pager() -> None:
    pager = Pager(PAGE)
    read(pager, scripted([Answer(rows(0, 10), total=40), Answer(rows(10, 20)), Answer(rows(10, 20))]))
    state = pager.state()
    print_one, print_two = (facts(Answer(page)).fingerprint[:8] for page in (rows(0, 10), rows(10, 20)))
    again = Seen()
    again.add(print_one)
    again.add(print_two)
    again.add(print_one)
    assert state == {
        "number": 3, "rows": 20, "size": 10, "total": 40, "place": 3, "short_first": False, "empty": False,
        "last": print_two.hex(), "cut": 0, "cut_print": "", "run_pages": 3, "run_rows": 20, "pages": again.text(),
        "leads": "", "ending": ["suspicious", ["fewer_than_total"], {"last_page_repeated": 1}],
    }  # fmt: skip


# Ahead


def test_ahead_needs_a_total_and_page_one() -> None:
    for paging in (PAGE, OFFSET):
        pager = Pager(paging)
        assert pager.ahead(4) == []
        pager.receive(facts(Answer(rows(0, 10), more=True)))
        assert pager.ahead(4) == []


def test_ahead_by_number() -> None:
    pager = Pager(PAGE)
    pager.receive(facts(Answer(rows(0, 10), total=35)))
    assert pager.ahead(4) == [Ask({"page": page, "limit": 10}) for page in (2, 3, 4)]
    assert pager.ahead(2) == [Ask({"page": page, "limit": 10}) for page in (2, 3)]


def test_ahead_by_offset_goes_by_the_effective_size() -> None:
    pager = Pager(settings(type="offset", page_size=100))
    pager.receive(facts(Answer(rows(0, 10), total=40)))
    assert pager.ahead(9) == [Ask({"offset": at, "limit": 100}) for at in (10, 20, 30)]


def test_ahead_keeps_within_limits() -> None:
    pager = Pager(PAGE, max_pages=3)
    pager.receive(facts(Answer(rows(0, 10), total=100)))
    assert len(pager.ahead(9)) == 2
    pager = Pager(PAGE, max_records=31)
    pager.receive(facts(Answer(rows(0, 10), total=100)))
    assert len(pager.ahead(9)) == 3
    pager = Pager(PAGE, max_records=30)
    pager.receive(facts(Answer(rows(0, 10), total=100)))
    assert len(pager.ahead(9)) == 2


@pytest.mark.parametrize("paging", [CURSOR, NEXT_URL, LINK])
def test_what_an_answer_leads_to_can_not_be_foreseen(paging: PagingSettings) -> None:
    pager = Pager(paging)
    pager.receive(facts(Answer(rows(0, 10), total=100, cursor="a", next="u")))
    assert pager.ahead(4) == []


def test_ahead_knows_nothing_of_rows_beyond_the_total() -> None:
    pager = Pager(PAGE)
    pager.receive(facts(Answer(rows(0, 10), total=20)))
    pager.receive(facts(Answer([], total=20)))
    assert pager.ahead(4) == [Ask({"page": 3, "limit": 10})]


def sequence(pages: Sequence[Sequence[int]]) -> Server:
    return lambda ask: Answer(pages[ask.params["page"] - 1] if ask.params["page"] <= len(pages) else [])


@given(st.lists(st.lists(st.integers(0, 3), max_size=3), max_size=8), st.booleans())
def test_no_sequence_of_pages_is_read_for_ever(pages: list[list[int]], more: bool) -> None:
    """Whatever a server answers: it is asked at most once more than there are different pages, and twice for nothing."""
    server = sequence(pages)
    pager = Pager(PAGE)
    asked = 0
    while (ask := pager.ask()) is not None:
        asked += 1
        answer = server(ask)
        pager.receive(facts(Answer(answer.rows, more=more or None)))
    assert asked <= len(pages) + 2
