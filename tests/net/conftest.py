from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ropewalk.net.client import Client
from ropewalk.net.guard import Guard
from tests.net.loopback import Answering, Reply, Server


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.at = 1_000.0
        self.slept = 0.0

    def __call__(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        self.slept += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    started: list[Server] = []

    def start(answering: Answering | list[Reply] | Reply, **options: Any) -> Server:
        server = Server([answering] if isinstance(answering, Reply) else answering, **options)
        started.append(server)
        return server

    yield start
    for server in started:
        server.close()


@pytest.fixture
def client(clock: Clock) -> Iterator[Client]:
    """Every name leads to 127.0.0.1, which is allowed; `random` always says one half; it is 1 January 2026."""
    guard = Guard(["127.0.0.0/8"], lambda host, port: ["127.0.0.1"])
    with Client(
        guard, clock=clock, sleep=clock.sleep, now=lambda: 1_767_225_600.0, random=lambda: 0.5
    ) as opened:
        yield opened
