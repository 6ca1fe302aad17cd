"""Taking events in: one transaction for what many callers brought.

Most events are new, so each is written as if it were, and its identity says which were not: only those are
looked up and compared. A new version takes the place of the one before, which moves to `version`.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Final, NamedTuple, TypeVar
from uuid import UUID

from ropewalk.core.pushed import Draft, content_digest, key_number, same_content
from ropewalk.store.database import batches as slices
from ropewalk.store.events.base import Batch, Outcome, Refusal
from ropewalk.store.events.tables import COLUMNS, MINUTE, Row, Tables, keys_column, keys_from

REJECTIONS_KEPT: Final = 100
_COMPARED_AT_ONCE: Final = 100
"""Contents that are in memory at a time; each may be a megabyte."""
_DAY_OF_MINUTES: Final = 24 * 60
# Rows of a batch are plain tuples: a named one takes three times as long to make.
_SEQ, _CONNECTOR, _EXTERNAL_ID, _VERSION, _ARRIVED, _CONTENT = (
    COLUMNS.index(name) for name in ("seq", "connector", "external_id", "version", "arrived", "content")
)

Identity = tuple[int, str]
_ARRIVAL = itemgetter(_CONNECTOR, _ARRIVED)
identity_of: Callable[[Row], Identity] = itemgetter(_CONNECTOR, _EXTERNAL_ID)

_Sent = TypeVar("_Sent", Batch, Refusal)

KeyRow = tuple[int, int, int]


class Current(NamedTuple):
    """What is stored of an event that comes again."""

    seq: int
    at: int
    version: int
    keys: str
    content: bytes


class Appendable(Tables):
    """What differs between the databases is how numbers are given out and identities are claimed."""

    def __init__(self) -> None:
        self._known: dict[tuple[UUID, UUID], int] = {}
        self._pruned = 0

    @abstractmethod
    def share(self, organizations: Iterable[UUID]) -> None:
        """Keeps apart from whoever removes something of them, until the end of the transaction."""

    @abstractmethod
    def reserve(self, count: int) -> tuple[Sequence[int], bool]:
        """So many numbers, growing, and whether any identity has expired."""

    @abstractmethod
    def claim(self, rows: Sequence[Row]) -> set[int]:
        """Writes the events whose identity is new; the numbers of those whose identity is not."""

    @abstractmethod
    def suspects(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Without those whose identity has surely never come before."""

    def forget(self, identities: Sequence[Identity]) -> None:
        """Whatever says that they were ever there, beside the events themselves."""
        self.many("DELETE FROM expired WHERE connector = %s AND external_id = %s", identities)

    @abstractmethod
    def current(self, identities: Sequence[Identity]) -> dict[Identity, Current]:
        """Held until the end of the transaction."""

    @abstractmethod
    def replace(self, old: Sequence[int], rows: Sequence[Row]) -> None:
        """Moves events to `version` and writes others in their places."""

    @abstractmethod
    def add_keys(self, rows: Sequence[KeyRow]) -> None:
        """Of events that have just come, by their numbers."""

    @abstractmethod
    def change_keys(self, gone: Sequence[KeyRow], come: Sequence[KeyRow] = ()) -> None:
        """Of events that were there."""

    @abstractmethod
    def among(self, table: str, identities: Sequence[Identity], columns: str) -> list[Row]:
        """Rows of a table that has `connector` and `external_id`."""

    def append(self, batches: Sequence[Batch], refusals: Sequence[Refusal] = ()) -> list[list[Outcome]]:
        with self.writing():
            senders = {(each.organization_id, each.connector_id) for each in _of_each(batches)}
            senders |= {(each.organization_id, each.connector_id) for each in _of_each(refusals)}
            self.share(organization_id for organization_id, _ in senders)
            numbers = self._numbers_of(senders)
            outcomes = _Appending(self, batches, numbers).outcomes() if batches else []
            if refusals:
                self._reject(refusals, numbers)
        # Not before it is certain that they stay.
        self._known.update(numbers)
        return outcomes

    def _numbers_of(self, wanted: Iterable[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], int]:
        numbers = {}
        for pair in sorted(wanted):
            no = self._known.get(pair)
            if no is None:
                identity = [self.uuid(each) for each in pair]
                self.run(
                    "INSERT INTO connector (organization, id, events) VALUES (%s, %s, 0) ON CONFLICT DO NOTHING",
                    identity,
                )
                found = self.rows("SELECT no FROM connector WHERE organization = %s AND id = %s", identity)
                no = int(found[0][0])
            numbers[pair] = no
        return numbers

    def count(self, created: Mapping[tuple[int, int], int]) -> None:
        """By connector and minute."""
        by_connector: Counter[int] = Counter()
        for (no, _), events in created.items():
            by_connector[no] += events
        self.many(
            "INSERT INTO tally (connector, minute, events) VALUES (%s, %s, %s) "
            "ON CONFLICT (connector, minute) DO UPDATE SET events = tally.events + excluded.events",
            [(no, minute, events) for (no, minute), events in sorted(created.items())],
        )
        self.many(
            "UPDATE connector SET events = events + %s WHERE no = %s",
            [(events, no) for no, events in sorted(by_connector.items())],
        )
        now = max(minute for _, minute in created)
        if now > self._pruned:
            self.run("DELETE FROM tally WHERE minute < %s", [now - _DAY_OF_MINUTES])
            self._pruned = now

    def _reject(self, refusals: Sequence[Refusal], numbers: Mapping[tuple[UUID, UUID], int]) -> None:
        rows = [
            (
                numbers[each.organization_id, each.connector_id],
                each.at,
                each.external_id,
                json.dumps(list(each.errors)),
            )
            for each in refusals
        ]
        self.many("INSERT INTO rejection (connector, at, external_id, errors) VALUES (%s, %s, %s, %s)", rows)
        self.many(
            "DELETE FROM rejection WHERE connector = %s AND seq <= (SELECT seq FROM rejection WHERE connector = %s "
            "ORDER BY seq DESC LIMIT 1 OFFSET %s)",
            [(no, no, REJECTIONS_KEPT) for no in sorted({row[0] for row in rows})],
        )


class _Appending:
    """One call of `append`."""

    def __init__(
        self, tables: Appendable, batches: Sequence[Batch], numbers: Mapping[tuple[UUID, UUID], int]
    ) -> None:
        self._tables = tables
        self._batches = batches
        self._organizations = {no: organization_id for (organization_id, _), no in numbers.items()}
        self._rows: list[Row] = []
        self._keys: list[KeyRow] = []
        self._spans: list[tuple[int, int]] = []
        self._other: dict[int, Outcome] = {}
        """By their numbers, the outcomes that are not `created`."""
        self._current: set[int] = set()
        """Where there are others: the numbers of what is stored as the latest version."""
        numbered, self._any_expired = tables.reserve(sum(len(each.drafts) for each in batches))
        senders = {
            _sender(each): (
                numbers[each.organization_id, each.connector_id],
                _writing(each.organization_id),
            )
            for each in _of_each(batches)
        }
        rows, keys, following = self._rows, self._keys, iter(numbered)
        for batch in batches:
            begin = len(rows)
            no, written = senders[_sender(batch)]
            for each in _latest(batch.drafts):
                seq, at = next(following), each.at
                column, named = written(each.keys)
                rows.append(
                    (seq, no, each.external_id, 1, at, each.arrived, each.kind, each.name, each.user,
                     column, each.metadata, each.content, each.upload)
                )  # fmt: skip
                for number in named:
                    keys.append((number, at, seq))
            self._spans.append((begin, len(rows)))

    def outcomes(self) -> list[list[Outcome]]:
        rows = self._revived() if self._any_expired else self._rows
        taken = self._tables.claim(rows)
        if taken or self._other:
            self._current = {row[_SEQ] for row in rows} - taken
            self._settle([row for row in rows if row[_SEQ] in taken])
            self._keys = [row for row in self._keys if row[2] in self._current]
        self._tables.add_keys(self._keys)
        if created := self._created():
            self._tables.count(created)
        if not self._other:
            return [["created"] * len(batch.drafts) for batch in self._batches]
        return [self._told(batch, *span) for batch, span in zip(self._batches, self._spans, strict=True)]

    def _created(self) -> Counter[tuple[int, int]]:
        """By connector and minute."""
        new = [row for row in self._rows if row[_SEQ] not in self._other] if self._other else self._rows
        created: Counter[tuple[int, int]] = Counter()
        for (no, arrived), events in Counter(map(_ARRIVAL, new)).items():
            created[no, arrived // MINUTE] += events
        return created

    def _told(self, batch: Batch, begin: int, end: int) -> list[Outcome]:
        told = {row[_EXTERNAL_ID]: self._other.get(row[_SEQ], "created") for row in self._rows[begin:end]}
        return [told[each.external_id] for each in batch.drafts]

    def _settle(self, again: Sequence[Row]) -> None:
        """Callers of one transaction may have brought the same event: each then finds what the one before has left."""
        while again:
            first: dict[Identity, Row] = {}
            later = [row for row in again if first.setdefault(identity_of(row), row) is not row]
            for identities in slices(first, _COMPARED_AT_ONCE):
                self._compare([first[identity] for identity in identities])
            again = later

    def _compare(self, rows: Sequence[Row]) -> None:
        current = self._tables.current([identity_of(row) for row in rows])
        updated = []
        for row in rows:
            there = current[identity_of(row)]
            if same_content(there.content, row[_CONTENT]):
                self._other[row[_SEQ]] = "duplicate"
            else:
                self._other[row[_SEQ]] = "updated"
                updated.append((there, _as_version(row, there.version + 1)))
        if updated:
            # Those of what this transaction has brought itself are not written yet.
            self._tables.change_keys(
                [
                    key
                    for there, row in updated
                    if there.seq not in self._current
                    for key in self._keys_of(there, row)
                ]
            )
            self._tables.replace([there.seq for there, _ in updated], [row for _, row in updated])
            self._current -= {there.seq for there, _ in updated}
            self._current |= {row[_SEQ] for _, row in updated}

    def _keys_of(self, there: Current, row: Row) -> Iterable[KeyRow]:
        named = keys_from(there.keys)
        return key_rows(self._organizations[row[_CONNECTOR]], named, there.at, there.seq)

    def _revived(self) -> list[Row]:
        """Without what is a duplicate of an event that has expired; what isn't goes on from its version."""
        expired = {
            (no, external_id): (version, bytes(digest))
            for no, external_id, version, digest in self._tables.among(
                "expired",
                [identity_of(row) for row in self._tables.suspects(self._rows)],
                "connector, external_id, version, digest",
            )
        }
        rows, revived = [], []
        for row in self._rows:
            version, digest = expired.get(identity_of(row), (0, b""))
            if version and content_digest(row[_CONTENT]) == digest:
                self._other[row[_SEQ]] = "duplicate"
                continue
            if version:
                del expired[identity_of(row)]
                revived.append(identity_of(row))
                self._other[row[_SEQ]] = "updated"
            rows.append(_as_version(row, version + 1))
        self._tables.forget(revived)
        return rows


def _of_each(sent: Sequence[_Sent]) -> Iterable[_Sent]:
    """One of each sender, if not more: to hash a UUID takes longer than to see that it is the same one."""
    return {_sender(each): each for each in sent}.values()


def _sender(sent: Batch | Refusal) -> tuple[int, int]:
    return id(sent.organization_id), id(sent.connector_id)


def _latest(drafts: Sequence[Draft]) -> Iterable[Draft]:
    if len(drafts) == 1:
        return drafts
    latest = {each.external_id: each for each in drafts}
    return drafts if len(latest) == len(drafts) else latest.values()


def _as_version(row: Row, version: int) -> Row:
    return (*row[:_VERSION], version, *row[_VERSION + 1 :])


def key_rows(organization_id: UUID, keys: tuple[str, ...], at: int, seq: int) -> list[KeyRow]:
    return [(number, at, seq) for number in _writing(organization_id)(keys)[1]]


@lru_cache(64)
def _writing(organization_id: UUID) -> Callable[[tuple[str, ...]], tuple[str, tuple[int, ...]]]:
    """Of keys: the text that a column holds, and their numbers; two keys may have one."""

    @lru_cache(16_384)
    def written(keys: tuple[str, ...]) -> tuple[str, tuple[int, ...]]:
        return keys_column(keys), tuple({key_number(organization_id, key) for key in keys})

    return written
