"""A search that gives its first so many results, read to its end while it moves."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, strategies as st

from ropewalk.core.anchors import Anchor, Place, following, in_order


@dataclass
class Search:
    """What it holds by id, in the order of when each changed; equal ones in an order of its own."""

    held: dict[int, int]
    size: int

    def page(self, anchor: Anchor | None) -> tuple[list[Place], bool]:
        rows = sorted((at, -number if number % 2 else number, number) for number, at in self.held.items())
        found = [Place(at, str(number)) for at, _, number in rows]
        if anchor is not None:
            found = [each for each in found if self._is_after(each, anchor)]
            if anchor.mode == "ties":
                found.sort(key=lambda each: int(each.id))
        return found[: self.size], len(found) > self.size

    @staticmethod
    def _is_after(place: Place, anchor: Anchor) -> bool:
        if anchor.mode == "ties":
            return place.at == anchor.at and (not anchor.id or int(place.id) > int(anchor.id))
        return place.at > anchor.at if anchor.mode == "past" else place.at >= anchor.at


def read(search: Search, moves: dict[int, int] | None = None) -> list[Place]:
    """Everything that is new on each page; before page n, the record `moves[n]` is changed."""
    found: list[Place] = []
    anchor: Anchor | None = None
    later = max(search.held.values(), default=0)
    for number in range(10 * len(search.held) + 50):
        if moves and (moved := moves.get(number)) in search.held:
            later += 1
            search.held[moved] = later
        places, more = search.page(anchor)
        assert in_order(anchor, places)
        found += [each for each in places if anchor is None or anchor.is_new(each)]
        anchor = following(anchor, places, search.size, more=more)
        if anchor is None:
            return found
        assert Anchor.read(anchor.text()) == anchor
    raise AssertionError("it never ends")


@given(
    st.dictionaries(st.integers(1, 60), st.integers(0, 6), max_size=40),
    st.integers(2, 7),
)  # fmt: skip
def test_each_record_comes_once(held: dict[int, int], size: int) -> None:
    found = read(Search(dict(held), size))

    assert sorted((each.at, int(each.id)) for each in found) == sorted(
        (at, number) for number, at in held.items()
    )


@given(
    st.dictionaries(st.integers(1, 60), st.integers(0, 6), min_size=1, max_size=40),
    st.integers(2, 7),
    st.dictionaries(st.integers(0, 20), st.integers(1, 60), max_size=8),
)  # fmt: skip
def test_whatever_changes_meanwhile_everything_is_read_as_it_is_in_the_end(
    held: dict[int, int], size: int, moves: dict[int, int]
) -> None:
    search = Search(dict(held), size)
    found = read(search, moves)

    assert {(each.at, int(each.id)) for each in found} >= {(at, number) for number, at in search.held.items()}


@pytest.mark.parametrize("ties", [199, 200, 201, 1_000])
def test_many_at_one_instant_cost_few_pages_more(ties: int) -> None:
    search = Search(dict.fromkeys(range(1, ties + 1), 5) | {ties + 1: 6, ties + 2: 4}, 100)
    asked = 0
    page = search.page

    def counted(anchor: Anchor | None) -> tuple[list[Place], bool]:
        nonlocal asked
        asked += 1
        return page(anchor)

    search.page = counted  # type: ignore[method-assign]

    assert len(read(search)) == ties + 2
    assert asked <= ties // 100 + 4


@pytest.mark.parametrize(
    ("anchor", "places"),
    [
        (None, [Place(2, "1"), Place(1, "2")]),
        (Anchor("from", 1), [Place(1, "1"), Place(3, "2"), Place(2, "3")]),
        (Anchor("ties", 5), [Place(5, "10"), Place(5, "9")]),
        (Anchor("ties", 5), [Place(5, "1"), Place(6, "2")]),
    ],
)
def test_another_order_is_noticed(anchor: Anchor | None, places: list[Place]) -> None:
    assert not in_order(anchor, places)
