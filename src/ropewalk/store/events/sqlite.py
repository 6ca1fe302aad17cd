"""The embedded event store: a SQLite file of its own, with one writer at a time."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from weakref import WeakSet

import msgspec

from ropewalk.store.events.appending import Current, Identity
from ropewalk.store.events.base import Busy
from ropewalk.store.events.sections import SECTION, TABLES, Sections
from ropewalk.store.events.tables import COLUMNS, EventRow, Row

FILE: Final = "events.sqlite"
_VERSION: Final = 1
_CACHE_KIB: Final = 32_768
_CHECKPOINT_PAGES: Final = 4_000
_AT_ONCE: Final = tuple(2**power for power in range(9, -1, -1))
"""Rows of one statement. Python's lock changes hands once for each, and the web server waits for it, too."""

_event = """
    seq INTEGER PRIMARY KEY, connector INTEGER NOT NULL, external_id TEXT NOT NULL, version INTEGER NOT NULL,
    at INTEGER NOT NULL, arrived INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, who TEXT,
    keys TEXT NOT NULL, metadata TEXT, content BLOB NOT NULL, upload TEXT
"""
_SCHEMA: Final = f"""
CREATE TABLE connector (no INTEGER PRIMARY KEY, organization BLOB NOT NULL, id BLOB NOT NULL,
    events INTEGER NOT NULL, UNIQUE (organization, id));
CREATE TABLE counter (last INTEGER NOT NULL, expired INTEGER NOT NULL);
INSERT INTO counter VALUES (0, 0);
CREATE TABLE event ({_event});
CREATE UNIQUE INDEX event_identity ON event (connector, external_id);
CREATE INDEX event_time ON event (connector, at);
CREATE INDEX event_upload ON event (upload) WHERE upload IS NOT NULL;
CREATE TABLE version ({_event});
CREATE UNIQUE INDEX version_identity ON version (connector, external_id, version);
CREATE INDEX version_upload ON version (upload) WHERE upload IS NOT NULL;
{TABLES}CREATE TABLE expired (connector INTEGER NOT NULL, external_id TEXT NOT NULL, version INTEGER NOT NULL,
    digest BLOB NOT NULL, PRIMARY KEY (connector, external_id)) WITHOUT ROWID;
CREATE TABLE tally (connector INTEGER NOT NULL, minute INTEGER NOT NULL, events INTEGER NOT NULL,
    PRIMARY KEY (connector, minute)) WITHOUT ROWID;
CREATE INDEX tally_minute ON tally (minute);
CREATE TABLE rejection (seq INTEGER PRIMARY KEY AUTOINCREMENT, connector INTEGER NOT NULL, at INTEGER NOT NULL,
    external_id TEXT, errors TEXT NOT NULL);
CREATE INDEX rejection_connector ON rejection (connector, seq);
PRAGMA user_version = {_VERSION};
"""
_BUSY: Final = frozenset(
    (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN,
     sqlite3.SQLITE_READONLY)
)  # fmt: skip


class _Connection(sqlite3.Connection):
    """One that can be referred to weakly."""


class SqliteEvents(Sections):
    """A connection a thread. `wait` is how many seconds a writer waits for another."""

    LATEST = "e.connector = %s AND e.external_id = %s"

    def __init__(self, file: Path, *, wait: float = 30, section: int = SECTION) -> None:
        super().__init__(section)
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
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
            f"PRAGMA cache_size=-{_CACHE_KIB}; PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES};"
        )
        if opened.execute("PRAGMA user_version").fetchone() == (0,):
            opened.execute("BEGIN IMMEDIATE")
            if opened.execute("PRAGMA user_version").fetchone() == (0,):
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    opened.execute(statement)
            opened.execute("COMMIT")
        return opened

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
        connection = self._connection
        if connection.in_transaction:
            yield
            return
        connection.execute("BEGIN")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")

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
        return range(last - count + 1, last + 1), bool(expired)

    def claim(self, rows: Sequence[Row]) -> set[int]:
        if not rows:
            return set()
        if self.insert("event", COLUMNS, rows, "ON CONFLICT (connector, external_id) DO NOTHING") == len(
            rows
        ):
            return set()
        written = {seq for (seq,) in self.rows("SELECT seq FROM event WHERE seq >= %s", [rows[0][0]])}
        return {row[0] for row in rows} - written

    def current(self, identities: Sequence[Identity]) -> dict[Identity, Current]:
        found = self.among(
            "event", identities, "t.connector, t.external_id, t.seq, t.at, t.version, t.keys, t.content"
        )
        return {(no, external_id): Current(*rest) for no, external_id, *rest in found}

    def replace(self, old: Sequence[int], rows: Sequence[Row]) -> None:
        condition, listed = self.one_of("seq", old)
        names = ", ".join(COLUMNS)
        self.run(f"INSERT INTO version ({names}) SELECT {names} FROM event WHERE {condition}", [listed])
        self.run(f"DELETE FROM event WHERE {condition}", [listed])
        self.insert("event", COLUMNS, rows)

    def among(self, table: str, identities: Sequence[Identity], columns: str) -> list[Row]:
        # The list leads, so that each identity is looked up.
        return self.rows(
            f"SELECT {columns} FROM json_each(%s) AS wanted CROSS JOIN {table} AS t "
            "WHERE t.connector = wanted.value ->> 0 AND t.external_id = wanted.value ->> 1",
            [msgspec.json.encode(identities).decode()],
        )

    def drop(self, rows: Sequence[EventRow]) -> None:
        self.many("DELETE FROM event WHERE seq = %s", [(row.seq,) for row in rows])

    def reread(self, rows: Sequence[tuple[EventRow, EventRow]]) -> None:
        self.many(
            "UPDATE event SET at = %s, name = %s, who = %s, keys = %s WHERE seq = %s",
            [(now.at, now.name, now.who, now.keys, now.seq) for _, now in rows],
        )

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row], conflict: str = "") -> int:
        written = begin = 0
        for size in _AT_ONCE:
            sql = _inserting(table, tuple(columns), size, conflict)
            while len(rows) - begin >= size:
                values = [*chain.from_iterable(rows[begin : begin + size])]
                written += self._connection.execute(sql, values).rowcount
                begin += size
        return written


@lru_cache(1_024)
def _marked(sql: str) -> str:
    return sql.replace("%s", "?")


@lru_cache(1_024)
def _inserting(table: str, columns: tuple[str, ...], size: int, conflict: str) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * size)} {conflict}"
