from __future__ import annotations

import socket

from ropewalk.net.listening import listens


def test_whether_somebody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        assert listens("127.0.0.1", port)
        assert listens("localhost", port)
    assert not listens("127.0.0.1", port)


def test_who_listens_everywhere_is_asked_here() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert listens("0.0.0.0", server.getsockname()[1])
