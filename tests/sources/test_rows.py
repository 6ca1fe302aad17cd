"""What sources do to the rows of their pages, and searches that are read on from where a run was cut off."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from hypothesis import given, strategies as st

from ropewalk.core.anchors import Anchor, Place
from ropewalk.core.exchange import Request, Response
from ropewalk.core.paging import Pager
from ropewalk.sources import anchored, rows
from ropewalk.sources.base import Derivation, Page, Window

PLAIN = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
OBJECTS = st.dictionaries(st.text(), PLAIN | st.lists(PLAIN) | st.dictionaries(st.text(), PLAIN))


def pages(records: Sequence[bytes]) -> Iterator[Page]:
    yield Page(1, records, len(records), {"place": 1})


@given(
    st.lists(st.tuples(OBJECTS, st.sampled_from(["", " ", "\n"])), max_size=5),
    OBJECTS.filter(bool),
)  # fmt: skip
def test_what_is_added_stands_beside_what_was_there(
    records: list[tuple[dict[str, Any], str]], more: dict[str, Any]
) -> None:
    raw = [f"{space}{json.dumps(each, indent=1)}{space}".encode() for each, space in records]
    [page] = rows.adding(pages(raw), lambda found: [more for _ in found])

    assert [json.loads(bytes(each)) for each in page.records] == [
        {**each, rows.DERIVED: more} for each, _ in records
    ]
    assert (page.count, page.state) == (len(records), {"place": 1})


def test_what_is_no_object_stays_as_it_is() -> None:
    raw = [b"null", b"7", b'"{}"', b"[1]", b"{}"]
    [page] = rows.adding(pages(raw), lambda found: [{"a": 1} for _ in found])

    assert [*page.records] == [*raw[:4], b'{"__derived":{"a":1}}']


def test_rows_that_are_left_out_are_counted_by_reason() -> None:
    raw = [b'{"a":1}', b"2", b"3", b"4"]
    reasons = {b"2": "even", b"4": "even", b"3": "three"}
    [page] = rows.derived(pages(raw), Derivation(1, lambda record: {"of": record["a"]}, reasons.get))

    assert [*page.records] == [b'{"a":1,"__derived":{"of":1}}']
    assert (page.count, page.filtered) == (1, {"even": 2, "three": 1})


def test_of_what_cannot_be_read_nothing_is_made() -> None:
    raw = [b"7", b'"half a pair: \\ud83d"', b'{"a":"\xff"}', b"[" * 200 + b"]" * 200]
    [page] = rows.derived(pages(raw), Derivation(1, lambda _: {"of": 1}))

    assert [*page.records] == raw


class Held:
    """A search by `at` and `id` that gives two results at once."""

    def __init__(self, held: list[tuple[int, int]]) -> None:
        self.held = sorted(held)

    def __call__(self, request: Request) -> Response:
        anchor = Anchor.read(request.body)  # type: ignore[arg-type]
        found = [each for each in self.held if anchor is None or self._is_after(each, anchor)]
        body: dict[str, Any] = {
            "rows": [{"at": at, "id": str(number)} for at, number in found[:2]],
            "total": len(found),
        }
        if len(found) > 2:
            body["more"] = "yes"
        return Response(200, {"content-type": "application/json"}, json.dumps(body).encode(), request.url, 1)

    def ahead(self, requests: Any) -> None:
        """Nothing is fetched before it is wanted."""

    @staticmethod
    def _is_after(each: tuple[int, int], anchor: Anchor) -> bool:
        if anchor.mode == "ties":
            return each[0] == anchor.at and each[1] > int(anchor.id or 0)
        return each[0] > anchor.at if anchor.mode == "past" else each[0] >= anchor.at


def place(raw: bytes) -> Place:
    found = msgspec.json.decode(raw)
    return Place(found["at"], found["id"])


SEARCH = anchored.Search(
    url="https://crm.example/search",
    body=lambda anchor: None if anchor is None else anchor.text(),
    place=place,
    page_size=2,
    records_path="rows",
    total_path="total",
    more_path="more",
)


@given(st.sets(st.tuples(st.integers(0, 3), st.integers(1, 30)), max_size=14), st.integers(1, 6))
def test_a_run_that_is_cut_off_is_gone_on_with(held: set[tuple[int, int]], most: int) -> None:
    found: list[Any] = []
    state: dict[str, Any] | None = None
    verdicts = ["truncated"]
    while verdicts[-1] == "truncated":
        if state is not None:
            state = Pager.continue_from(json.loads(json.dumps(state)))
        for page in anchored.read(SEARCH, Window(max_records=most), Held([*held]), state):
            found += [(each["at"], int(each["id"])) for each in map(msgspec.json.decode, page.records)]
            state = page.state
            if page.ending is not None:
                verdicts.append(page.ending.verdict)
        assert len(verdicts) < 40

    assert verdicts[-1] == "complete"
    assert sorted(found) == sorted(held)
