"""Rows that an earlier run skipped or rejected, read again from its ledger in place of the source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from ropewalk.core import reasons
from ropewalk.core.decide import Decision
from ropewalk.core.drafts import AccountDraft
from ropewalk.core.paging import Ending
from ropewalk.core.values import canonical
from ropewalk.engine.account_rows import AccountRows
from ropewalk.sources.base import Page
from ropewalk.store import ids, ledger, records, runs
from ropewalk.store.models import LedgerRow, Run

UNKEPT = "\ufffd"
"""What stands in a ledger for bytes that are no text, and for NUL."""


def first_run(run: Run) -> UUID:
    """The run that has read a run's rows from the source: itself, or the first of those that it retries."""
    return UUID(run.settings["first_run"]) if run.trigger == "retry" else run.id


def pages(organization_id: UUID, of_run: UUID, run_id: UUID) -> Iterator[Page]:
    """One page. The reason that was asked for is in the retry's settings; none: every reason."""
    reason = runs.get(organization_id, run_id).settings.get("retry_reason")
    found = [_raw(row) for row in ledger.all_rows(organization_id, of_run, reason=reason)]
    return iter([Page(1, found, len(found), {}, len(found), Ending("complete"))])


def _raw(row: LedgerRow) -> bytes:
    """A record as it came; one that could not be kept so is to be refused again, not to be applied as it was kept."""
    text = row.record if isinstance(row.record, str) else canonical(row.record).decode()
    if row.reason == "invalid_value" and UNKEPT in text:
        return text.replace(UNKEPT, "\udcff").encode(errors="surrogateescape")
    return text.encode()


class EarlierRows(AccountRows):
    """Rows of a run that is over. Where a later one has read a newer record for the account, that one stands."""

    def __init__(self, *given: Any, stream_id: UUID, first_run: UUID, **options: Any) -> None:
        super().__init__(*given, **options)
        self._stream_id = stream_id
        self._read_at = ids.made_at(first_run)
        self._newer: frozenset[UUID] = frozenset()

    def load(self, drafts: Sequence[AccountDraft]) -> None:
        super().load(drafts)
        self._newer = records.read_after(
            self._organization, self._stream_id, list(self.loaded()), self._read_at
        )

    def decide(self, draft: AccountDraft) -> Decision:
        found = self.find(draft)
        if found is None or found not in self._newer:
            return super().decide(draft)
        return Decision(
            "skipped",
            reasons.CHANGED_SINCE,
            "A later run has read a newer record for this account; this one is not applied over it.",
            account_id=found,
            candidates=(self._index.by_id[found],),
        )
