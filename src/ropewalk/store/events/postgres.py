"""The event store on PostgreSQL, for any number of web processes: events and their keys in partitions of a month each.

A unique key of a partitioned table would have to hold the time, and an event keeps its identity whatever its time. So
identities stand in a table of their own, which says where the event is. Whoever takes events in shares its
organization's lock; whoever removes or reads anew has it alone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID
from weakref import WeakSet

import psycopg

from ropewalk.core.times import micros
from ropewalk.store.events import partitions
from ropewalk.store.events.appending import Current, Identity, KeyRow
from ropewalk.store.events.base import Batch, Busy, Filters, Outcome, Place, Refusal
from ropewalk.store.events.removing import Removable
from ropewalk.store.events.tables import COLUMNS, LISTED, EventRow, Row

log = logging.getLogger(__name__)

_EVENTS_LOCK: Final = 0x524F5058
_CONNECT_SECONDS: Final = 5
_LOCK_SECONDS: Final = 15
_TYPES: Final = {
    "event": (
        "int8",
        "int4",
        "text",
        "int4",
        "int8",
        "int8",
        "text",
        "text",
        "text",
        "text",
        "text",
        "bytea",
        "text",
    ),
    "event_key": ("int8", "int8", "int8"),
}
_KEY_COLUMNS: Final = ("key", "at", "seq")
_ORDERS_AT_ONCE: Final = 200
"""Lists merged in one statement."""


class PostgresEvents(Removable):
    """A connection a thread; `parameters` are psycopg's."""

    uploaded = ("event", "version")

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        super().__init__()
        self._parameters = parameters
        self._own = threading.local()
        self._opened: WeakSet[psycopg.Connection[Row]] = WeakSet()
        self._horizon = 0

    # ---- connections and transactions ----

    @property
    def _connection(self) -> psycopg.Connection[Row]:
        opened: psycopg.Connection[Row] | None = getattr(self._own, "connection", None)
        if opened is None or opened.closed:
            opened = self._own.connection = self._open()
            self._opened.add(opened)
        return opened

    def _open(self) -> psycopg.Connection[Row]:
        # Durable when it says so, whatever the server's settings are.
        options = (
            f"-c search_path={partitions.SCHEMA} -c synchronous_commit=on -c lock_timeout={_LOCK_SECONDS}s"
        )
        given = f"{self._parameters.get('options', '')} {options}".strip()
        opened: psycopg.Connection[Row] = psycopg.connect(
            **{"connect_timeout": _CONNECT_SECONDS, **self._parameters, "options": given}, autocommit=True
        )
        try:
            if not self._horizon:
                self._horizon = partitions.prepare(opened, datetime.now(UTC))
        except BaseException:
            opened.close()
            raise
        return opened

    def close(self) -> None:
        opened: psycopg.Connection[Row] | None = self._own.__dict__.pop("connection", None)
        if opened is not None:
            opened.close()

    def close_all(self) -> None:
        for opened in [*self._opened]:
            opened.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        try:
            connection = self._connection
            xid = None
            with connection.transaction():
                yield
                xid = connection.execute("SELECT pg_current_xact_id()::text").fetchone()
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self.close()
            if xid is None or not self._has_committed(xid[0]):
                raise Busy(repr(error)) from error

    def _has_committed(self, xid: str) -> bool:
        """Asked where the connection broke while it was to commit: nobody is told less than what is true."""
        found = None
        with suppress(psycopg.OperationalError, psycopg.InterfaceError):
            found = self._connection.execute("SELECT pg_xact_status(%s::text::xid8)", [xid]).fetchone()
        log.warning("commit_interrupted: %s", found and found[0])
        return found is not None and found[0] == "committed"

    @contextmanager
    def changing(self, organization_id: UUID) -> Iterator[None]:
        with self.writing():
            self.run("SELECT pg_advisory_xact_lock(%s, %s)", [_EVENTS_LOCK, _low(organization_id)])
            yield

    def append(self, batches: Sequence[Batch], refusals: Sequence[Refusal] = ()) -> list[list[Outcome]]:
        latest = max((draft.arrived for batch in batches for draft in batch.drafts[:1]), default=0)
        month_ahead = latest + 31 * 86_400_000_000
        if self._horizon and month_ahead > self._horizon:
            self._horizon = partitions.prepare(self._connection, datetime.now(UTC))
        return super().append(batches, refusals)

    def share(self, organizations: Iterable[UUID]) -> None:
        low = sorted({_low(each) for each in organizations})
        self.run(
            "SELECT pg_advisory_xact_lock_shared(%s, each) FROM unnest(%s::int[]) AS each",
            [_EVENTS_LOCK, low],
        )

    # ---- statements ----

    def rows(self, sql: str, parameters: Row = ()) -> list[Row]:
        return self._connection.execute(sql, parameters).fetchall()

    def run(self, sql: str, parameters: Row = ()) -> int:
        return self._connection.execute(sql, parameters).rowcount

    def many(self, sql: str, rows: Iterable[Row]) -> None:
        listed = [*rows]
        if listed:
            with self._connection.cursor() as cursor:
                cursor.executemany(sql, listed)

    def one_of(self, column: str, values: Sequence[Any]) -> tuple[str, Any]:
        return f"{column} = ANY(%s)", list(values)

    def uuid(self, value: UUID) -> Any:
        return value

    # ---- what SQLite does another way ----

    def last_number(self) -> int:
        return int(self.rows("SELECT last_value FROM event_number")[0][0])

    def reserve(self, count: int) -> tuple[Sequence[int], bool]:
        found = self.rows(
            "SELECT nextval('event_number'), (SELECT expired FROM counter) FROM generate_series(1, %s)",
            [count],
        )
        return sorted(row[0] for row in found), bool(found and found[0][1])

    def claim(self, rows: Sequence[Row]) -> set[int]:
        if not rows:
            return set()
        taken = self.rows(
            "INSERT INTO identity (connector, external_id, at, seq) "
            "SELECT * FROM unnest(%s::int[], %s::text[], %s::bigint[], %s::bigint[]) ORDER BY 1, 2, 4 "
            "ON CONFLICT DO NOTHING RETURNING seq",
            [[row[place] for row in rows] for place in (1, 2, 4, 0)],
        )
        if len(taken) == len(rows):
            self._copy("event", COLUMNS, rows)
            return set()
        new = {seq for (seq,) in taken}
        self._copy("event", COLUMNS, [row for row in rows if row[0] in new])
        return {row[0] for row in rows} - new

    def suspects(self, rows: Sequence[Row]) -> Sequence[Row]:
        return rows

    def latest_of(self, connector: int | None, external_id: str) -> list[Row]:
        return self.rows(
            f"SELECT {LISTED} FROM event e WHERE (e.at, e.seq) = "
            "(SELECT i.at, i.seq FROM identity i WHERE i.connector = %s AND i.external_id = %s)",
            [connector, external_id],
        )

    def current(self, identities: Sequence[Identity]) -> dict[Identity, Current]:
        wanted = [[each[place] for each in identities] for place in (0, 1)]
        join = (
            "FROM unnest(%s::int[], %s::text[]) AS w (no, name) "
            "JOIN identity i ON i.connector = w.no AND i.external_id = w.name"
        )
        # In their order, so that no two wait for each other; what was waited for is seen by the next statement.
        self.run(f"SELECT 1 {join} ORDER BY i.connector, i.external_id FOR UPDATE OF i", wanted)
        found = self.rows(
            "SELECT i.connector, i.external_id, e.seq, e.at, e.version, e.keys, e.content "
            f"{join} JOIN event e ON e.at = i.at AND e.seq = i.seq",
            wanted,
        )
        return {(no, external_id): Current(*rest) for no, external_id, *rest in found}

    def replace(self, old: Sequence[int], rows: Sequence[Row]) -> None:
        names = ", ".join(COLUMNS)
        self.run(
            f"WITH gone AS (DELETE FROM event WHERE seq = ANY(%s) RETURNING {names}) "
            f"INSERT INTO version ({names}) SELECT {names} FROM gone",
            [list(old)],
        )
        self._copy("event", COLUMNS, rows)
        self._moved([(row[1], row[2], row[4], row[0]) for row in rows])

    def add_keys(self, rows: Sequence[KeyRow]) -> None:
        self._copy("event_key", _KEY_COLUMNS, rows)

    def change_keys(self, gone: Sequence[KeyRow], come: Sequence[KeyRow] = ()) -> None:
        self.run(
            "DELETE FROM event_key k USING unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS w (key, at, seq) "
            "WHERE k.key = w.key AND k.at = w.at AND k.seq = w.seq",
            [[row[place] for row in gone] for place in range(3)],
        )
        self.add_keys(come)

    def of_keys(self, numbers: Sequence[int], filters: Filters, place: Place, size: int) -> list[Row]:
        return self._in_order("event_key WHERE key = %s", numbers, filters, place, size)

    def of_connectors(self, numbers: Sequence[int], filters: Filters, place: Place, size: int) -> list[Row]:
        return self._in_order("event WHERE connector = %s", numbers, filters, place, size)

    def of_connector(self, no: int, after: int, limit: int, *, latest: bool = False) -> list[Row]:
        # The sign keeps the index of its times out, whose events would all be sorted.
        return self.rows(
            f"SELECT {LISTED} FROM event e WHERE e.seq > %s AND +e.connector = %s "
            f"ORDER BY e.seq {'DESC' if latest else 'ASC'} LIMIT %s",
            [after, no, limit],
        )

    def _in_order(
        self, order: str, numbers: Sequence[int], filters: Filters, place: Place, size: int
    ) -> list[Row]:
        rows: list[Row] = []
        for few in range(0, len(numbers), _ORDERS_AT_ONCE):
            rows += self._merged(order, numbers[few : few + _ORDERS_AT_ONCE], filters, place, size)
        if len(numbers) > _ORDERS_AT_ONCE:
            rows.sort(key=lambda row: (row[4], row[0]), reverse=True)
        return rows[:size]

    def _merged(
        self, order: str, numbers: Sequence[int], filters: Filters, place: Place, size: int
    ) -> list[Row]:
        """Each list stops by itself, so that none is read further than the page needs."""
        parameters: list[Any] = []
        pieces = []
        for position, number in enumerate(numbers):
            condition, given = _within(filters, place)
            pieces.append(
                f"SELECT * FROM (SELECT at, seq FROM {order} AND {condition} "
                f"ORDER BY at DESC, seq DESC LIMIT %s) AS o{position}"
            )
            parameters += [number, *given, size]
        return self.rows(
            f"SELECT {LISTED} FROM (SELECT at, seq FROM ({' UNION '.join(pieces)}) AS merged "
            "ORDER BY at DESC, seq DESC LIMIT %s) AS p JOIN event e ON e.at = p.at AND e.seq = p.seq "
            "ORDER BY e.at DESC, e.seq DESC",
            [*parameters, size],
        )

    def among(self, table: str, identities: Sequence[Identity], columns: str) -> list[Row]:
        return self.rows(
            f"SELECT {columns} FROM unnest(%s::int[], %s::text[]) AS w (no, given) "
            f"JOIN {table} AS t ON t.connector = w.no AND t.external_id = w.given",
            [[each[place] for each in identities] for place in (0, 1)],
        )

    def drop(self, rows: Sequence[EventRow]) -> None:
        self.run(
            "DELETE FROM event e USING unnest(%s::bigint[], %s::bigint[]) AS w (at, seq) "
            "WHERE e.at = w.at AND e.seq = w.seq",
            [[row.at for row in rows], [row.seq for row in rows]],
        )
        self.many(
            "DELETE FROM identity WHERE connector = %s AND external_id = %s",
            [(row.connector, row.external_id) for row in rows],
        )

    def reread(self, rows: Sequence[tuple[EventRow, EventRow]]) -> None:
        self.many(
            "UPDATE event SET at = %s, name = %s, who = %s, keys = %s WHERE at = %s AND seq = %s",
            [(now.at, now.name, now.who, now.keys, was.at, was.seq) for was, now in rows],
        )
        self._moved(
            [(now.connector, now.external_id, now.at, now.seq) for was, now in rows if was.at != now.at]
        )

    def _moved(self, places: Sequence[tuple[int, str, int, int]]) -> None:
        self.run(
            "UPDATE identity i SET at = w.at, seq = w.seq "
            "FROM unnest(%s::int[], %s::text[], %s::bigint[], %s::bigint[]) AS w (no, given, at, seq) "
            "WHERE i.connector = w.no AND i.external_id = w.given",
            [[place[part] for place in places] for part in range(4)],
        )

    def _copy(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        if not rows:
            return
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(_TYPES[table])
            for row in rows:
                copy.write_row(row)


def _within(filters: Filters, place: Place) -> tuple[str, list[Any]]:
    condition = "at <= %s AND (at < %s OR seq < %s)"
    given = [place.at, place.at, place.number]
    if filters.start is not None:
        condition += " AND at >= %s"
        given.append(micros(filters.start))
    if filters.end is not None:
        condition += " AND at < %s"
        given.append(micros(filters.end))
    return condition, given


def _low(organization_id: UUID) -> int:
    return int.from_bytes(organization_id.bytes[-4:], "big", signed=True)
