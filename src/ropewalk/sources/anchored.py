"""Reading a search whose results end at so many: each page is asked for from the last record on (core.anchors)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from ropewalk.core import paths
from ropewalk.core.anchors import Anchor, Place, following, in_order
from ropewalk.core.errors import MustFix
from ropewalk.core.exchange import Fetch, Request, Response
from ropewalk.core.pagination import CursorPages
from ropewalk.core.paging import Ask, Facts, Pager
from ropewalk.core.records import RawRecord
from ropewalk.core.values import JSON, MISSING, checksum
from ropewalk.sources.base import Page, Window
from ropewalk.sources.reading import split_page, total_of, walk

_ANCHOR = "anchor"


class Search(Struct, frozen=True):
    """`body(anchor)` is what is sent to read from there on; `place(record)` says where a record stands in the order, None
    where it doesn't say. `more_path`: something stands there while there is more."""

    url: str
    body: Callable[[Anchor | None], JSON]
    place: Callable[[bytes], Place | None]
    page_size: int
    records_path: str
    total_path: str
    more_path: str
    lane: str = ""


def read(search: Search, window: Window, fetch: Fetch, state: Mapping[str, Any] | None) -> Iterator[Page]:
    paging = CursorPages(
        cursor_param=_ANCHOR, next_cursor_path=_ANCHOR, size_param=None, page_size=search.page_size
    )
    pager = Pager(paging, window.max_records, window.max_pages, state)
    yield from walk(_Asking(search, pager), pager, fetch, state)


class _Asking:
    def __init__(self, search: Search, pager: Pager) -> None:
        self._search = search
        self._pager = pager
        self._anchor: Anchor | None = None
        self._wanted = {
            name: paths.parse(path)
            for name, path in (("total", search.total_path), ("more", search.more_path))
        }

    def request(self, ask: Ask) -> Request:
        self._anchor = Anchor.read(ask.params.get(_ANCHOR))
        return Request("POST", self._search.url, body=self._search.body(self._anchor), lane=self._search.lane)

    def hear(self, request: Request, response: Response, number: int) -> tuple[Facts, Iterable[RawRecord]]:
        search, anchor = self._search, self._anchor
        found = split_page(response, request.url, search.records_path, self._wanted, number)
        records = [*found.records]
        places = [self._place(bytes(each)) for each in records]
        if not in_order(anchor, places):
            raise MustFix(
                "no_order",
                f"{request.url} answered in another order than it was asked for, by which nobody can tell what is left.",
            )
        new = [
            each
            for each, place in zip(records, places, strict=True)
            if anchor is None or anchor.is_new(place)
        ]
        more = found.found.get("more", MISSING) not in (MISSING, None, "", False)
        after = following(anchor, places, search.page_size, more=more)
        total = total_of(found.found.get("total", MISSING))
        if anchor is not None and anchor.mode == "ties":
            # It says how many share the instant.
            total = None
        return Facts(
            count=len(new),
            fingerprint=checksum(b"\n".join(bytes(each) for each in new)),
            cursor=None if after is None else after.text(),
            total=None if total is None else self._pager.rows + total - (len(records) - len(new)),
            has_more=after is not None,
        ), new

    def _place(self, raw: bytes) -> Place:
        place = self._search.place(raw)
        if place is None:
            raise MustFix(
                "no_order",
                f"{self._search.url} answered with a record that doesn't say when it changed last: "
                f"{raw[:200].decode(errors='replace')}",
            )
        return place
