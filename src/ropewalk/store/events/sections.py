"""Lists of events on SQLite, newest first: the list of each account key, and that of each connector.

In one index each event would be written at a random place, which is a page more to write for each once there are many. So
its entries are written in the order of arrival first; when a stretch of numbers is full, they are put in order at once, as
a section of their own. A section knows the span of its times, so that whoever wants the newest reads few of them.

An entry is 24 bytes that sort as they are: the key, the time, the number. Some dozens of them are a row, which begins with
its first one; whoever looks for an entry finds it in the last row of its section that begins at or before it.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import groupby, islice
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING, Final

from ropewalk.core.times import micros
from ropewalk.store.database import batches as slices
from ropewalk.store.events.base import Filters, Place
from ropewalk.store.events.tables import Row

if TYPE_CHECKING:
    from ropewalk.store.events.appending import KeyRow
    from ropewalk.store.events.sqlite import SqliteEvents

SECTION: Final = 16_384
"""Numbers of events."""
_PARTS: Final = 256
"""Rows of a section that is not in order yet."""
_ENTRIES: Final = 40
"""Of a row: what SQLite keeps in one page of an index."""
_ROWS_AT_ONCE: Final = 32
_LOOKED_FOR_AT_ONCE: Final = 100
_ENTRY: Final = 24
_KEY: Final = 8
_BIAS: Final = 1 << 63
_APPENDING: Final = "DO UPDATE SET entries = CAST(entries || excluded.entries AS BLOB)"
_BY_NUMBER: Final = itemgetter(2)
_packed = Struct(">QQQ").pack
_places = Struct(">QQ").iter_unpack
_number = Struct(">16xQ").unpack


def tables(name: str) -> str:
    return f"""
CREATE TABLE {name}_new (part INTEGER PRIMARY KEY, entries BLOB NOT NULL);
CREATE TABLE {name}_order (place BLOB PRIMARY KEY, entries BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE {name}_section (no INTEGER PRIMARY KEY, oldest INTEGER NOT NULL, newest INTEGER NOT NULL);
"""


class Sections:
    """Of one kind of key. Whatever changes them is called within a transaction that writes."""

    def __init__(self, tables: SqliteEvents, name: str, size: int) -> None:
        self._tables = tables
        self._new, self._order, self._times = f"{name}_new", f"{name}_order", f"{name}_section"
        self._size = size
        self._part = max(1, size // _PARTS)

    def add(self, rows: Sequence[KeyRow]) -> None:
        """By their numbers; of events whose section is not in order yet."""
        if not rows:
            return
        numbers = [number for _, _, number in rows]
        entries = _entries(rows)
        parts = []
        begin = 0
        while begin < len(numbers):
            part = numbers[begin] // self._part
            end = bisect_left(numbers, (part + 1) * self._part, begin)
            parts.append((part, entries[begin * _ENTRY : end * _ENTRY]))
            begin = end
        self._tables.insert(self._new, ("part", "entries"), parts, f"ON CONFLICT (part) {_APPENDING}")
        self._put_in_order(numbers[-1] // self._size * self._size // self._part)

    def _put_in_order(self, end: int) -> None:
        ((first,),) = self._tables.rows(f"SELECT min(part) FROM {self._new}")
        if first is None or first >= end:
            return
        found = self._tables.rows(
            f"SELECT part, entries FROM {self._new} WHERE part < %s ORDER BY part", [end]
        )
        for section, rows in groupby(found, lambda row: row[0] * self._part // self._size):
            if entries := _cut(b"".join(entries for _, entries in rows)):
                self._write_times(section, entries)
                self._tables.insert(self._order, ("place", "entries"), _rows(section, sorted(entries)))
        self._tables.run(f"DELETE FROM {self._new} WHERE part < %s", [end])

    def _write_times(self, section: int, entries: Iterable[bytes]) -> None:
        times = array("Q", b"".join(entries))[1::3]
        if sys.byteorder == "little":
            times.byteswap()
        self._tables.run(
            f"INSERT INTO {self._times} VALUES (%s, %s, %s) ON CONFLICT (no) DO UPDATE SET "
            "oldest = min(oldest, excluded.oldest), newest = max(newest, excluded.newest)",
            [section, min(times) - _BIAS, max(times) - _BIAS],
        )

    def change(self, gone: Sequence[KeyRow], come: Sequence[KeyRow] = ()) -> None:
        """Of whatever events."""
        changed: defaultdict[int, tuple[set[bytes], set[bytes]]] = defaultdict(lambda: (set(), set()))
        for which, rows in enumerate((gone, come)):
            for row in rows:
                changed[row[2] // self._size][which].add(_entry(*row))
        ordered = {no for (no,) in self._tables.rows(f"SELECT no FROM {self._times}")} if changed else ()
        for section, (less, more) in sorted(changed.items()):
            if section in ordered:
                self._change_in_order(section, less, more)
            else:
                self._change_new(less)
                self.add(sorted((row for row in come if row[2] // self._size == section), key=_BY_NUMBER))

    def _change_new(self, gone: set[bytes]) -> None:
        parts = sorted({_number(entry)[0] // self._part for entry in gone})
        which, listed = self._tables.one_of("part", parts)
        kept = [
            (b"".join(entry for entry in _cut(entries) if entry not in gone), part)
            for part, entries in self._tables.rows(
                f"SELECT part, entries FROM {self._new} WHERE {which}", [listed]
            )
        ]
        self._tables.many(f"UPDATE {self._new} SET entries = %s WHERE part = %s", kept)

    def _change_in_order(self, section: int, gone: set[bytes], come: set[bytes]) -> None:
        name = _name(section)
        held = self._holding(name, [name + entry for entry in gone | come])
        places = sorted(place for place, _ in held)
        kept = {place: set(_cut(entries)) - gone for place, entries in held}
        for entry in come:
            after = bisect_right(places, name + entry)
            kept.setdefault(places[after - 1] if after else name, set()).add(entry)
        self._tables.many(f"DELETE FROM {self._order} WHERE place = %s", [(place,) for place in kept])
        rows = [row for few in kept.values() for row in _rows(section, sorted(few))]
        self._tables.insert(self._order, ("place", "entries"), rows)
        if come:
            self._write_times(section, come)

    def _holding(self, name: bytes, places: Sequence[bytes]) -> list[Row]:
        """The rows of a section that these are in, or would be."""
        held: list[Row] = []
        for few in slices(places, _LOOKED_FOR_AT_ONCE):
            held += self._tables.rows(
                f"WITH wanted (place) AS (VALUES {', '.join(['(%s)'] * len(few))}) "
                f"SELECT place, entries FROM {self._order} WHERE place IN (SELECT (SELECT max(o.place) "
                f"FROM {self._order} AS o WHERE o.place >= %s AND o.place <= wanted.place) FROM wanted)",
                [*few, name],
            )
        return held

    def newest(self, keys: Sequence[int], filters: Filters, place: Place, size: int) -> list[Place]:
        """The first places of their lists after one."""
        if filters.end is not None:
            place = min(place, Place(micros(filters.end), 0))
        start = -_BIAS if filters.start is None else micros(filters.start)
        spans = [(_entry(key, start, 0), _entry(key, *place)) for key in keys]
        found = sorted({each for span in spans for each in self._not_in_order(*span)}, reverse=True)[:size]
        for few, newest in self._sections(start, place):
            if len(found) == size and found[-1] >= _entry(0, newest + 1, 0)[_KEY:]:
                break
            lists = (self._of(no, *span) for no in few for span in spans)
            # An event may be in the lists of several keys.
            found = [each for each, _ in islice(groupby(merge(found, *lists, reverse=True)), size)]
        return [Place(at - _BIAS, number) for at, number in _places(b"".join(found))]

    def _sections(self, start: int, place: Place) -> Iterator[tuple[list[int], int]]:
        """Ever more of them at a time, with the newest time of these."""
        sections = self._tables.rows(
            f"SELECT no, newest FROM {self._times} WHERE oldest <= %s AND newest >= %s ORDER BY newest DESC",
            [place.at, start],
        )
        begin, few = 0, 1
        while begin < len(sections):
            read = sections[begin : begin + few]
            yield [no for no, _ in read], read[0][1]
            begin, few = begin + few, 2 * few

    def _not_in_order(self, bottom: bytes, top: bytes) -> Iterator[bytes]:
        """Without their key."""
        key = top[:_KEY]
        for (entries,) in self._tables.rows(f"SELECT entries FROM {self._new}"):
            # An account's are few of many; a connector's may be all.
            if key in entries:
                yield from [entry[_KEY:] for entry in _cut(entries) if bottom <= entry < top]

    def _of(self, section: int, bottom: bytes, top: bytes) -> Iterator[bytes]:
        """The newest first, without their key."""
        name = _name(section)
        until, most = name + top, 2
        while True:
            rows = self._tables.rows(
                f"SELECT place, entries FROM {self._order} WHERE place >= %s AND place < %s "
                "ORDER BY place DESC LIMIT %s",
                [name, until, most],
            )
            for until, entries in rows:
                cut = _cut(entries)
                for entry in reversed(cut[bisect_left(cut, bottom) : bisect_left(cut, top)]):
                    yield entry[_KEY:]
                if until <= name + bottom:
                    return
            if len(rows) < most:
                return
            most = min(2 * most, _ROWS_AT_ONCE)


def _name(section: int) -> bytes:
    return section.to_bytes(8, "big")


def _rows(section: int, entries: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    """Of entries in order."""
    name = _name(section)
    return [
        (name + entries[begin], b"".join(entries[begin : begin + _ENTRIES]))
        for begin in range(0, len(entries), _ENTRIES)
    ]


def _entry(key: int, at: int, number: int) -> bytes:
    return _packed(key + _BIAS, at + _BIAS, number)


def _entries(rows: Iterable[KeyRow]) -> bytes:
    """The same of many."""
    found = array("Q", [part for key, at, number in rows for part in (key + _BIAS, at + _BIAS, number)])
    if sys.byteorder == "little":
        found.byteswap()
    return found.tobytes()


def _cut(entries: bytes) -> list[bytes]:
    return [entries[begin : begin + _ENTRY] for begin in range(0, len(entries), _ENTRY)]
