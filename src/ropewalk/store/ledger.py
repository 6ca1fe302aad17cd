"""The row ledger: which rows a run didn't take, and why; for a dry run what it would do with each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from msgspec import Struct

from ropewalk.core import limits
from ropewalk.core.errors import NotFound
from ropewalk.core.values import JSON
from ropewalk.store import pages, runs
from ropewalk.store.database import batches, id_column, insert, rows_of, text_column, to_json
from ropewalk.store.models import LedgerRow
from ropewalk.store.pages import Listing

_COLUMNS = (
    "organization_id", "run_id", "position", "outcome", "reason", "message", "record", "candidates", "changes",
)  # fmt: skip
_AT_ONCE = 20


class Entry(Struct, frozen=True):
    """`size` is about how many bytes there are to write."""

    position: int
    outcome: str
    reason: str = ""
    message: str = ""
    record: JSON = None
    candidates: JSON = None
    changes: JSON = None
    size: int = 0


def write(organization_id: UUID, run_id: UUID, entries: Iterable[Entry]) -> None:
    """Keeps the first 1,000 of an outcome and reason; how many there were is the run's to count."""
    kept = Counter(kept_rows(run_id))
    taken = []
    for entry in entries:
        group = entry.outcome, entry.reason
        if kept[group] < limits.LEDGER_ROWS_PER_REASON:
            kept[group] += 1
            taken.append(entry)
    organization, run = id_column(organization_id), id_column(run_id)
    insert(
        "ropewalk_ledgerrow",
        _COLUMNS,
        (
            (
                organization,
                run,
                entry.position,
                entry.outcome,
                entry.reason,
                text_column(entry.message),
                *(None if value is None else to_json(value) for value in (entry.record, entry.candidates, entry.changes)),
            )
            for entry in taken
        ),
    )  # fmt: skip


def kept_rows(run_id: UUID) -> dict[tuple[str, str], int]:
    found = rows_of(
        "SELECT outcome, reason, count(*) FROM ropewalk_ledgerrow WHERE run_id = %s GROUP BY outcome, reason",
        [id_column(run_id)],
    )
    return {(outcome, reason): count for outcome, reason, count in found}


def clear(organization_id: UUID, run_id: UUID) -> None:
    """Where a run starts over from its window's start, so do its rows."""
    LedgerRow.objects.filter(organization_id=organization_id, run_id=run_id).delete()


def listing(
    organization_id: UUID,
    run_id: UUID,
    *,
    outcome: str | None = None,
    reason: str | None = None,
    limit: int = pages.LIMIT,
    cursor: str | None = None,
) -> Listing[LedgerRow]:
    """In the order in which the run met them."""
    runs.get(organization_id, run_id)
    found = LedgerRow.objects.filter(organization_id=organization_id, run_id=run_id)
    if outcome is not None:
        found = found.filter(outcome=outcome)
    if reason is not None:
        found = found.filter(reason=reason)
    return pages.oldest_first(found, limit=limit, cursor=cursor)


def row(organization_id: UUID, run_id: UUID, position: int) -> LedgerRow:
    found = LedgerRow.objects.filter(
        organization_id=organization_id, run_id=run_id, position=position
    ).first()
    if found is None:
        raise NotFound("row")
    return found


def not_taken(organization_id: UUID, run_id: UUID, *, reason: str | None = None) -> Sequence[int]:
    """The numbers of all kept rows that were skipped or rejected, in order."""
    found = LedgerRow.objects.filter(
        organization_id=organization_id, run_id=run_id, outcome__in=("skipped", "rejected")
    )
    return list(
        (found.filter(reason=reason) if reason else found).order_by("id").values_list("id", flat=True)
    )


def rows(organization_id: UUID, numbers: Sequence[int]) -> Iterator[LedgerRow]:
    """In their order, a few in memory: a record of them may be a MiB."""
    mine = LedgerRow.objects.filter(organization_id=organization_id)
    for few in batches(numbers, _AT_ONCE):
        yield from mine.filter(id__in=few).order_by("id")
