"""The embedded event store: a SQLite file of its own, with one writer at a time."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from weakref import WeakSet

import msgspec

from ropewalk.store.database import batches as slices
from ropewalk.store.events import earlier, identities, packs, sections
from ropewalk.store.events.appending import Current, Identity, KeyRow, identity_of
from ropewalk.store.events.base import Batch, Busy, Filters, Outcome, Place, Refusal
from ropewalk.store.events.identities import Identities, hashes_of
from ropewalk.store.events.packs import Packs
from ropewalk.store.events.removing import Removable
from ropewalk.store.events.sections import SECTION, Sections
from ropewalk.store.events.tables import COLUMNS, EventRow, Row

FILE: Final = "events.sqlite"
_VERSION: Final = 3
_CACHE_KIB: Final = 32_768
_CHECKPOINT_PAGES: Final = 4_000
_LOOKED_FOR_AT_ONCE: Final = 500
_AT_ONCE: Final = tuple(2**power for power in range(9, -1, -1))
"""Rows of one statement. Python's lock changes hands once for each, and the web server waits for it, too."""

_event = """
    seq INTEGER PRIMARY KEY, connector INTEGER NOT NULL, external_id TEXT NOT NULL, version INTEGER NOT NULL,
    at INTEGER NOT NULL, arrived INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, who TEXT,
    keys TEXT NOT NULL, metadata TEXT, content BLOB NOT NULL, upload TEXT
"""
_PACKED: Final = f"""{packs.TABLES}{sections.tables("account")}{sections.tables("connector")}
CREATE TABLE event_file (upload TEXT NOT NULL, connector INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (upload, connector, seq)) WITHOUT ROWID;
"""
_SCHEMA: Final = f"""
CREATE TABLE connector (no INTEGER PRIMARY KEY, organization BLOB NOT NULL, id BLOB NOT NULL,
    events INTEGER NOT NULL, UNIQUE (organization, id));
CREATE TABLE counter (last INTEGER NOT NULL, expired INTEGER NOT NULL);
INSERT INTO counter VALUES (0, 0);
{_PACKED}CREATE TABLE version ({_event});
CREATE UNIQUE INDEX version_identity ON version (connector, external_id, version);
CREATE INDEX version_upload ON version (upload) WHERE upload IS NOT NULL;
{identities.TABLES}CREATE TABLE expired (connector INTEGER NOT NULL, external_id TEXT NOT NULL, version INTEGER NOT NULL,
    digest BLOB NOT NULL, PRIMARY KEY (connector, external_id)) WITHOUT ROWID;
CREATE TABLE tally (connector INTEGER NOT NULL, minute INTEGER NOT NULL, events INTEGER NOT NULL,
    PRIMARY KEY (connector, minute)) WITHOUT ROWID;
CREATE INDEX tally_minute ON tally (minute);
CREATE TABLE rejection (seq INTEGER PRIMARY KEY AUTOINCREMENT, connector INTEGER NOT NULL, at INTEGER NOT NULL,
    external_id TEXT, errors TEXT NOT NULL);
CREATE INDEX rejection_connector ON rejection (connector, seq);
"""
_BUSY: Final = frozenset(
    (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN,
     sqlite3.SQLITE_READONLY)
)  # fmt: skip


class _Connection(sqlite3.Connection):
    """One that can be referred to weakly."""


class SqliteEvents(Removable):
    """A connection a thread. `wait` is how many seconds a writer waits for another."""

    uploaded = ("event_file", "version")

    def __init__(self, file: Path, *, wait: float = 30, section: int = SECTION) -> None:
        super().__init__()
        self._packs = Packs(self)
        self._identities = Identities(self, section)
        self._accounts = Sections(self, "account", section)
        self._connectors = Sections(self, "connector", section)
        self._file = file
        self._wait = wait
        self._own = threading.local()
        self._opened: WeakSet[_Connection] = WeakSet()

    # ---- connections and transactions ----

    @property
    def _connection(self) -> _Connection:
        opened: _Connection | None = getattr(self._own, "connection", None)
        if opened is None:
            opened = self._own.connection = self._open()
            self._opened.add(opened)
            try:
                self._make()
            except BaseException:
                self.close()
                raise
        return opened

    def _open(self) -> _Connection:
        opened = sqlite3.connect(
            self._file,
            timeout=self._wait,
            isolation_level=None,
            cached_statements=256,
            check_same_thread=False,
            factory=_Connection,
        )
        opened.executescript(
            # What is erased is overwritten, however SQLite was built.
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; "
            f"PRAGMA cache_size=-{_CACHE_KIB}; PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES};"
        )
        return opened

    def _make(self) -> None:
        """The tables, where they aren't there or are those of an earlier version."""
        if self._version() == _VERSION:
            return
        with self.writing():
            version = self._version()
            if version == 0:
                self._script(_SCHEMA)
            if version == 1:
                self._script(identities.TABLES + "DROP INDEX event_identity")
                self._identities.carry_over()
            if version in (1, 2):
                self._script(_PACKED)
                earlier.carry_over(self)
            self.run(f"PRAGMA user_version = {_VERSION}")

    def _script(self, statements: str) -> None:
        """Within a transaction, which `executescript` would end."""
        for statement in filter(str.strip, statements.split(";")):
            self.run(statement)

    def _version(self) -> int:
        return int(self.rows("PRAGMA user_version")[0][0])

    def close(self) -> None:
        opened: _Connection | None = self._own.__dict__.pop("connection", None)
        if opened is not None:
            opened.close()

    def close_all(self) -> None:
        for opened in [*self._opened]:
            opened.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        try:
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            # Extended codes hold the plain one in their last byte.
            if error.sqlite_errorcode & 0xFF in _BUSY:
                raise Busy(repr(error)) from error
            raise

    @contextmanager
    def changing(self, organization_id: UUID) -> Iterator[None]:  # noqa: ARG002 - there is one writer anyway
        with self.writing():
            yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """What is read within it is of one moment."""
        connection = self._connection
        if connection.in_transaction:
            yield
            return
        connection.execute("BEGIN")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")

    def append(self, batches: Sequence[Batch], refusals: Sequence[Refusal] = ()) -> list[list[Outcome]]:
        self._own.last = None
        self._own.there = {}
        outcomes = super().append(batches, refusals)
        if self._own.last is not None:
            self._identities.reached(self._own.last)
        return outcomes

    # ---- statements ----

    def rows(self, sql: str, parameters: Row = ()) -> list[Row]:
        return self._connection.execute(_marked(sql), parameters).fetchall()

    def run(self, sql: str, parameters: Row = ()) -> int:
        return self._connection.execute(_marked(sql), parameters).rowcount

    def many(self, sql: str, rows: Iterable[Row]) -> None:
        self._connection.executemany(_marked(sql), rows)

    def one_of(self, column: str, values: Sequence[Any]) -> tuple[str, Any]:
        return f"{column} IN (SELECT value FROM json_each(%s))", json.dumps(list(values))

    def uuid(self, value: UUID) -> Any:
        return value.bytes

    # ---- what PostgreSQL does another way ----

    def share(self, organizations: Iterable[UUID]) -> None:
        """There is one writer anyway."""

    def reserve(self, count: int) -> tuple[Sequence[int], bool]:
        last, expired = self.rows("UPDATE counter SET last = last + %s RETURNING last, expired", [count])[0]
        self._identities.follow(last - count)
        self._own.last = last
        return range(last - count + 1, last + 1), bool(expired)

    def claim(self, rows: Sequence[Row]) -> set[int]:
        hashes = hashes_of(map(identity_of, rows))
        taken = self._taken(rows, hashes)
        entries = [(hash_, row[0]) for hash_, row in zip(hashes, rows, strict=True) if row[0] not in taken]
        self.write([row for row in rows if row[0] not in taken] if taken else rows)
        self._identities.add(entries)
        self._identities.put_in_order(self._own.last)
        return taken

    def write(self, rows: Sequence[Row]) -> None:
        """By their numbers, and after all that are there."""
        self._packs.write(rows)
        self._connectors.add(_places(rows))
        self._upload(rows)

    def _taken(self, rows: Sequence[Row], hashes: Sequence[int]) -> set[int]:
        places = self._identities.suspects(hashes)
        if not places:
            return set()
        there: dict[Identity, int] = {}
        for few in slices((identity_of(rows[place]) for place in places), _LOOKED_FOR_AT_ONCE):
            there |= {identity: row.seq for identity, row in self._found(few).items()}
        taken = set()
        for place in places:
            identity, number = identity_of(rows[place]), rows[place][0]
            if there.setdefault(identity, number) != number:
                taken.add(number)
        self._own.there = there
        return taken

    def suspects(self, rows: Sequence[Row]) -> Sequence[Row]:
        return [rows[place] for place in self._identities.suspects(hashes_of(map(identity_of, rows)))]

    def forget(self, identities: Sequence[Identity]) -> None:
        gone = [(row[0], row[1]) for row in self.among("expired", identities, "connector, external_id")]
        super().forget(identities)
        wanted = set(identities)
        expired = Counter(hashes_of(gone))
        entries = self._identities.entries(hashes_of(wanted))
        whose = {row[0]: identity_of(row) for row in self._packs.at(number for _, number in entries)}
        dropped = []
        for hash_, number in entries:
            if number in whose:
                if whose[number] in wanted:
                    dropped.append((hash_, number))
            elif expired[hash_]:
                # It leads to no event any more, and so it doesn't matter whose it is among those that are alike.
                expired[hash_] -= 1
                dropped.append((hash_, number))
        self._identities.drop(dropped)

    def latest_of(self, connector: int | None, external_id: str) -> list[Row]:
        if connector is None:
            return []
        with self.snapshot():
            return [*self._found([(connector, external_id)]).values()]

    def current(self, identities: Sequence[Identity]) -> dict[Identity, Current]:
        found = self._at(self._own.there[each] for each in identities if each in self._own.there)
        # Those that have got a new version within this transaction.
        found |= self._found([each for each in identities if each not in found])
        rows = ((identity, found[identity]) for identity in identities)
        return {
            identity: Current(row.seq, row.at, row.version, row.keys, row.content) for identity, row in rows
        }

    def _found(self, identities: Sequence[Identity]) -> dict[Identity, EventRow]:
        """Of their events, by the hashes that lead there."""
        wanted = set(identities)
        found: dict[Identity, EventRow] = {}
        for look in (self._identities.new, self._identities.late, self._identities.early):
            if missing := wanted - found.keys():
                there = self._at(number for _, number in look(hashes_of(missing)))
                found |= {identity: row for identity, row in there.items() if identity in wanted}
        return found

    def _at(self, numbers: Iterable[int]) -> dict[Identity, EventRow]:
        return {identity_of(row): EventRow(*row) for row in self._packs.at(numbers)}

    def replace(self, old: Sequence[int], rows: Sequence[Row]) -> None:
        before = self._packs.at(old)
        self.insert("version", COLUMNS, before)
        self._packs.change({*old}, rows)
        self._connectors.change(_places(before), _places(rows))
        self._discard_uploads(before)
        self._upload(rows)
        hashes = hashes_of(map(identity_of, rows))
        self._identities.drop([*zip(hashes, old, strict=True)])
        self._identities.add([*zip(hashes, (row[0] for row in rows), strict=True)])

    def add_keys(self, rows: Sequence[KeyRow]) -> None:
        self._accounts.add(rows)

    def change_keys(self, gone: Sequence[KeyRow], come: Sequence[KeyRow] = ()) -> None:
        self._accounts.change(gone, come)

    def of_keys(self, numbers: Sequence[int], filters: Filters, place: Place, size: int) -> list[Row]:
        return self._listed(self._accounts, numbers, filters, place, size)

    def of_connectors(self, numbers: Sequence[int], filters: Filters, place: Place, size: int) -> list[Row]:
        return self._listed(self._connectors, numbers, filters, place, size)

    def _listed(
        self, lists: Sections, numbers: Sequence[int], filters: Filters, place: Place, size: int
    ) -> list[Row]:
        with self.snapshot():
            places = lists.newest(numbers, filters, place, size)
            rows = {row[0]: row for row in self._packs.at(place.number for place in places)}
        return [rows[place.number] for place in places]

    def of_connector(self, no: int, after: int, limit: int, *, latest: bool = False) -> list[Row]:
        with self.snapshot():
            return self._packs.of_connector(no, after, limit, latest=latest)

    def among(self, table: str, identities: Sequence[Identity], columns: str) -> list[Row]:
        # The list leads, so that each identity is looked up.
        return self.rows(
            f"SELECT {columns} FROM json_each(%s) AS wanted CROSS JOIN {table} AS t "
            "WHERE t.connector = wanted.value ->> 0 AND t.external_id = wanted.value ->> 1",
            [msgspec.json.encode(identities).decode()],
        )

    def drop(self, rows: Sequence[EventRow]) -> None:
        self._packs.change({row.seq for row in rows})
        self._connectors.change(_places(rows))
        self._discard_uploads(rows)

    def reread(self, rows: Sequence[tuple[EventRow, EventRow]]) -> None:
        self._packs.change({was.seq for was, _ in rows}, [now for _, now in rows])
        moved = [(was, now) for was, now in rows if was.at != now.at]
        self._connectors.change(_places(was for was, _ in moved), _places(now for _, now in moved))

    def _upload(self, rows: Sequence[Row]) -> None:
        self.insert("event_file", ("upload", "connector", "seq"), _files(rows))

    def _discard_uploads(self, rows: Sequence[Row]) -> None:
        self.many("DELETE FROM event_file WHERE upload = %s AND connector = %s AND seq = %s", _files(rows))

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row], conflict: str = "") -> int:
        written = begin = 0
        for size in _AT_ONCE:
            sql = _inserting(table, tuple(columns), size, conflict)
            while len(rows) - begin >= size:
                values = [*chain.from_iterable(rows[begin : begin + size])]
                written += self._connection.execute(sql, values).rowcount
                begin += size
        return written


def _places(rows: Iterable[Row]) -> list[KeyRow]:
    """In their connectors' lists."""
    return [(row[1], row[4], row[0]) for row in rows]


def _files(rows: Iterable[Row]) -> list[Row]:
    return [(row[12], row[1], row[0]) for row in rows if row[12] is not None]


@lru_cache(1_024)
def _marked(sql: str) -> str:
    return sql.replace("%s", "?")


@lru_cache(1_024)
def _inserting(table: str, columns: tuple[str, ...], size: int, conflict: str) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * size)} {conflict}"
