"""What rows are decided against, and where decisions go: the accounts as they are, or those that a dry run imagines
(engine.runs.dryrun). Deciding doesn't know which."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID

from ropewalk.core.contacts import Who
from ropewalk.core.fieldtypes import FieldType, Seen
from ropewalk.core.matching import Candidate
from ropewalk.store import accounts, fields, ledger, people, records, waiting
from ropewalk.store.accounts import AccountWrites, Author
from ropewalk.store.records import RecordState, Remembered
from ropewalk.store.transactions import transaction
from ropewalk.store.waiting import Waiting

Learned = Mapping[str, tuple[Seen, FieldType]]


class Stage(Protocol):
    """`previews`: rows of every outcome are listed, with what they would change."""

    previews: bool

    def batch(self) -> AbstractContextManager[None]:
        """Around everything that one batch reads and writes."""

    def members(self) -> frozenset[str]:
        """Ids of who may own an account, as of now."""

    def candidates(
        self,
        *,
        external_ids: Sequence[str],
        domains: Sequence[str],
        link_keys: Iterable[bytes],
        emails: Sequence[str] | None,
    ) -> tuple[list[Candidate], dict[bytes, UUID]]: ...

    def known(self, raw_hashes: Sequence[bytes], *, periodic: bool) -> dict[bytes, int]: ...

    def by_subject(self, subject_ids: Sequence[UUID], *, periodic: bool) -> dict[UUID, RecordState]: ...

    def write(self, writes: AccountWrites, learned: Learned) -> None: ...

    def remember(self, rows: Iterable[Remembered], *, periodic: bool) -> Sequence[int]:
        """The numbers of the new ones."""

    def wait(self, rows: Sequence[Waiting], no_more: Collection[Who]) -> None:
        """Contacts without an account; and those that have one."""

    def enter(self, entries: Sequence[ledger.Entry]) -> None: ...

    def close(self) -> None: ...


class Live:
    """The accounts themselves. A batch is one transaction."""

    previews = False

    def __init__(
        self,
        organization_id: UUID,
        stream_id: UUID,
        run_id: UUID,
        connector_id: UUID,
        now: datetime,
        read_at: int,
        news_since: datetime | None,
    ) -> None:
        """`read_at`: of the run that has read the records, which is an earlier one where its rows are retried.
        `news_since`: when this one began to read; None where it reads again what an earlier one did."""
        self._organization = organization_id
        self._stream = stream_id
        self._by = Author(run_id=run_id, connector_id=connector_id)
        self._run = run_id
        self._connector = connector_id
        self._now = now
        self._read_at = read_at
        self._news_since = news_since
        self._anybody_waits = waiting.any_of_stream(organization_id, stream_id)

    def batch(self) -> AbstractContextManager[None]:
        return transaction(self._organization)

    def members(self) -> frozenset[str]:
        return people.owners(self._organization).ids

    def candidates(
        self,
        *,
        external_ids: Sequence[str],
        domains: Sequence[str],
        link_keys: Iterable[bytes],
        emails: Sequence[str] | None,
    ) -> tuple[list[Candidate], dict[bytes, UUID]]:
        return accounts.candidates(
            self._organization,
            connector_id=self._connector,
            external_ids=external_ids,
            domains=domains,
            link_keys=link_keys,
            emails=emails,
        )

    def known(self, raw_hashes: Sequence[bytes], *, periodic: bool) -> dict[bytes, int]:
        return records.known(self._organization, self._stream, raw_hashes, periodic=periodic)

    def by_subject(self, subject_ids: Sequence[UUID], *, periodic: bool) -> dict[UUID, RecordState]:
        return records.by_subject(self._organization, self._stream, subject_ids, periodic=periodic)

    def write(self, writes: AccountWrites, learned: Learned) -> None:
        fields.learn(self._organization, learned, now=self._now)
        accounts.write(self._organization, writes, by=self._by, now=self._now)

    def remember(self, rows: Iterable[Remembered], *, periodic: bool) -> Sequence[int]:
        return records.remember(
            self._organization, self._stream, rows, periodic=periodic, read_at=self._read_at
        )

    def wait(self, rows: Sequence[Waiting], no_more: Collection[Who]) -> None:
        if self._anybody_waits and self._news_since is not None:
            here = [*(row.who for row in rows), *no_more]
            waiting.drop_moved(self._organization, self._stream, here, before=self._news_since)
        if no_more and self._anybody_waits:
            waiting.taken(self._organization, self._stream, no_more)
        if rows:
            waiting.keep(self._organization, self._stream, rows, now=self._now)
            self._anybody_waits = True

    def enter(self, entries: Sequence[ledger.Entry]) -> None:
        ledger.write(self._organization, self._run, entries)

    def close(self) -> None:
        """There is nothing to close."""
