"""A timeline: events of many sources in one order, newest first, cut into pages that fit together (product.md §7)."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from typing import Any, TypeAlias
from unicodedata import normalize

import msgspec

from ropewalk.core.events import Event
from ropewalk.core.times import micros
from ropewalk.core.values import JSON

Place: TypeAlias = tuple[int, str, str]
"""Where an event stands: before all with a larger one. Events of one instant stand in an order that stays."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PLAUSIBLE = range(10**15, 2 * 10**17)
"""When a timeline may have been asked, in microseconds: from 2001 on, and with room for a lookback."""


def place(event: Event) -> Place:
    return (-micros(event.at), event.source, event.identity)


def ordered(events: Iterable[Event]) -> list[Event]:
    """Newest first, and what came twice once."""
    return list(_once(sorted(events, key=place)))


def merge(lists: Iterable[Sequence[Event]]) -> Iterator[Event]:
    """Of lists that are in order, one that is; what stands in several comes once."""
    return _once(heapq.merge(*lists, key=place))


def _once(events: Iterable[Event]) -> Iterator[Event]:
    last: Place | None = None
    for event in events:
        here = place(event)
        if here != last:
            yield event
        last = here


class Cursor(msgspec.Struct, frozen=True):
    """The last event of a page, and the moment that the first page was asked at: time ranges count from there on
    all of them."""

    asked_at: datetime
    after: Place

    @property
    def time(self) -> datetime:
        return _EPOCH - _MICROSECOND * self.after[0]

    def to_json(self) -> JSON:
        return ["events", micros(self.asked_at), *self.after]

    @classmethod
    def from_json(cls, value: Any) -> Cursor:
        """A ValueError where this is no cursor of a timeline."""
        match value:
            case ["events", int(asked_at), int(at), str(source), str(identity)] if (
                asked_at in _PLAUSIBLE and type(at) is int
            ):
                made = cls(_EPOCH + _MICROSECOND * asked_at, (at, source, identity))
                try:
                    _ = made.time
                except OverflowError:
                    raise ValueError("a time out of the calendar") from None
                return made
        raise ValueError("no cursor of a timeline")


class Filter(msgspec.Struct, frozen=True):
    """What of a timeline is wanted. Times: from `start` on, before `end`. `name`, `user` and `text` ignore case, and how
    a letter with an accent is composed; `text` may be a part of whatever is seen of the event: its name, its user, and
    the names and values of its properties."""

    start: datetime | None = None
    end: datetime | None = None
    name: str = ""
    user: str = ""
    text: str = ""

    def keeps(self, event: Event, shown: Callable[[Any], Any] | None = None) -> bool:
        """`shown`: a value as it may be seen, without secrets."""
        if self.start is not None and event.at < self.start:
            return False
        if self.end is not None and event.at >= self.end:
            return False
        if self.name and _folded(event.name) != _folded(self.name):
            return False
        if self.user and _folded(event.user or "") != _folded(self.user):
            return False
        if not self.text:
            return True
        seen = [event.name, event.user, msgspec.json.decode(event.properties)]
        wanted = _folded(self.text)
        # What would be redacted is not looked for; and redacting takes longer than looking.
        return _says(seen, wanted) and (shown is None or _says(shown(seen), wanted))


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    return normalize("NFC", normalize("NFC", text).casefold())


def _says(value: Any, wanted: str) -> bool:
    if isinstance(value, str):
        return wanted in _folded(value)
    if isinstance(value, dict):
        return any(_says(name, wanted) or _says(item, wanted) for name, item in value.items())
    if isinstance(value, list):
        return any(_says(item, wanted) for item in value)
    return value is not None and wanted in msgspec.json.encode(value).decode().lower()


class Page(msgspec.Struct, frozen=True):
    events: list[Event]
    more: bool


def page(lists: Iterable[Sequence[Event]], after: Place | None, limit: int) -> Page:
    """The first `limit` events that stand after a place."""
    events = (event for event in merge(lists) if after is None or place(event) > after)
    found = list(islice(events, limit + 1))
    return Page(found[:limit], len(found) > limit)


def days(lists: Iterable[Sequence[Event]]) -> Counter[date]:
    """How many events there are on each day, in UTC."""
    return Counter(event.at.astimezone(UTC).date() for event in merge(lists))


def newest_first(moments: Sequence[datetime]) -> bool:
    """Whether times in the order they were read prove that the source gives its newest first."""
    return len(set(moments)) > 1 and all(later >= earlier for later, earlier in pairwise(moments))
