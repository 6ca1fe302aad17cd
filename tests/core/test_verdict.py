from dataclasses import dataclass

import pytest
from hypothesis import given, strategies as st

from ropewalk.core import verdict
from ropewalk.core.verdict import Tally, Verdict, judge


@dataclass(frozen=True)
class Ending:
    verdict: str
    reasons: tuple = ()


DONE = Ending("complete")
CUT = Ending("truncated", ("max_pages",))
ODD = Ending("suspicious", ("page_repeated", "empty_page"))
TAKEN, NONE_TAKEN, NO_ROWS = Tally(10, 1), Tally(10, 0), Tally(0, 0)
COMPLETE = Verdict("complete")


def suspicious(*reasons):
    return Verdict("suspicious", reasons)


@pytest.mark.parametrize(
    ("ending", "whole", "full", "last", "ignored", "expected"),
    [
        (DONE, TAKEN, True, 10, (), COMPLETE),
        (DONE, TAKEN, False, None, (), COMPLETE),
        (CUT, TAKEN, True, 10, (), Verdict("truncated", ("max_pages",))),
        # Only the whole chain is judged: a part of it may well have no row that was taken.
        (CUT, NONE_TAKEN, True, 10, (), Verdict("truncated", ("max_pages",))),
        (CUT, NO_ROWS, True, 10, ("max_pages",), Verdict("truncated", ("max_pages",))),
        (ODD, TAKEN, False, None, (), suspicious("page_repeated", "empty_page")),
        (ODD, TAKEN, True, 10, ("empty_page",), suspicious("page_repeated")),
        (ODD, TAKEN, True, 10, ("empty_page", "page_repeated"), COMPLETE),
        (ODD, NONE_TAKEN, True, 10, ("empty_page", "page_repeated"), suspicious("all_skipped")),
        (DONE, NONE_TAKEN, True, None, (), suspicious("all_skipped")),
        (DONE, NONE_TAKEN, False, 10, (), COMPLETE),
        (DONE, NONE_TAKEN, True, 10, ("all_skipped",), COMPLETE),
        (DONE, NO_ROWS, True, 10, (), suspicious("no_rows")),
        (DONE, NO_ROWS, True, 1, (), suspicious("no_rows")),
        (DONE, NO_ROWS, True, 0, (), COMPLETE),
        (DONE, NO_ROWS, True, None, (), COMPLETE),
        (DONE, NO_ROWS, False, 10, (), COMPLETE),
        (DONE, NO_ROWS, True, 10, ("no_rows",), COMPLETE),
        (DONE, NO_ROWS, True, 10, ("all_skipped",), suspicious("no_rows")),
        (ODD, NO_ROWS, True, 10, (), suspicious("page_repeated", "empty_page", "no_rows")),
    ],
)
def test_a_run_is_judged(ending, whole, full, last, ignored, expected):
    assert judge(ending, whole, full=full, last_full_rows=last, ignore_reasons=ignored) == expected


def test_nothing_is_ignored_unless_said():
    assert judge(ODD, TAKEN, full=True, last_full_rows=None) == suspicious("page_repeated", "empty_page")


def test_tallies_add_up():
    assert (Tally(3, 1) + Tally(4, 2), Tally()) == (Tally(7, 3), Tally(0, 0))


def test_every_reason_has_its_name():
    assert (verdict.TRUNCATED, verdict.SUSPICIOUS) == (
        ("max_records", "max_pages"),
        ("page_repeated", "cursor_cycle", "fewer_than_total", "empty_page", "all_skipped", "no_rows"),
    )


@given(
    st.sampled_from([DONE, CUT, ODD, Ending("suspicious", ("cursor_cycle",))]),
    st.sampled_from([TAKEN, NONE_TAKEN, NO_ROWS]),
    st.booleans(),
    st.none() | st.integers(0, 5),
    st.sets(st.sampled_from(verdict.SUSPICIOUS)),
)
def test_a_verdict_names_reasons_that_were_not_switched_off(ending, whole, full, last, ignored):
    judged = judge(ending, whole, full=full, last_full_rows=last, ignore_reasons=ignored)
    assert bool(judged.reasons) is (judged.kind != "complete")
    assert ignored.isdisjoint(judged.reasons)
