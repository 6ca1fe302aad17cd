from __future__ import annotations

import threading
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from ropewalk.core.errors import MustFix, NotFound
from ropewalk.core.values import JSON
from ropewalk.store import ledger, runs, transactions, workers
from ropewalk.store.ids import new_id
from ropewalk.store.ledger import Entry
from ropewalk.store.models import LedgerRow, Run, RunState, Worker
from ropewalk.store.runs import LeaseLost, Resumable

ACTOR: JSON = {"type": "user", "id": "1", "label": "ada@acme.example"}


def make(org: UUID, connector: UUID, stream: UUID, now: datetime, mode: str = "sync") -> tuple[UUID, bool]:
    run, made = runs.create(
        org,
        connector_id=connector,
        stream_id=stream,
        kind="accounts",
        actor=ACTOR,
        settings={"stream": {"url": "https://api.example.com"}},
        now=now,
        mode=mode,
    )
    return run.id, made


def test_one_run_of_a_mode_is_open(org: UUID, connector: UUID, stream: UUID, now: datetime) -> None:
    first, made = make(org, connector, stream, now)
    again = make(org, connector, stream, now)
    preview, preview_made = make(org, connector, stream, now, "dry_run")

    assert (made, again, preview_made) == (True, (first, False), True)
    assert [runs.open_run(org, stream, mode) for mode in ("sync", "dry_run")] == [
        runs.get(org, first),
        runs.get(org, preview),
    ]
    with pytest.raises(IntegrityError), transaction.atomic():
        Run.objects.create(
            organization_id=org,
            connector_id=connector,
            stream_id=stream,
            kind="accounts",
            status="running",
            created_at=now,
        )
    runs.cancel(org, first, now=now)
    assert make(org, connector, stream, now)[1]


def test_a_lease_that_was_taken_over_commits_nothing(run: UUID, now: datetime) -> None:
    old, new = new_id(), new_id()
    assert runs.claim(run, worker="one", lease=old, now=now).status == "running"
    runs.progress(run, lease=old, counts={"processed": 10}, checkpoint={"page": 1}, seen=b"x")
    later = now + timedelta(minutes=1)

    taken = runs.claim(run, worker="two", lease=new, now=later)

    assert (taken.worker, taken.started_at, taken.counts) == ("two", now, {"processed": 10})
    assert runs.resumable(run) == Resumable({"page": 1}, b"x")
    with pytest.raises(LeaseLost):
        runs.progress(run, lease=old, counts={"processed": 99})
    with pytest.raises(LeaseLost):
        runs.finish(run, lease=old, status="failed", now=later)
    runs.progress(run, lease=new, pages=2)
    assert runs.resumable(run) == Resumable({"page": 1}, b"x")


def test_a_finished_run_is_nobody_s(org: UUID, run: UUID, now: datetime) -> None:
    lease = new_id()
    runs.claim(run, worker="one", lease=lease, now=now)
    runs.finish(
        run,
        lease=lease,
        status="succeeded",
        verdict="truncated",
        verdict_reasons=["max_pages"],
        counts={"processed": 1},
        now=now,
    )

    done = runs.get(org, run)
    assert (done.status, done.verdict, done.verdict_reasons, done.finished_at, done.lease, done.error) == (
        "succeeded",
        "truncated",
        ["max_pages"],
        now,
        None,
        None,
    )
    assert not RunState.objects.exists()
    assert runs.resumable(run) == Resumable(None, b"")
    with pytest.raises(LeaseLost):
        runs.progress(run, lease=lease)
    with pytest.raises(LeaseLost):
        runs.claim(run, worker="two", lease=new_id(), now=now)


def test_progress_takes_no_other_columns(run: UUID) -> None:
    with pytest.raises(TypeError, match=r"^a run's progress has no organization_id$"):
        runs.progress(run, lease=new_id(), organization_id=new_id())


def test_cancelling(org: UUID, run: UUID, now: datetime) -> None:
    lease = new_id()
    runs.claim(run, worker="one", lease=lease, now=now)
    assert runs.cancel_requested([run]) == []

    assert runs.cancel(org, run, now=now).status == "running"

    assert runs.cancel_requested([run, new_id()]) == [run]
    runs.finish(run, lease=lease, status="cancelled", now=now)
    assert runs.cancel(org, run, now=now + timedelta(hours=1)).finished_at == now


def test_a_queued_run_is_cancelled_at_once(org: UUID, run: UUID, now: datetime) -> None:
    assert runs.queued() == [run]
    cancelled = runs.cancel(org, run, now=now)

    assert (cancelled.status, cancelled.finished_at) == ("cancelled", now)
    assert runs.queued() == []


def test_accepting(org: UUID, stranger: UUID, run: UUID, now: datetime) -> None:
    lease = new_id()
    runs.claim(run, worker="one", lease=lease, now=now)
    assert not runs.accept(org, run, now=now)
    runs.finish(run, lease=lease, status="succeeded", verdict="suspicious", now=now)

    assert not runs.accept(stranger, run, now=now)
    assert runs.accept(org, run, now=now)
    assert not runs.accept(org, run, now=now)


def test_runs_of_silent_workers_are_abandoned(org: UUID, run: UUID, now: datetime) -> None:
    runs.claim(run, worker="one", lease=new_id(), now=now)
    assert [one.id for one in runs.abandoned(now)] == [run]
    workers.heartbeat("one", host="h", pid=1, now=now)
    workers.heartbeat("one", host="h", pid=1, now=now + timedelta(seconds=5))

    assert runs.abandoned(now + timedelta(seconds=35)) == []
    assert [one.id for one in workers.alive(now + timedelta(seconds=35))] == ["one"]
    assert [one.id for one in runs.abandoned(now + timedelta(seconds=36))] == [run]
    assert [one.id for one in workers.silent(now + timedelta(seconds=36))] == ["one"]
    workers.forget("one")
    assert [one.id for one in runs.abandoned(now)] == [run]


def test_a_living_worker_keeps_its_run(run: UUID, now: datetime) -> None:
    """One that comes back after a silence finds its run with another, and doesn't take it back."""
    runs.claim(run, worker="one", lease=new_id(), now=now)
    workers.heartbeat("one", host="h", pid=1, now=now)
    later = now + timedelta(seconds=31)
    workers.heartbeat("two", host="h", pid=2, now=later)

    with pytest.raises(LeaseLost):
        runs.claim(run, worker="two", lease=new_id(), now=now)
    assert runs.claim(run, worker="one", lease=new_id(), now=now).worker == "one"
    assert runs.claim(run, worker="two", lease=new_id(), now=later).worker == "two"
    workers.heartbeat("one", host="h", pid=1, now=later)
    with pytest.raises(LeaseLost):
        runs.claim(run, worker="one", lease=new_id(), now=later)


@pytest.mark.django_db(transaction=True)
def test_a_silent_workers_sessions_end(now: datetime) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("a matter of PostgreSQL: SQLite's locks go with the process")
    names = {"silent": f"{'ö' * 100}-silent", "alive": f"{'ö' * 100}-alive"}
    begun, go_on = threading.Barrier(3), threading.Event()
    ended: dict[str, str] = {}

    def work(which: str) -> None:
        workers.sign(names[which])
        try:
            with transaction.atomic():
                Worker.objects.filter(id=names[which]).update(pid=2)
                begun.wait(10)
                go_on.wait(10)
                ended[which] = str(Worker.objects.filter(pid=2).count())
        except transactions.UNAVAILABLE as error:
            ended[which] = type(error.__cause__).__name__
        finally:
            transactions.close()

    workers.heartbeat(names["silent"], host="h", pid=1, now=now)
    workers.heartbeat(names["alive"], host="h", pid=1, now=now + timedelta(seconds=1))
    threads = [threading.Thread(target=work, args=(which,)) for which in names]
    for thread in threads:
        thread.start()
    begun.wait(10)
    cut = workers.cut_off(now + timedelta(seconds=31)), workers.cut_off(now)
    go_on.set()
    for thread in threads:
        thread.join()

    assert (cut, ended) == ((1, 0), {"silent": "AdminShutdown", "alive": "1"})


def test_a_command_s_own_worker_holds_its_run_and_takes_no_other(org: UUID, run: UUID, now: datetime) -> None:
    own = f"{workers.OWN}here-1"
    runs.claim(run, worker=own, lease=new_id(), now=now)
    workers.heartbeat(own, host="h", pid=1, now=now)

    assert runs.abandoned(now) == []
    assert workers.alive(now) == []


@pytest.mark.parametrize("count", [1, 3])
def test_listing_runs_is_one_query(
    org: UUID, connector: UUID, stream: UUID, now: datetime, count: int
) -> None:
    made = []
    for _ in range(count):
        made.append(make(org, connector, stream, now)[0])
        runs.cancel(org, made[-1], now=now)

    with CaptureQueriesContext(connection) as queries:
        page = runs.listing(org, connector_id=connector, kind="accounts", status="cancelled")

    assert len(queries) == 1
    assert [run.id for run in page.items] == made[::-1]


def test_pages_of_runs_follow_each_other(org: UUID, connector: UUID, stream: UUID, now: datetime) -> None:
    made = []
    for _ in range(5):
        made.append(make(org, connector, stream, now)[0])
        runs.cancel(org, made[-1], now=now)
    found, cursor = [], None
    while True:
        page = runs.listing(org, limit=2, cursor=cursor)
        found += [run.id for run in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert found == made[::-1]


@pytest.mark.parametrize("cursor", ["", "!", "bnVsbA", "Im5vdCBhbiBpZCI", "MQ"])
def test_a_cursor_from_elsewhere_is_named(org: UUID, cursor: str) -> None:
    with pytest.raises(MustFix) as caught:
        runs.listing(org, cursor=cursor)
    assert caught.value.code == "invalid_cursor"


@pytest.mark.parametrize("limit", [0, 501])
def test_a_limit_out_of_range_is_refused(org: UUID, limit: int) -> None:
    with pytest.raises(MustFix) as caught:
        runs.listing(org, limit=limit)
    assert caught.value.message == "limit must be between 1 and 500."


def test_a_stranger_finds_no_run(stranger: UUID, run: UUID, now: datetime) -> None:
    for ask in (runs.get, ledger.listing):
        with pytest.raises(NotFound):
            ask(stranger, run)
    with pytest.raises(NotFound):
        runs.cancel(stranger, run, now=now)
    with pytest.raises(NotFound):
        ledger.row(stranger, run, 1)
    assert runs.listing(stranger).items == []


# ---- ledger ----


def test_the_ledger_keeps_the_first_thousand_of_a_reason(org: UUID, run: UUID) -> None:
    for start in (0, 600):
        ledger.write(org, run, [Entry(start + i, "skipped", "no_match") for i in range(600)])
    ledger.write(org, run, [Entry(1_200, "rejected", "invalid_domain", "Not a domain.", {"a": [1, "\0"]})])

    assert ledger.kept_rows(run) == {("skipped", "no_match"): 1_000, ("rejected", "invalid_domain"): 1}
    page = ledger.listing(org, run, outcome="rejected", reason="invalid_domain")
    assert [(row.position, row.message, row.record, row.candidates) for row in page.items] == [
        (1_200, "Not a domain.", {"a": [1, "\ufffd"]}, None)
    ]
    first = ledger.listing(org, run, limit=500)
    second = ledger.listing(org, run, limit=500, cursor=first.next_cursor)
    third = ledger.listing(org, run, limit=500, cursor=second.next_cursor)
    assert [row.position for page in (first, second, third) for row in page.items] == [*range(1_000), 1_200]
    assert third.next_cursor is None
    [number] = ledger.not_taken(org, run, reason="invalid_domain")
    assert [row.position for row in ledger.rows(org, [number])] == [1_200]
    everything = ledger.not_taken(org, run)
    assert [row.position for row in ledger.rows(org, everything)] == [*range(1_000), 1_200]
    assert list(ledger.rows(uuid4(), everything)) == []
    assert ledger.row(org, run, 1_200).reason == "invalid_domain"
    ledger.clear(org, run)
    assert not LedgerRow.objects.exists()
