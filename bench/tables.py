"""Ropewalk's tables for the floor: hand-written statements, on either database."""

from __future__ import annotations

import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg

Rows = Sequence[tuple[Any, ...]]
_RUN = "CREATE TABLE IF NOT EXISTS floor_run (id INTEGER PRIMARY KEY, counts TEXT)"


@contextmanager
def opened(url: str) -> Iterator[Tables]:
    if url.startswith("sqlite:"):
        with closing(sqlite3.connect(urlsplit(url).path, isolation_level=None)) as db:
            yield Sqlite(db)
    else:
        # Prepared, a list of keys would be looked through for each row, as its plan knows no keys.
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            yield Postgres(connection)


class Tables(ABC):
    """What a batch reads, and what it writes. Rows of `created`: id, name, domain, key, fields, at; of `updated`: name,
    fields, at, id; of `changes`: id, whether created, fields, at; of records: id and hashes, or hashes and id."""

    organization: Any
    connector: Any
    stream: Any
    run: str

    @contextmanager
    @abstractmethod
    def transaction(self) -> Iterator[None]: ...

    @abstractmethod
    def known_hashes(self, hashes: Sequence[bytes]) -> set[bytes]: ...

    @abstractmethod
    def accounts(self, keys: Sequence[str]) -> dict[str, tuple[str, str, str, str]]:
        """By external id: id, name, domain, fields."""

    @abstractmethod
    def write(
        self, created: Rows, updated: Rows, changes: Rows, new_records: Rows, old_records: Rows
    ) -> None: ...

    @abstractmethod
    def progress(self, counts: str) -> None: ...


class Sqlite(Tables):
    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -8000"):
            db.execute(f"PRAGMA {pragma}")
        db.execute(_RUN)
        db.execute("INSERT OR REPLACE INTO floor_run VALUES (1, '{}')")
        self.organization, self.connector, self.stream = db.execute(
            "SELECT organization_id, connector_id, id FROM ropewalk_stream"
        ).fetchone()
        self.run = uuid4().hex
        sqlite3.register_adapter(datetime, lambda moment: moment.replace(tzinfo=None).isoformat(" "))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.db.execute("BEGIN IMMEDIATE")
        yield
        self.db.execute("COMMIT")

    def known_hashes(self, hashes: Sequence[bytes]) -> set[bytes]:
        marks = ",".join("?" * len(hashes))
        found = self.db.execute(
            f"SELECT raw_hash FROM ropewalk_streamrecord WHERE stream_id = ? AND raw_hash IN ({marks})",
            [self.stream, *hashes],
        )
        return {hash_ for (hash_,) in found}

    def accounts(self, keys: Sequence[str]) -> dict[str, tuple[str, str, str, str]]:
        found = self.db.execute(
            "SELECT external_customer_id, id, company_name, company_domain, fields FROM ropewalk_account"
            " WHERE organization_id = ? AND external_customer_id IN (SELECT value FROM json_each(?))"
            " AND external_customer_id IS NOT NULL AND deleted_at IS NULL",
            [self.organization, json.dumps(keys)],
        )
        return {row[0]: row[1:] for row in found}

    def write(
        self, created: Rows, updated: Rows, changes: Rows, new_records: Rows, old_records: Rows
    ) -> None:
        of, by, run, stream = self.organization, self.connector, self.run, self.stream
        self.db.executemany(
            "INSERT INTO ropewalk_account (id, company_name, company_domain, external_customer_id, fields, created_at,"
            " updated_at, organization_id, external_id_connector, created_run) VALUES (?, ?, ?, ?, ?, ?6, ?6, ?, ?, ?)",
            [(*row, of, by, run) for row in created],
        )
        self.db.executemany(
            "UPDATE ropewalk_account SET company_name = ?, fields = ?, updated_at = ? WHERE id = ?", updated
        )
        self.db.executemany(
            "INSERT INTO ropewalk_change (account_id, created, fields, at, organization_id, connector, run)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(*row, of, by, run) for row in changes],
        )
        self.db.executemany(
            "INSERT INTO ropewalk_streamrecord (subject_id, raw_hash, draft_hash, organization_id, stream_id)"
            " VALUES (?, ?, ?, ?, ?)",
            [(*row, of, stream) for row in new_records],
        )
        self.db.executemany(
            "UPDATE ropewalk_streamrecord SET raw_hash = ?, draft_hash = ? WHERE subject_id = ? AND stream_id = ?",
            [(*row, stream) for row in old_records],
        )

    def progress(self, counts: str) -> None:
        self.db.execute("UPDATE floor_run SET counts = ? WHERE id = 1", [counts])


class Postgres(Tables):
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        connection.execute(_RUN)
        connection.execute("INSERT INTO floor_run VALUES (1, '{}') ON CONFLICT DO NOTHING")
        found = connection.execute("SELECT organization_id, connector_id, id FROM ropewalk_stream").fetchone()
        assert found is not None
        self.organization, self.connector, self.stream = found
        self.run = uuid4().hex

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self.connection.transaction():
            yield

    def known_hashes(self, hashes: Sequence[bytes]) -> set[bytes]:
        found = self.connection.execute(
            "SELECT raw_hash FROM ropewalk_streamrecord WHERE stream_id = %s AND raw_hash = ANY(%b)",
            [self.stream, list(hashes)],
        )
        return {hash_ for (hash_,) in found}

    def accounts(self, keys: Sequence[str]) -> dict[str, tuple[str, str, str, str]]:
        found = self.connection.execute(
            "SELECT external_customer_id, id::text, company_name, company_domain, fields::text FROM ropewalk_account"
            " WHERE organization_id = %s AND external_customer_id = ANY(%s) AND deleted_at IS NULL",
            [self.organization, list(keys)],
        )
        return {row[0]: row[1:] for row in found}

    def write(
        self, created: Rows, updated: Rows, changes: Rows, new_records: Rows, old_records: Rows
    ) -> None:
        of, by, run, stream = self.organization, self.connector, self.run, self.stream
        self._copy(
            "ropewalk_account (id, company_name, company_domain, external_customer_id, fields, updated_at, created_at,"
            " organization_id, external_id_connector, created_run)",
            ((*row, row[-1], of, by, run) for row in created),
        )
        self._copy(
            "ropewalk_change (account_id, created, fields, at, organization_id, connector, run)",
            ((*row, of, by, run) for row in changes),
        )
        self._copy(
            "ropewalk_streamrecord (subject_id, raw_hash, draft_hash, organization_id, stream_id)",
            ((*row, of, stream) for row in new_records),
        )
        if updated:
            self._merge(
                "name text, fields jsonb, at timestamptz, id uuid",
                updated,
                "UPDATE ropewalk_account SET company_name = d.name, fields = d.fields, updated_at = d.at FROM draft d"
                " WHERE ropewalk_account.id = d.id",
            )
        if old_records:
            self._merge(
                "raw bytea, draft bytea, id uuid",
                old_records,
                "UPDATE ropewalk_streamrecord SET raw_hash = d.raw, draft_hash = d.draft FROM draft d"
                f" WHERE subject_id = d.id AND stream_id = '{stream}'",
            )

    def _copy(self, into: str, rows: Iterator[tuple[Any, ...]]) -> None:
        with self.connection.cursor().copy(f"COPY {into} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def _merge(self, columns: str, rows: Rows, statement: str) -> None:
        self.connection.execute(f"CREATE TEMPORARY TABLE draft ({columns}) ON COMMIT DROP")
        self._copy("draft", iter(rows))
        self.connection.execute("ANALYZE draft")
        self.connection.execute(statement)
        self.connection.execute("DROP TABLE draft")

    def progress(self, counts: str) -> None:
        self.connection.execute("UPDATE floor_run SET counts = %s WHERE id = 1", [counts])
