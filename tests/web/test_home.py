"""Home, from what the store has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.doors.conftest import World
from tests.web.conftest import Browser


class Fixed:
    def __init__(self, clock: Any, at: datetime) -> None:
        self.monotonic, self.sleep, self.jitter = clock.monotonic, clock.sleep, clock.jitter
        self.at = at

    def now(self) -> datetime:
        return self.at


def overview_of(organization: UUID, at: datetime | None = None) -> Any:
    """`at`: where a midnight in between would make another day of it."""
    from ropewalk.engine import overview
    from ropewalk.engine.clock import SystemClock
    from ropewalk.store import people

    clock = SystemClock() if at is None else Fixed(SystemClock(), at)
    return overview.of(people.organization(organization), clock)


def account(organization: UUID, made: datetime, *, deleted: bool = False) -> None:
    from uuid_utils.compat import uuid7

    from ropewalk.store.models import Account

    Account.objects.create(
        id=uuid7(nanoseconds=int(made.timestamp() * 1e9)),
        organization_id=organization,
        created_at=made,
        updated_at=made,
        deleted_at=made if deleted else None,
    )


def test_accounts_day_by_day(world: World, elsewhere: World) -> None:
    from ropewalk.store.models import Account

    Account.objects.all().delete()
    now = datetime.now(UTC)
    for days in (90, 90, 20, 20, 0):
        account(world.organization, now - timedelta(days=days))
    account(world.organization, now - timedelta(days=10), deleted=True)
    account(elsewhere.organization, now)

    found = overview_of(world.organization, now)

    assert (found.accounts, found.new_accounts) == (5, 3)
    assert [day.accounts for day in found.days] == [2] * 9 + [4] * 20 + [5]
    assert [day.date for day in found.days][-1] == now.date()


def test_rows_day_by_day_in_the_organization_s_time_zone(world: World) -> None:
    from ropewalk.core.actors import Actor
    from ropewalk.engine.clock import SystemClock
    from ropewalk.engine.members import people
    from ropewalk.store.models import Run

    people.update_organization(
        world.organization, Actor("cli", "", "root"), {"time_zone": "Pacific/Auckland"}, SystemClock()
    )
    from zoneinfo import ZoneInfo

    now = datetime.now(UTC)
    Run.objects.update(
        status="succeeded", counts={"processed": 7, "created": 3, "updated": 1, "unchanged": 2, "skipped": 1},
        finished_at=now, verdict="complete",
    )  # fmt: skip

    found = overview_of(world.organization, now)

    assert found.days[-1].date == now.astimezone(ZoneInfo("Pacific/Auckland")).date()
    assert found.days[-1].rows == {"created": 3, "updated": 1, "unchanged": 2, "skipped": 1, "rejected": 0}
    assert found.rows == 7


def states(world: World, run: dict[str, Any], **stream: Any) -> tuple[str, list[str]]:
    from ropewalk.store.models import Run, Stream

    Run.objects.update(**run)
    Stream.objects.update(**stream)
    found = overview_of(world.organization)
    return found.standings[0].state, [step.kind for step in found.steps]


def test_how_a_stream_stands_and_what_to_do_next(world: World) -> None:
    from ropewalk.store.models import Run

    now = datetime.now(UTC)
    complete = {"status": "succeeded", "verdict": "complete", "finished_at": now}
    Run.objects.update(status="running", finished_at=None)

    assert states(world, {"status": "running"}) == ("running", ["no_worker"])
    assert states(world, complete) == ("healthy", ["no_worker", "schedule"])
    assert states(world, complete, periodic=True) == ("healthy", ["no_worker"])
    assert states(world, {"verdict": "truncated"}) == ("truncated", ["no_worker"])
    assert states(world, {"verdict": "suspicious"}) == ("suspicious", ["no_worker", "suspicious"])
    assert states(world, {"accepted_at": now}) == ("healthy", ["no_worker"])
    assert states(world, {"status": "failed"}) == ("failed", ["no_worker", "failed"])
    assert states(world, {}, paused="reconnect") == ("reconnect", ["no_worker", "reconnect"])
    assert states(world, complete, paused="undo") == ("paused", ["no_worker"])
    assert states(world, {}, paused="reconnect", enabled=False) == ("off", ["no_worker"])
    Run.objects.all().delete()
    assert states(world, {}, paused="", enabled=True) == ("untested", ["no_worker", "test"])
    assert states(world, {}, tested_at=now) == ("waiting", ["no_worker", "first_sync"])


def test_home_says_what_failed_and_tells_members_to_do_nothing_that_they_can_t(
    world: World, owner: Browser, member: Browser
) -> None:
    from ropewalk.store.models import Run

    planted = "<script>planted()</script>"
    error = {"code": "not_json", "message": f"The body is {planted}, which isn't JSON."}
    Run.objects.update(status="failed", finished_at=datetime.now(UTC), error=error)

    pages = {
        who: browser.get("/app/").content.decode() for who, browser in (("owner", owner), ("member", member))
    }

    assert all("&lt;script&gt;planted()" in page and planted not in page for page in pages.values())
    assert {who: "What to do next" in page for who, page in pages.items()} == {"owner": True, "member": False}


def test_as_many_queries_for_three_connectors_as_for_one(
    world: World, django_assert_num_queries: Any
) -> None:
    from ropewalk.core.actors import Actor
    from ropewalk.engine.clock import SystemClock
    from ropewalk.engine.connectors import configure
    from tests.doors.conftest import STREAM

    browser = Browser("owner@acme.example")
    with django_assert_num_queries(QUERIES):
        browser.get("/app/")
    for name in ("Second", "Third"):
        body = {"source": "custom_api", "name": name, "settings": {"auth": {"type": "none"}}, "streams": {"accounts": STREAM | {"headers": {}, "plain_headers": []}}}  # fmt: skip
        configure.create_connector(world.organization, Actor("cli", "", "root"), body, SystemClock())
    with django_assert_num_queries(QUERIES):
        browser.get("/app/")


QUERIES = 15
