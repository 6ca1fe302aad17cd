"""Imports of the engine stand inside: this file is read before the database is chosen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes import Answer, Asked, Fake, serve

if TYPE_CHECKING:
    from tests.engine.world import World


@pytest.fixture(scope="session")
def queue(django_db_setup: None) -> Iterator[None]:
    """The job queue's tables, which a first worker makes."""
    from ropewalk.engine import jobs
    from ropewalk.engine.operated import installation

    url = installation().jobs_url
    jobs.Launched(url, "first", lambda run_id: None, at_once=1).stop()
    yield
    jobs.disconnect(url)


@pytest.fixture
def loopback(settings: Any, queue: None) -> Any:
    """The installation as the test's environment gives it, with leave to reach servers on this machine, and with a
    clock that the test moves."""
    from tests.engine.world import Clock

    settings.ROPEWALK = settings.ROPEWALK.model_copy(
        update={"allow_networks": ("127.0.0.0/8",), "rate_limit": 10**6}
    )
    settings.CLOCK = Clock()
    return settings.ROPEWALK


@pytest.fixture
def world(db: None, loopback: Any) -> Iterator[World]:
    from tests.engine.world import World

    made = World.new()
    yield made
    made.close()


class Serving:
    """Starts servers that end with the test."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __call__(self, fake: Fake, **options: Any) -> str:
        return self._stack.enter_context(serve(fake, **options))

    def recorder(self, host: str = "127.0.0.2") -> tuple[Fake, str]:
        """Another origin that says yes to everything, and keeps what it was asked."""
        fake = Fake(_anything)
        return fake, self(fake, host=host)


def _anything(asked: Asked) -> Answer:
    return Answer({"data": []})


@pytest.fixture
def serving() -> Iterator[Serving]:
    with ExitStack() as stack:
        yield Serving(stack)


@pytest.fixture(scope="session", params=["bigquery", "snowflake"])
def of(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A warehouse (tests.engine.warehouses), once for all that ask it."""
    from tests.engine.warehouses import opened

    with opened(request.param) as warehouse:
        yield warehouse
