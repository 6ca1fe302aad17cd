"""Reading what is stored: pages of a list, versions, arrivals, figures."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
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
_ORDERS_AT_ONCE: Final = 200
"""Lists merged in one statement: SQLite takes 500."""
BY_NUMBER: Final = "+e.connector = %s"
"""A connector's, in the order of numbers: the sign keeps the index of its times out, whose events would all be sorted."""
LATEST: Final = Place(2**63 - 1, 2**63 - 1)


class Readable(Tables):
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

    def of_connectors(self, numbers: Sequence[int], filters: Filters, place: Place, size: int) -> list[Row]:
        """The first events after a place, newest first; fewer than `size` at the end of the list."""
        return self.in_order([("event WHERE connector = %s", no) for no in numbers], filters, place, size)

    @abstractmethod
    def of_keys(self, numbers: Sequence[int], filters: Filters, place: Place, size: int) -> list[Row]:
        """The same of keys (`core.pushed.key_number`)."""

    def in_order(
        self, orders: Sequence[tuple[str, int]], filters: Filters, place: Place, size: int
    ) -> list[Row]:
        rows: list[Row] = []
        for few in range(0, len(orders), _ORDERS_AT_ONCE):
            rows += self._merged(orders[few : few + _ORDERS_AT_ONCE], filters, place, size)
        if len(orders) > _ORDERS_AT_ONCE:
            rows.sort(key=lambda row: (row[4], row[0]), reverse=True)
        return rows[:size]

    def _merged(
        self, orders: Sequence[tuple[str, int]], filters: Filters, place: Place, size: int
    ) -> list[Row]:
        """Each list stops by itself, so that none is read further than the page needs."""
        parameters: list[Any] = []
        pieces = []
        for position, (order, whose) in enumerate(orders):
            condition, given = within(filters, place)
            pieces.append(
                f"SELECT * FROM (SELECT at, seq FROM {order} AND {condition} "
                f"ORDER BY at DESC, seq DESC LIMIT %s) AS o{position}"
            )
            parameters += [whose, *given, size]
        return self.rows(
            f"SELECT {LISTED} FROM (SELECT at, seq FROM ({' UNION '.join(pieces)}) AS merged "
            "ORDER BY at DESC, seq DESC LIMIT %s) AS p JOIN event e ON e.at = p.at AND e.seq = p.seq "
            "ORDER BY e.at DESC, e.seq DESC",
            [*parameters, size],
        )

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
        (last,) = self.rows("SELECT max(at) FROM event WHERE connector = %s", [no])[0]
        hour, day = counted[0]
        return Statistics(int(hour), int(day), total, None if last is None else from_micros(last))

    def last_number(self) -> int:
        return int(self.rows("SELECT last FROM counter")[0][0])

    def arrivals(self, organization_id: UUID, connector_id: UUID, after: int, limit: int = 100) -> Arrivals:
        last = self.last_number()
        known = self.numbers(organization_id, [connector_id])
        found = []
        for no in known:
            rows = self.rows(
                f"SELECT {LISTED} FROM event e WHERE e.seq > %s AND {BY_NUMBER} ORDER BY e.seq LIMIT %s",
                [after, no, limit],
            )
            found = [stored(row, known) for row in rows]
        return Arrivals(found, found[-1].number if len(found) == limit else max(after, last))

    def latest(self, organization_id: UUID, connector_id: UUID, limit: int = 20) -> list[StoredEvent]:
        known = self.numbers(organization_id, [connector_id])
        rows = self.rows(
            f"SELECT {LISTED} FROM event e WHERE {BY_NUMBER} AND e.seq > %s ORDER BY e.seq DESC LIMIT %s",
            [next(iter(known), None), self.last_number() - LOOKED_THROUGH, limit],
        )
        return [stored(row, known) for row in rows]

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
            for table in ("event", "version")
            for row in self.rows(
                f"SELECT upload FROM {table} WHERE upload IS NOT NULL AND {mine} AND {among}", [known, listed]
            )
        ]
        return {upload for (upload,) in found}


def within(filters: Filters, place: Place) -> tuple[str, list[Any]]:
    condition = "at <= %s AND (at < %s OR seq < %s)"
    given = [place.at, place.at, place.number]
    if filters.start is not None:
        condition += " AND at >= %s"
        given.append(micros(filters.start))
    if filters.end is not None:
        condition += " AND at < %s"
        given.append(micros(filters.end))
    return condition, given


def _fits(event: StoredEvent, keys: Sequence[str] | None, exact_id: bool, filters: Filters) -> bool:
    return (
        (keys is None or names_account(event.keys, keys, exact_id=exact_id))
        and filters.kind in (None, event.kind)
        and filters.name in (None, event.name)
        and all(event.metadata.get(key) == value for key, value in filters.metadata.items())
        and (filters.keeps is None or filters.keeps(event))
    )
