"""The door: key, batch, commit, answer (push-api.md §3). Whatever it answers to a key that it knows, it answers after the
database has said that the key is live."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import islice
from typing import Any, Final, TypeVar

import msgspec

from ropewalk.core import limits, times
from ropewalk.core.itemreading import Terms
from ropewalk.core.items import not_accepted
from ropewalk.core.rate import Standing
from ropewalk.engine.clock import Clock
from ropewalk.engine.logs import Log
from ropewalk.ingest import batch, refusals
from ropewalk.ingest.batch import Prepared
from ropewalk.ingest.call import Call, announced_bytes
from ropewalk.ingest.callers import Callers
from ropewalk.ingest.commit import Answer as Committed, Brought, Committer, Entry, Verdict
from ropewalk.ingest.deadlines import Deadlines
from ropewalk.ingest.refusals import Refusal
from ropewalk.ingest.uploading import UPLOAD_BODY_BYTES, Uploaded, Uploading
from ropewalk.store.admission import Connector, Key
from ropewalk.store.events.base import Refusal as Rejected
from ropewalk.store.transactions import UNAVAILABLE
from ropewalk.store.uploads import Uploads

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

V = TypeVar("V")

log = Log(__name__)

BODY_SECONDS: Final = 30.0
UPLOAD_SECONDS: Final = 120.0
_IN_LOOP_BYTES: Final = 64 * 1024
"""What is larger is read in a thread: the others don't wait for it."""
_REJECTIONS_A_CALL: Final = 20
_TRIES: Final = 10
HELD_BYTES: Final = 128 * 1024 * 1024
"""Bodies on their way in, all callers' together."""
_encode = msgspec.json.Encoder().encode


class _Gone(Exception):
    """The caller has hung up."""


class Answer(msgspec.Struct):
    status: int
    body: Mapping[str, Any]
    headers: Headers = ()
    standing: Standing | None = None


class _Body(msgspec.Struct):
    """What a caller sends, read once, however often it is looked at. `reserved`: bytes of memory."""

    receive: Receive
    headers: Mapping[bytes, bytes]
    data: bytes | None = None
    uploading: Uploading | None = None
    uploaded: Uploaded | None = None
    reserved: int = 0

    async def piece(self) -> tuple[bytes, bool]:
        """And whether more follows."""
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        return message.get("body", b""), message.get("more_body", False)


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
        self._deadlines = Deadlines()

    async def __call__(self, scope: Scope, receive: Receive, send: Send, path: re.Match[str]) -> None:
        began = self._around.clock.monotonic()
        headers = dict(scope["headers"])
        identity = self._around.request_id(headers.get(b"x-request-id", b"").decode("latin-1"))
        committer = self._committer_here()
        committer.under_way += 1
        try:
            call = Call.of(path, scope["query_string"], headers)
            answer = await self._answered(scope["method"], call, _Body(receive, headers), began)
        except _Gone:
            return
        except Exception:
            log.exception("ingest_failed", request_id=identity)
            message = (
                f"Something broke here, not at your side. The log tells more under the request id {identity}."
            )
            answer = _refused(Refusal(500, message), None)
        finally:
            committer.under_way -= 1
        self._around.observe(path[2], answer.status, self._around.clock.monotonic() - began)
        await self._send(send, answer, identity)

    def close(self) -> None:
        """After what is under way has been answered."""
        if self._committer is not None:
            self._committer.stop()

    async def _answered(self, method: str, call: Call, body: _Body, now: float) -> Answer:
        standing = None
        given = body.headers.get(b"authorization", b"")
        try:
            if method != "POST":
                raise refusals.not_this_method(method)
            key = self._callers.known_key(given, now) or await self._callers.key(given, now)
            if key is None:
                raise refusals.unauthenticated()
            standing = self._callers.counted(key, now)
            return await self._allowed(key, standing, call, body)
        except Refusal as refusal:
            if refusal.status == 401:
                self._callers.forget(given)
            return _refused(refusal, standing)
        except UNAVAILABLE as error:
            log.warning("database_unavailable", error=repr(error))
            return _refused(refusals.unavailable(), standing)

    async def _allowed(self, key: Key, standing: Standing, call: Call, body: _Body) -> Answer:
        """A refusal is said to a live key only, and on the word of a connector that still stands like that."""
        try:
            for _ in range(_TRIES):
                connector: Connector | None = None
                try:
                    self._check(key, standing)
                    connector, terms = self._known(key, call) or await self._connector(key, call)
                    answer = await self._attempt(key, connector, terms, call, body)
                except Refusal as refusal:
                    if refusal.status in (401, 503):
                        raise
                    # What was refused is kept to be looked at.
                    if await self._committed(Entry(key, connector, refusals=refusal.rejected)) is not None:
                        raise
                    answer = None
                if answer is not None:
                    answer.standing = standing
                    return answer
                if connector is not None:
                    self._callers.forget_connector(key, connector.id)
            raise refusals.unavailable()
        finally:
            self._held -= body.reserved
            if body.uploading is not None:
                await self._in_thread(body.uploading.discard)

    def _check(self, key: Key, standing: Standing) -> None:
        if not standing.allowed:
            raise refusals.too_many_calls(standing.reset)
        if "ingest" not in key.scopes:
            raise refusals.missing_scope("ingest")

    async def _attempt(
        self, key: Key, connector: Connector, terms: Terms, call: Call, body: _Body
    ) -> Answer | None:
        """None where the connector has changed meanwhile."""
        if not connector.is_active:
            raise refusals.inactive()
        call.check()
        if call.form in ("data", "text") and not terms.take("custom"):
            raise Refusal(400, not_accepted("custom", terms))
        if call.is_upload:
            return await self._uploaded(key, connector, terms, call, body)
        if body.data is None:
            data = await self._whole(body)
            if call.encoding not in ("", "identity"):
                data = await self._in_thread(partial(batch.unpacked, data, call.encoding))
            body.data = data
        arrived = times.micros(self._around.clock.now())
        read = partial(batch.prepare, call, body.data, terms, arrived)
        return await self._taken(key, connector, call, read, len(body.data))

    def _known(self, key: Key, call: Call) -> tuple[Connector, Terms] | None:
        if call.connector_id is None:
            return None
        return self._callers.known_connector(key, call.connector_id, self._around.clock.monotonic())

    async def _connector(self, key: Key, call: Call) -> tuple[Connector, Terms]:
        connector_id = call.connector_id
        found = None if connector_id is None else await self._callers.connector(key, connector_id)
        if found is None:
            raise refusals.no_connector()
        return found

    async def _taken(
        self, key: Key, connector: Connector, call: Call, read: Callable[[], Prepared], size: int
    ) -> Answer | None:
        """None where the connector has changed meanwhile."""
        prepared = Prepared([])

        def brought() -> Brought:
            nonlocal prepared
            prepared = read()
            rejected = self._rejected(connector, prepared)
            if prepared.wrong and not call.partial:
                refusal = refusals.of_several(prepared.wrong)
                refusal.rejected = () if call.validate else rejected
                raise refusal
            return ((), ()) if call.validate else (prepared.drafts, rejected)

        if size > _IN_LOOP_BYTES:
            entry = Entry(key, connector, size=size, read=brought)
        else:
            entry = Entry(key, connector, *brought(), size)
        if not self._committer_here().has_room(size):
            raise refusals.unavailable(1)
        outcomes = await self._committed(entry)
        if outcomes is None:
            return None
        if call.validate:
            return Answer(200, {"status": "valid", "events": len(prepared.drafts)})
        return Answer(202, batch.accepted(prepared, outcomes))

    async def _committed(self, entry: Entry) -> Sequence[str] | None:
        """The outcomes; None where the connector has changed."""
        answer: Committed = await self._committer_here().durable(entry)
        if answer is Verdict.REVOKED:
            raise refusals.unauthenticated()
        if answer is Verdict.BUSY:
            raise refusals.unavailable()
        return None if isinstance(answer, Verdict) else answer

    def _committer_here(self) -> Committer:
        """It begins with the first call: before that there is no event loop."""
        loop = asyncio.get_running_loop()
        if self._committer is None or self._committer.loop is not loop:
            self._committer = self._around.committer(loop)
        return self._committer

    async def _whole(self, body: _Body) -> bytes:
        limit = limits.PUSH_BYTES
        announced = announced_bytes(body.headers)
        if announced > limit:
            raise refusals.too_large(limit)
        self._hold(body, announced)
        last: bytes
        pieces = bytearray()
        with self._deadlines.of(self._around.body_seconds):
            while True:
                last, more = await body.piece()
                if not more:
                    break
                pieces += last
                if len(pieces) > limit:
                    raise refusals.too_large(limit)
                self._hold(body, len(pieces))
        if len(pieces) + len(last) > limit:
            raise refusals.too_large(limit)
        return bytes(pieces) + last if pieces else last

    def _hold(self, body: _Body, size: int) -> None:
        more = max(0, size - body.reserved)
        if self._held + more > HELD_BYTES:
            raise refusals.unavailable(1)
        body.reserved += more
        self._held += more

    async def _uploaded(
        self, key: Key, connector: Connector, terms: Terms, call: Call, body: _Body
    ) -> Answer | None:
        if body.uploaded is None:
            body.uploaded = await self._form(body)
        uploaded = body.uploaded
        arrived = times.micros(self._around.clock.now())
        prepared = batch.checked([uploaded.item], "upload", terms, arrived, uploaded.digest)
        if prepared.drafts and not call.validate:
            await self._put(key, uploaded)
        answer = await self._taken(key, connector, call, lambda: prepared, len(uploaded.item))
        if answer is not None and answer.status == 202:
            # Another event with this file may have been erased meanwhile, and the file with it.
            await self._put(key, uploaded)
        return answer

    async def _form(self, body: _Body) -> Uploaded:
        if announced_bytes(body.headers) > UPLOAD_BODY_BYTES:
            raise refusals.too_large(limits.UPLOAD_BYTES)
        uploading = body.uploading = Uploading(body.headers.get(b"content-type", b"").decode("latin-1"))
        total, more = 0, True
        with self._deadlines.of(self._around.upload_seconds):
            while more:
                piece, more = await body.piece()
                total += len(piece)
                if total > UPLOAD_BODY_BYTES:
                    raise refusals.too_large(limits.UPLOAD_BYTES)
                if piece:
                    await self._in_thread(partial(uploading.feed, piece))
        return await self._in_thread(uploading.end)

    async def _put(self, key: Key, uploaded: Uploaded) -> None:
        put = self._around.uploads.put
        try:
            await self._in_thread(lambda: put(key.organization_id, uploaded.digest, uploaded.file))
        except OSError as error:
            log.warning("upload_not_kept", error=repr(error))
            raise refusals.unavailable() from None

    async def _in_thread(self, work: Callable[[], V]) -> V:
        return await asyncio.get_running_loop().run_in_executor(self._around.threads, work)

    def _rejected(self, connector: Connector, prepared: Prepared) -> list[Rejected]:
        if not prepared.wrong:
            return []
        now = times.micros(self._around.clock.now())
        return [
            Rejected(
                connector.organization_id,
                connector.id,
                now,
                wrong.external_id and wrong.external_id[: limits.ITEM_ID_CHARS].replace("\0", "\ufffd"),
                [f"{each.path}: {each.message}" if each.path else each.message for each in wrong.problems],
            )
            for wrong in islice(prepared.wrong.values(), _REJECTIONS_A_CALL)
        ]

    async def _send(self, send: Send, answer: Answer, identity: str) -> None:
        body = _encode(answer.body)
        headers = [
            *self._headers,
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", identity.encode()),
        ]
        standing = answer.standing
        if standing is not None:
            headers += [
                (b"x-ratelimit-limit", b"%d" % standing.limit),
                (b"x-ratelimit-remaining", b"%d" % standing.remaining),
                (b"x-ratelimit-reset", b"%d" % standing.reset),
            ]
        headers += answer.headers
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _refused(refusal: Refusal, standing: Standing | None) -> Answer:
    # What is left of the body is not read.
    return Answer(refusal.status, refusal.body, [*refusal.headers, (b"connection", b"close")], standing)
