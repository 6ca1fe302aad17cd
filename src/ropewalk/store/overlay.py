"""What a dry run would have written by now, in a temporary file of its own: match keys and changed values of
accounts, and the hashes of records. Memory stays the same however many there are."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ropewalk.core.matching import Candidate, ContactState
from ropewalk.core.values import JSON
from ropewalk.store.database import SQLITE_VARIABLES, batches
from ropewalk.store.records import RecordState

_LAST_NUMBER = 2**32 - 1
_CACHE_KIB = 8_192
_TABLES = """
CREATE TABLE account (id BLOB PRIMARY KEY, external_id TEXT, domain TEXT, shadow BLOB NOT NULL);
CREATE INDEX account_external_id ON account (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX account_domain ON account (domain) WHERE domain IS NOT NULL;
CREATE TABLE record (subject BLOB PRIMARY KEY, number INTEGER NOT NULL, raw BLOB, draft BLOB);
CREATE INDEX record_raw ON record (raw) WHERE raw IS NOT NULL;
CREATE INDEX record_number ON record (number);
"""


class Shadow(msgspec.Struct):
    """What would have become of an account. `values`: those that would have changed, None for cleared ones.
    `contacts`: those that would have been made or changed, by email. `id_setter`: the connector that would have set the external id."""

    created: bool = False
    values: dict[str, Any] = {}
    contacts: dict[str, ContactState] = {}
    id_setter: UUID | None = None

    def change(self, changes: Mapping[str, tuple[JSON, JSON]]) -> None:
        for name, (_, new) in changes.items():
            self.values[name] = new

    def cast(self, account: Candidate) -> Candidate:
        """The account as it would be."""
        for name, value in self.values.items():
            if value is None:
                account.values.pop(name, None)
            else:
                account.values[name] = value
        if "companyDomain" in self.values:
            account.domain = self.values["companyDomain"]
        if "externalCustomerId" in self.values:
            account.external_id = self.values["externalCustomerId"]
            account.external_id_connector = self.id_setter
        account.contacts |= self.contacts
        return account


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Shadow).decode


class Overlay:
    """Used by one thread. Nobody else can see the file, and it goes with its connection."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            self._db.execute(f"PRAGMA {setting}")
        self._db.executescript(_TABLES)
        self._next_number = _LAST_NUMBER

    def close(self) -> None:
        self._db.close()

    # Accounts

    def having(self, *, external_ids: Sequence[str], domains: Sequence[str]) -> list[UUID]:
        """Accounts that would have been given one of these."""
        found: dict[UUID, None] = {}
        for column, values in (("external_id", external_ids), ("domain", domains)):
            for (account,) in self._rows(
                f"SELECT id FROM account WHERE {column} IS NOT NULL AND {column}", values
            ):
                found[UUID(bytes=account)] = None
        return list(found)

    def shadows(self, account_ids: Sequence[UUID]) -> dict[UUID, Shadow]:
        rows = self._rows("SELECT id, shadow FROM account WHERE id", [one.bytes for one in account_ids])
        return {UUID(bytes=account): _decode(shadow) for account, shadow in rows}

    def put(self, shadows: Mapping[UUID, Shadow]) -> None:
        self._write(
            "INSERT INTO account (id, external_id, domain, shadow) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " external_id = excluded.external_id, domain = excluded.domain, shadow = excluded.shadow",
            (
                (
                    account.bytes,
                    shadow.values.get("externalCustomerId"),
                    shadow.values.get("companyDomain"),
                    _encode(shadow),
                )
                for account, shadow in shadows.items()
            ),
        )

    # Records

    def new_number(self) -> int:
        """From the far end of the numbers that records have."""
        number = self._next_number
        self._next_number -= 1
        return number

    def records(self, subject_ids: Sequence[UUID]) -> dict[UUID, RecordState]:
        rows = self._rows(
            "SELECT subject, number, raw, draft FROM record WHERE subject", [one.bytes for one in subject_ids]
        )
        return {UUID(bytes=subject): RecordState(number, raw, draft) for subject, number, raw, draft in rows}

    def known(self, raw_hashes: Sequence[bytes]) -> dict[bytes, int]:
        return dict(self._rows("SELECT raw, number FROM record WHERE raw IS NOT NULL AND raw", raw_hashes))

    def replaced(self, numbers: Sequence[int]) -> set[int]:
        """Those of the numbers whose record would have been said anew."""
        return {number for (number,) in self._rows("SELECT number FROM record WHERE number", numbers)}

    def put_records(self, states: Mapping[UUID, RecordState]) -> None:
        self._write(
            "INSERT INTO record (subject, number, raw, draft) VALUES (?, ?, ?, ?) ON CONFLICT (subject) DO UPDATE SET"
            " raw = excluded.raw, draft = excluded.draft",
            ((subject.bytes, *_columns(state)) for subject, state in states.items()),
        )

    # The file

    def _rows(self, query: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        for batch in batches(values, SQLITE_VARIABLES):
            yield from self._db.execute(f"{query} IN ({', '.join('?' * len(batch))})", batch).fetchall()

    def _write(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany(statement, rows)
        self._db.execute("COMMIT")


def _columns(state: RecordState) -> tuple[int | None, bytes | None, bytes | None]:
    return state.number, state.raw_hash, state.draft_hash
