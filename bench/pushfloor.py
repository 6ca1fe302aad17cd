"""The bare floor of a push API: plain ASGI under the same server, group commit in a thread, the same durability.

    python -m bench.pushfloor FILE PORT

It decodes a body, keeps each item under its external id, and answers once that is on the disk. No keys, no checks, no
accounts, no lists.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
from collections.abc import Awaitable, Callable
from queue import Empty, SimpleQueue
from typing import Any

import msgspec


class _Item(msgspec.Struct):
    external_id: str
    data: msgspec.Raw


class _Body(msgspec.Struct):
    items: list[_Item]


Waiting = tuple[list[tuple[str, bytes]], "asyncio.Future[None]"]
_decode = msgspec.json.Decoder(_Body).decode
_queue: SimpleQueue[Waiting] = SimpleQueue()


def _commit(file: str, loop: asyncio.AbstractEventLoop) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32768; PRAGMA wal_autocheckpoint=4000;"
        "CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, external_id TEXT UNIQUE, body BLOB);"
    )
    while True:
        group = [_queue.get()]
        while len(group) < 1_000:
            try:
                group.append(_queue.get_nowait())
            except Empty:
                break
        rows = [row for rows, _ in group for row in rows]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT OR IGNORE INTO event (external_id, body) VALUES (?, ?)", rows)
        connection.execute("COMMIT")
        loop.call_soon_threadsafe(_done, [future for _, future in group])


def _done(futures: list[asyncio.Future[None]]) -> None:
    for each in futures:
        each.set_result(None)


async def application(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    if scope["type"] != "http":
        return
    loop = asyncio.get_running_loop()
    if scope["path"] == "/start":
        threading.Thread(target=_commit, args=(FILE, loop), daemon=True).start()
        answer = b"{}"
    else:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        rows = [(each.external_id, bytes(each.data)) for each in _decode(body).items]
        future: asyncio.Future[None] = loop.create_future()
        _queue.put((rows, future))
        await future
        answer = msgspec.json.encode({"status": "accepted", "events": len(rows)})
    length = b"%d" % len(answer)
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


FILE = sys.argv[1] if len(sys.argv) > 1 else ""


if __name__ == "__main__":
    from granian.constants import Interfaces
    from granian.server.mp import MPServer

    MPServer(
        "bench.pushfloor:application",
        port=int(sys.argv[2]),
        interface=Interfaces.ASGI,
        workers=1,
        websockets=False,
    ).serve()
