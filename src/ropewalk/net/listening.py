"""Addresses of our own: free to listen on, and listened to by the server that has just been started."""

from __future__ import annotations

import socket

_SECONDS = 1.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def is_free(host: str, port: int) -> bool:
    """The web server would share the address with whoever else listens there, and answer half the calls."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        return False
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as probe:
        # Connections that have just ended don't count; somebody who listens does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
    return True


def listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((_EVERYWHERE.get(host, host), port), _SECONDS).close()
    except OSError:
        return False
    return True
