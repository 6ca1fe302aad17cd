"""Whatever is pushed, the door answers what the OpenAPI lists, in the shape that it says, and never a 5xx."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from a2wsgi import ASGIMiddleware

from ropewalk.ingest.call import Call
from tests.doors.operations import Operation, operations
from tests.doors.test_schemathesis import build
from tests.ingest.conftest import COMMITS, Made

pytestmark = COMMITS
OPERATIONS = operations(ingest=True)


@dataclass
class There:
    """`ids` as those of `tests.doors`: what a path can name that there is."""

    ids: dict[str, Any]


@pytest.fixture
def door(made: Made) -> Iterator[Any]:
    """As WSGI, with an event loop of its own."""
    around = made.door()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        found = Call.of(scope["path"], scope["query_string"], headers)
        if found is not None:
            await around(found, scope["method"], headers, receive, send)
            return
        # An id with a slash in it, or none: Django says so.
        headers = [(b"content-type", b"application/json"), (b"x-request-id", b"made")]
        headers += [(b"x-ratelimit-" + name, b"1") for name in (b"limit", b"remaining", b"reset")]
        await send({"type": "http.response.start", "status": 404, "headers": headers})
        await send(
            {"type": "http.response.body", "body": b'{"error_code": "not_found", "message": "Nothing."}'}
        )

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    wsgi: Any = ASGIMiddleware(app, loop=loop)
    yield wsgi
    around.close()
    made.doors.remove(around)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_the_door_has_four_calls() -> None:
    assert [(each.method, each.scope) for each in OPERATIONS] == [("post", "ingest")] * 4


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_every_answer_is_documented(operation: Operation, made: Made, door: Any) -> None:
    headers = {"Authorization": f"Bearer {made.key()}"}
    world = There({"push_connector_id": made.connector()})

    build(operation, door)(headers=headers, world=world)
