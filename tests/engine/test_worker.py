"""Workers on the real queue: what they take up, hand over, and resume; one of them is killed for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection as database
from pydantic import SecretStr

from ropewalk.engine import jobs
from ropewalk.engine.runs import batches
from ropewalk.engine.worker import Worker
from ropewalk.store import fieldindexes, fields, runs, transactions, workers
from ropewalk.store.models import Run, Worker as WorkerRow
from tests.engine import process
from tests.engine.conftest import Serving
from tests.engine.world import Clock, Flags, World, brief, complete
from tests.fakes import Asked, Fake, customers
from tests.fakes.shapes import Pages

ONLY_ID = [{"from": "id", "to": "externalCustomerId"}]


@pytest.fixture
def jobs_url(world: World, settings: Any, tmp_path: Path) -> Iterator[str]:
    """A queue of the test's own."""
    operated = settings.ROPEWALK
    if database.vendor == "sqlite":
        settings.ROPEWALK = operated.model_copy(update={"data_dir": tmp_path})
        yield settings.ROPEWALK.jobs_url
        jobs.disconnect(settings.ROPEWALK.jobs_url)
        return
    name = f"jobs_{uuid4().hex}"
    with database.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    before, _, options = process.environment()["ROPEWALK_DATABASE_URL"].partition("?")
    url = f"{before.rpartition('/')[0]}/{name}?{options}"
    settings.ROPEWALK = operated.model_copy(update={"database_url": SecretStr(url)})
    yield settings.ROPEWALK.jobs_url
    jobs.disconnect(url)


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("it did not happen in time")


@contextmanager
def working(world: World, jobs_url: str, name: str = "w-1") -> Iterator[Worker]:
    worker = Worker(name, jobs_url, world.clock)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop(seconds=5.0)


def ended(run: dict[str, Any]) -> Callable[[], bool]:
    return lambda: Run.objects.get(id=run["run_id"]).status not in ("queued", "running")


class Held(Pages):
    """An honest server, but for page `at`, which waits until it is let go."""

    def __init__(self, count: int, at: int) -> None:
        super().__init__(customers(count), total_key="total")
        self.at = at
        self.reached = threading.Event()
        self.go = threading.Event()

    def __call__(self, asked: Asked) -> Any:
        if int(asked.params["page"]) == self.at and not self.go.is_set():
            self.seen.append(asked)
            self.reached.set()
            self.go.wait(30)
            return self.answer(asked)
        return super().__call__(asked)


@pytest.fixture
def held(serving: Serving) -> Iterator[Callable[..., tuple[Held, str]]]:
    made: list[Held] = []

    def make(count: int, at: int) -> tuple[Held, str]:
        fake = Held(count, at)
        made.append(fake)
        return fake, serving(fake)

    yield make
    for fake in made:
        fake.go.set()


pytestmark = pytest.mark.django_db(transaction=True)


def test_a_run_is_taken_from_the_queue(world: World, serving: Serving, jobs_url: str) -> None:
    connector = world.connect(serving(Fake(lambda asked: {"data": customers(3)})))

    with working(world, jobs_url):
        alive = [row.id for row in workers.alive(world.clock.now())]
        run = world.request(connector)
        until(ended(run))

    assert brief(world.run(run)) == complete(created=3)
    assert (alive, list(WorkerRow.objects.all())) == (["w-1"], [])


def test_a_queued_run_without_a_job_is_picked_up(world: World, serving: Serving, jobs_url: str) -> None:
    """Requested while the queue wasn't there at all."""
    connector = world.connect(serving(Fake(lambda asked: {"data": customers(3)})))
    run = world.request(connector)

    with working(world, jobs_url):
        until(ended(run))

    assert brief(world.run(run)) == complete(created=3)


def test_a_schedule_is_kept(world: World, serving: Serving, jobs_url: str) -> None:
    connector = world.connect(
        serving(Fake(lambda asked: {"data": customers(3)})), schedule={"periodic": True, "every_minutes": 5}
    )

    with working(world, jobs_url):
        world.clock.advance(minutes=5)
        until(lambda: Run.objects.filter(status="succeeded").exists())

    assert [run.trigger for run in Run.objects.filter(connector_id=connector)] == ["periodic"]


def test_cancel(world: World, held: Any, jobs_url: str) -> None:
    fake, url = held(250, at=2)
    connector = world.connect(url, fake.stream)

    with working(world, jobs_url):
        run = world.request(connector)
        until(fake.reached.is_set)
        world.then("cancel", run)
        until(ended(run))

    assert (world.run(run)["status"], world.watermark(connector)) == ("cancelled", None)


def test_a_worker_that_stops_hands_its_run_over(world: World, held: Any, jobs_url: str) -> None:
    fake, url = held(6_100, at=2)
    paging = fake.stream["pagination"] | {"page_size": 6_000}
    connector = world.connect(url, fake.stream, pagination=paging, mapping=ONLY_ID)

    with working(world, jobs_url, "w-1"):
        run = world.request(connector)
        until(fake.reached.is_set)
        until(lambda: bool(Run.objects.get(id=run["run_id"]).counts))
    left = world.run(run)
    fake.go.set()
    with working(world, jobs_url, "w-2"):
        until(ended(run))

    assert (left["status"], left["counts"]["created"]) == ("running", 5_000)
    assert brief(world.run(run)) == complete(created=6_100)


def test_a_killed_workers_run_is_resumed_from_its_checkpoint(
    world: World, held: Any, jobs_url: str, settings: Any
) -> None:
    fake, url = held(6_100, at=2)
    paging = fake.stream["pagination"] | {"page_size": 6_000}
    connector = world.connect(url, fake.stream, pagination=paging, mapping=ONLY_ID)

    with process.worker("dies", jobs_url) as other:
        run = world.request(connector)
        until(fake.reached.is_set, 30)
        until(lambda: bool(Run.objects.get(id=run["run_id"]).counts), 30)
        os.kill(other.pid, 9)
        other.wait()
    left = world.run(run)
    fake.go.set()
    # The dead worker's heart last beat in the time of day.
    settings.CLOCK = Clock(datetime.now(UTC) + timedelta(seconds=31))
    with working(world, jobs_url):
        until(ended(run))

    done = world.run(run)
    assert (left["status"], left["counts"]["created"], len(world.accounts())) == ("running", 5_000, 6_100)
    assert (brief(done), done["restarts"], done["pages"]) == (complete(created=6_100), 0, 2)
    assert fake.lines == [f"GET /customers?page={page}&limit=6000" for page in (1, 2, 1, 2)]


def test_two_workers_share_what_there_is(world: World, held: Any, jobs_url: str, settings: Any) -> None:
    """Each run is carried out once, whoever takes it."""
    fakes = [held(150, at=99) for _ in range(6)]
    connectors = [
        world.connect(url, fake.stream, name=f"CRM {number}", mapping=ONLY_ID)
        for number, (fake, url) in enumerate(fakes)
    ]
    settings.CLOCK = Clock(datetime.now(UTC))

    with process.worker("other", jobs_url), working(world, jobs_url):
        open_runs = [world.request(connector) for connector in connectors]
        for run in open_runs:
            until(ended(run), 30)

    assert [Run.objects.get(id=run["run_id"]).status for run in open_runs] == ["succeeded"] * 6
    assert [sorted(fake.lines) for fake, _ in fakes] == [
        ["GET /customers?page=1&limit=100", "GET /customers?page=2&limit=100"]
    ] * 6
    assert len(world.accounts()) == 150


def test_a_run_whose_job_has_ended_is_taken_up_all_the_same(
    world: World, serving: Serving, jobs_url: str
) -> None:
    """As after a stalled worker lost its lease, which ends the job, and the one that took over was killed."""
    connector = world.connect(serving(Fake(lambda asked: {"data": customers(3)})))
    run = world.request(connector)
    with working(world, jobs_url):
        until(ended(run))
    Run.objects.update(status="running", worker="gone", verdict=None, finished_at=None)

    with working(world, jobs_url, "w-2"):
        until(ended(run))

    assert brief(world.run(run)) == complete(unchanged=3)


# ---- without a queue ----


def test_a_worker_that_lost_its_lease_commits_nothing(world: World, serving: Serving) -> None:
    connector = world.connect(serving(Fake(lambda asked: {"data": customers(3)})))
    run = world.request(connector)

    def taken_over() -> bool:
        if threading.current_thread() is threading.main_thread():
            runs.claim(UUID(run["run_id"]), worker="w-2", lease=uuid4(), now=world.clock.now())
        return False

    left = world.carry_out(run, Flags(stop=taken_over))
    done = world.carry_out(run, worker="w-3")

    assert (left["status"], left["counts"]["created"]) == ("running", 0)
    assert (brief(done), len(world.accounts())) == (complete(created=3), 3)


def test_a_run_that_has_ended_is_not_carried_out_again(world: World, serving: Serving) -> None:
    fake = Fake(lambda asked: {"data": customers(3)})
    connector = world.connect(serving(fake))
    run = world.request(connector)

    first, second = world.carry_out(run), world.carry_out(run)

    assert (second, len(fake.lines)) == (first, 1)


def test_a_run_that_cannot_begin_ends(world: World, serving: Serving) -> None:
    connector = world.connect(serving(Fake(lambda asked: {"data": customers(3)})))
    run = world.request(connector)
    Run.objects.update(settings={"source": "gone"})

    done = world.carry_out(run)

    assert (done["status"], done["error"]["code"]) == ("failed", "internal_error")


def test_every_batch_is_a_place_to_go_on_from(
    world: World, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before any batch and taken up by another: as if it had not been stopped."""
    monkeypatch.setattr(batches, "BATCH_ROWS", 10)
    shop = Pages(customers(60))
    paging = shop.stream["pagination"] | {"page_size": 10}
    connector = world.connect(serving(shop), shop.stream, pagination=paging)
    run = world.request(connector)
    stops = [True, False] * 3

    def stop() -> bool:
        here = threading.current_thread() is threading.main_thread()
        return stops.pop() if here and stops else False

    tries = 0
    while Run.objects.get(id=run["run_id"]).status in ("queued", "running"):
        world.carry_out(run, Flags(stop=stop), worker=f"w-{tries}")
        tries += 1

    assert (brief(world.run(run)), tries) == (complete(created=60), 4)
    transactions.close()


@pytest.mark.django_db(transaction=True)
def test_a_worker_builds_the_indexes_that_are_wanted(world: World, jobs_url: str) -> None:
    fields.learn(world.org, {"seats": ("created", "number")}, now=world.clock.now())
    fields.switch(world.org, "seats", indexed=True)
    index = fieldindexes.called("seats", "number")

    with working(world, jobs_url):
        until(lambda: index in fieldindexes.built())
    fields.switch(world.org, "seats", indexed=False)
    with working(world, jobs_url, "w-2"):
        until(lambda: index not in fieldindexes.built())
