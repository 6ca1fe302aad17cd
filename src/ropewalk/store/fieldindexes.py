"""Indexes of custom fields: made for those that an organization marks as indexed, and dropped when none does any more.

An index is the whole installation's, as its table is; each organization's accounts stand together in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

from ropewalk.core.mapping import BUILT_IN
from ropewalk.store import fieldsql
from ropewalk.store.database import execute, on_postgres, rows_of
from ropewalk.store.models import TrackedField

NEVER: Final = ("list", "object")
"""What has no order has no index."""

_PREFIX: Final = "account_field_"
_LOCK: Final = 0x524F5049


def called(name: str, kind: str) -> str:
    sort: Literal["number", "text"] = "number" if kind == "number" else "text"
    return _PREFIX + hashlib.blake2b(f"{sort} {name}".encode(), digest_size=10).hexdigest()


def built() -> frozenset[str]:
    """The names of those that can be asked."""
    if on_postgres():
        found = rows_of(
            "SELECT relname FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid"
            " WHERE indrelid = %s::regclass AND indisvalid AND starts_with(relname, %s)",
            [fieldsql.TABLE, _PREFIX],
        )
    else:
        found = rows_of(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = %s AND substr(name, 1, %s) = %s",
            [fieldsql.TABLE, len(_PREFIX), _PREFIX],
        )
    return frozenset(name for (name,) in found)


def settle() -> int:
    """Makes what is missing and drops what nobody wants any more, outside of any transaction. The number of both."""
    wanted = {called(name, kind): (name, kind) for name, kind in _wanted()}
    if not wanted.keys() ^ built():
        return 0
    with _alone() as alone:
        return _settled(wanted) if alone else 0


def _settled(wanted: dict[str, tuple[str, str]]) -> int:
    there = built()
    also = " CONCURRENTLY" if on_postgres() else ""
    for index in sorted(there - wanted.keys()):
        execute(f"DROP INDEX{also} IF EXISTS {index}")
    missing = sorted(wanted.keys() - there)
    for index in missing:
        # What an interrupted attempt has left behind can't be asked.
        execute(f"DROP INDEX{also} IF EXISTS {index}")
        key = fieldsql.key(*wanted[index]).replace(f"{fieldsql.TABLE}.", "")
        execute(
            f"CREATE INDEX{also} {index} ON {fieldsql.TABLE} (organization_id, ({key}), id)"
            " WHERE deleted_at IS NULL"
        )
    if missing and on_postgres():
        # What it knows of a key's values, it learns with the index. (SQLite plans by the indexes alone.)
        execute(f"ANALYZE {fieldsql.TABLE}")
    return len(there ^ wanted.keys())


def _wanted() -> Iterator[tuple[str, str]]:
    marked = TrackedField.objects.filter(indexed=True).exclude(name__in=BUILT_IN).exclude(type__in=NEVER)
    return iter(marked.values_list("name", "type").distinct())


@contextmanager
def _alone() -> Iterator[bool]:
    """Of all processes. SQLite has one writer at a time by itself."""
    if not on_postgres():
        yield True
        return
    [[alone]] = rows_of("SELECT pg_try_advisory_lock(%s)", [_LOCK])
    try:
        yield bool(alone)
    finally:
        if alone:
            rows_of("SELECT pg_advisory_unlock(%s)", [_LOCK])
