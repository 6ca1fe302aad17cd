"""The plain ASGI root: bodies within bounds, few threads, nothing that a caller does breaks it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from a2wsgi import WSGIMiddleware

from ropewalk.asgi import Lane, Root, application, asks_others, behind_proxies, ending

pytestmark = pytest.mark.any_database

Message = dict[str, Any]


def scope(path: str = "/healthz", method: str = "GET", query: bytes = b"", **headers: str) -> dict[str, Any]:
    named = {"host": "localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        "client": ("127.0.0.1", 5000),
        "server": ("127.0.0.1", 8000),
    }


def ask(
    app: Any, of: dict[str, Any], *messages: Message, send: Any = None
) -> tuple[int, dict[str, str], bytes]:
    """Sends the messages, then nothing for ever."""
    sent: list[Message] = []
    waiting: Iterator[Message] = iter(
        messages or ({"type": "http.request", "body": b"", "more_body": False},)
    )

    async def receive() -> Message:
        for message in waiting:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    async def keep(message: Message) -> None:
        sent.append(message)

    taking: Callable[[Message], Awaitable[None]] = send or keep
    asyncio.run(app(of, receive, taking))
    if not sent:
        return 0, {}, b""
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])


async def echo(scope: Any, receive: Any, send: Any) -> None:
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def bounded(at_once: int = 8, **more: Any) -> Root:
    lane = Lane(echo, at_once)
    return Root(lane, lane, lane, **{"body_bytes": 10, "body_seconds": 0.05, **more})


def part(body: bytes, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def test_django_answers_behind_it() -> None:
    status, headers, body = ask(application, scope())

    assert (status, json.loads(body)["status"]) == (200, "ok")
    assert len(headers["x-request-id"]) == 32


def test_a_body_arrives_whole() -> None:
    assert ask(bounded(), scope(method="POST"), part(b"01234"), part(b"56789", more=False))[::2] == (
        200,
        b"0123456789",
    )


@pytest.mark.parametrize(
    ("of", "messages"),
    [
        (scope(method="POST", content_length="11"), ()),
        (scope(method="POST"), (part(b"0123456789"), part(b"x", more=False))),
    ],
    ids=["announced", "sent"],
)
def test_a_body_beyond_the_limit(of: Any, messages: Any) -> None:
    status, headers, body = ask(bounded(), of, *messages)

    assert (status, json.loads(body)) == (
        413,
        {
            "error_code": "payload_too_large",
            "message": "A body has at most 10 bytes.",
            "details": {"limit_bytes": 10},
        },
    )
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-request-id"]


def test_a_body_that_comes_too_slowly() -> None:
    status, headers, body = ask(bounded(), scope(method="POST", x_request_id="trace-1"), part(b"0"))

    assert (status, json.loads(body)["error_code"], headers["x-request-id"]) == (
        408,
        "request_timeout",
        "trace-1",
    )


def test_more_callers_than_it_can_serve() -> None:
    status, headers, body = ask(bounded(at_once=0), scope())

    assert (status, json.loads(body)["error_code"], headers["retry-after"]) == (503, "unavailable", "1")


def test_who_asks_others_keeps_nobody_else_waiting() -> None:
    """However many there are of them."""
    root = Root(Lane(echo, 1), Lane(echo, 0), Lane(echo, 0), body_bytes=10)

    asked = {path: ask(root, scope(path))[0] for path in ("/v1/accounts", "/v1/accounts/1/events")}

    assert asked == {"/v1/accounts": 200, "/v1/accounts/1/events": 503}


# ---- files that are handed over ----


UPLOAD = "/v1/imports"


def sizes(*parts: Message, **more: Any) -> tuple[int, Any]:
    """What a door that reads a file as it comes has been given: the size of each part."""

    async def reads(scope: Any, receive: Any, send: Any) -> None:
        found, more = [], True
        while more:
            message = await receive()
            found.append(len(message["body"]))
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(found).encode()})

    full = Lane(echo, 0)
    root = Root(full, full, Lane(reads, 1), body_bytes=10, body_seconds=0.05)
    size = {"content_length": str(sum(len(each.get("body", b"")) for each in parts))}
    status, _, body = ask(root, scope(UPLOAD, "POST", **{**size, **more}), *parts)
    return status, json.loads(body)


def test_a_page_tells_people_how_much_may_be_sent() -> None:
    status, _, body = ask(bounded(), scope("/app/profile", "POST", content_length="11"))

    assert status == 413
    assert "What was sent is too large: at most 10\xa0bytes at once." in body.decode()


def test_a_file_is_handed_on_as_it_comes() -> None:
    """However large a body may be otherwise."""
    assert sizes(part(b"0" * 20), part(b"1" * 30), part(b"", more=False)) == (200, [20, 30, 0])


def test_only_what_brings_a_file_may_be_as_large() -> None:
    root = bounded()
    refused = [
        ask(root, scope(path, method, content_length="11"))[0]
        for path, method in (
            ("/v1/imports", "PUT"),
            ("/v1/imports/1", "POST"),
            ("/app/accounts/import/", "POST"),
        )
    ]

    assert refused == [413, 413, 413]


def test_a_file_beyond_its_limit_is_refused_before_it_comes() -> None:
    from ropewalk.core.limits import CSV_BYTES

    status, said = sizes(content_length=str(2 * CSV_BYTES))

    assert (status, said["details"]["limit_bytes"]) == (413, CSV_BYTES + 64 * 1024)


def test_a_file_says_how_long_it_is() -> None:
    status, said = sizes(content_length="")

    assert (status, said["error_code"]) == (411, "length_required")


@pytest.mark.parametrize("then", [(), ({"type": "http.disconnect"},)], ids=["silent", "gone"])
def test_a_file_that_comes_in_part_is_not_taken_for_a_whole_one(then: Any) -> None:
    with pytest.raises(OSError):
        sizes(part(b"0" * 20), *then, content_length="40")


def test_every_operation_that_asks_others_is_known() -> None:
    from ropewalk.api.v1 import api

    paths = [path for path in api.get_openapi_schema()["paths"] if asks_others(path)]
    assert sorted(paths) == [
        "/v1/accounts/{account_id}/events",
        "/v1/connectors/{connector_id}/streams/{kind}/test",
        "/v1/test",
    ]


def test_a_caller_who_hangs_up_is_let_go() -> None:
    assert ask(bounded(), scope(method="POST"), part(b"0"), {"type": "http.disconnect"}) == (0, {}, b"")


def test_an_answer_that_nobody_takes_frees_its_thread() -> None:
    async def broken(_: Message) -> None:
        raise ConnectionResetError

    for _ in range(20):
        ask(application, scope("/static/ninja/swagger-ui-bundle.js"), send=broken)

    assert ask(application, scope())[0] == 200


class Endless:
    closed = False
    given = 0

    def __call__(self, environ: Any, start_response: Any) -> Endless:
        start_response("200 OK", [])
        return self

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.given += 1
            yield b"more"

    def close(self) -> None:
        self.closed = True


def test_an_answer_without_end_ends_where_nothing_can_be_sent_any_more() -> None:
    taken: list[Message] = []

    async def broken(message: Message) -> None:
        if len(taken) == 3:
            raise ConnectionResetError
        taken.append(message)

    endless = Endless()
    lane = Lane(WSGIMiddleware(ending(endless)), 1)
    ask(Root(lane, lane, lane, body_bytes=10), scope(), send=broken)

    assert (len(taken), endless.closed) == (3, True)
    assert endless.given < 20


def test_an_export_ends_where_its_caller_hangs_up() -> None:
    """Whatever the server still takes."""
    endless = Endless()
    lane = Lane(WSGIMiddleware(ending(endless)), 1)
    root = Root(lane, lane, lane, body_bytes=10)
    ask(root, scope("/app/accounts/export"), part(b"", more=False), {"type": "http.disconnect"})

    assert endless.closed


@pytest.mark.parametrize("query", [b"q=\xff\xfe", b"q=%ff", b"q=\xc3\xa9"])
def test_a_query_of_any_bytes(query: bytes) -> None:
    assert ask(application, scope("/healthz", query=query))[0] == 200


@pytest.mark.parametrize("path", ["/\udcff", "/é", "/%ff", "//", "/v1/../healthz"])
def test_a_path_of_any_bytes(path: str) -> None:
    of = {**scope(), "path": path}

    assert ask(application, of)[0] == 404


@pytest.mark.parametrize(
    ("proxies", "caller", "forwarded", "seen"),
    [
        ((), "127.0.0.1", "203.0.113.9", ("127.0.0.1", "http")),
        (("10.0.0.0/8",), "127.0.0.1", "203.0.113.9", ("127.0.0.1", "http")),
        (("127.0.0.1",), "127.0.0.1", "203.0.113.9", ("203.0.113.9", "https")),
        # What the caller had written there itself stands further left.
        (
            ("10.0.0.0/8", "127.0.0.1"),
            "127.0.0.1",
            "192.0.2.1, 203.0.113.9, 10.2.3.4",
            ("203.0.113.9", "https"),
        ),
        (("::1",), "::1", "2001:db8::7", ("2001:db8::7", "https")),
        (("127.0.0.1",), "127.0.0.1", "", ("127.0.0.1", "http")),
    ],
    ids=["none", "another", "one", "two", "ipv6", "silent"],
)
def test_proxies_that_are_trusted_say_who_asks(
    proxies: tuple[str, ...], caller: str, forwarded: str, seen: tuple[str, str]
) -> None:
    found = []

    async def app(of: Any, receive: Any, send: Any) -> None:
        found.append((of["client"][0], of["scheme"]))

    headers = {"x_forwarded_for": forwarded} if forwarded else {}
    ask(
        behind_proxies(app, proxies), scope(**headers, x_forwarded_proto="https") | {"client": (caller, 5000)}
    )

    assert found == [seen]


def test_it_starts_and_stops() -> None:
    sent: list[str] = []
    events = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> Message:
        return next(events)

    async def send(message: Message) -> None:
        sent.append(message["type"])

    asyncio.run(application({"type": "lifespan"}, receive, send))

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_socket_is_closed() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(application({"type": "websocket"}, receive, send))

    assert sent == [{"type": "websocket.close", "code": 1000}]
