from __future__ import annotations

from hypothesis import given, strategies as st

from ropewalk.core.rate import Limit, Standing, Stretch, take

LIMIT = Limit(2, 60)


def test_the_first_begins_a_stretch_and_so_does_the_first_after_it() -> None:
    first, standing = take(None, LIMIT, 100.0)
    assert (first, standing) == (Stretch(100.0, 1), Standing(2, 1, 60))
    assert (standing.allowed, standing.remaining) == (True, 1)
    assert take(Stretch(100.0, 9), LIMIT, 160.0) == (Stretch(160.0, 1), Standing(2, 1, 60))


def test_what_is_refused_counts_and_lengthens_nothing() -> None:
    after, standing = take(Stretch(100.0, 2), LIMIT, 159.5)

    assert after == Stretch(100.0, 3)
    assert (standing.allowed, standing.remaining, standing.reset, standing.taken) == (False, 0, 1, 3)


@given(st.lists(st.floats(0, 30), max_size=60))
def test_no_stretch_allows_more_than_the_limit(waits: list[float]) -> None:
    now, stretch, allowed = 0.0, None, []
    for wait in waits:
        now += wait
        stretch, standing = take(stretch, LIMIT, now)
        if standing.allowed:
            allowed.append((stretch.began, now))
    for began in {began for began, _ in allowed}:
        assert sum(one == began for one, _ in allowed) <= LIMIT.times
