"""Tails of push connectors, kept open: as plain ASGI, with no thread waiting in any of them. Django answers the request
with a first look, and hands over who listens; two threads then look again for all of them in turn."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from ropewalk import refusing
from ropewalk.api.refusals import Refusal
from ropewalk.api.tail import HANDED_OVER, Listener
from ropewalk.core.errors import RopewalkError
from ropewalk.engine.logs import Log
from ropewalk.store import transactions
from ropewalk.store.events.base import Busy

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

log = Log(__name__)

LISTENERS: Final = 64
THREADS: Final = 2
PAUSE_SECONDS: Final = 1.0
QUIET_SECONDS: Final = 15.0
"""After so long without news a comment is sent, so that nothing in between takes the connection for dead."""
OPEN_SECONDS: Final = 900.0
_PATH: Final = re.compile(r"/v1/custom-connectors/[^/]+/tail")


def is_tail(scope: Scope) -> bool:
    return scope["method"] == "GET" and _PATH.fullmatch(scope["path"]) is not None


class Opening:
    """Django's answer to somebody who wants to listen, held back until it is known whether it goes on."""

    def __init__(self, scope: Scope) -> None:
        self._handed_over: list[Listener] = []
        self.scope: Scope = {**scope, HANDED_OVER: self._handed_over}
        self.answer: list[Message] = []

    async def keep(self, message: Message) -> None:
        self.answer.append(message)

    @property
    def listener(self) -> Listener | None:
        return self._handed_over[0] if self._handed_over else None


class Tails:
    def __init__(self, *, pause: float = PAUSE_SECONDS, listeners: int = LISTENERS) -> None:
        self._pause = pause
        self._most = listeners
        self._open: set[asyncio.Future[None]] = set()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="tail")

    async def go_on(self, opening: Opening, receive: Receive, send: Send) -> None:
        if opening.listener is None:
            for message in opening.answer:
                await send(message)
        elif len(self._open) >= self._most:
            await _unavailable(opening, send)
        else:
            await self._follow(opening.listener, opening.answer, receive, send)

    def close(self) -> None:
        """Whoever listens comes back by themselves, to whoever is there then."""
        for each in self._open:
            each.cancel()

    async def _follow(self, listener: Listener, answer: list[Message], receive: Receive, send: Send) -> None:
        start, *rest = answer
        headers = [each for each in start["headers"] if each[0].lower() != b"content-length"]
        await send({**start, "headers": [*headers, (b"x-accel-buffering", b"no")]})
        for message in rest:
            await send({**message, "more_body": True})
        over = asyncio.ensure_future(_hung_up(receive))
        self._open.add(over)
        try:
            await self._until(over, listener, send)
        finally:
            self._open.discard(over)
            over.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _until(self, over: asyncio.Future[None], listener: Listener, send: Send) -> None:
        loop = asyncio.get_running_loop()
        ends, quiet_until = loop.time() + OPEN_SECONDS, loop.time() + QUIET_SECONDS
        while loop.time() < ends:
            await asyncio.wait({over}, timeout=self._pause)
            if over.done():
                return
            news = await loop.run_in_executor(self._threads, _look, listener)
            if news is None:
                return
            if news or loop.time() >= quiet_until:
                await send(
                    {"type": "http.response.body", "body": (news or ":\n\n").encode(), "more_body": True}
                )
                quiet_until = loop.time() + QUIET_SECONDS


def _look(listener: Listener) -> str | None:
    """None where there is no more to hear: whoever comes back is told why."""
    try:
        with transactions.own_connection():
            return listener.look()
    except (RopewalkError, Refusal):
        return None
    except (*transactions.UNAVAILABLE, Busy) as error:
        log.warning("tail_unavailable", error=repr(error))
        return ""


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _unavailable(opening: Opening, send: Send) -> None:
    response = refusing.unavailable(opening.scope["path"])
    kept = {
        name: value
        for name, value in opening.answer[0]["headers"]
        if name.lower() not in (b"content-length", b"content-type")
    }
    body = response.content
    headers = [*kept.items(), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body})
