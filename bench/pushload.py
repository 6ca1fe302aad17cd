"""Callers of a push API: so many connections, each with one request under way, in one process.

    python -m bench.pushload URL KEY --connections 64 --seconds 10 --events 1 --accounts 1000 [--rate 5000] [--from 0]

With a rate, requests are due at even intervals, and their time counts from when they were due. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import time
from collections import deque
from urllib.parse import urlsplit

ITEM = (
    '{"external_id":"order-%d","data":{"type":"order.paid","order":%d,"amount":129.5,"currency":"EUR",'
    '"customer":{"id":"c-%d","plan":"team","seats":12},"lines":[{"sku":"A-1","count":2},{"sku":"B-7","count":1}],'
    '"note":"thank you"},"metadata":{"external_customer_id":"c-%d"},"timestamp":"2026-03-01T12:00:00.123Z"}'
)


def body(first: int, events: int, accounts: int) -> bytes:
    items = [ITEM % (n, n, n % accounts, n % accounts) for n in range(first, first + events)]
    return ('{"items":[' + ",".join(items) + "]}").encode()


class Connection:
    def __init__(self, host: str, port: int, head: bytes) -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = head
        self._got = b""
        self.since = 0.0

    def send(self, content: bytes, since: float) -> None:
        self.since = since
        self.socket.sendall(self._head % len(content) + content)

    def answered(self) -> int:
        """The status, once the whole answer is there; 0 before."""
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionError("the server hung up")
        got = self._got = self._got + data if self._got else data
        end = got.find(b"\r\n\r\n")
        if end < 0:
            return 0
        at = got.lower().find(b"content-length:", 0, end)
        length = int(got[at + 15 : got.find(b"\r\n", at)])
        if len(got) < end + 4 + length:
            return 0
        self._got = b""
        return int(got[9:12])


def run(given: argparse.Namespace) -> dict[str, float]:
    url = urlsplit(given.url)
    assert url.hostname
    assert url.port
    head = (
        f"POST {url.path} HTTP/1.1\r\nHost: {url.hostname}\r\nAuthorization: Bearer {given.key}\r\n"
        "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    ).encode()
    waiting = deque(Connection(url.hostname, url.port, head) for _ in range(given.connections))
    by_number = {each.socket.fileno(): each for each in waiting}
    poll = select.epoll()
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    times: list[float] = []
    others = 0
    following = given.start
    prepared: deque[bytes] = deque()
    begin = time.perf_counter()
    end = begin + given.seconds
    due = begin
    step = 1 / given.rate if given.rate else 0.0
    under_way = 0
    while True:
        now = time.perf_counter()
        while waiting and now < end and (not step or due <= now):
            if not prepared:
                prepared.append(body(following, given.events, given.accounts))
                following += given.events
            waiting.popleft().send(prepared.popleft(), due if step else now)
            under_way += 1
            due += step
            now = time.perf_counter()
        if now >= end and not under_way:
            break
        if not prepared:
            prepared.append(body(following, given.events, given.accounts))
            following += given.events
        pause = max(0.0, min(due - now, 0.05)) if step and waiting else 0.5
        for number, _ in poll.poll(pause):
            each = by_number[number]
            if status := each.answered():
                times.append(time.perf_counter() - each.since)
                others += status != 202
                waiting.append(each)
                under_way -= 1
    seconds = time.perf_counter() - begin
    times.sort()
    done = len(times)
    return {
        "requests": done,
        "others": others,
        "requests_a_second": done / seconds,
        "events_a_second": (done - others) * given.events / seconds,
        "p50_ms": times[done // 2] * 1_000,
        "p99_ms": times[min(done - 1, done * 99 // 100)] * 1_000,
        "max_ms": times[-1] * 1_000,
        "next": following,
    }


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("url")
    told.add_argument("key")
    told.add_argument("--connections", type=int, default=64)
    told.add_argument("--seconds", type=float, default=10)
    told.add_argument("--events", type=int, default=1)
    told.add_argument("--accounts", type=int, default=1_000)
    told.add_argument("--rate", type=float, default=0)
    told.add_argument("--from", dest="start", type=int, default=0)
    print(json.dumps(run(told.parse_args())))


if __name__ == "__main__":
    main()
