"""Says on the first line where a server is, once it listens; whatever it says itself goes to standard error."""

from __future__ import annotations

import socket
import sys
import threading
import time


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
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
