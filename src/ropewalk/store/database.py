"""Where the two databases differ: sets of values in a query, many rows at once, JSON in and out of columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from itertools import chain, islice
from operator import attrgetter
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from django.db import connection

from ropewalk.core.values import JSON

T = TypeVar("T")
Rows = Iterable[Sequence[Any]]

SQLITE_VARIABLES = 16_000
_FETCHED = 10_000
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_beyond_64_bits = re.compile("[0-9]{20}")


@cache
def on_postgres() -> bool:
    # Asked for every value of a batch, and a process has one database all its life.
    return connection.vendor == "postgresql"


def from_json(text: str) -> Any:
    value = _decode(text)
    return _floats(value) if on_postgres() and _beyond_64_bits.search(text) else value


def _floats(value: Any) -> Any:
    # PostgreSQL spells 1e300 as an integer. Real integers of that size were made text when they were read.
    if type(value) is int and not -(2**63) <= value < 2**64:
        return float(value)
    if isinstance(value, dict):
        return {key: _floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_floats(item) for item in value]
    return value


def to_json(value: Mapping[str, JSON] | JSON) -> str:
    text = _encode(value).decode()
    # PostgreSQL holds no NUL; the same is stored on either.
    return text if "\\u0000" not in text else _encode(_without_nul(_decode(text))).decode()


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return text_column(value)
    if isinstance(value, dict):
        return {text_column(key): _without_nul(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nul(item) for item in value]
    return value


def text_column(value: str) -> str:
    return value.replace("\0", "\ufffd") if "\0" in value else value


def id_column(value: UUID | None) -> str | None:
    return None if value is None else value.hex


def id_columns(values: Iterable[UUID]) -> Iterable[str]:
    """Of many rows."""
    return [value.hex for value in values]


def time_column(value: datetime | None) -> str | None:
    """As Django stores it, so that raw rows and model rows compare."""
    stored = connection.ops.adapt_datetimefield_value(value)
    return None if stored is None else str(stored)


def time_from(value: Any) -> datetime | None:
    if value is None:
        return None
    at: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def uuid_from(value: Any) -> Any:
    return UUID(int=int(value, 16)) if isinstance(value, str) else value


def batches(values: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(values)
    while batch := list(islice(rest, size)):
        yield batch


def rows_at_a_time(
    sql: str, parameters: Sequence[Any] = (), size: int = _FETCHED
) -> Generator[list[tuple[Any, ...]]]:
    """However many there are: they don't come into memory all at once."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, parameters)
        while rows := cursor.fetchmany(size):
            yield rows


def each_row(sql: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
    return chain.from_iterable(rows_at_a_time(sql, parameters))


def rows_of(sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


@contextmanager
def mapped() -> Iterator[None]:
    """SQLite's file in memory while much is read of it: half the work, and what it kept of other pages stays. Not
    longer, as what was read would count as this process's memory."""
    if on_postgres():
        yield
        return
    execute(f"PRAGMA mmap_size = {2**31}")
    try:
        yield
    finally:
        execute("PRAGMA mmap_size = 0")


def execute(sql: str, parameters: Sequence[Any] = ()) -> int:
    """The number of rows that it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


# Of an array's values within quotes. Given a list, the driver takes 1 to 2 µs for each.
_SPELLED: Mapping[str, Callable[[Any], str]] = {
    "text": lambda value: value.replace("\\", r"\\").replace('"', r"\""),
    "uuid": attrgetter("hex"),
    "bigint": str,
    "bytea": lambda value: rf"\\x{value.hex()}",
}


def any_of(column: str, values: Sequence[Any], kind: str) -> tuple[str, str]:
    """A condition and its one parameter, whatever the number of values. `kind`: text, uuid, bigint, or on PostgreSQL bytea."""
    if on_postgres():
        spell = _SPELLED[kind]
        return f"{column} = ANY(%s::{kind}[])", "{" + ",".join(
            [f'"{spell(value)}"' for value in values]
        ) + "}"
    listed = [value.hex for value in values] if kind == "uuid" else values
    return f"{column} IN (SELECT value FROM json_each(%s))", _encode(listed).decode()


def having(table: str, column: str, values: Sequence[Any], kind: str) -> tuple[str, str]:
    """FROM and WHERE of the rows whose column holds one of many values, and the one parameter, which comes first.

    SQLite looks each value up, where it would walk through a partial index for `any_of` (tried: 9 µs a value
    among 100,000 rows, against 0.1)."""
    condition, listed = any_of(column, values, kind)
    if on_postgres():
        return f"FROM {table} WHERE {condition}", listed
    return f"FROM json_each(%s) AS wanted CROSS JOIN {table} WHERE {table}.{column} = wanted.value", listed


def unindexed(column: str) -> str:
    """In a condition by which SQLite, without statistics, would choose the wrong one of two indexes."""
    return column if on_postgres() else f"+{column}"


def joined(expression: str) -> str:
    """What it is in all rows, as one text with commas; in the same order for all that a query asks for like this."""
    return f"string_agg({expression}::text, ',')" if on_postgres() else f"group_concat({expression})"


def hex_of(column: str) -> str:
    return f"encode({column}, 'hex')" if on_postgres() else f"hex({column})"


@contextmanager
def _unchecked() -> Iterator[None]:
    """SQLite would read all JSON again, for a twentieth of a first load; that of many rows comes from our encoder."""
    connection.connection.execute("PRAGMA ignore_check_constraints = ON")
    try:
        yield
    finally:
        connection.connection.execute("PRAGMA ignore_check_constraints = OFF")


def insert(table: str, columns: Sequence[str], rows: Rows) -> None:
    """COPY on PostgreSQL, executemany on SQLite. Values are as their columns hold them (`…_column`)."""
    with connection.cursor() as cursor, connection.wrap_database_errors:
        if on_postgres():
            _copy(cursor, table, columns, rows)
        else:
            names = ", ".join(f'"{name}"' for name in columns)
            marks = ", ".join("?" * len(columns))
            with _unchecked():
                connection.connection.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)


def update(table: str, key: tuple[str, str], columns: Sequence[tuple[str, str]], rows: Rows) -> None:
    """Sets `columns` (name, PostgreSQL type) of the rows that `key` names; each of `rows` has the key last."""
    rows = list(rows)
    if not rows:
        return
    with connection.cursor() as cursor, connection.wrap_database_errors:
        if not on_postgres():
            settings = ", ".join(f'"{name}" = ?' for name, _ in columns)
            statement = f'UPDATE "{table}" SET {settings} WHERE "{key[0]}" = ?'
            with _unchecked():
                connection.connection.executemany(statement, rows)
            return
        draft = f"draft_{table}"
        listed = [*columns, key]
        typed = ", ".join(f'"{name}" {kind}' for name, kind in listed)
        cursor.execute(f'CREATE TEMPORARY TABLE "{draft}" ({typed}) ON COMMIT DROP')
        _copy(cursor, draft, [name for name, _ in listed], rows)
        # Without statistics the planner may choose a join that takes minutes.
        cursor.execute(f'ANALYZE "{draft}"')
        settings = ", ".join(f'"{name}" = draft."{name}"' for name, _ in columns)
        cursor.execute(
            f'UPDATE "{table}" SET {settings} FROM "{draft}" AS draft WHERE "{table}"."{key[0]}" = draft."{key[0]}"'
        )
        cursor.execute(f'DROP TABLE "{draft}"')


def _copy(cursor: Any, table: str, columns: Sequence[str], rows: Rows) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    with cursor.cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)
