"""Servers for tests, on the loopback: real sockets, real HTTP, written without a look at Ropewalk's client.

    shop = Pages(customers(250))                  # shapes: honest servers; hostile: the others
    with serve(shop) as url:
        …                                          # point Ropewalk at url + "/customers"
    assert shop.lines == ["GET /customers?page=1&limit=100", …]

A server is a `Fake`: something that is asked and answers. It keeps what it was asked, in order, in `seen`
(`lines` says the same in one string each). `Fake(function)` makes one of a plain function; `serve` takes that
function directly, too, where nobody wants to know what was asked.
"""

from __future__ import annotations

import gzip
import json
import ssl
import sys
import threading
import urllib.parse
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR, socket
from typing import Any

import brotli


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came in. Header names are lower case; a header sent twice is joined by a comma."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: bytes
    base: str
    """Where this server is, `http://127.0.0.1:PORT`: for links to itself."""
    target: str
    """Path and query exactly as on the wire."""

    @property
    def line(self) -> str:
        return f"{self.method} {self.target}"

    @property
    def params(self) -> dict[str, str]:
        return dict(self.query)

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


@dataclass(slots=True)
class Answer:
    """`body`: bytes as they are, text, an iterator of bytes (sent as it comes, in chunks), or anything JSON can say.

    `encoding` (gzip, deflate, br) compresses a body that is not an iterator. `announced` puts another
    Content-Length than the body has: the connection closes where the body ends. `pace` waits so many seconds
    before each piece of an iterator.
    """

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    encoding: str | None = None
    announced: int | None = None
    pace: float = 0.0


class Fake:
    stream: dict[str, Any] = {}
    """What a stream has to say to read this server: `{"records_path": …, "pagination": {…}}`, as in connector files."""

    def __init__(self, answer: Callable[[Asked], Answer | Any] | None = None) -> None:
        self.seen: list[Asked] = []
        self._answer = answer
        self._lock = threading.Lock()

    @property
    def lines(self) -> list[str]:
        return [asked.line for asked in self.seen]

    def __call__(self, asked: Asked) -> Answer:
        with self._lock:
            self.seen.append(asked)
            answer = self.answer(asked)
        return answer if isinstance(answer, Answer) else Answer(answer)

    def answer(self, asked: Asked) -> Answer | Any:
        assert self._answer is not None, f"{type(self).__name__} has no answer"
        return self._answer(asked)


def encoded(answer: Answer) -> bytes:
    body = answer.body
    if not isinstance(body, bytes):
        body = (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode()
    match answer.encoding:
        case None:
            return body
        case "gzip":
            return gzip.compress(body, mtime=0)
        case "deflate":
            return zlib.compress(body)
        case "br":
            return brotli.compress(body, quality=5)
        case other:
            raise ValueError(f"no such encoding here: {other}")


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.request)

    def finish(self) -> None:
        self.server.open.discard(self.request)
        super().finish()

    def log_message(self, *_: Any) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError, ssl.SSLError):
            self.close_connection = True

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self.exchange
        raise AttributeError(name)

    def exchange(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        target = urllib.parse.urlsplit(self.path)
        asked = Asked(
            method=self.command,
            path=urllib.parse.unquote(target.path),
            query=tuple(urllib.parse.parse_qsl(target.query, keep_blank_values=True)),
            headers={name.lower(): ", ".join(self.headers.get_all(name, [])) for name in self.headers},
            body=self.rfile.read(length),
            base=self.server.url,
            target=self.path,
        )
        try:
            answer = self.server.fake(asked)
            answer = answer if isinstance(answer, Answer) else Answer(answer)
        except Exception as error:  # noqa: BLE001 (raised again where the test is)
            self.server.broken.append(error)
            answer = Answer(f"the fake itself failed: {error!r}", 500, {"Content-Type": "text/plain"})
        self.send(answer)

    def send(self, answer: Answer) -> None:
        streamed = isinstance(answer.body, Iterator)
        body = b"" if streamed else encoded(answer)
        headers = {
            "Content-Type": "text/plain" if isinstance(answer.body, str) else "application/json",
            **answer.headers,
        }
        if answer.encoding:
            headers["Content-Encoding"] = answer.encoding
        if answer.announced is not None:
            headers |= {"Content-Length": str(answer.announced), "Connection": "close"}
            self.close_connection = True
        elif streamed:
            headers["Transfer-Encoding"] = "chunked"
        elif answer.status not in (204, 304):
            headers["Content-Length"] = str(len(body))
        self.send_response(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if streamed:
            self.send_pieces(answer.body, answer.pace, chunked=answer.announced is None)
        elif self.command != "HEAD" and answer.status not in (204, 304):
            self.wfile.write(body)
        self.wfile.flush()

    def send_pieces(self, pieces: Iterable[bytes], pace: float, *, chunked: bool) -> None:
        for piece in pieces:
            if pace:
                self.wfile.flush()
                if self.server.closing.wait(pace):
                    raise ConnectionAbortedError
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, host: str, fake: Callable[[Asked], Answer | Any], tls: ssl.SSLContext | None) -> None:
        super().__init__((host, 0), _Door)
        self.fake = fake
        self.open: set[socket] = set()
        self.broken: list[BaseException] = []
        self.closing = threading.Event()
        self.url = f"{'https' if tls else 'http'}://{host}:{self.server_address[1]}"
        self.tls = tls

    def finish_request(self, request: Any, client_address: Any) -> None:
        if (
            self.tls is not None
        ):  # in the connection's own thread: a silent client must not hold up the others
            request = self.tls.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)
        if self.tls is not None:
            request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.broken.append(error)

    def stop(self) -> None:
        self.closing.set()
        self.shutdown()
        for connection in list(self.open):
            with suppress(OSError):  # the other side was quicker
                connection.shutdown(SHUT_RDWR)
        self.server_close()


@contextmanager
def serve(
    handler: Callable[[Asked], Answer | Any], *, host: str = "127.0.0.1", certificate: Path | None = None
) -> Iterator[str]:
    """Serves `handler` and yields its URL, without a slash at the end. All of 127.0.0.0/8 will do as `host`.

    With a `certificate` (a PEM file with key, from `tests.fakes.tls`) over TLS. An exception in the handler is
    answered with 500 and raised again here when the block ends.
    """
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    server = _Server(host, handler, tls)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="fake", daemon=True
    )
    thread.start()
    try:
        yield server.url
    finally:
        server.stop()
        thread.join()
    if server.broken:
        raise server.broken[0]


PLANS = ("free", "team", "business", "enterprise")


def customers(count: int, start: int = 1) -> list[dict[str, Any]]:
    """Plain companies: the same for the same numbers, each with an id, a name, a domain of its own and a plan."""
    return [
        {
            "id": f"c-{number:05}",
            "name": f"Company {number}",
            "website": f"https://www.company-{number}.example/",
            "plan": {"tier": PLANS[number % 4], "seats": number % 50 + 1},
            "updated_at": f"2026-01-{number % 28 + 1:02}T{number % 24:02}:00:00Z",
        }
        for number in range(start, start + count)
    ]
