"""Rows that an earlier run skipped or rejected, read again from its ledger in place of the source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from msgspec import Struct

from ropewalk.core.paging import Ending
from ropewalk.core.values import canonical
from ropewalk.sources.base import Page
from ropewalk.store import ledger, runs
from ropewalk.store.models import LedgerRow, Run

UNKEPT = "\ufffd"
"""What stands in a ledger for bytes that are no text, and for NUL."""


def first_run(run: Run) -> UUID:
    """The run that has read a run's rows from the source: itself, or the first of those that it retries."""
    return UUID(run.settings["first_run"]) if run.trigger == "retry" and run.of_run else run.id


def pages(organization_id: UUID, of_run: UUID, run_id: UUID) -> Iterator[Page]:
    """One page. The reason that was asked for is in the retry's settings; none: every reason."""
    reason = runs.get(organization_id, run_id).settings.get("retry_reason")
    found = ledger.not_taken(organization_id, of_run, reason=reason)
    return iter([Page(1, _Kept(organization_id, found), len(found), {}, len(found), Ending("complete"))])


class _Kept(Struct, frozen=True):
    organization_id: UUID
    numbers: Sequence[int]

    def __iter__(self) -> Iterator[bytes]:
        return map(_raw, ledger.rows(self.organization_id, self.numbers))


def _raw(row: LedgerRow) -> bytes:
    """A record as it came; one that could not be kept so is to be refused again, not to be applied as it was kept."""
    text = row.record if isinstance(row.record, str) else canonical(row.record).decode()
    if row.reason == "invalid_value" and UNKEPT in text:
        return text.replace(UNKEPT, "\udcff").encode(errors="surrogateescape")
    return text.encode()
