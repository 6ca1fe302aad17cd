"""What is not kept for ever, deleted in small batches, so that nobody waits long for a lock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from ropewalk.core import csvfiles, limits
from ropewalk.store import changes
from ropewalk.store.database import batches
from ropewalk.store.models import (
    Attempts,
    AuditEntry,
    Change,
    Connector,
    Invitation,
    LedgerRow,
    Organization,
    ResetLink,
    Run,
)
from ropewalk.store.models.runs import OPEN
from ropewalk.store.transactions import transaction

M = TypeVar("M", bound=Model)

BATCH = 1_000
BATCHES_A_LOOK = 10
LEDGER_DAYS = 30
DRY_RUN_DAYS = 30
RUN_DAYS = 400
AUDIT_DAYS = 400
INVITATION_DAYS = 30
"""After it has expired: who never came is seen for a while."""
CHANGE_DAYS = limits.UNDO_DAYS
"""Undo reads changes for 30 days (§5.5); after them only fields with History on have any."""


def sweep(now: datetime) -> int:
    """One batch of each kind; the number of rows it dealt with. Again until it answers 0."""
    finished = Run.objects.exclude(status__in=OPEN).filter(_past())
    over = finished.filter(finished_at__lt=now - timedelta(days=LEDGER_DAYS))
    done = _delete(LedgerRow.objects.filter(run__in=over))
    # A run goes after its rows, which would otherwise have nobody to ask for them.
    bare = finished.exclude(Exists(LedgerRow.objects.filter(run_id=OuterRef("pk"))))
    done += _delete(bare.filter(mode="dry_run", finished_at__lt=now - timedelta(days=DRY_RUN_DAYS)))
    done += _delete(bare.filter(finished_at__lt=now - timedelta(days=RUN_DAYS)))
    done += _delete(AuditEntry.objects.filter(at__lt=now - timedelta(days=AUDIT_DAYS)))
    done += _delete(Attempts.objects.filter(ends__lt=now.timestamp()))
    done += _delete(ResetLink.objects.filter(expires_at__lt=now))
    done += _delete(_never_imported(now))
    done += _delete(Invitation.objects.filter(expires_at__lt=now - timedelta(days=INVITATION_DAYS)))
    return done + _drop_changes(now - timedelta(days=CHANGE_DAYS))


def _never_imported(now: datetime) -> QuerySet[Connector, Connector]:
    """Files that somebody handed over, and nothing was done with."""
    old = now - timedelta(days=limits.CSV_DAYS)
    found = Connector.objects.filter(source=csvfiles.SLUG, created_at__lt=old)
    return found.exclude(Exists(Run.objects.filter(connector_id=OuterRef("pk"))))


def _past() -> Q:
    """A stream's last run that succeeded stays, with its rows, however long ago it was."""
    newer = Run.objects.filter(
        stream=OuterRef("stream"), mode="sync", status="succeeded", id__gt=OuterRef("pk")
    )
    return Q(stream=None) | ~Q(mode="sync", status="succeeded") | Q(Exists(newer))


def _delete(found: QuerySet[M, M]) -> int:
    keys: list[Any] = list(found.order_by().values_list("pk", flat=True)[:BATCH])
    if keys:
        found.model._base_manager.filter(pk__in=keys).delete()
    return len(keys)


def _drop_changes(before: datetime) -> int:
    done = 0
    for organization_id in Organization.objects.values_list("id", flat=True):
        off = changes.without_history(organization_id)
        # Looked for before anything is held: that may take long.
        for few in batches(_old_changes(organization_id, before, off), BATCH) if off else ():
            with transaction(organization_id):
                _drop_fields(organization_id, before, off, few)
            done += len(few)
    return done


def _old_changes(organization_id: UUID, before: datetime, off: Sequence[str]) -> list[int]:
    old = Change.objects.filter(
        organization_id=organization_id, contact=None, at__lt=before, fields__has_any_keys=off
    ).exclude(run__in=_still_undoable(organization_id, before), run__isnull=False)
    return list(old.order_by().values_list("id", flat=True)[: BATCH * BATCHES_A_LOOK])


def _drop_fields(organization_id: UUID, before: datetime, off: Sequence[str], ids: Sequence[int]) -> None:
    found = Change.objects.filter(organization_id=organization_id, id__in=ids)
    # An undo may have begun since they were looked for.
    rows = list(found.exclude(run__in=_still_undoable(organization_id, before), run__isnull=False))
    for row in rows:
        row.fields = {name: values for name, values in row.fields.items() if name not in off}
    Change.objects.bulk_update([row for row in rows if row.fields], ["fields"], batch_size=BATCH // 4)
    Change.objects.filter(id__in=[row.id for row in rows if not row.fields]).delete()


def _still_undoable(organization_id: UUID, before: datetime) -> set[UUID]:
    """Runs that began before, and ended since: thirty days count from their end; and those being undone just now."""
    mine = Run.objects.filter(organization_id=organization_id)
    ended = mine.filter(Q(finished_at__gte=before) | Q(finished_at=None), created_at__lt=before)
    undone = mine.filter(trigger="undo", status__in=OPEN, of_run__isnull=False)
    return {*ended.values_list("id", flat=True), *undone.values_list("of_run", flat=True)}  # type: ignore[arg-type]
