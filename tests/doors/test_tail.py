"""The tail of a push connector: what it says, to whom, and that it stays open without a thread waiting in it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from ropewalk.asgi import Lane, Root, _lane
from ropewalk.core.times import iso
from ropewalk.store import keys
from ropewalk.tailing import Tails
from tests.doors.conftest import NOW, Api, World, key_of, make_world, push_event
from tests.doors.test_root import scope

PATH = "/v1/custom-connectors/{push_connector_id}/tail"


@pytest.fixture
def world(db: None) -> World:
    return make_world("Acme")


def heard(text: str) -> list[tuple[str, str, Any]]:
    """Event, id and data of each message."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in fields:
            found.append((fields["event"], fields["id"], json.loads(fields["data"])))
    return found


def refuse(world: World, *errors: str) -> None:
    from ropewalk.store.events.base import Refusal, micros
    from ropewalk.store.events.installed import events

    whose = (world.organization, world.ids["push_connector_id"])
    events().append([], [Refusal(*whose, micros(NOW), "z", errors)])


def test_it_goes_on_from_where_somebody_was(world: World, api: Api) -> None:
    path = world.path(PATH)
    first = api("get", path)
    assert (first.status_code, first["Content-Type"]) == (200, "text/event-stream")
    start = first.content.decode()
    assert heard(start) == []
    mark = start.partition("id: ")[2].partition("\n")[0]
    push_event(world.organization, world.ids["push_connector_id"], "n1", NOW + timedelta(hours=1))
    refuse(world, "data: This is required.")

    found = heard(api("get", path, **{"Last-Event-ID": mark}).content.decode())

    assert sorted((name, data) for name, _, data in found) == [
        ("arrival", api.get("/v1/events/custom:product/n1")),
        ("rejection", {"at": iso(NOW), "external_id": "z", "errors": ["data: This is required."]}),
    ]
    after = {"Last-Event-ID": found[-1][1]}
    assert heard(api("get", path, **after).content.decode()) == []


def test_whoever_can_not_follow_goes_on_from_now(world: World, api: Api) -> None:
    whose = (world.organization, world.ids["push_connector_id"])
    for number in range(25):
        push_event(*whose, f"n{number}")

    from ropewalk.api import tail
    from ropewalk.engine.events import arrivals

    before = arrivals.AT_ONCE, tail.LOOKS_AT_ONCE
    arrivals.AT_ONCE, tail.LOOKS_AT_ONCE = 2, 3  # type: ignore[misc]
    try:
        found = heard(api("get", world.path(PATH), **{"Last-Event-ID": "0-0"}).content.decode())
    finally:
        arrivals.AT_ONCE, tail.LOOKS_AT_ONCE = before  # type: ignore[misc]

    assert [name for name, _, _ in found] == ["arrival"] * 6 + ["skipped"]
    assert heard(api("get", world.path(PATH), **{"Last-Event-ID": found[-1][1]}).content.decode()) == []


@pytest.mark.parametrize("mark", ["", "x", "1", "1-", "-1-2", "9" * 30 + "-1"])
def test_what_is_no_mark_means_from_now(mark: str, world: World, api: Api) -> None:
    assert heard(api("get", world.path(PATH), **{"Last-Event-ID": mark}).content.decode()) == []


# ---- kept open ----


class Caller:
    """Somebody at the other end: takes what is sent, until they hang up."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.gone = threading.Event()
        self._hung_up: asyncio.Event | None = None

    async def receive(self) -> dict[str, Any]:
        if self._hung_up is None:
            self._hung_up = asyncio.Event()
            return {"type": "http.request", "body": b"", "more_body": False}
        while not self.gone.is_set():
            await asyncio.sleep(0.01)
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.sent[1:]).decode()

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


@pytest.fixture
def open_world(transactional_db: None) -> World:
    return make_world("Acme")


@pytest.fixture
def root() -> Iterator[Callable[..., Root]]:
    """With two threads for Django; whatever connection its threads have opened is closed again."""
    from django.core.wsgi import get_wsgi_application

    pools = []

    def made(**options: Any) -> Root:
        lane, tails = _lane(get_wsgi_application(), 2), Tails(pause=0.02, **options)
        idle = Lane(lane.app, 0)
        pools.extend([lane.app.executor, tails._threads])  # type: ignore[attr-defined]
        return Root(lane, idle, idle, body_bytes=100, tails=tails)

    yield made
    both = threading.Barrier(2)
    for pool in pools:
        list(pool.map(lambda _: (both.wait(10), close_connections()), range(2)))


def close_connections() -> None:
    from ropewalk.store import transactions
    from ropewalk.store.events.installed import events

    transactions.close()
    events().close()


def listening(
    root: Root, world: World, key: str, acting: Callable[[list[Caller]], Any], callers: int = 1
) -> list[Caller]:
    """Opens as many tails, and acts beside them; each is over at the end."""
    there = [Caller() for _ in range(callers)]
    of = scope(world.path(PATH), authorization=f"Bearer {key}")

    def act() -> None:
        try:
            acting(there)
        finally:
            close_connections()

    async def together() -> None:
        tails = [asyncio.create_task(root({**of}, each.receive, each.send)) for each in there]  # type: ignore[arg-type]
        await asyncio.to_thread(act)
        await asyncio.wait_for(asyncio.gather(*tails), 10)

    asyncio.run(together())
    return there


def until(true: Callable[[], Any]) -> None:
    waiting = threading.Event()
    for _ in range(1_000):
        if true():
            return
        waiting.wait(0.01)
    raise AssertionError("it never came")


def test_many_hear_it_as_it_comes_and_hold_no_thread(open_world: World, root: Callable[..., Root]) -> None:
    world, served = open_world, root()

    def acting(callers: list[Caller]) -> None:
        until(lambda: all(each.text for each in callers))
        before = threading.active_count()
        push_event(world.organization, world.ids["push_connector_id"], "n1")
        until(lambda: all("n1" in each.text for each in callers))
        assert threading.active_count() <= before + 2
        for each in callers:
            each.gone.set()

    callers = listening(served, world, key_of(world.organization, "read"), acting, callers=12)

    for each in callers:
        assert each.status == 200
        assert [(name, data["external_id"]) for name, _, data in heard(each.text)] == [("arrival", "n1")]
        names = {name for name, _ in each.sent[0]["headers"]}
        assert b"content-length" not in {name.lower() for name in names}
    assert served._django.under_way == 0


def test_a_revoked_key_hears_nothing_more(open_world: World, root: Callable[..., Root]) -> None:
    world = open_world
    text = key_of(world.organization, "read")

    def acting(callers: list[Caller]) -> None:
        until(lambda: callers[0].text)
        key = keys.authenticate(text, now=NOW)
        assert key is not None
        keys.revoke(world.organization, key.id, now=NOW)

    (caller,) = listening(root(), world, text, acting)

    assert caller.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


def test_all_end_with_the_server(open_world: World, root: Callable[..., Root]) -> None:
    served = root()

    def acting(callers: list[Caller]) -> None:
        until(lambda: callers[0].text)
        served._tails.close()

    (caller,) = listening(served, open_world, key_of(open_world.organization, "read"), acting)

    assert caller.sent[-1]["more_body"] is False


def test_more_than_can_listen_are_told_to_come_back(open_world: World, root: Callable[..., Root]) -> None:
    def acting(callers: list[Caller]) -> None:
        until(lambda: callers[0].sent)

    (caller,) = listening(root(listeners=0), open_world, key_of(open_world.organization, "read"), acting)

    headers = {name.lower(): value for name, value in caller.sent[0]["headers"]}
    assert (caller.status, json.loads(caller.text)["error_code"]) == (503, "unavailable")
    assert headers[b"retry-after"] == b"5"
    assert headers[b"content-length"] == str(len(caller.text.encode())).encode()


def test_who_may_not_listen_is_answered_as_by_any_call(open_world: World, root: Callable[..., Root]) -> None:
    (caller,) = listening(root(), open_world, key_of(open_world.organization, "ingest"), lambda _: None)

    assert (caller.status, json.loads(caller.text)["error_code"]) == (403, "insufficient_scopes")
