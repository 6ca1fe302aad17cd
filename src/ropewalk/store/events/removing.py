"""What goes again: erased without a trace, or expired, its identity kept; and what is read anew."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from uuid import UUID

from ropewalk.core.itemreading import Reading
from ropewalk.core.pushed import content_digest, key_number, names_account
from ropewalk.core.times import micros
from ropewalk.store.events.appending import Appendable, KeyRow, key_rows
from ropewalk.store.events.base import NO_FILTERS, Place, Removed, StoredEvent
from ropewalk.store.events.reading import LATEST, Readable
from ropewalk.store.events.tables import MINUTE, EventRow, keys_column, keys_from, stored


class Removable(Readable, Appendable):
    @abstractmethod
    def changing(self, organization_id: UUID) -> AbstractContextManager[None]:
        """A transaction, while no other takes anything in for this organization."""

    @abstractmethod
    def drop(self, rows: Sequence[EventRow]) -> None: ...

    @abstractmethod
    def reread(self, rows: Sequence[tuple[EventRow, EventRow]]) -> None:
        """Rows as they were and as they are to be; time, name, user and keys may differ."""

    def erase_event(self, organization_id: UUID, connector_id: UUID, external_id: str) -> Removed:
        with self.changing(organization_id):
            no = self.number(organization_id, connector_id)
            if no is None:
                return Removed(0)
            found = [EventRow(*row) for row in self.latest_of(no, external_id)]
            self.forget([(no, external_id)])
            return self._remove(organization_id, found)

    def erase_account(
        self, organization_id: UUID, keys: Sequence[str], *, exact_id: bool = False, limit: int = 500
    ) -> Removed:
        numbers = [key_number(organization_id, key) for key in keys]
        place = LATEST
        with self.changing(organization_id):
            own = self.numbers(organization_id)
            while True:
                found = [EventRow(*row) for row in self.of_keys(numbers, NO_FILTERS, place, limit)]
                named = {
                    row.seq: row
                    for row in found
                    if row.connector in own and names_account(keys_from(row.keys), keys, exact_id=exact_id)
                }
                if named or len(found) < limit:
                    self.forget([(row.connector, row.external_id) for row in named.values()])
                    return self._remove(organization_id, [*named.values()])
                place = Place(found[-1].at, found[-1].seq)

    def expire(self, organization_id: UUID, before: datetime, limit: int = 500) -> Removed:
        with self.changing(organization_id):
            numbers = [*self.numbers(organization_id)]
            rows = self.of_connectors(numbers, NO_FILTERS, Place(micros(before), 0), limit) if numbers else []
            found = [EventRow(*row) for row in rows]
            self.many(
                "INSERT INTO expired (connector, external_id, version, digest) VALUES (%s, %s, %s, %s)",
                [(row.connector, row.external_id, row.version, content_digest(row.content)) for row in found],
            )
            if found:
                self.run("UPDATE counter SET expired = 1 WHERE expired = 0")
            return self._remove(organization_id, found)

    def rekey(
        self,
        organization_id: UUID,
        connector_id: UUID,
        read: Callable[[StoredEvent], Reading],
        after: int = 0,
        limit: int = 500,
    ) -> int | None:
        with self.changing(organization_id):
            known = self.numbers(organization_id, [connector_id])
            rows = [EventRow(*row) for no in known for row in self.of_connector(no, after, limit)]
            read_anew = [(row, _reread(row, read(stored(row, known)))) for row in rows]
            changed = [(row, now) for row, now in read_anew if row != now]
            self.reread(changed)
            self.change_keys(
                [key for row, _ in changed for key in _keys(organization_id, row)],
                [key for _, row in changed for key in _keys(organization_id, row)],
            )
        return rows[-1].seq if len(rows) == limit else None

    def discard(
        self, organization_id: UUID, uploads: Sequence[str], delete: Callable[[UUID, Sequence[str]], None]
    ) -> None:
        if uploads:
            with self.changing(organization_id):
                delete(organization_id, sorted({*uploads} - self.kept_uploads(organization_id, uploads)))

    def _remove(self, organization_id: UUID, rows: Sequence[EventRow]) -> Removed:
        if not rows:
            return Removed(0)
        identities = [(row.connector, row.external_id) for row in rows]
        earlier = self.among("version", identities, "connector, external_id, version, arrived, upload")
        uploads = {
            upload for upload in (*(row.upload for row in rows), *(row[4] for row in earlier)) if upload
        }
        self._uncount(
            [
                *((row.connector, row.arrived) for row in rows if row.version == 1),
                *((row[0], row[3]) for row in earlier if row[2] == 1),
            ]
        )
        self.change_keys([key for row in rows for key in _keys(organization_id, row)])
        self.many("DELETE FROM version WHERE connector = %s AND external_id = %s", identities)
        self.drop(rows)
        kept = self.kept_uploads(organization_id, sorted(uploads))
        return Removed(len(rows), tuple(sorted(uploads - kept)))

    def _uncount(self, created: Sequence[tuple[int, int]]) -> None:
        """`created`: connector of each event, and when its first version arrived."""
        self.many(
            "UPDATE connector SET events = events - %s WHERE no = %s",
            [(events, no) for no, events in sorted(Counter(no for no, _ in created).items())],
        )
        of_minutes = Counter((no, arrived // MINUTE) for no, arrived in created)
        self.many(
            "UPDATE tally SET events = events - %s WHERE connector = %s AND minute = %s",
            [(events, *which) for which, events in sorted(of_minutes.items())],
        )


def _keys(organization_id: UUID, row: EventRow) -> list[KeyRow]:
    return key_rows(organization_id, keys_from(row.keys), row.at, row.seq)


def _reread(row: EventRow, now: Reading) -> EventRow:
    return row._replace(
        at=row.at if now.at is None else now.at, name=now.name, who=now.user, keys=keys_column(now.keys)
    )
