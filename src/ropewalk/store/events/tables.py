"""The event store on any SQL database: what both kinds need of a connection, and how their rows read.

Tables:

    connector   a small number for each connector that has sent something, and how many events it has
    event       the latest version of each event; `seq` grows with every arrival; on SQLite packed (`packs`)
    version     the earlier ones
    event_key   (key number, time, seq): an account's events, in order; on SQLite in sections (`sections`)
    expired     identities of events that the retention setting has removed
    tally       how many events arrived in each minute of the last day
    rejection   the last refused items of each connector
    counter     the largest `seq` that was given out
    identity    which event has an identity; on SQLite by its hash (`identities`)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from ropewalk.core.times import from_micros
from ropewalk.store.events.base import StoredEvent


class EventRow(NamedTuple):
    """Of `event` and `version`. Times are microseconds since 1970."""

    seq: int
    connector: int
    external_id: str
    version: int
    at: int
    arrived: int
    kind: str
    name: str
    who: str | None
    keys: str
    metadata: str | None
    content: bytes
    upload: str | None


MINUTE: Final = 60 * 1_000_000

COLUMNS: Final = EventRow._fields
LISTED: Final = ", ".join(f"e.{name}" for name in COLUMNS)
Row = Sequence[Any]

_strings = msgspec.json.Decoder(dict[str, str]).decode
_encode = msgspec.json.Encoder().encode
_keys = msgspec.json.Decoder(tuple[str, ...]).decode


class Tables(ABC):
    """Parameters are `%s` on either database."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[None]:
        """A transaction that is durable at its end; `Busy` where it can't be had."""

    @abstractmethod
    def rows(self, sql: str, parameters: Row = ()) -> list[Row]: ...

    @abstractmethod
    def run(self, sql: str, parameters: Row = ()) -> int:
        """The number of rows that it touched."""

    @abstractmethod
    def many(self, sql: str, rows: Iterable[Row]) -> None: ...

    @abstractmethod
    def one_of(self, column: str, values: Sequence[Any]) -> tuple[str, Any]:
        """A condition and its one parameter, whatever the number of values; of numbers or texts."""

    @abstractmethod
    def uuid(self, value: UUID) -> Any:
        """As a column holds it."""

    @abstractmethod
    def latest_of(self, connector: int | None, external_id: str) -> list[Row]:
        """The event with this identity, if there is one."""

    def numbers(self, organization_id: UUID, connectors: Sequence[UUID] | None = None) -> dict[int, UUID]:
        """The connectors of an organization that have sent something, by their numbers here."""
        found = self.rows(
            "SELECT no, id FROM connector WHERE organization = %s ORDER BY no", [self.uuid(organization_id)]
        )
        wanted = None if connectors is None else set(connectors)
        read = ((int(no), id_ if isinstance(id_, UUID) else UUID(bytes=id_)) for no, id_ in found)
        return {no: connector for no, connector in read if wanted is None or connector in wanted}

    def number(self, organization_id: UUID, connector_id: UUID) -> int | None:
        return next(iter(self.numbers(organization_id, [connector_id])), None)


def stored(row: Row, connectors: Mapping[int, UUID]) -> StoredEvent:
    each = EventRow(*row)
    return StoredEvent(
        number=each.seq,
        connector_id=connectors[each.connector],
        external_id=each.external_id,
        version=each.version,
        at=from_micros(each.at),
        arrived=from_micros(each.arrived),
        kind=each.kind,
        name=each.name,
        user=each.who,
        keys=keys_from(each.keys),
        metadata=_strings(each.metadata) if each.metadata else {},
        content=each.content,
        upload=each.upload,
    )


def keys_from(column: str) -> tuple[str, ...]:
    return _keys(column) if column else ()


def keys_column(keys: Sequence[str]) -> str:
    return _encode(keys).decode() if keys else ""
