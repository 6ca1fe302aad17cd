"""An organization with a push connector, and the door to it, in this process. Others see what they commit, so they clear
up behind them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest

NOW = datetime.now(UTC)
COMMITS = pytest.mark.django_db(transaction=True, available_apps=[])
"""What a test writes is committed, for the door's threads to see; and no table is emptied after it."""
THREADS = 2
Message = dict[str, Any]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content)


class Caller:
    """Speaks ASGI to a door, all on one event loop."""

    def __init__(
        self, door: Any, runner: asyncio.Runner, organization: UUID, connector: UUID, key: str
    ) -> None:
        self.door, self.runner = door, runner
        self.organization, self.connector, self.key = organization, connector, key

    def __call__(
        self,
        call: str = "",
        body: Any = None,
        *,
        query: str = "",
        method: str = "POST",
        key: str | None = None,
        connector: Any = None,
        pieces: list[Message | asyncio.Event] | None = None,
        **headers: str,
    ) -> Answer:
        return self.runner.run(
            self.ask(
                call, body, query=query, method=method, key=key, connector=connector, pieces=pieces, **headers
            )
        )

    async def ask(
        self, call: str = "", body: Any = None, *, query: str = "", method: str = "POST", key: str | None = None,
        connector: Any = None, pieces: list[Message | asyncio.Event] | None = None, **headers: str,
    ) -> Answer:  # fmt: skip
        from ropewalk.ingest.call import Call

        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        waiting: list[Message | asyncio.Event] = pieces or [
            {"type": "http.request", "body": raw, "more_body": False}
        ]
        given = {
            "authorization": f"Bearer {self.key if key is None else key}",
            "content-type": "application/json",
        }
        if pieces is None:
            given["content-length"] = str(len(raw))
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        path = f"/v1/custom-connectors/{connector or self.connector}/ingest{call}"
        told = {name.encode(): value.encode("latin-1") for name, value in given.items() if value}
        sent: list[Message] = []

        async def receive() -> Message:
            if not waiting:
                await asyncio.sleep(3_600)
            following = waiting.pop(0)
            if isinstance(following, asyncio.Event):
                await following.wait()
                following = waiting.pop(0)
            return following

        async def send(message: Message) -> None:
            sent.append(message)

        found = Call.of(path, query.encode(), told)
        assert found
        await self.door(found, method, told, receive, send)
        if not sent:
            return Answer(0, {}, b"")
        start, content = sent
        answered = {name.decode(): value.decode() for name, value in start["headers"]}
        assert int(answered["content-length"]) == len(content["body"])
        return Answer(start["status"], answered, content["body"])

    def stored(self) -> list[Any]:
        from ropewalk.store.events.installed import events

        return events().newest(self.organization, limit=100_000).events

    @property
    def total(self) -> int:
        from ropewalk.store.events.installed import events

        return events().statistics(self.organization, self.connector, NOW).total


@dataclass
class Made:
    organization: UUID
    runner: asyncio.Runner
    threads: ThreadPoolExecutor
    folder: Path
    doors: list[Any] = field(default_factory=list)
    others: list[UUID] = field(default_factory=list)

    def key(self, *scopes: str, **more: Any) -> str:
        from ropewalk.store import keys

        _, text = keys.create(
            self.organization, name="Script", scopes=scopes or ("ingest",), created_by_type="cli",
            created_by_id="root", now=NOW, **more,
        )  # fmt: skip
        return text

    def connector(self, **more: Any) -> UUID:
        from ropewalk.core.actors import Actor
        from ropewalk.store import pushing

        given: dict[str, Any] = {"accepted_kinds": [], "metadata": {}, "event_schema": None, **more}
        made = pushing.create(
            self.organization, name="Billing", source_name=f"s-{uuid4().hex[:20]}", now=NOW,
            created_by=Actor("cli", "root", "root"), **given,
        )  # fmt: skip
        return made.id

    def door(self, **more: Any) -> Any:
        from ropewalk.engine.clock import SystemClock
        from ropewalk.ingest.commit import Committer
        from ropewalk.ingest.door import Door, Surroundings
        from ropewalk.store.events.installed import events
        from ropewalk.store.uploads import FolderUploads

        around: dict[str, Any] = {
            "clock": SystemClock(), "threads": self.threads, "calls_a_minute": 1_000_000,
            "committer": lambda loop: Committer(events(), loop, SystemClock()), "uploads": FolderUploads(self.folder),
            "request_id": lambda given: given or "made",
        }  # fmt: skip
        made = Door(Surroundings(**{**around, **more}))
        self.doors.append(made)
        return made

    def caller(self, door: Any = None, **connector: Any) -> Caller:
        return Caller(
            door or self.doors[0], self.runner, self.organization, self.connector(**connector), self.key()
        )


@pytest.fixture(scope="module")
def made(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Made]:
    from django.db import connection

    from ropewalk.store.models import Organization

    with django_db_blocker.unblock():
        organization = Organization.objects.create(
            name=f"Ingest {uuid4()}", own_domains=["ours.com"], created_at=NOW
        )
        with asyncio.Runner() as runner, ThreadPoolExecutor(THREADS) as threads:
            made = Made(organization.id, runner, threads, tmp_path_factory.mktemp("uploads"))
            made.door()
            yield made
            for door in made.doors:
                door.close()

            all_threads = Barrier(THREADS)

            def close(_: int) -> None:
                all_threads.wait()
                connection.close()

            list(threads.map(close, range(THREADS)))
        Organization.objects.filter(id__in=[organization.id, *made.others]).delete()


@pytest.fixture
def push(made: Made) -> Caller:
    """A connector of its own."""
    return made.caller()


Change = Callable[..., None]


@pytest.fixture
def change(made: Made) -> Change:
    from ropewalk.store import pushing

    def change(connector: UUID, **changes: Any) -> None:
        pushing.change(made.organization, connector, now=NOW, **changes)

    return change
