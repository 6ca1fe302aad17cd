"""An HTTP server that answers with JSON, in the process of the benchmark that it belongs to or in one of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from bench.measure import ROOT

ROWS = 100_000


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def say(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def beside(module: str, rows: int) -> Iterator[str]:
    """The API of `module`, in a process of its own; its URL."""
    command = [sys.executable, "-m", module, str(rows), "serve"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def main(serve: Callable[[int], type[Door]], text: Callable[[int], str], rows: int = ROWS) -> None:
    """`python -m MODULE [ROWS]` measures, `python -m MODULE ROWS serve` is the API until standard input closes."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else rows
    if sys.argv[2:] != ["serve"]:
        print(text(rows))
        return
    with ThreadingHTTPServer(("127.0.0.1", 0), serve(rows)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        sys.stdin.read()
