"""An account's events on SQLite: keys of events, in sections by arrival.

In one index of all keys each event would be written at a random place, which is a page more to write for each once there
are many. So keys are written in the order of arrival first; when a stretch of numbers is full, its keys are put in order
at once, as a section of their own. A section knows the span of its times, so that whoever wants the newest reads few of
them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Final

from ropewalk.store.events.appending import KeyRow
from ropewalk.store.events.base import Filters, Place
from ropewalk.store.events.reading import within
from ropewalk.store.events.removing import Removable
from ropewalk.store.events.tables import LISTED, Row

SECTION: Final = 16_384
"""Numbers of events."""
_SECTIONS_AT_ONCE: Final = 16

TABLES: Final = """
CREATE TABLE new_key (seq INTEGER NOT NULL, key INTEGER NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (seq, key)) WITHOUT ROWID;
CREATE TABLE event_key (section INTEGER NOT NULL, key INTEGER NOT NULL, at INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (section, key, at, seq)) WITHOUT ROWID;
CREATE TABLE section (no INTEGER PRIMARY KEY, oldest INTEGER NOT NULL, newest INTEGER NOT NULL);
"""


class Sections(Removable):
    def __init__(self, section: int = SECTION) -> None:
        super().__init__()
        self._size = section

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[None]:
        """What is read within it is of one moment."""

    @abstractmethod
    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row], conflict: str = "") -> int:
        """The number of rows that it wrote."""

    def add_keys(self, rows: Sequence[KeyRow]) -> None:
        self.insert("new_key", ("key", "at", "seq"), rows)
        # Each by itself is a look at an end of the index.
        first, last = self.rows("SELECT (SELECT min(seq) FROM new_key), (SELECT max(seq) FROM new_key)")[0]
        if rows and first // self._size != last // self._size:
            self._put_in_order(last // self._size * self._size)

    def _put_in_order(self, end: int) -> None:
        self.run(
            f"INSERT INTO section SELECT seq / {self._size}, min(at), max(at) FROM new_key WHERE seq < %s GROUP BY 1 "
            "ON CONFLICT (no) DO UPDATE SET oldest = min(oldest, excluded.oldest), "
            "newest = max(newest, excluded.newest)",
            [end],
        )
        self.run(
            f"INSERT INTO event_key SELECT seq / {self._size}, key, at, seq FROM new_key WHERE seq < %s "
            "ORDER BY 1, 2, 3, 4",
            [end],
        )
        self.run("DELETE FROM new_key WHERE seq < %s", [end])

    def drop_keys(self, rows: Sequence[KeyRow]) -> None:
        self.many("DELETE FROM new_key WHERE seq = %s AND key = %s", [(seq, key) for key, _, seq in rows])
        self.many(
            "DELETE FROM event_key WHERE section = %s AND key = %s AND at = %s AND seq = %s",
            [(row[2] // self._size, *row) for row in rows],
        )

    def of_keys(self, numbers: Sequence[int], filters: Filters, place: Place, size: int) -> list[Row]:
        condition, given = within(filters, place)
        order = f"key IN ({_marks(numbers)}) AND {condition} ORDER BY at DESC, seq DESC LIMIT %s"
        parameters = [*numbers, *given, size]
        with self.snapshot():
            found = self._places(f"new_key WHERE {order}", parameters)
            for few, newest in self._sections(place):
                if len(found) == size and found[-1].at > newest:
                    break
                found += self._places(
                    f"event_key WHERE section IN ({_marks(few)}) AND {order}", [*few, *parameters]
                )
                found = sorted(set(found), reverse=True)[:size]
            which, listed = self.one_of("e.seq", [seq for _, seq in found])
            return self.rows(
                f"SELECT {LISTED} FROM event e WHERE {which} ORDER BY e.at DESC, e.seq DESC", [listed]
            )

    def _sections(self, place: Place) -> Iterator[tuple[list[int], int]]:
        """A few at a time, more and more of them, with the newest time of each few."""
        sections = self.rows(
            "SELECT no, newest FROM section WHERE oldest <= %s ORDER BY newest DESC", [place.at]
        )
        begin, few = 0, 1
        while begin < len(sections):
            read = sections[begin : begin + few]
            yield [no for no, _ in read], read[0][1]
            begin, few = begin + few, min(2 * few, _SECTIONS_AT_ONCE)

    def _places(self, which: str, parameters: Row) -> list[Place]:
        return [Place(*row) for row in self.rows(f"SELECT DISTINCT at, seq FROM {which}", parameters)]


def _marks(values: Sequence[int]) -> str:
    return ", ".join(["%s"] * len(values))
