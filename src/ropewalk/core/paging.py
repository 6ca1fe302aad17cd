"""How an API's pages hang together: a state machine that never fetches (product.md §4.3, §5.3).

`ask()` tells what the next request carries, `receive()` hears what its answer said, `ending` how it came out.

Pages, rows, total and the guard's fingerprints are counted over the *chain*: a run, and those after it that went
on where it was truncated. Limits are counted over the run.

A page that max records cuts in two is asked for again by the next run, which skips the rows taken; if its records
have changed meanwhile, it takes all of them: applying a record twice does no harm, losing one does.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final, Literal, cast

from msgspec import Struct, field

from ropewalk.core.pagination import CursorPages, NumberedPages, OffsetPages, PagingSettings, SinglePage
from ropewalk.core.values import JSON, canonical, digest

Verdict = Literal["complete", "truncated", "suspicious"]

LAST_PAGE_REPEATED: Final = "last_page_repeated"

_PRINT_BYTES: Final = 8
"""Enough to tell the pages of one chain apart, and small in a checkpoint."""


class Ask(Struct, frozen=True):
    """`url` is where the last answer said that the next page is; None: the stream's own."""

    params: Mapping[str, JSON] = field(default_factory=dict)
    url: str | None = None


class Facts(Struct, frozen=True):
    """What one answer said. `fingerprint` is of its records; `asked` the URL it came from, where URLs lead on."""

    count: int
    fingerprint: bytes
    cursor: JSON = None
    next_url: str | None = None
    total: int | None = None
    has_more: bool | None = None
    asked: str | None = None


class Take(Struct, frozen=True):
    """Of this page's records, leave out the first `skip` and take `count`."""

    skip: int
    count: int


class Ending(Struct, frozen=True):
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    notices: Mapping[str, int] = field(default_factory=dict)


class Seen:
    """Fingerprints in the order they came, as a set and as one short text."""

    def __init__(self, text: str = "") -> None:
        data = base64.b64decode(text)
        self._order = [data[at : at + _PRINT_BYTES] for at in range(0, len(data), _PRINT_BYTES)]
        self._set = set(self._order)

    def __contains__(self, fingerprint: bytes) -> bool:
        return fingerprint in self._set

    def add(self, fingerprint: bytes) -> None:
        if fingerprint not in self._set:
            self._set.add(fingerprint)
            self._order.append(fingerprint)

    def text(self) -> str:
        return base64.b64encode(b"".join(self._order)).decode()


class Pager:
    """`state` is an earlier `state()`: the pager goes on exactly there, in the same run."""

    def __init__(
        self,
        settings: PagingSettings,
        max_records: int | None = None,
        max_pages: int | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self.settings = settings
        self.max_records = max_records
        self.max_pages = max_pages
        kept: Mapping[str, Any] = state or {}
        self.number: int = kept.get("number", 0)
        self.rows: int = kept.get("rows", 0)
        self.size: int = kept.get("size", 0)
        self.total: int | None = kept.get("total")
        self._place: JSON = kept.get("place", _first_place(settings))
        self._short_first: bool = kept.get("short_first", False)
        self._empty: bool = kept.get("empty", False)
        self._last: str = kept.get("last", "")
        self._cut: int = kept.get("cut", 0)
        self._cut_print: str = kept.get("cut_print", "")
        self.run_pages: int = kept.get("run_pages", 0)
        self._run_rows: int = kept.get("run_rows", 0)
        self._pages = Seen(kept.get("pages", ""))
        self._leads = Seen(kept.get("leads", ""))
        ending = kept.get("ending")
        self.ending: Ending | None = ending and Ending(ending[0], tuple(ending[1]), ending[2])

    @staticmethod
    def continue_from(state: Mapping[str, Any]) -> dict[str, Any]:
        """The state from which the next run goes on with a truncated chain, its own limits ahead of it."""
        if not state["ending"] or state["ending"][0] != "truncated":
            raise ValueError("only a truncated chain can be continued")
        return {**state, "ending": None, "run_pages": 0, "run_rows": 0}

    def state(self) -> dict[str, Any]:
        """Plain JSON, some 11 characters a page."""
        ending = self.ending
        return {
            "number": self.number,
            "rows": self.rows,
            "size": self.size,
            "total": self.total,
            "place": self._place,
            "short_first": self._short_first,
            "empty": self._empty,
            "last": self._last,
            "cut": self._cut,
            "cut_print": self._cut_print,
            "run_pages": self.run_pages,
            "run_rows": self._run_rows,
            "pages": self._pages.text(),
            "leads": self._leads.text(),
            "ending": ending and [ending.verdict, list(ending.reasons), dict(ending.notices)],
        }

    # Asking

    def ask(self) -> Ask | None:
        return None if self.ending else self._ask(self._place)

    def ahead(self, most: int) -> list[Ask]:
        """The next asks, as far as a known total and the limits let them be foreseen; the first of them is `ask()`."""
        settings = self.settings
        if self.ending or self.total is None or not self.size:
            return []
        if not isinstance(settings, NumberedPages | OffsetPages):
            return []
        first = cast(int, self._place)
        pages = min(most, _pages(self.total - self.rows, self.size))
        if self.max_pages is not None:
            pages = min(pages, self.max_pages - self.run_pages)
        if self.max_records is not None:
            pages = min(pages, _pages(self.max_records - self._run_rows, self.size))
        step = self.size if isinstance(settings, OffsetPages) else 1
        return [self._ask(first + step * further) for further in range(pages)]

    def _ask(self, place: JSON) -> Ask:
        settings = self.settings
        if settings.NEXT == "url":
            return Ask(url=place if isinstance(place, str) else None)
        params: dict[str, JSON] = {}
        if isinstance(settings, NumberedPages):
            params[settings.page_param] = place
        elif isinstance(settings, OffsetPages):
            params[settings.offset_param] = place
        elif isinstance(settings, CursorPages) and place is not None:
            params[settings.cursor_param] = place
        if (
            isinstance(settings, NumberedPages | OffsetPages | CursorPages)
            and settings.size_param is not None
        ):
            params[settings.size_param] = settings.page_size
        return Ask(params)

    # Hearing

    def receive(self, facts: Facts) -> Take:
        """The answer to `ask()`."""
        self.run_pages += 1
        self._hear_total(facts)
        if facts.asked is not None:
            self._leads.add(_print(facts.asked))
        if facts.count == 0:
            self._receive_empty(facts)
            return Take(0, 0)
        fingerprint = facts.fingerprint[:_PRINT_BYTES]
        if fingerprint in self._pages:
            self._receive_again(facts, fingerprint)
            return Take(0, 0)
        return self._receive_new(facts, fingerprint)

    def _hear_total(self, facts: Facts) -> None:
        total = facts.total
        if total is None or total < facts.count:
            # There can't be fewer in all than in this very answer: it isn't a total (but a number of pages, say).
            return
        # Some servers say 0 on a page past the end; that takes nothing back.
        if self.total is None or facts.count > 0 or total >= self.rows:
            self.total = total

    def _receive_new(self, facts: Facts, fingerprint: bytes) -> Take:
        skip = self._cut if fingerprint.hex() == self._cut_print else 0
        rows = facts.count - skip
        left = rows if self.max_records is None else self.max_records - self._run_rows
        if rows > left:
            self._count(skip, left)
            self._cut, self._cut_print = skip + left, fingerprint.hex()
            self._truncate()
            return Take(skip, left)
        self._count(skip, rows)
        self._cut, self._cut_print = 0, ""
        self.number += 1
        if self.number == 1:
            self._short_first = self._asked_size is not None and facts.count < self._asked_size
        self.size = self.size or facts.count
        self._pages.add(fingerprint)
        self._last, self._empty = fingerprint.hex(), False
        if self._says_end(facts) or (not self._promised(facts) and self._is_short(facts)):
            self._end()
        else:
            self._go_on(facts, facts.count)
        return Take(skip, rows)

    def _count(self, skip: int, rows: int) -> None:
        """Of the page at hand, `rows` after `skip` are taken, and `_cut` had been counted by an earlier run."""
        self.rows += skip + rows - self._cut
        self._run_rows += rows

    def _receive_empty(self, facts: Facts) -> None:
        second, self._empty = self._empty, True
        self._last = ""
        self._cut, self._cut_print = 0, ""
        self.number += 1
        if self._says_end(facts) or not self._promised(facts):
            self._end()
        elif second:
            self._end("empty_page")
        else:
            self._go_on(facts, self.size)

    def _receive_again(self, facts: Facts, fingerprint: bytes) -> None:
        follows = fingerprint.hex() == self._last
        is_end = follows and (self.number >= 2 or self._short_first)
        self.number += 1
        reasons = [] if is_end else ["page_repeated"]
        if not self._says_end(facts) and self._leads_back(facts):
            reasons.append("cursor_cycle")
        self._end(*reasons, notices={} if reasons else {LAST_PAGE_REPEATED: 1})

    # Judging

    @property
    def _asked_size(self) -> int | None:
        settings = self.settings
        if (
            isinstance(settings, NumberedPages | OffsetPages | CursorPages)
            and settings.size_param is not None
        ):
            return settings.page_size
        return None

    def _lead(self, facts: Facts) -> JSON:
        """What names the page after this one, where the answer does."""
        return facts.next_url if self.settings.NEXT == "url" else facts.cursor

    def _says_end(self, facts: Facts) -> bool:
        if facts.has_more is False or (self.total is not None and self.rows >= self.total):
            return True
        if self.settings.NEXT in ("cursor", "url"):
            return _is_absent(self._lead(facts))
        return self.settings.NEXT == "nothing"

    def _promised(self, facts: Facts) -> bool:
        return facts.has_more is True or (self.total is not None and self.rows < self.total)

    def _is_short(self, facts: Facts) -> bool:
        return self.settings.NEXT == "number" and facts.count < self.size

    def _leads_back(self, facts: Facts) -> bool:
        return self.settings.NEXT in ("cursor", "url") and _print(self._lead(facts)) in self._leads

    def _go_on(self, facts: Facts, records: int) -> None:
        if self._leads_back(facts):
            self._end("cursor_cycle")
            return
        settings = self.settings
        if isinstance(settings, OffsetPages):
            self._place = cast(int, self._place) + (records or settings.page_size)
        elif isinstance(settings, NumberedPages):
            self._place = cast(int, self._place) + 1
        else:
            self._place = self._lead(facts)
            self._leads.add(_print(self._place))
        self._truncate()

    def _truncate(self) -> None:
        reasons = []
        if self.max_records is not None and self._run_rows >= self.max_records:
            reasons.append("max_records")
        if self.max_pages is not None and self.run_pages >= self.max_pages:
            reasons.append("max_pages")
        if reasons:
            self.ending = Ending("truncated", tuple(reasons))

    def _end(self, *reasons: str, notices: Mapping[str, int] | None = None) -> None:
        # Rows come and go between pages while they are read; a single answer is of one moment.
        churn = 0 if isinstance(self.settings, SinglePage) else self.size
        if self.total is not None and self.total - self.rows > churn:
            reasons = (*reasons, "fewer_than_total")
        self.ending = Ending("suspicious" if reasons else "complete", reasons, notices or {})


def _first_place(settings: PagingSettings) -> JSON:
    if isinstance(settings, NumberedPages):
        return settings.first_page
    return settings.first_offset if isinstance(settings, OffsetPages) else None


def _is_absent(lead: JSON) -> bool:
    return lead is None or lead is False or lead == ""


def _print(lead: JSON) -> bytes:
    return digest(canonical(lead))[:_PRINT_BYTES]


def _pages(records: int, size: int) -> int:
    return max(0, -(-records // size))
