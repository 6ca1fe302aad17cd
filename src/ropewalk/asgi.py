"""The root, as plain ASGI: takes a request's body, within bounds of size and time, and hands it to Django in a thread.

Threads stay few and keep their database connections; a request costs one only while Django works on it, however
slowly its body came or its answer goes. Requests that ask other servers have threads of their own: they wait for
seconds, and nobody else with them. So have files that are handed over: they are too large to be held here, so Django
takes them as they come, once it knows from whom.
"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.http.request import split_domain_port, validate_host
from django.urls import resolve
from granian.utils.proxies import wrap_asgi_with_proxy_headers
from msgspec import Struct

from ropewalk import operating, refusing
from ropewalk.api.refusals import BODY_BYTES
from ropewalk.core import errortable, limits
from ropewalk.engine.logs import Log
from ropewalk.engine.operated import clock, installation
from ropewalk.ingest.call import PREFIX, Call
from ropewalk.ingest.commit import Committer
from ropewalk.ingest.door import Door, Surroundings
from ropewalk.middleware import HEADERS, REQUEST_ID, request_id
from ropewalk.store.events.installed import events
from ropewalk.store.uploads import uploads
from ropewalk.tailing import Opening, Tails, is_tail

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = Log(__name__)

THREADS: Final = 8
ASKING_THREADS: Final = 24
TAKING_THREADS: Final = 4
GARBAGE: Final = 50_000
"""Objects more than before at which garbage is looked for: a batch of events makes thousands that are none."""
INGEST_THREADS: Final = 2
WAITING: Final = 128
BODY_SECONDS: Final = 30.0
AROUND_A_FILE: Final = 64 * 1024
"""What a form may have beside its file."""


class Lane(Struct):
    """Threads, and the requests that they work on or that wait for them."""

    app: App
    at_once: int
    under_way: int = 0


class Root:
    """Doors that answer by themselves join here, before Django: that of pushed events."""

    def __init__(
        self,
        django: Lane,
        asking: Lane,
        taking: Lane,
        *,
        body_bytes: int,
        body_seconds: float = BODY_SECONDS,
        ingest: Door | None = None,
        tails: Tails | None = None,
    ) -> None:
        self._ingest = ingest
        self._django = django
        self._asking = asking
        self._taking = taking
        self._body_bytes = body_bytes
        self._body_seconds = body_seconds
        self._tails = tails or Tails()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send, self._tails.close)
        elif scope["type"] == "http":
            if self._ingest is None or not scope["path"].startswith(PREFIX):
                await self._http(scope, receive, send)
                return
            headers = dict(scope["headers"])
            call = Call.of(scope["path"], scope["query_string"], headers)
            # The edge of Django answers where the host name isn't ours.
            if call is None or not _host_is_known(headers.get(b"host", b"")):
                await self._http(scope, receive, send)
            else:
                await self._ingest(call, scope["method"], headers, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    def _lane_for(self, scope: Scope) -> Lane:
        if hands_over(scope):
            return self._taking
        return self._asking if asks_others(scope["path"]) else self._django

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        lane = self._lane_for(scope)
        opening = Opening(scope) if is_tail(scope) else None
        if lane.under_way >= lane.at_once:
            await _answer(scope, send, refusing.unavailable(scope["path"], 1))
            return
        lane.under_way += 1
        try:
            if hands_over(scope):
                await self._take(scope, receive, send)
                return
            try:
                body = await asyncio.wait_for(self._read(scope, receive), self._body_seconds)
            except _Gone:
                return
            except TimeoutError:
                late = refusing.answer(scope["path"], 408, errortable.TOO_SLOW)
                await _answer(scope, send, late)
                return
            if body is None:
                await _answer(scope, send, refusing.too_large(scope["path"], self._body_bytes))
                return
            if opening is None:
                await self._answered(lane, scope, body, receive, send)
            else:
                await lane.app(_plain(opening.scope), _replayed(body), opening.keep)
        finally:
            lane.under_way -= 1
        if opening is not None:
            await self._tails.go_on(opening, receive, _unbroken(send))

    async def _answered(self, lane: Lane, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        gone = threading.Event()
        watching = asyncio.create_task(_watched(receive, gone)) if scope["path"] in _LASTING else None
        try:
            await lane.app({**_plain(scope), _GONE: gone}, _replayed(body), _unbroken(send, gone))
        finally:
            if watching is not None:
                watching.cancel()

    async def _take(self, scope: Scope, receive: Receive, send: Send) -> None:
        most = limits.CSV_BYTES + AROUND_A_FILE
        size = _announced(scope)
        if not 0 < size <= most:
            refused = (
                refusing.too_large(scope["path"], most)
                if size
                else refusing.answer(scope["path"], 411, "Say how long the file is (Content-Length).")
            )
            await _answer(scope, send, refused)
            return
        await self._taking.app(_plain(scope), self._arriving(receive), _unbroken(send))

    def _arriving(self, receive: Receive) -> Receive:
        """Raises, where Django waits for more, if nothing comes for long or the caller has hung up."""

        async def arriving() -> Message:
            message = await asyncio.wait_for(receive(), self._body_seconds)
            if message["type"] == "http.disconnect":
                raise ConnectionResetError("the caller has hung up")
            return message

        return arriving

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """None where it is too large, which is known before the rest has come."""
        if _announced(scope) > self._body_bytes:
            return None
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            body += message.get("body", b"")
            if len(body) > self._body_bytes:
                return None
            if not message.get("more_body", False):
                return bytes(body)


def asks_others(path: str) -> bool:
    """Whether such a request waits for what others answer: a timeline, or a test of a stream."""
    return path.endswith(("/events", "/test")) and not path.startswith("/v1/events")


def hands_over(scope: Scope) -> bool:
    """Whether such a request brings a file."""
    return scope["method"] == "POST" and scope["path"] in _TAKING_FILES


_TAKING_FILES: Final = frozenset(("/app/accounts/import", "/v1/imports"))


@lru_cache(1_024)
def _host_is_known(host: bytes) -> bool:
    name, _ = split_domain_port(host.decode("latin-1"))
    return bool(name) and validate_host(name, settings.ALLOWED_HOSTS)


class _Gone(Exception):
    """The caller has hung up."""


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name.lower() == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _plain(scope: Scope) -> Scope:
    """What WSGI can carry: a query of ASCII alone, a path of UTF-8 alone, the length of the body that came."""
    query: bytes = scope.get("query_string", b"")
    path: str = scope["path"]
    return {
        **scope,
        "query_string": query if query.isascii() else quote(query, safe="%&=+;/?:@!$'()*,~-._[]").encode(),
        "path": path.encode("utf-8", "replace").decode(),
    }


def _replayed(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _unbroken(send: Send, gone: threading.Event | None = None) -> Send:
    """Swallows what can't be sent any more: a thread must not wait for a caller who has hung up."""
    gone = gone or threading.Event()

    async def sending(message: Message) -> None:
        if not gone.is_set():
            try:
                await send(message)
            except Exception as error:  # noqa: BLE001 - whatever kind the server raises
                gone.set()
                log.debug("caller_gone", error=repr(error))

    return sending


def ending(wsgi: Any) -> Any:
    """The same, but that an answer ends where its caller hangs up: it may be an export of a million accounts."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        gone: threading.Event | None = environ["asgi.scope"].get(_GONE)
        answer = wsgi(environ, start_response)
        try:
            for piece in answer:
                yield piece
                if gone is not None and gone.is_set():
                    return
        finally:
            answer.close()

    return app


async def _watched(receive: Receive, gone: threading.Event) -> None:
    """The server takes what is sent to nobody without a word."""
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()


_GONE: Final = "ropewalk.gone"
_LASTING: Final = frozenset(("/app/accounts/export",))
"""Answers that may be sent for minutes."""


async def _answer(scope: Scope, send: Send, response: HttpResponse) -> None:
    given = next(
        (value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"x-request-id"), ""
    )
    response[REQUEST_ID] = request_id(given)
    for name, value in HEADERS.items():
        response[name] = value
    response["Content-Length"] = str(len(response.content))
    # What is left of the body is not read.
    response["Connection"] = "close"
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.content})


async def _lifespan(receive: Receive, send: Send, at_the_end: Callable[[], None]) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            at_the_end()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def behind_proxies(app: App, proxies: Sequence[str]) -> App:
    """`proxies` may say for whom they ask, and whether they were asked over TLS; nobody else is believed."""
    if not proxies:
        return app
    trusting: App = wrap_asgi_with_proxy_headers(app, list(proxies))
    return trusting


def _make() -> App:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ropewalk.settings")
    wsgi: Any = get_wsgi_application()
    # Loads every door now, and not while the first caller waits.
    resolve("/healthz")
    # What is there now stays; looking through it again and again would cost more than most requests.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)
    lanes = (_lane(wsgi, threads) for threads in (THREADS, ASKING_THREADS, TAKING_THREADS))
    root = Root(*lanes, body_bytes=BODY_BYTES, ingest=Door(_surroundings()))
    return behind_proxies(root, installation().trusted_proxies)


def _surroundings() -> Surroundings:
    return Surroundings(
        clock=clock(),
        threads=ThreadPoolExecutor(INGEST_THREADS, "ingest"),
        calls_a_minute=installation().ingest_calls_a_minute,
        committer=lambda loop: Committer(events(), loop, clock()),
        uploads=uploads(),
        request_id=request_id,
        observe=operating.ingest.observe,
        headers=[(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")],
    )


def _lane(wsgi: Any, threads: int) -> Lane:
    app: Any = WSGIMiddleware(ending(wsgi), workers=threads)
    return Lane(app, threads + WAITING)


application = _make()
