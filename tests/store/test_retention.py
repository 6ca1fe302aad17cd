from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from ropewalk.core.actors import SYSTEM
from ropewalk.store import audit, byhand, fields, ledger, retention, runs
from ropewalk.store.ids import new_id
from ropewalk.store.ledger import Entry
from ropewalk.store.models import AuditEntry, Change, LedgerRow, Run


def sweep(now: datetime) -> int:
    total = 0
    while done := retention.sweep(now):
        total += done
    return total


def finished(org: UUID, connector: UUID, stream: UUID, now: datetime, status: str = "succeeded") -> UUID:
    run, _ = runs.create(
        org, connector_id=connector, stream_id=stream, kind="accounts", actor={}, settings={}, now=now
    )
    lease = new_id()
    runs.claim(run.id, worker="one", lease=lease, now=now)
    runs.finish(run.id, lease=lease, status=status, now=now)
    return run.id


def test_the_last_run_that_succeeded_stays_with_its_rows(
    org: UUID, connector: UUID, stream: UUID, now: datetime
) -> None:
    """Also where nothing but failures came after it."""
    made = [
        finished(org, connector, stream, now, status)
        for status in ("succeeded", "failed", "succeeded", "failed")
    ]
    for run in made:
        ledger.write(org, run, [Entry(1, "skipped", "no_match")])

    sweep(now + timedelta(days=500))

    assert list(Run.objects.values_list("id", flat=True)) == [made[2]]
    assert list(LedgerRow.objects.values_list("run_id", flat=True)) == [made[2]]


def test_ledgers_go_after_a_month_and_runs_after_a_year(
    org: UUID, connector: UUID, stream: UUID, run: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    ledger.write(org, run, [Entry(position, "skipped", "no_match") for position in range(5)])
    assert sweep(now + timedelta(days=1_000)) == 0
    lease = new_id()
    runs.claim(run, worker="one", lease=lease, now=now)
    runs.finish(run, lease=lease, status="succeeded", now=now)
    finished(org, connector, stream, now)
    audit.record(org, SYSTEM, "x", now=now)

    assert sweep(now + timedelta(days=30)) == 0
    assert sweep(now + timedelta(days=30, seconds=1)) == 5
    assert (LedgerRow.objects.count(), Run.objects.count()) == (0, 2)
    assert sweep(now + timedelta(days=401)) == 1 + 1
    assert (Run.objects.count(), AuditEntry.objects.count()) == (1, 0)


def test_a_dry_run_goes_with_its_ledger(org: UUID, connector: UUID, stream: UUID, now: datetime) -> None:
    run, _ = runs.create(
        org,
        connector_id=connector,
        stream_id=stream,
        kind="accounts",
        mode="dry_run",
        actor={},
        settings={},
        now=now,
    )
    ledger.write(org, run.id, [Entry(1, "created")])
    runs.cancel(org, run.id, now=now)

    assert sweep(now + timedelta(days=31)) == 2
    assert not Run.objects.exists()


def test_changes_of_fields_without_history_go_after_a_month(org: UUID, stranger: UUID, now: datetime) -> None:
    for organization in (org, stranger):
        byhand.create(organization, {"plan": "free", "seats": 1}, actor={}, now=now)
    account = byhand.create(org, {"plan": "free"}, actor={}, now=now)
    later = now + timedelta(days=20)
    byhand.edit(org, account.id, {"plan": "team"}, actor={}, now=later)
    fields.switch(org, "plan", history=False)

    assert sweep(now + timedelta(days=30)) == 0
    assert sweep(now + timedelta(days=31)) == 2

    assert [
        (change.organization_id, sorted(change.fields), change.at) for change in Change.objects.order_by("id")
    ] == [(org, ["seats"], now), (stranger, ["plan", "seats"], now), (org, ["plan"], later)]


def test_changes_stay_while_their_run_can_be_undone(org: UUID, run: UUID, now: datetime) -> None:
    """A run that took a day to its end."""
    account = byhand.create(org, {"plan": "free"}, actor={}, now=now)
    fields.switch(org, "plan", history=False)
    Change.objects.filter(account=account).update(run=run)
    lease = new_id()
    runs.claim(run, worker="one", lease=lease, now=now)
    runs.finish(run, lease=lease, status="succeeded", now=now + timedelta(days=1))

    sweep(now + timedelta(days=31))
    assert Change.objects.count() == 1
    sweep(now + timedelta(days=31, seconds=1))
    assert Change.objects.count() == 0
