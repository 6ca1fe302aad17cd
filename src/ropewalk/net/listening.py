"""Whether somebody listens: asked by whoever has just started a server of our own."""

from __future__ import annotations

import socket

_SECONDS = 1.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((_EVERYWHERE.get(host, host), port), _SECONDS).close()
    except OSError:
        return False
    return True
