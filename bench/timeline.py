"""A timeline over six event streams, of which one answers at once, one in 2 s, one hangs, one returns 500, one returns
100,000 events of all accounts, and one is filtered at the source.

    python -m bench.timeline

How long an account's events take from a server that is running, over the deadline of the stream that hangs.
"""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

from bench import measure
from bench.door import Door
from bench.product import SYNC, environment

LOOKS = 5
DEADLINE = 3.0
EVERYBODY = 100_000
EXPECTED = {
    "At once": ("ok", 20),
    "Everybody": ("ok", 5),
    "Fails": ("failed", 0),
    "Field changes": ("ok", 1),
    "Filtered": ("ok", 20),
    "Hangs": ("timed_out", 0),
    "Slow": ("ok", 20),
}


def events(count: int, accounts: int) -> bytes:
    now = datetime.now(UTC)
    return json.dumps(
        [
            {
                "id": number,
                "at": (now - timedelta(seconds=number)).isoformat(),
                "event": "opened",
                "account": f"c-{number % accounts}",
                "page": f"/reports/{number}",
            }
            for number in range(count)
        ]
    ).encode()


def streams(end: Event) -> type[Door]:
    few, everybody = events(20, 1), events(EVERYBODY, 1_000)

    class Streams(Door):
        def do_GET(self) -> None:
            match urlsplit(self.path).path:
                case "/slow":
                    time.sleep(2)
                case "/hangs":
                    end.wait()
                case "/fails":
                    return self.send_error(500)
                case "/everybody":
                    return self.say(everybody)
            self.say(few)

        def handle(self) -> None:
            # Whoever hangs is left by the other side.
            with suppress(ConnectionError):
                super().handle()

    return Streams


@contextmanager
def api() -> Iterator[str]:
    end = Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), streams(end)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            end.set()
            server.shutdown()


def connectors(url: str) -> list[dict[str, Any]]:
    mapping = [("at", "eventTime"), ("event", "eventName"), ("account", "accountKey")]
    names = ("At once", "Slow", "Hangs", "Fails", "Everybody", "Filtered")
    return [
        {
            "source": "custom_api",
            "name": name,
            "streams": {
                "events": {
                    "url": f"{url}/{name.lower().replace(' ', '-')}",
                    "match_by": "external_id",
                    "timeout_ms": round(DEADLINE * 1_000),
                    # Another time range is another query, which nothing was kept of.
                    "start_param": "from",
                    "account_param": "account" if name == "Filtered" else None,
                    "mapping": [{"from": path, "to": target} for path, target in mapping],
                }
            },
        }
        for name in names
    ]


@contextmanager
def ropewalk(folder: Path, url: str) -> Iterator[tuple[int, Callable[..., Any]]]:
    """A server that is running: the id of its process, and how it is called."""
    command, environ = SYNC[:3], environment(folder, None)
    file = folder / "streams.json"
    file.write_text(json.dumps(connectors(url)), encoding="utf-8")
    named = ["--organization", "Bench", "--owner", "bench@example.com"]
    made = subprocess.run(
        [*command, "--json", "init", *named, "--api-key"],
        env={**measure.ENVIRON, **environ},
        stdout=subprocess.PIPE,
        check=True,
    )
    key = json.loads(made.stdout)["api_key"]["key"]
    measure.run([*command, "apply", str(file)], environ)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def call(path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/v1/{path}", data, headers)
        with urllib.request.urlopen(asked) as answer:
            return json.load(answer)

    with measure.serving([*command, "serve", "--no-worker"], environ, port) as process:
        yield process.pid, call


def peak_mb(pid: int) -> float:
    """The most that a process or one below it has had in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    mine = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return max([mine / 1_024, *(peak_mb(int(child)) for child in below)])


def text() -> str:
    took = []
    with (
        tempfile.TemporaryDirectory(prefix="ropewalk-bench-") as folder,
        api() as url,
        ropewalk(Path(folder), url) as (pid, call),
    ):
        account = call("accounts", {"externalCustomerId": "c-0"})["account_id"]
        for number in range(LOOKS):
            start = (datetime.now(UTC) - timedelta(days=2, minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
            before = time.perf_counter()
            found = call(f"accounts/{account}/events?limit=500&from={start}")
            took.append(time.perf_counter() - before)
            told = {each["name"]: (each["status"], each["count"]) for each in found["sources"]}
            if told != EXPECTED:
                raise measure.Failed(f"A timeline that is not as it should be: {told}")
        peak = peak_mb(pid)
    over = [seconds - DEADLINE for seconds in took]
    return (
        f"timeline over six streams, {LOOKS} looks: answered {median(over) * 1_000:.0f} ms after the deadline of the one "
        f"that hangs (at most {max(over) * 1_000:.0f} ms), {peak:.0f} MB"
    )


if __name__ == "__main__":
    print(text())
