"""Decides a batch of rows and carries it out on a stage: what they change, their hashes, the ledger and the run's
progress; live in one transaction that holds only while the run's lease does (product.md §5.1, §5.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol
from uuid import UUID

import msgspec
from pyroaring import BitMap

from ropewalk.core import limits
from ropewalk.core.decide import Decision, refused
from ropewalk.core.errors import RowRefused
from ropewalk.core.records import decode
from ropewalk.core.values import JSON
from ropewalk.engine.runs.batches import Batch
from ropewalk.engine.runs.progress import Progress
from ropewalk.engine.runs.rows import Hashes, Mapped, Row, RowReader, Rows
from ropewalk.engine.runs.stage import Stage
from ropewalk.sources.base import Derivation
from ropewalk.store import ledger
from ropewalk.store.records import RecordState, Remembered


class Subject(Mapped, Protocol):
    """What the rows of a stream are about: accounts, or contacts. `load` comes before `find` and `decide`."""

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
        self._hashes = hashes
        self._reader = RowReader(stage, subject, hashes, derivation)
        self._redact = redact
        self._read_later = read_later
        self._states: dict[UUID, RecordState] = {}
        self._newer: frozenset[UUID] = frozenset()

    def apply(self, batch: Batch, before: Progress, commit: Commit) -> Progress:
        """Answers the progress that has been committed; `before` stays what it was, for a batch that fails."""
        progress = before.copy()
        rows = self._reader.read(batch, progress)
        with self._stage.batch():
            place, outdated = 0, set[int]()
            while place < len(rows.each):
                place = self._apply_part(rows, place, outdated, progress)
            progress.place = batch.place
            progress.counts.pages += batch.pages
            progress.counts.notices.update(batch.notices)
            progress.counts.filtered.update(batch.filtered)
            progress.total = batch.total
            commit(progress)
        return progress

    # Deciding

    def _apply_part(self, rows: Rows, begin: int, outdated: set[int], progress: Progress) -> int:
        """Decides and writes rows up to one that was recognised by a hash which a row before it has outdated; answers the
        place to go on from. `outdated` are the numbers of such records, in this batch."""
        if outdated:
            self._reader.read_again(rows, begin, outdated, progress)
        each, end = rows.each[begin:], len(rows.each)
        said = (row.draft or row.keys for row in each if isinstance(row, Row))
        part = _Part(drafts=[draft for draft in said if draft is not None])
        if part.drafts:
            self._load(part.drafts)
        for place, row in enumerate(each, begin):
            if isinstance(row, Row):
                self._decide(row, part, progress)
            elif row in part.outdated:
                end = place
                break
            else:
                part.visited.append(row)
                progress.counts.counts["unchanged"] += 1
                if self._stage.previews:
                    self._preview(rows.row(place), Decision("unchanged"), part, progress)
        self._write(part, progress)
        outdated |= part.outdated
        return end

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
        for subject in {found, *self._subject.passed(draft, partial(self._reader.whole, row), decision)}:
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
        raw = self._reader.whole(row)
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
