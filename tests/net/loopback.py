"""A real HTTP server on loopback, in a thread, that answers what a test tells it and remembers what it was asked."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """`raw` is sent as it stands, instead of anything else; `then` may go on writing to the connection."""

    status: int = 200
    body: bytes = b"[]"
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    then: Callable[[socket.socket], None] | None = None


Answering = Callable[[Asked], Reply]


class Server:
    """`replies`, one a request (the last one for ever), or a function of what was asked."""

    def __init__(
        self,
        answering: Answering | list[Reply],
        address: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self._stop = threading.Event()
        self._answering = answering
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def setup(self) -> None:
                server.connections += 1
                super().setup()

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (ConnectionError, TimeoutError, ssl.SSLError):
                    self.close_connection = True

            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                asked = Asked(
                    self.command,
                    self.path,
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                )
                reply = server._next(asked)
                if reply.raw is not None:
                    self.wfile.write(reply.raw)
                    self.close_connection = True
                else:
                    self.send_response_only(reply.status)
                    headers = {"Content-Type": "application/json", "Content-Length": str(len(reply.body))}
                    headers["Date"] = self.date_time_string()
                    for name, value in (headers | reply.headers).items():
                        if value:
                            self.send_header(name, value)
                    self.end_headers()
                    if reply.status not in (204, 304):
                        self.wfile.write(reply.body)
                self.wfile.flush()
                if reply.then is not None:
                    reply.then(self.connection)
                    self.close_connection = True

            do_GET = do_POST = do_CONNECT = _answer

            def log_message(self, *_: Any) -> None:
                pass

        class Listener(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 32

            def handle_error(self, *_: Any) -> None:
                pass

        self._listener = Listener((address, port), Handler)
        if tls is not None:
            self._listener.socket = tls.wrap_socket(self._listener.socket, server_side=True)
        self.scheme = "http" if tls is None else "https"
        self.port: int = self._listener.server_address[1]
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    def origin(self, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [each.path for each in self.asked]

    def wait(self, seconds: float) -> None:
        """Holds a connection open until the test is over."""
        self._stop.wait(seconds)

    def close(self) -> None:
        self._stop.set()
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()

    def _next(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            number = len(self.asked)
        if isinstance(self._answering, list):
            return self._answering[min(number, len(self._answering)) - 1]
        return self._answering(asked)
