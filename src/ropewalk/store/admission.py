"""What the ingest door has to know of keys and connectors, and whether what it knows still holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from msgspec import Struct

from ropewalk.store import keys
from ropewalk.store.database import any_of, on_postgres, rows_of, uuid_from
from ropewalk.store.models import ApiKey, Organization, PushConnector


class Key(Struct, frozen=True):
    id: UUID
    organization_id: UUID
    scopes: frozenset[str]
    expires_at: datetime | None


class Connector(Struct, frozen=True):
    id: UUID
    organization_id: UUID
    version: int
    is_active: bool
    accepted_kinds: Sequence[str]
    metadata: Mapping[str, str]
    event_schema: Mapping[str, Any] | None
    own_domains: Sequence[str]


def key(text: str, *, now: datetime) -> Key | None:
    """A live one. Its use is written down, to the minute."""
    found = keys.authenticate(text, now=now)
    if found is None:
        return None
    return Key(found.id, found.organization_id, frozenset(found.scopes), found.expires_at)


def used(organization_id: UUID, key_id: UUID, *, now: datetime) -> None:
    found = ApiKey.objects.filter(organization_id=organization_id, id=key_id).first()
    if found is not None:
        keys.used(found, now=now)


def connector(organization_id: UUID, connector_id: UUID) -> Connector | None:
    found = PushConnector.objects.filter(organization_id=organization_id, id=connector_id).first()
    if found is None:
        return None
    own = Organization.objects.values_list("own_domains", flat=True).get(id=organization_id)
    return Connector(
        id=found.id,
        organization_id=organization_id,
        version=found.version,
        is_active=found.is_active,
        accepted_kinds=found.accepted_kinds,
        metadata=found.metadata,
        event_schema=found.event_schema,
        own_domains=own,
    )


class Standing(Struct):
    """Which keys are live, and the versions of connectors, as the database has them at this moment.

    A process asks at every commit. On SQLite it is told by the file itself whether anybody has written to it since the
    last time; on PostgreSQL it asks for both in one query."""

    _seen: int = -1
    _keys: frozenset[UUID] = frozenset()
    _live: frozenset[UUID] = frozenset()
    _connectors: frozenset[UUID] = frozenset()
    _versions: Mapping[UUID, int] | None = None

    def of(
        self, key_ids: Collection[UUID], connector_ids: Collection[UUID]
    ) -> tuple[frozenset[UUID], Mapping[UUID, int]]:
        if not on_postgres():
            # Read before the rows are, so that what is written in between is seen the next time.
            now = _data_version()
            if now != self._seen:
                self._keys, self._connectors, self._versions = frozenset(), frozenset(), None
            if (
                self._versions is not None
                and self._keys >= set(key_ids)
                and self._connectors >= set(connector_ids)
            ):
                return self._live, self._versions
            self._seen = now
            key_ids, connector_ids = self._keys.union(key_ids), self._connectors.union(connector_ids)
        self._keys, self._connectors = frozenset(key_ids), frozenset(connector_ids)
        self._live, self._versions = _read(self._keys, self._connectors)
        return self._live, self._versions


def _data_version() -> int:
    connection.ensure_connection()
    (version,) = connection.connection.execute("PRAGMA data_version").fetchone()
    return int(version)


def _read(
    key_ids: Collection[UUID], connector_ids: Collection[UUID]
) -> tuple[frozenset[UUID], Mapping[UUID, int]]:
    mine, listed = any_of("id", [*key_ids], "uuid")
    theirs, connectors = any_of("id", [*connector_ids], "uuid")
    rows = rows_of(
        f"SELECT id, 0 FROM ropewalk_apikey WHERE revoked_at IS NULL AND {mine} "
        f"UNION ALL SELECT id, version FROM ropewalk_pushconnector WHERE {theirs}",
        [listed, connectors],
    )
    live = frozenset(uuid_from(id_) for id_, version in rows if not version)
    return live, {uuid_from(id_): version for id_, version in rows if version}
