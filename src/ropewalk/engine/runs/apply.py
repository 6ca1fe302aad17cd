"""Decides a batch of rows and carries it out on a stage: what they change, their hashes, the ledger and the run's
progress; live in one transaction that holds only while the run's lease does (product.md §5.1, §5.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any, Protocol
from uuid import UUID

import msgspec
from pyroaring import BitMap

from ropewalk.core import limits
from ropewalk.core.decide import Decision, refused
from ropewalk.core.errors import RowRefused
from ropewalk.core.mapping import Plan
from ropewalk.core.records import decode
from ropewalk.core.values import JSON, checksums
from ropewalk.engine.runs.batches import Batch
from ropewalk.engine.runs.progress import Progress
from ropewalk.engine.runs.stage import Stage
from ropewalk.sources.base import Derivation
from ropewalk.sources.rows import DERIVED, become
from ropewalk.store import ledger
from ropewalk.store.records import RecordState, Remembered


class Subject(Protocol):
    """What the rows of a stream are about: accounts, or contacts. `load` comes before `find` and `decide`.

    `plan` maps a record as this run does; `keys` only what the record is matched by."""

    plan: Plan
    keys: Plan

    def draft(self, mapped: dict[str, Any]) -> Any:
        """Raises `RowRefused`."""

    def load(self, drafts: Sequence[Any]) -> None:
        """Loads whatever the drafts may be matched with, in a constant number of queries."""

    def loaded(self) -> Sequence[UUID]: ...

    def find(self, draft: Any) -> UUID | None:
        """The one subject that a draft is about, if it is there and may be written."""

    def passed(self, draft: Any, whole: Callable[[], bytes], decision: Decision) -> Iterable[UUID]:
        """A row that was not taken, `whole` with what its source makes of it; answers the subjects that it may be about."""

    def notices(self, draft: Any) -> Mapping[str, int]:
        """What is told of a draft that has nothing new to say of the subject found."""

    def decide(self, draft: Any) -> Decision:
        """What is decided is seen by the drafts after it."""

    def outdated(self, draft: Any) -> Decision:
        """Of a row that is retried, where a later run has read a newer record of its subject: that one stands."""

    def write(self, taken: Sequence[Decision], progress: Progress) -> None:
        """What was decided since `load`."""


class Hashes(msgspec.Struct, frozen=True):
    """`periodic`: of scheduled runs that leave out fields, whose hashes are kept apart (product.md §2.2). Those of raw
    records also hold for one version of the source's derivation only."""

    salt: bytes
    periodic_salt: bytes | None = None
    heed: bool = True
    derivation_version: int | None = None

    @property
    def periodic(self) -> bool:
        return self.periodic_salt is not None

    @property
    def own_salt(self) -> bytes:
        return self.periodic_salt or self.salt

    def raw_salt(self, salt: bytes) -> bytes:
        return salt if self.derivation_version is None else b"%b %d" % (salt, self.derivation_version)


class Row(msgspec.Struct):
    """`known`: the number of the record that says the very same."""

    position: int
    raw: bytes
    raw_hash: bytes
    known: int | None = None
    draft: Any = None
    draft_hash: bytes = b""
    refusal: RowRefused | None = None
    keys: Any = None
    """Of a record that was refused: a draft of nothing but what it is matched by."""


class _Part(msgspec.Struct):
    """What has been decided and is still to be written. `outdated` are the numbers of what is said anew, `visited`
    those of the rows that were taken."""

    drafts: Sequence[Any]
    decisions: list[Decision] = msgspec.field(default_factory=list)
    remembered: dict[UUID, Remembered] = msgspec.field(default_factory=dict)
    outdated: set[int] = msgspec.field(default_factory=set)
    visited: list[int] = msgspec.field(default_factory=list)
    entries: list[ledger.Entry] = msgspec.field(default_factory=list)


Commit = Callable[[Progress], None]
"""The last statement of the transaction: keeps the run's progress, or raises where the lease is lost."""


class Applier:
    def __init__(
        self,
        stage: Stage,
        subject: Subject,
        hashes: Hashes,
        redact: Callable[[JSON], JSON],
        read_later: Callable[[Sequence[UUID]], frozenset[UUID]] = lambda _: frozenset(),
        derivation: Derivation | None = None,
    ) -> None:
        """`read_later`: of some subjects, those that rows must not be applied to because newer ones have been."""
        self._stage = stage
        self._subject = subject
        self._plan = subject.plan
        self._keys = subject.keys
        self._hashes = hashes
        self._redact = redact
        self._read_later = read_later
        self._derivation = derivation
        self._states: dict[UUID, RecordState] = {}
        self._newer: frozenset[UUID] = frozenset()
        self._last_known = 0

    def apply(self, batch: Batch, before: Progress, commit: Commit) -> Progress:
        """Answers the progress that has been committed; `before` stays what it was, for a batch that fails."""
        progress = before.copy()
        rows = self._rows(batch, progress)
        with self._stage.batch():
            rest: Sequence[Row] = rows
            outdated: set[int] = set()
            while rest:
                rest = self._apply_part(rest, outdated, progress)
            progress.place = batch.place
            progress.counts.pages += batch.pages
            progress.counts.notices.update(batch.notices)
            progress.counts.filtered.update(batch.filtered)
            progress.total = batch.total
            commit(progress)
        return progress

    # Reading

    def _rows(self, batch: Batch, progress: Progress) -> list[Row]:
        first = progress.counts.processed + 1
        raw_hashes = checksums(batch.rows, self._hashes.raw_salt(self._hashes.own_salt))
        known = self._known(batch.rows, raw_hashes)
        rows = [
            Row(position, raw, raw_hash, known.get(raw_hash))
            for position, raw, raw_hash in zip(count(first), batch.rows, raw_hashes)
        ]
        self._last_known = (rows[-1].known if rows else None) or self._last_known
        if self._derivation is not None and self._derivation.left_out is not None:
            rows = self._leave_out(rows, first, self._derivation.left_out, progress)
        for row in rows:
            if row.known is None:
                self._read(row, progress)
            elif progress.unseen:
                # Not worth decoding for its own sake; but a path is gone only if no record has it.
                self._strike_seen(row, progress)
        return rows

    @staticmethod
    def _leave_out(
        rows: Sequence[Row], first: int, left_out: Callable[[bytes], str | None], progress: Progress
    ) -> list[Row]:
        """What is known has passed the filters: other settings would have reset the hashes."""
        kept: list[Row] = []
        for row in rows:
            if row.known is None and (name := left_out(row.raw)) is not None:
                progress.counts.filtered[name] += 1
                continue
            row.position = first + len(kept)
            kept.append(row)
        return kept

    def _known(self, raws: Sequence[bytes], raw_hashes: Sequence[bytes]) -> dict[bytes, int]:
        """Those that are what the stream said last: their record's number."""
        hashes = self._hashes
        if not hashes.heed:
            return {}
        own = self._stage.known(raw_hashes, periodic=hashes.periodic, after=self._last_known)
        if not hashes.periodic:
            return own
        salt = hashes.raw_salt(hashes.salt)
        by_hand = dict(zip(checksums(raws, salt), raw_hashes, strict=True))
        found = self._stage.known(list(by_hand), periodic=False, after=self._last_known)
        return {by_hand[raw_hash]: number for raw_hash, number in found.items()} | own

    def _read(self, row: Row, progress: Progress) -> None:
        try:
            record = self._record(row)
        except RowRefused as refusal:
            row.refusal = refusal
            return
        if progress.unseen:
            self._plan.strike_seen(record, progress.unseen)
        try:
            row.draft = self._subject.draft(self._plan.apply(record))
            row.draft_hash = row.draft.digest(self._hashes.own_salt)
        except RowRefused as refusal:
            row.refusal = refusal
            row.keys = self._keys_of(record)

    def _keys_of(self, record: dict[str, Any]) -> Any:
        try:
            return self._subject.draft(self._keys.apply(record))
        except RowRefused:
            return None

    def _strike_seen(self, row: Row, progress: Progress) -> None:
        self._plan.strike_seen(self._record(row), progress.unseen)

    def _record(self, row: Row) -> dict[str, Any]:
        record: dict[str, Any] = decode(row.raw)
        if self._derivation is not None:
            record[DERIVED] = self._derivation.add(record)
        return record

    def _whole(self, row: Row) -> bytes:
        """For those who keep the record itself: few are kept."""
        return row.raw if self._derivation is None else become(row.raw, self._derivation)

    # Deciding

    def _apply_part(self, rows: Sequence[Row], outdated: set[int], progress: Progress) -> Sequence[Row]:
        """Decides and writes rows up to one that was recognised by a hash which a row before it has outdated;
        answers the rows that are left. `outdated` are the numbers of such records, in this batch."""
        for row in rows if outdated else ():
            if row.known in outdated:
                row.known = None
                self._read(row, progress)
        said = (row.draft or row.keys for row in rows if row.known is None)
        part, rest = _Part(drafts=[draft for draft in said if draft is not None]), rows[len(rows) :]
        if part.drafts:
            self._load(part.drafts)
        for number, row in enumerate(rows):
            if row.known is None:
                self._decide(row, part, progress)
            elif row.known in part.outdated:
                rest = rows[number:]
                break
            else:
                part.visited.append(row.known)
                progress.counts.counts["unchanged"] += 1
                if self._stage.previews:
                    self._preview(row, Decision("unchanged"), part, progress)
        self._write(part, progress)
        outdated |= part.outdated
        return rest

    def _load(self, drafts: Sequence[Any]) -> None:
        self._subject.load(drafts)
        subjects = self._subject.loaded()
        self._states = self._stage.by_subject(subjects, periodic=self._hashes.periodic)
        self._newer = self._read_later(subjects)

    def _decide(self, row: Row, part: _Part, progress: Progress) -> None:
        decision = refused(row.refusal) if row.refusal else self._decide_draft(row)
        counts = progress.counts
        counts.counts[decision.outcome] += 1
        if decision.notices:
            counts.notices.update(decision.notices)
        if self._stage.previews:
            self._preview(row, decision, part, progress)
        if decision.outcome in ("skipped", "rejected"):
            counts.reasons[decision.reason] += 1
            self._note_passed(row, decision, part, progress)
            if not self._stage.previews and counts.reasons[decision.reason] <= limits.LEDGER_ROWS_PER_REASON:
                part.entries.append(self._entry(row, decision))
            return
        part.decisions.append(decision)
        self._remember(row, decision, part, progress)

    def _decide_draft(self, row: Row) -> Decision:
        """Where the stream has said this before, whatever the subject is like now: it has nothing new to say."""
        subject_id = self._subject.find(row.draft)
        state = self._states.get(subject_id) if subject_id and self._hashes.heed else None
        if state is not None and state.draft_hash == row.draft_hash:
            return Decision("unchanged", about=subject_id, notices=self._subject.notices(row.draft))
        if subject_id in self._newer:
            return self._subject.outdated(row.draft)
        return self._subject.decide(row.draft)

    def _remember(self, row: Row, decision: Decision, part: _Part, progress: Progress) -> None:
        subject_id = decision.subject_id
        assert subject_id is not None
        state = self._states.get(subject_id)
        earlier = part.remembered.get(subject_id) if state else None
        number = state.number if state else None
        if number is not None:
            part.visited.append(number)
        elif state:
            progress.counts.notices["duplicate_in_run"] += 1
        # A row with a notice is decoded again next time, so that the notice is not lost.
        raw_hash = None if decision.notices else row.raw_hash
        if state and not decision.writes and (state.raw_hash, state.draft_hash) == (raw_hash, row.draft_hash):
            return
        changed = decision.writes or (earlier is not None and earlier.changed)
        part.remembered[subject_id] = Remembered(subject_id, raw_hash, row.draft_hash, changed, number)
        self._states[subject_id] = RecordState(number, raw_hash, row.draft_hash)
        if number is not None:
            part.outdated.add(number)

    def _forget(self, subject_id: UUID, part: _Part) -> None:
        state = self._states.get(subject_id)
        if state is None or not (state.raw_hash or state.draft_hash):
            return
        number = state.number
        part.remembered[subject_id] = Remembered(subject_id, None, None, number=number)
        self._states[subject_id] = RecordState(number, None, None)
        if number is not None:
            part.outdated.add(number)

    def _note_passed(self, row: Row, decision: Decision, part: _Part, progress: Progress) -> None:
        """Not taken, but not gone at the source either; and what the source said before is not the last any more."""
        draft = row.draft or row.keys
        if draft is None:
            return
        found = self._subject.find(draft)
        if found is not None:
            self._forget(found, part)
        for subject in {found, *self._subject.passed(draft, partial(self._whole, row), decision)}:
            state = self._states.get(subject) if subject else None
            if state is not None and state.number is not None:
                progress.passed.add(state.number)

    def _preview(self, row: Row, decision: Decision, part: _Part, progress: Progress) -> None:
        """Of each outcome the first rows, with what they would change."""
        if progress.counts.counts[decision.outcome] > limits.LEDGER_ROWS_PER_OUTCOME:
            return
        changes: JSON = {name: {"old": old, "new": new} for name, (old, new) in decision.changes.items()}
        made = [contact.email for contact in decision.contacts if contact.created]
        told = f"Contacts it would make: {', '.join(made)}." if made else decision.message
        part.entries.append(self._entry(row, decision, message=told, changes=changes))

    def _entry(
        self, row: Row, decision: Decision, *, message: str | None = None, changes: JSON = None
    ) -> ledger.Entry:
        candidates = [candidate.summary() for candidate in decision.candidates]
        raw = self._whole(row)
        return ledger.Entry(
            row.position,
            decision.outcome,
            decision.reason,
            str(self._redact(decision.message if message is None else message)),
            self._redact(_shown(raw)),
            self._redact(list(candidates)) if candidates else None,
            self._redact(changes) if changes else None,
            size=len(raw),
        )

    # Writing

    def _write(self, part: _Part, progress: Progress) -> None:
        if part.drafts:
            self._subject.write(part.decisions, progress)
        new = self._stage.remember(part.remembered.values(), periodic=self._hashes.periodic)
        visited = BitMap(part.visited)
        if twice := len(part.visited) - len(visited - progress.seen):
            progress.counts.notices["duplicate_in_run"] += twice
        progress.seen |= visited
        progress.seen |= BitMap(new)
        if part.entries:
            self._stage.enter(part.entries)


def _shown(raw: bytes) -> JSON:
    """A record as the ledger shows it; of one that can't be decoded, its beginning."""
    try:
        return decode(raw)
    except RowRefused:
        return raw[: limits.VALUE_BYTES].decode(errors="replace")
