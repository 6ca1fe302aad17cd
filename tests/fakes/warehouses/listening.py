"""Says on the first line where a server is, once it listens; whatever it says itself goes to standard error."""

from __future__ import annotations

import atexit
import secrets
import socket
import sys
import threading
import time


def free_port() -> int:
    """One that is this process's until it ends, though nobody listens yet: outside of those that the system gives to
    whoever asks for any, and bound for datagrams meanwhile, which no other process of these tests can do then."""
    while True:
        port = secrets.choice(range(20_000, 32_000))
        claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", port))
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            claim.close()
        else:
            atexit.register(claim.close)
            return port


def announce(port: int) -> None:
    out, sys.stdout = sys.stdout, sys.stderr

    def wait() -> None:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                print(f"http://127.0.0.1:{port}", file=out, flush=True)
                return

    threading.Thread(target=wait, daemon=True).start()
