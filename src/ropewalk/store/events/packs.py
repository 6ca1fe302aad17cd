"""Events on SQLite, a dozen or so to a row: a row for each would cost several times what its bytes do.

A pack holds events in the order of their numbers, and begins with its first one's: whoever looks for a number finds it in
the last pack that begins at or before it. What is changed or removed is written anew with all of its pack.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import msgspec

from ropewalk.store.events.tables import COLUMNS, Row

if TYPE_CHECKING:
    from ropewalk.store.events.sqlite import SqliteEvents

TABLES: Final = "CREATE TABLE pack (first INTEGER PRIMARY KEY, events BLOB NOT NULL);"
_EVENTS: Final = 16
_BYTES: Final = 64 * 1024
"""More than that has each event to itself, if need be."""
_PACKS_AT_ONCE: Final = 64
_SEQ, _CONNECTOR = (COLUMNS.index(name) for name in ("seq", "connector"))

_BY_NUMBER: Final = itemgetter(0)

_Pack = tuple[list[int], list[int], list[msgspec.Raw]]
"""Numbers and connectors of its events, and the events."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Pack).decode
_event = msgspec.msgpack.Decoder().decode


class Packs:
    def __init__(self, tables: SqliteEvents) -> None:
        self._tables = tables

    def write(self, rows: Sequence[Row]) -> None:
        """By their numbers, and after all that are there."""
        packs = _packed([row[_SEQ] for row in rows], [row[_CONNECTOR] for row in rows], rows)
        self._tables.insert("pack", ("first", "events"), [*packs])

    def at(self, numbers: Iterable[int]) -> list[Row]:
        """Those of the numbers that are there, in no order."""
        wanted = set(numbers)
        return [
            _event(event)
            for _, (seqs, _, events) in self._holding(wanted)
            for seq, event in zip(seqs, events, strict=True)
            if seq in wanted
        ]

    def of_connector(self, no: int, after: int, limit: int, *, latest: bool = False) -> list[Row]:
        """With larger numbers than `after`: the first of them, or the last, the latest first."""
        found: list[Row] = []
        for pack in self._down(after) if latest else self._up(after):
            mine = [
                event for seq, connector, event in zip(*pack, strict=True) if connector == no and seq > after
            ]
            found += map(_event, mine[::-1] if latest else mine)
            if len(found) >= limit:
                break
        return found[:limit]

    def change(self, gone: Collection[int], come: Sequence[Row] = ()) -> None:
        """Takes events out, and puts others in whose numbers may be among those that are there."""
        packs = dict(self._holding({*gone, *(row[_SEQ] for row in come)}))
        kept = {
            first: [each for each in zip(*pack, strict=True) if each[0] not in gone]
            for first, pack in packs.items()
        }
        firsts = sorted(packs)
        for row in come:
            place = bisect_right(firsts, row[_SEQ])
            among = kept.setdefault(firsts[place - 1] if place else 0, [])
            among.append((row[_SEQ], row[_CONNECTOR], msgspec.Raw(_encode(row))))
        self._tables.many("DELETE FROM pack WHERE first = %s", [(first,) for first in firsts])
        written: list[Row] = []
        for events in filter(None, kept.values()):
            seqs, connectors, raws = zip(*sorted(events, key=_BY_NUMBER), strict=True)
            written += _packed(seqs, connectors, raws)
        self._tables.insert("pack", ("first", "events"), written)

    def _holding(self, numbers: Collection[int]) -> Iterator[tuple[int, _Pack]]:
        """The packs that these numbers are in, or would be."""
        if numbers:
            rows = self._tables.rows(
                "SELECT first, events FROM pack WHERE first IN (SELECT "
                "(SELECT max(first) FROM pack WHERE first <= wanted.value) FROM json_each(%s) AS wanted)",
                [_listed(numbers)],
            )
            for first, events in rows:
                yield first, _decode(events)

    def _up(self, after: int) -> Iterator[_Pack]:
        rows = self._tables.rows("SELECT max(first) FROM pack WHERE first <= %s", [after + 1])
        begin = rows[0][0] or 0
        while rows := self._tables.rows(
            "SELECT first, events FROM pack WHERE first >= %s ORDER BY first LIMIT %s",
            [begin, _PACKS_AT_ONCE],
        ):
            yield from (_decode(events) for _, events in rows)
            begin = rows[-1][0] + 1

    def _down(self, after: int) -> Iterator[_Pack]:
        end = 2**63 - 1
        while rows := self._tables.rows(
            "SELECT first, events FROM pack WHERE first < %s ORDER BY first DESC LIMIT %s",
            [end, _PACKS_AT_ONCE],
        ):
            for first, events in rows:
                yield _decode(events)
                if first <= after:
                    return
            end = rows[-1][0]


def _packed(
    seqs: Sequence[int], connectors: Sequence[int], events: Sequence[Row | msgspec.Raw], most: int = _EVENTS
) -> Iterator[Row]:
    """In rows of at most so many."""
    for begin in range(0, len(seqs), most):
        few = slice(begin, begin + most)
        packed = _encode((seqs[few], connectors[few], events[few]))
        if len(packed) > _BYTES and len(seqs[few]) > 1:
            yield from _packed(seqs[few], connectors[few], events[few], most // 2)
        else:
            yield seqs[begin], packed


def _listed(numbers: Iterable[int]) -> str:
    return msgspec.json.encode([*numbers]).decode()
