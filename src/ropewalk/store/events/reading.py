"""Reading what is stored: pages of a list, versions, arrivals, figures."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from ropewalk.core.pushed import key_number, names_account
from ropewalk.core.times import from_micros, micros
from ropewalk.store.events.base import (
    NO_FILTERS,
    Arrivals,
    Filters,
    Found,
    Place,
    Rejection,
    Statistics,
    StoredEvent,
)
from ropewalk.store.events.tables import LISTED, MINUTE, Row, Tables, stored

LOOKED_THROUGH: Final = 20_000
"""Events that one page is looked for in."""
_CHUNK: Final = 1_000
LATEST: Final = Place(2**63 - 1, 2**63 - 1)


class Readable(Tables):
    uploaded: tuple[str, ...]
    """The tables that say which events have files."""

    def newest(
        self,
        organization_id: UUID,
        *,
        keys: Sequence[str] | None = None,
        exact_id: bool = False,
        connectors: Sequence[UUID] | None = None,
        filters: Filters = NO_FILTERS,
        before: Place | None = None,
        limit: int = 50,
    ) -> Found:
        known = self.numbers(organization_id)
        wanted = set(known.values()) if connectors is None else set(connectors)
        if keys is None:
            numbers = [no for no, each in known.items() if each in wanted]
            chunk = self.of_connectors
        else:
            numbers = [key_number(organization_id, key) for key in dict.fromkeys(keys)]
            chunk = self.of_keys
        size = limit + 1 if filters == NO_FILTERS and connectors is None else max(limit + 1, _CHUNK)
        found: list[StoredEvent] = []
        place, looked = before or LATEST, 0
        while numbers:
            rows = chunk(numbers, filters, place, size)
            for row in rows:
                looked += 1
                # A number may belong to two keys; another organization's is not read.
                if row[1] in known:
                    event = stored(row, known)
                    if event.connector_id in wanted and _fits(event, keys, exact_id, filters):
                        if len(found) == limit:
                            return Found(found, found[-1].place)
                        found.append(event)
                place = Place(row[4], row[0])
            if len(rows) < size:
                break
            if looked >= LOOKED_THROUGH:
                return Found(found, place)
        return Found(found, None)

    @abstractmethod
    def of_connectors(self, numbers: Sequence[int], filters: Filters, place: Place, size: int) -> list[Row]:
        """The first events after a place, newest first; fewer than `size` at the end of the list."""

    @abstractmethod
    def of_keys(self, numbers: Sequence[int], filters: Filters, place: Place, size: int) -> list[Row]:
        """The same of keys (`core.pushed.key_number`)."""

    @abstractmethod
    def of_connector(self, no: int, after: int, limit: int, *, latest: bool = False) -> list[Row]:
        """Its events with larger numbers than `after`: the first of them, or the last, the latest first."""

    def get(
        self, organization_id: UUID, connector_id: UUID, external_id: str, version: int | None = None
    ) -> StoredEvent | None:
        known = self.numbers(organization_id, [connector_id])
        no = next(iter(known), None)
        found = self.latest_of(no, external_id)
        if version is not None and found and found[0][3] != version:
            found = self._earlier(" AND e.version = %s", no, external_id, version, 1)
        return stored(found[0], known) if found else None

    def versions(
        self, organization_id: UUID, connector_id: UUID, external_id: str, limit: int = 100
    ) -> list[StoredEvent]:
        known = self.numbers(organization_id, [connector_id])
        no = next(iter(known), None)
        rows = [*self.latest_of(no, external_id), *self._earlier("", no, external_id, limit)]
        return [stored(row, known) for row in rows[:limit]]

    def _earlier(self, condition: str, *parameters: object) -> list[Row]:
        return self.rows(
            f"SELECT {LISTED} FROM version e WHERE e.connector = %s AND e.external_id = %s{condition} "
            "ORDER BY e.version DESC LIMIT %s",
            parameters,
        )

    def statistics(self, organization_id: UUID, connector_id: UUID, now: datetime) -> Statistics:
        no = self.number(organization_id, connector_id)
        if no is None:
            return Statistics(0, 0, 0, None)
        minute = micros(now) // MINUTE
        counted = self.rows(
            "SELECT coalesce(sum(CASE WHEN minute > %s THEN events END), 0), coalesce(sum(events), 0) "
            "FROM tally WHERE connector = %s AND minute > %s",
            [minute - 60, no, minute - 24 * 60],
        )
        (total,) = self.rows("SELECT events FROM connector WHERE no = %s", [no])[0]
        newest = self.of_connectors([no], NO_FILTERS, LATEST, 1)
        hour, day = counted[0]
        return Statistics(int(hour), int(day), total, from_micros(newest[0][4]) if newest else None)

    def last_number(self) -> int:
        return int(self.rows("SELECT last FROM counter")[0][0])

    def arrivals(self, organization_id: UUID, connector_id: UUID, after: int, limit: int = 100) -> Arrivals:
        last = self.last_number()
        known = self.numbers(organization_id, [connector_id])
        found = []
        for no in known:
            found = [stored(row, known) for row in self.of_connector(no, after, limit)]
        return Arrivals(found, found[-1].number if len(found) == limit else max(after, last))

    def latest(self, organization_id: UUID, connector_id: UUID, limit: int = 20) -> list[StoredEvent]:
        known = self.numbers(organization_id, [connector_id])
        after = self.last_number() - LOOKED_THROUGH
        return [
            stored(row, known) for no in known for row in self.of_connector(no, after, limit, latest=True)
        ]

    def rejections(
        self, organization_id: UUID, connector_id: UUID, after: int = 0, limit: int = 100
    ) -> list[Rejection]:
        rows = self.rows(
            "SELECT r.seq, r.at, r.external_id, r.errors FROM rejection r WHERE r.connector = %s AND r.seq > %s "
            "ORDER BY r.seq DESC LIMIT %s",
            [self.number(organization_id, connector_id), after, limit],
        )
        return [
            Rejection(seq, from_micros(at), external_id, tuple(json.loads(errors)))
            for seq, at, external_id, errors in rows
        ]

    def kept_uploads(self, organization_id: UUID, uploads: Sequence[str]) -> set[str]:
        """Those that an event of the organization has."""
        if not uploads:
            return set()
        mine, known = self.one_of("connector", [*self.numbers(organization_id)])
        among, listed = self.one_of("upload", uploads)
        found = [
            row
            for table in self.uploaded
            for row in self.rows(
                f"SELECT upload FROM {table} WHERE upload IS NOT NULL AND {mine} AND {among}", [known, listed]
            )
        ]
        return {upload for (upload,) in found}


def _fits(event: StoredEvent, keys: Sequence[str] | None, exact_id: bool, filters: Filters) -> bool:
    return (
        (keys is None or names_account(event.keys, keys, exact_id=exact_id))
        and filters.kind in (None, event.kind)
        and filters.name in (None, event.name)
        and all(event.metadata.get(key) == value for key, value in filters.metadata.items())
        and (filters.keeps is None or filters.keeps(event))
    )
