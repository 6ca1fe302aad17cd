"""The door: key, batch, commit, answer (push-api.md §3). Whatever it answers to a key that it knows, it answers after the
database has said that the key is live."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from ropewalk.core import limits, times
from ropewalk.core.itemreading import Terms
from ropewalk.core.items import not_accepted
from ropewalk.core.rate import Standing
from ropewalk.engine.clock import Clock
from ropewalk.engine.logs import Log
from ropewalk.ingest import batch, refusals
from ropewalk.ingest.batch import Body, Brought
from ropewalk.ingest.call import Call, announced_bytes
from ropewalk.ingest.callers import Callers
from ropewalk.ingest.commit import Committer, Entry, outcomes
from ropewalk.ingest.deadlines import Deadlines
from ropewalk.ingest.refusals import Refusal
from ropewalk.ingest.uploading import UPLOAD_BODY_BYTES, Uploaded, Uploading
from ropewalk.store.admission import Connector, Key
from ropewalk.store.transactions import UNAVAILABLE
from ropewalk.store.uploads import Uploads

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

V = TypeVar("V")

log = Log(__name__)

BODY_SECONDS: Final = 30.0
UPLOAD_SECONDS: Final = 120.0
_TRIES: Final = 10
HELD_BYTES: Final = 128 * 1024 * 1024
"""Bodies on their way in, all callers' together."""
_encode = msgspec.json.Encoder().encode


class _Gone(Exception):
    """The caller has hung up."""


class Answer(msgspec.Struct):
    status: int
    body: Any
    headers: Headers = ()


class _Request(msgspec.Struct):
    """A call under way. What its caller sends is read once, however often it is looked at. `reserved`: bytes of memory."""

    call: Call
    method: str
    headers: Mapping[bytes, bytes]
    receive: Receive
    committer: Committer
    began: float
    standing: Standing | None = None
    data: bytes | None = None
    uploading: Uploading | None = None
    uploaded: Uploaded | None = None
    reserved: int = 0


class Surroundings(msgspec.Struct):
    """What the door shares with the rest of the server. `headers` stand on every answer; `request_id` makes an id of the
    one that a caller gave; `observe` is told of each answer: route, status, seconds."""

    clock: Clock
    threads: Executor
    calls_a_minute: int
    committer: Callable[[asyncio.AbstractEventLoop], Committer]
    uploads: Uploads
    request_id: Callable[[str], str]
    observe: Callable[[str, int, float], None] = lambda *_: None
    headers: Headers = ()
    body_seconds: float = BODY_SECONDS
    upload_seconds: float = UPLOAD_SECONDS


class Door:
    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._callers = Callers(around.clock, around.calls_a_minute, around.threads)
        self._committer: Committer | None = None
        self._headers = [(b"content-type", b"application/json"), *around.headers]
        self._held = 0
        self._bodies = Deadlines(around.body_seconds)
        self._forms = Deadlines(around.upload_seconds)

    async def __call__(
        self, call: Call, method: str, headers: Mapping[bytes, bytes], receive: Receive, send: Send
    ) -> None:
        around = self._around
        began = around.clock.monotonic()
        identity = around.request_id(headers.get(b"x-request-id", b"").decode("latin-1"))
        committer = self._committer_here()
        request = _Request(call, method, headers, receive, committer, began)
        committer.under_way += 1
        try:
            answer = await self._answered(request)
        except _Gone:
            return
        except Exception:
            log.exception("ingest_failed", request_id=identity)
            message = (
                f"Something broke here, not at your side. The log tells more under the request id {identity}."
            )
            answer = _refused(Refusal(500, message))
        finally:
            committer.under_way -= 1
        around.observe(call.name, answer.status, around.clock.monotonic() - began)
        body = _encode(answer.body)
        told = [
            *self._headers,
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", identity.encode()),
            *_headers_of(request.standing),
            *answer.headers,
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": told})
        await send({"type": "http.response.body", "body": body})

    def close(self) -> None:
        """After what is under way has been answered."""
        if self._committer is not None:
            self._committer.stop()

    async def _answered(self, request: _Request) -> Answer:
        given = request.headers.get(b"authorization", b"")
        try:
            if request.method != "POST":
                raise refusals.not_this_method(request.method)
            now = request.began
            key = self._callers.known_key(given, now) or await self._callers.key(given, now)
            if key is None:
                raise refusals.unauthenticated()
            standing = request.standing = self._callers.counted(key, now)
            return await self._allowed(key, standing, request)
        except Refusal as refusal:
            if refusal.status == 401:
                self._callers.forget(given)
            return _refused(refusal)
        except UNAVAILABLE as error:
            log.warning("database_unavailable", error=repr(error))
            return _refused(refusals.unavailable())
        finally:
            self._held -= request.reserved
            if request.uploading is not None:
                await self._in_thread(request.uploading.discard)

    async def _allowed(self, key: Key, standing: Standing, request: _Request) -> Answer:
        """A refusal is said to a live key only, and on the word of a connector that still stands like that."""
        for _ in range(_TRIES):
            connector: Connector | None = None
            try:
                if not standing.allowed:
                    raise refusals.too_many_calls(standing.reset)
                if "ingest" not in key.scopes:
                    raise refusals.missing_scope("ingest")
                connector, terms = self._known(key, request) or await self._connector(key, request.call)
                answer = await self._attempt(key, connector, terms, request)
            except Refusal as refusal:
                if refusal.status in (401, 503):
                    raise
                # What was refused is kept to be looked at.
                seen = Entry(key, connector, Brought(rejected=refusal.rejected))
                if outcomes(await request.committer.durable(seen)) is not None:
                    raise
                answer = None
            if answer is not None:
                return answer
            if connector is not None:
                self._callers.forget_connector(connector.id)
        raise refusals.unavailable()

    async def _attempt(
        self, key: Key, connector: Connector, terms: Terms, request: _Request
    ) -> Answer | None:
        """None where the connector has changed meanwhile."""
        call, committer = request.call, request.committer
        if not connector.is_active:
            raise refusals.inactive()
        call.check()
        if call.form in ("data", "text") and not terms.take("custom"):
            raise Refusal(400, not_accepted("custom", terms))
        if request.data is None:
            request.data = await (self._form(request) if call.is_upload else self._whole(request))
        uploaded = request.uploaded
        upload = None if uploaded is None else uploaded.digest
        body = Body(call=call, connector=connector, terms=terms, data=request.data, upload=upload)
        if uploaded is not None:
            batch.read([body], times.micros(self._around.clock.now()))
            if body.drafts:
                await self._put(key, uploaded)
        size = len(body.data)
        if not committer.has_room(size):
            raise refusals.unavailable(1)
        found = outcomes(await committer.durable(Entry(key, connector, body, size)))
        if found is None:
            return None
        if uploaded is not None and body.drafts:
            # Another event with this file may have been erased meanwhile, and the file with it.
            await self._put(key, uploaded)
        if call.validate:
            return Answer(200, {"status": "valid", "events": len(body.prepared.drafts)})
        return Answer(202, batch.accepted(body.prepared, found))

    def _known(self, key: Key, request: _Request) -> tuple[Connector, Terms] | None:
        connector_id = request.call.connector_id
        return (
            None if connector_id is None else self._callers.known_connector(key, connector_id, request.began)
        )

    async def _connector(self, key: Key, call: Call) -> tuple[Connector, Terms]:
        connector_id = call.connector_id
        found = None if connector_id is None else await self._callers.connector(key, connector_id)
        if found is None:
            raise refusals.no_connector()
        return found

    def _committer_here(self) -> Committer:
        """It begins with the first call: before that there is no event loop."""
        loop = asyncio.get_running_loop()
        if self._committer is None or self._committer.loop is not loop:
            self._committer = self._around.committer(loop)
        return self._committer

    async def _whole(self, request: _Request) -> bytes:
        limit = limits.PUSH_BYTES
        announced = announced_bytes(request.headers)
        if announced > limit:
            raise refusals.too_large(limit)
        self._hold(request, announced)
        pieces = bytearray()
        with self._bodies:
            last, more = _piece(await request.receive())
            while more:
                pieces += last
                if len(pieces) > limit:
                    raise refusals.too_large(limit)
                self._hold(request, len(pieces))
                last, more = _piece(await request.receive())
        if len(pieces) + len(last) > limit:
            raise refusals.too_large(limit)
        whole = bytes(pieces) + last if pieces else last
        encoding = request.call.encoding
        if encoding in ("", "identity"):
            return whole
        return await self._in_thread(partial(batch.unpacked, whole, encoding))

    def _hold(self, request: _Request, size: int) -> None:
        more = max(0, size - request.reserved)
        if self._held + more > HELD_BYTES:
            raise refusals.unavailable(1)
        request.reserved += more
        self._held += more

    async def _form(self, request: _Request) -> bytes:
        """The item that it makes."""
        headers = request.headers
        if announced_bytes(headers) > UPLOAD_BODY_BYTES:
            raise refusals.too_large(limits.UPLOAD_BYTES)
        uploading = request.uploading = Uploading(headers.get(b"content-type", b"").decode("latin-1"))
        total, more = 0, True
        with self._forms:
            while more:
                piece, more = _piece(await request.receive())
                total += len(piece)
                if total > UPLOAD_BODY_BYTES:
                    raise refusals.too_large(limits.UPLOAD_BYTES)
                if piece:
                    await self._in_thread(partial(uploading.feed, piece))
        request.uploaded = await self._in_thread(uploading.end)
        return request.uploaded.item

    async def _put(self, key: Key, uploaded: Uploaded) -> None:
        put = self._around.uploads.put
        try:
            await self._in_thread(lambda: put(key.organization_id, uploaded.digest, uploaded.file))
        except OSError as error:
            log.warning("upload_not_kept", error=repr(error))
            raise refusals.unavailable() from None

    async def _in_thread(self, work: Callable[[], V]) -> V:
        return await asyncio.get_running_loop().run_in_executor(self._around.threads, work)


def _piece(message: Message) -> tuple[bytes, bool]:
    """Of a body, and whether more follows."""
    if message["type"] == "http.disconnect":
        raise _Gone
    return message.get("body", b""), message.get("more_body", False)


def _headers_of(standing: Standing | None) -> Headers:
    if standing is None:
        return ()
    return (
        (b"x-ratelimit-limit", b"%d" % standing.limit),
        (b"x-ratelimit-remaining", b"%d" % standing.remaining),
        (b"x-ratelimit-reset", b"%d" % standing.reset),
    )


def _refused(refusal: Refusal) -> Answer:
    # What is left of the body is not read.
    return Answer(refusal.status, refusal.body, [*refusal.headers, (b"connection", b"close")])
