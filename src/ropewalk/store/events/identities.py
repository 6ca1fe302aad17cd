"""Where an identity's event is, on SQLite: hashes of identities, in buckets that are written by turns.

Identities that senders make at random would each be written at a random place of one index, which is a page to write for
each event once there are many. So they are kept as they come first, and when a section of numbers is full, its hashes are
put at the ends of their buckets all at once: a bucket is then written as often as an index of a thousand pages would be,
however many there are.

Most identities are new, and to look for each of them in its bucket would cost as much as it spares. A filter in memory
says which are surely new: it holds 32 bits of each hash, two bytes of memory. It is read from the buckets when this
process first takes an event in, and it covers what others have taken in since, because every identity comes with a
number from `counter`: whoever finds there what he has left there himself has missed nothing. What it says too much
(after a rollback, of what was erased, of hashes that are alike) costs a look.

A hash only leads to an event; whether it is the one that was meant, its row says.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from itertools import groupby
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap

from ropewalk.store.database import batches as slices

if TYPE_CHECKING:
    from ropewalk.store.events.appending import Identity
    from ropewalk.store.events.sqlite import SqliteEvents

TABLES: Final = """
CREATE TABLE new_identity (part INTEGER PRIMARY KEY, entries BLOB NOT NULL);
CREATE TABLE identity (place INTEGER PRIMARY KEY, entries BLOB NOT NULL);
"""
# An entry is eight bytes, little-endian: 40 bits of a hash, and 24 that tell the number within the row's numbers. The first
# bits of the hash are its bucket. Rows of `new_identity` hold some numbers each; those of `identity` many more, of one bucket.
_HASH: Final = -1 << 24
_BUCKET_SHIFT: Final = 54
_BUCKETS: Final = range(-512, 512)
_BUCKETS_AT_ONCE: Final = 16
_PLACE_SHIFT: Final = 32
_PARTS: Final = 64
"""Rows of a section that is not in buckets yet."""
_SECTIONS_TOGETHER: Final = 16
"""Whose entries of one bucket are one row."""
_APPENDING: Final = "DO UPDATE SET entries = CAST(entries || excluded.entries AS BLOB)"

_NO_SPAN: Final = 1 << _PLACE_SHIFT
_ROWS_AT_ONCE: Final = 500
_FEW: Final = 16
"""Hashes that are looked for one by one."""

_digest: Final = partial(blake2b, digest_size=8)

Entry = tuple[int, int]
"""A hash and a number."""


class Identities:
    """Whatever changes them is called within a transaction that writes."""

    def __init__(self, tables: SqliteEvents, section: int) -> None:
        self._tables = tables
        self._section = section
        self._part = max(1, section // _PARTS)
        self._span = section * _SECTIONS_TOGETHER
        self._filter = BitMap()
        self._new: set[int] = set()
        """Hashes that are not in the filter yet."""
        self._covered: int | None = None
        """The number up to which both hold all that there is."""
        self._in_order = 0

    def follow(self, last: int) -> None:
        """`last`: the largest number that was given out before this transaction."""
        if self._covered == last:
            return
        if self._covered is None or self._sections_of(self._covered) != self._sections_of(last):
            self._filter = BitMap()
            for begin in _BUCKETS[::_BUCKETS_AT_ONCE]:
                found = self._tables.rows(
                    "SELECT entries FROM identity WHERE place >= %s AND place < %s",
                    [begin << _PLACE_SHIFT, begin + _BUCKETS_AT_ONCE << _PLACE_SHIFT],
                )
                self._filter |= BitMap(_filtered(b"".join(entries for (entries,) in found)))
            self._new.clear()
        for _, entries in self._tables.rows("SELECT part, entries FROM new_identity"):
            self._new.update(entry & _HASH for entry in array("q", entries))

    def reached(self, last: int) -> None:
        """Said when it is certain that they stay."""
        self._covered = last

    def suspects(self, hashes: Sequence[int]) -> list[int]:
        """Places in the list of those that may be taken already, or twice in the list."""
        there = self._filter
        found = [place for place, each in enumerate(_filtered(array("q", hashes).tobytes())) if each in there]
        known = self._new.intersection(hashes)
        if len({*hashes}) < len(hashes):
            known |= {hash_ for hash_, times in Counter(hashes).items() if times > 1}
        if known:
            found = sorted({*found, *(place for place, hash_ in enumerate(hashes) if hash_ in known)})
        return found

    def add(self, entries: Sequence[Entry]) -> None:
        """In the order of their numbers."""
        hashes = [hash_ for hash_, _ in entries]
        numbers = [number for _, number in entries]
        rows = []
        begin = 0
        while begin < len(numbers):
            part = numbers[begin] // self._part
            first = part * self._part // self._span * self._span
            end = bisect_left(numbers, (part + 1) * self._part, begin)
            rows.append((part, _packed(hashes[begin:end], numbers[begin:end], first)))
            begin = end
        self._tables.insert("new_identity", ("part", "entries"), rows, f"ON CONFLICT (part) {_APPENDING}")
        self._new.update(hashes)

    def _sections_of(self, last: int) -> int:
        """How many are in buckets when this number is given out. Half a section after lists are put in order: nobody is to
        wait for both."""
        return max(0, last - self._section // 2) // self._section

    def put_in_order(self, last: int) -> None:
        section = self._sections_of(last)
        if section == self._in_order:
            return
        end = section * self._section // self._part
        found = self._tables.rows(
            "SELECT part, entries FROM new_identity WHERE part < %s ORDER BY part", [end]
        )
        for span, rows in groupby(found, lambda row: row[0] * self._part // self._span):
            entries = self._put(span, array("q", b"".join(entries for _, entries in rows)))
            self._filter.update(_filtered(entries.tobytes()))
            self._new.difference_update(entry & _HASH for entry in entries)
        self._tables.run("DELETE FROM new_identity WHERE part < %s", [end])
        self._in_order = section

    def carry_over(self) -> None:
        """Of what was there before there were any."""
        after = 0
        while rows := self._tables.rows(
            "SELECT seq, connector, external_id FROM event WHERE seq > %s ORDER BY seq LIMIT %s",
            [after, self._section],
        ):
            hashes = hashes_of((no, external_id) for _, no, external_id in rows)
            entries = zip(hashes, (row[0] for row in rows), strict=True)
            for span, few in groupby(entries, lambda entry: entry[1] // self._span):
                self._put(span, (hash_ | number % self._span for hash_, number in few))
            after = rows[-1][0]
        last: Identity = (0, "")
        while expired := self._tables.rows(
            "SELECT connector, external_id FROM expired WHERE (connector, external_id) > (%s, %s) "
            "ORDER BY connector, external_id LIMIT %s",
            [*last, self._section],
        ):
            # No event has the number 0.
            self._put(0, hashes_of((no, external_id) for no, external_id in expired))
            last = (expired[-1][0], expired[-1][1])

    def _put(self, span: int, entries: Iterable[int]) -> array[int]:
        ordered = array("q", sorted(entries))
        rows = []
        begin = 0
        while begin < len(ordered):
            bucket = ordered[begin] >> _BUCKET_SHIFT
            end = bisect_left(ordered, bucket + 1 << _BUCKET_SHIFT, begin)
            rows.append((bucket << _PLACE_SHIFT | span, ordered[begin:end].tobytes()))
            begin = end
        self._tables.insert("identity", ("place", "entries"), rows, f"ON CONFLICT (place) {_APPENDING}")
        return ordered

    def entries(self, hashes: Sequence[int]) -> list[Entry]:
        """All with these hashes."""
        return [entry for look in (self.new, self.late, self.early) for entry in look(hashes)]

    def new(self, hashes: Iterable[int]) -> list[Entry]:
        """Those that are in no bucket yet."""
        wanted = set(hashes)
        found: list[Entry] = []
        for part, entries in self._tables.rows("SELECT part, entries FROM new_identity"):
            first = part * self._part // self._span * self._span
            if len(wanted) > _FEW:
                there = array("q", entries)
                found += [(each & _HASH, first + (each & ~_HASH)) for each in there if each & _HASH in wanted]
            else:
                found += _matching(wanted, entries, first)
        return found

    def late(self, hashes: Iterable[int]) -> list[Entry]:
        """What is sent again was mostly sent not long ago."""
        return self._in_buckets(hashes, self._late(), _NO_SPAN)

    def early(self, hashes: Iterable[int]) -> list[Entry]:
        return self._in_buckets(hashes, 0, self._late())

    def _late(self) -> int:
        return max(0, self._tables.last_number() // self._span - 1)

    def _in_buckets(self, hashes: Iterable[int], begin: int, end: int) -> list[Entry]:
        """In the rows of some spans."""
        by_bucket = defaultdict(list)
        for hash_ in sorted(set(hashes)):
            by_bucket[hash_ >> _BUCKET_SHIFT].append(hash_)
        found: list[Entry] = []
        for few in slices(by_bucket, _BUCKETS_AT_ONCE):
            # The list leads, so that only these buckets are read.
            rows = self._tables.rows(
                "SELECT i.place, i.entries FROM json_each(%s) AS wanted CROSS JOIN identity AS i "
                "WHERE i.place >= (wanted.value << 32) + %s AND i.place < (wanted.value << 32) + %s",
                [json.dumps(few), begin, end],
            )
            for place, entries in rows:
                span = place & (1 << _PLACE_SHIFT) - 1
                found += _matching(by_bucket[place >> _PLACE_SHIFT], entries, span * self._span)
        return found

    def drop(self, entries: Sequence[Entry]) -> None:
        """From wherever they are."""
        parts = defaultdict(set)
        places = defaultdict(set)
        for hash_, number in entries:
            entry = hash_ | number % self._span
            parts[number // self._part].add(entry)
            places[hash_ >> _BUCKET_SHIFT << _PLACE_SHIFT | number // self._span].add(entry)
        self._drop("new_identity", "part", parts)
        self._drop("identity", "place", places)

    def _drop(self, table: str, key: str, gone: Mapping[int, set[int]]) -> None:
        for few in slices(gone, _ROWS_AT_ONCE):
            which, listed = self._tables.one_of(key, few)
            rows = self._tables.rows(f"SELECT {key}, entries FROM {table} WHERE {which}", [listed])
            kept = [
                (array("q", [each for each in array("q", entries) if each not in gone[of]]).tobytes(), of)
                for of, entries in rows
            ]
            self._tables.many(f"UPDATE {table} SET entries = %s WHERE {key} = %s", kept)


def hashes_of(identities: Iterable[Identity]) -> list[int]:
    data = b"".join([_digest(b"%d:%b" % (no, name.encode())).digest() for no, name in identities])
    return [each & _HASH for each in array("q", data)]


def _filtered(entries: bytes) -> array[int]:
    """The upper half of each."""
    return array("I", entries)[1::2]


def _packed(hashes: Sequence[int], numbers: Sequence[int], first: int) -> bytes:
    entries = [hash_ | number - first for hash_, number in zip(hashes, numbers, strict=True)]
    return array("q", entries).tobytes()


def _matching(hashes: Iterable[int], entries: bytes, first: int) -> Iterator[Entry]:
    for hash_ in hashes:
        bits = hash_.to_bytes(8, "little", signed=True)[3:]
        at = entries.find(bits)
        while at >= 0:
            if at % 8 == 3:
                yield hash_, first + int.from_bytes(entries[at - 3 : at], "little")
            at = entries.find(bits, at + 1)
