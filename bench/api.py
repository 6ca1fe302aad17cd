"""A REST API whose pages were made before it is asked, so that it costs its reader next to nothing.

    python -m bench.api COUNT SIZE LATENCY_MS

A process of its own, that prints its URL. `GET /customers?page=1` gives a page with the total; `POST /changed` and
`POST /original` choose which records it has from then on. It ends with its standard input.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
import time
from typing import IO
from urllib.parse import parse_qs, urlsplit

from bench import records


class Book:
    """The pages one after the other in a file: what has been sent lies in the page cache, not in the process."""

    def __init__(self, count: int, size: int, *, changed: bool) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        self.places: list[tuple[int, int]] = []
        for body in records.pages(count, size, changed=changed):
            self.places.append((self.file.tell(), len(body)))
            self.file.write(body)
        self.end = self.file.tell()
        self.past = f'{{"data":[],"total":{count}}}'.encode()
        self.file.write(self.past)
        self.file.flush()

    def place(self, page: int) -> tuple[int, int]:
        return self.places[page - 1] if 0 < page <= len(self.places) else (self.end, len(self.past))


class Api:
    def __init__(self, count: int, size: int, latency: float) -> None:
        self.latency = latency
        self._original = Book(count, size, changed=False)
        self._changed: Book | None = None
        self._of = count, size
        self._current = self._original

    def serve(self, listening: socket.socket) -> None:
        while True:
            connection, _ = listening.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            while request := lines.readline():
                while lines.readline().strip():
                    pass
                method, target, _ = request.decode("ascii").split()
                self._answer(connection, method, target)

    def _answer(self, connection: socket.socket, method: str, target: str) -> None:
        url = urlsplit(target)
        if method == "POST":
            self._choose(url.path)
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            return
        if self.latency:
            time.sleep(self.latency)
        book = self._current
        start, length = book.place(int(parse_qs(url.query).get("page", ["1"])[0]))
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        connection.sendall(head.encode(), socket.MSG_MORE)
        end = start + length
        while start < end:
            start += os.sendfile(connection.fileno(), book.file.fileno(), start, end - start)

    def _choose(self, path: str) -> None:
        if path == "/changed" and self._changed is None:
            self._changed = Book(*self._of, changed=True)
        self._current = self._changed if path == "/changed" and self._changed else self._original


def main(count: int, size: int, latency_ms: int) -> None:
    api = Api(count, size, latency_ms / 1_000)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        threading.Thread(target=api.serve, args=(listening,), daemon=True).start()
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
