"""Rows that an earlier run skipped or rejected, read again from its ledger in place of the source."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from ropewalk.core.paging import Ending
from ropewalk.core.values import canonical
from ropewalk.sources.base import Page
from ropewalk.store import ledger, runs


def pages(organization_id: UUID, of_run: UUID, run_id: UUID) -> Iterator[Page]:
    """One page. The reason that was asked for is in the retry's settings; none: every reason."""
    reason = runs.get(organization_id, run_id).settings.get("retry_reason")
    rows = ledger.all_rows(organization_id, of_run, reason=reason)
    records = [canonical(row.record) for row in rows]
    yield Page(1, records, len(records), {}, len(records), Ending("complete"))
