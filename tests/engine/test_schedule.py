"""When streams run by themselves, and what keeps them from it (product.md §3, §5.4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from ropewalk.engine import schedule
from ropewalk.engine.connectors.budgets import Budget
from tests.engine.conftest import Serving
from tests.engine.world import START, Refused, World, brief, complete, failed, iso
from tests.fakes import Answer, Asked, Fake, customers
from tests.fakes.hostile import Busy

HOURLY = {"periodic": True, "every_minutes": 60}
EARLY = timedelta(minutes=57)
"""An hour less half of a tenth of it: the jitter is one half."""


def shop() -> Fake:
    return Fake(lambda asked: {"data": customers(3)})


def periodic(world: World) -> list[dict[str, Any]]:
    return [run for run in world.every("runs") if run["trigger"] == "periodic"]


def run_due(world: World) -> list[dict[str, Any]]:
    """Starts what is due, and carries it out."""
    schedule.start_due(world.clock)
    return [world.carry_out(run) for run in periodic(world) if run["status"] == "queued"]


def test_off_until_it_is_turned_on(world: World, serving: Serving) -> None:
    connector = world.connect(serving(shop()))
    world.clock.advance(days=30)

    assert (run_due(world), world.kept(connector).next_run_at) == ([], None)


def test_due_a_little_early_and_again_after_that(world: World, serving: Serving) -> None:
    connector = world.connect(serving(shop()), schedule=HOURLY)
    due = world.kept(connector).next_run_at
    world.clock.advance(minutes=56)
    before = run_due(world)
    world.clock.advance(minutes=1)

    runs = run_due(world)

    assert (due, before) == (START + EARLY, [])
    assert [brief(run) for run in runs] == [complete(created=3)]
    assert runs[0]["trigger"] == "periodic"
    assert world.kept(connector).next_run_at == START + 2 * EARLY


def test_missed_times_are_made_up_for_once(world: World, serving: Serving) -> None:
    connector = world.connect(serving(shop()), schedule=HOURLY)
    late = world.clock.advance(days=2)

    first, second = run_due(world), run_due(world)

    assert (len(first), len(second)) == (1, 0)
    assert world.kept(connector).next_run_at == late + EARLY


def test_an_overlapping_time_starts_no_second_run(world: World, serving: Serving) -> None:
    connector = world.connect(serving(shop()), schedule=HOURLY)
    by_hand = world.request(connector)
    world.clock.advance(hours=1)

    schedule.start_due(world.clock)

    assert periodic(world) == []
    assert brief(world.carry_out(by_hand)) == complete(created=3)


def test_a_time_that_came_while_a_run_went_is_made_up_for(world: World, serving: Serving) -> None:
    connector = world.connect(serving(shop()), schedule=HOURLY)
    by_hand = world.request(connector)
    late = world.clock.advance(days=2)
    schedule.start_due(world.clock)
    world.carry_out(by_hand)

    first, second = run_due(world), run_due(world)

    assert ([brief(run) for run in first], second) == ([complete(unchanged=3)], [])
    assert world.kept(connector).next_run_at == late + EARLY


def test_killed_between_its_time_and_its_run_it_is_still_due(
    world: World, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = world.connect(serving(shop()), schedule=HOURLY)
    world.clock.advance(hours=1)
    due = world.kept(connector).next_run_at

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("ropewalk.store.runs.create", killed)
        with pytest.raises(KeyboardInterrupt):
            schedule.start_due(world.clock)

    assert (world.kept(connector).next_run_at, len(run_due(world))) == (due, 1)


def test_turned_on_again_it_is_no_longer_paused(world: World, serving: Serving) -> None:
    connector = locked(world, serving)
    for _ in range(2):
        world.clock.advance(hours=1)
        run_due(world)

    world.change(connector, schedule=HOURLY | {"periodic": False})
    off = world.kept(connector)
    world.change(connector, schedule=HOURLY)
    on = world.kept(connector)

    assert (off.paused, off.next_run_at) == ("reconnect", None)
    assert (on.paused, on.auth_failures, on.next_run_at) == ("", 0, world.clock.now() + EARLY)


def test_two_schedulers_start_one_run(world: World, serving: Serving) -> None:
    connector = world.connect(serving(shop()), schedule=HOURLY)
    world.clock.advance(hours=1)
    seen = world.kept(connector)

    from ropewalk.store import streams

    taken = [streams.take_due(seen, next_run_at=START + timedelta(days=1)) for _ in range(2)]

    assert taken == [True, False]


@pytest.mark.parametrize("what", ["stream", "connector"])
def test_disabled_has_no_schedule_and_no_sync_now(what: str, world: World, serving: Serving) -> None:
    connector = world.connect(serving(shop()), schedule=HOURLY)
    if what == "stream":
        world.change(connector, enabled=False)
    else:
        world.reconfigure(connector, enabled=False)
    world.clock.advance(hours=2)

    with pytest.raises(Refused) as caught:
        world.request(connector)

    assert run_due(world) == []
    assert (caught.value.reason, caught.value.message) == (
        "disabled",
        "The accounts stream of CRM is disabled; enable it to sync."
        if what == "stream"
        else "The connector CRM is disabled; enable it to sync.",
    )


def test_a_deleted_connector_has_no_schedule(world: World, serving: Serving) -> None:
    connector = world.connect(serving(shop()), schedule=HOURLY)
    world.delete(f"connectors/{connector}")
    world.clock.advance(hours=2)

    assert run_due(world) == []


def test_saving_the_same_schedule_keeps_its_time(world: World, serving: Serving) -> None:
    connector = world.connect(serving(shop()), schedule=HOURLY)
    world.clock.advance(minutes=30)

    world.change(connector, timeout_ms=5_000)
    same = world.kept(connector).next_run_at
    world.change(connector, schedule={"periodic": True, "every_minutes": 5})

    assert same == START + EARLY
    assert world.kept(connector).next_run_at == START + timedelta(minutes=34, seconds=45)


# ---- reconnect ----


def locked(world: World, serving: Serving) -> str:
    def answer(asked: Asked) -> Any:
        good = asked.headers.get("authorization") == "Bearer good-token"
        return {"data": customers(3)} if good else Answer({"error": "who are you?"}, 401)

    return world.connect(
        serving(Fake(answer)), auth={"type": "bearer"}, secrets={"token": "old-token"}, schedule=HOURLY
    )


def test_two_authentication_failures_pause_the_schedule(world: World, serving: Serving) -> None:
    connector = locked(world, serving)
    states = []
    for _ in range(3):
        world.clock.advance(hours=1)
        runs = run_due(world)
        stream = world.kept(connector)
        states.append((len(runs), stream.auth_failures, stream.paused))

    assert states == [(1, 1, ""), (1, 2, "reconnect"), (0, 2, "reconnect")]


@pytest.mark.parametrize("place", ["connector", "stream"])
def test_a_new_secret_resumes_it(place: str, world: World, serving: Serving) -> None:
    connector = locked(world, serving)
    for _ in range(2):
        world.clock.advance(hours=1)
        run_due(world)

    if place == "connector":
        world.reconfigure(connector, secrets={"token": "good-token"})
    else:
        world.change(connector, secrets={"token": "good-token"})
    resumed = world.kept(connector)
    world.clock.advance(hours=1)

    assert (resumed.paused, resumed.auth_failures) == ("", 0)
    assert [brief(run) for run in run_due(world)] == [complete(created=3)]


def test_another_failure_between_them_counts_anew(world: World, serving: Serving) -> None:
    answers = [401, 500, 401]
    fake = Fake(lambda asked: Answer("", answers[0]))
    connector = world.connect(serving(fake), auth={"type": "bearer"}, secrets={"token": "t-oken"})

    failures = []
    while answers:
        world.sync(connector)
        failures.append(world.kept(connector).auth_failures)
        answers.pop(0)

    assert (failures, world.kept(connector).paused) == ([1, 0, 1], "")


def test_a_refusal_by_hand_counts_too_and_a_success_ends_it(world: World, serving: Serving) -> None:
    """Whoever mended the other side needs no new secret: a run by hand that succeeds is proof enough."""
    answers = [Answer("", 401), Answer("", 403)]
    fake = Fake(lambda asked: answers.pop(0) if answers else {"data": customers(3)})
    connector = world.connect(
        serving(fake), auth={"type": "bearer"}, secrets={"token": "t-oken"}, schedule=HOURLY
    )
    states = []
    for _ in range(3):
        world.sync(connector)
        states.append(world.kept(connector).paused)

    assert states == ["", "reconnect", ""]


# ---- as the API tells it ----


def test_the_next_run_is_told_as_it_will_be(world: World, serving: Serving) -> None:
    fake = Busy(wait=7200, times=1)
    connector = world.connect(serving(fake), fake.stream, schedule=HOURLY)
    told = [world.state(connector)["next_run_at"]]
    world.sync(connector)
    told.append(world.state(connector)["next_run_at"])
    world.reconfigure(connector, enabled=False)
    told.append(world.state(connector)["next_run_at"])

    assert told == [iso(START + EARLY), iso(START + timedelta(hours=2)), None]


# ---- Retry-After ----


def test_a_wait_of_301_s_schedules_no_earlier(world: World, serving: Serving) -> None:
    fake = Busy(wait=301, times=1)
    connector = world.connect(serving(fake), fake.stream, schedule={"periodic": True, "every_minutes": 5})
    world.clock.advance(minutes=5)
    failed_at = world.clock.now()

    first = run_due(world)
    until = world.kept(connector).not_before
    world.clock.advance(seconds=300)
    early = run_due(world)
    world.clock.advance(seconds=1)
    later = run_due(world)

    assert [brief(run) for run in first] == [failed("rate_limited")]
    assert (until, early) == (failed_at + timedelta(seconds=301), [])
    assert [brief(run) for run in later] == [complete(created=150)]
    assert (len(fake.lines), world.kept(connector).not_before) == (3, None)


# ---- the request budget ----


@pytest.mark.django_db(transaction=True)
def test_requests_per_minute(world: World, serving: Serving) -> None:
    fake = Fake(
        lambda asked: {"data": customers(1, int(asked.params["page"])) if asked.params["page"] < "5" else []}
    )
    connector = world.connect(
        serving(fake), {"records_path": "data", "pagination": {"type": "page"}}, requests_per_minute=30
    )

    run = world.sync(connector)

    assert (brief(run), len(fake.lines)) == (complete(created=4), 5)
    assert world.clock.waited == pytest.approx(8.0, abs=0.01)


def test_a_quick_budget_is_waited_for_once_for_several_requests(world: World, serving: Serving) -> None:
    """100 a second, each request answered in 1 ms."""
    budget = Budget(UUID(world.connect(serving(shop()))), {"": 6_000}, world.clock)
    early = []
    for number in range(300):
        if wait := budget(""):
            world.clock.sleep(wait)
        early.append(round(number / 100 - world.clock.monotonic(), 3))
        world.clock.advance(milliseconds=1)

    assert (min(early), max(early)) == (0.0, 0.045)
    assert len(world.clock.waits) <= 60
