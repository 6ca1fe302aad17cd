"""Pushed events beside a plain ASGI floor with the same durability (`bench.pushfloor`): both on one core, their callers on
another, in turn.

    python -m bench.push [--rounds 5] [--seconds 5]
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from bench import measure
from bench.postgres import Postgres

SIZES = (1, 1_000)
CONNECTIONS = 64
_ROPEWALK = (sys.executable, "-m", "ropewalk.cli")


@dataclass(frozen=True, slots=True)
class Server:
    process: subprocess.Popen[bytes]
    url: str
    key: str

    def cpu(self) -> float:
        mine = psutil.Process(self.process.pid)
        spent = [each.cpu_times() for each in (mine, *mine.children(recursive=True))]
        return sum(each.user + each.system for each in spent)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def pinned(core: int, command: tuple[str, ...]) -> tuple[str, ...]:
    return ("taskset", "-c", str(core), *command) if shutil.which("taskset") else command


@contextmanager
def _running(
    command: tuple[str, ...], environ: dict[str, str], port: int, path: str
) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        pinned(0, command), cwd=measure.ROOT, env={**measure.ENVIRON, **environ},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            while process.poll() is None:
                with suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30).close()
                    break
            yield process
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def floor(folder: Path) -> Iterator[Server]:
    port = free_port()
    command = (sys.executable, "-m", "bench.pushfloor", str(folder / "floor.sqlite"), str(port))
    with _running(command, {}, port, "/start") as process:
        yield Server(process, f"http://127.0.0.1:{port}/", "none")


@contextmanager
def ropewalk(folder: Path, database_url: str | None = None) -> Iterator[Server]:
    port = free_port()
    environ = {"PYTHONPATH": str(measure.ROOT / "src"), "ROPEWALK_DATA_DIR": str(folder / "data")}
    if database_url:
        environ["ROPEWALK_DATABASE_URL"] = database_url
    made = subprocess.run(
        [*_ROPEWALK, "--json", "init", "--organization", "Bench", "--owner", "b@example.com", "--api-key"],
        cwd=measure.ROOT, env={**measure.ENVIRON, **environ}, check=True, capture_output=True,
    )  # fmt: skip
    key = str(json.loads(made.stdout)["api_key"]["key"])
    command = (*_ROPEWALK, "serve", "--no-worker", "--port", str(port))
    with _running(command, environ, port, "/healthz") as process:
        base = f"http://127.0.0.1:{port}/v1/custom-connectors"
        body = json.dumps({"name": "Bench", "source_name": "bench"}).encode()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(base, body, headers)) as answer:
            connector = json.load(answer)["connector_id"]
        yield Server(process, f"{base}/{connector}/ingest", key)


def load(server: Server, **given: float) -> dict[str, float]:
    """What the callers saw, and the server's CPU time for each event in microseconds."""
    options = [
        text
        for name, value in given.items()
        for text in (f"--{name}", f"{value:g}" if name != "from" else str(int(value)))
    ]
    command = pinned(1, (sys.executable, "-m", "bench.pushload", server.url, server.key, *options))
    before = server.cpu()
    done = subprocess.run(command, cwd=measure.ROOT, check=True, capture_output=True)
    seen: dict[str, float] = json.loads(done.stdout)
    seen["cpu_us"] = (server.cpu() - before) * 1e6 / max(1.0, seen["requests"] * given["events"])
    return seen


def rounds(
    count: int, seconds: float, postgres: str | None = None
) -> dict[tuple[str, int], list[dict[str, float]]]:
    seen: dict[tuple[str, int], list[dict[str, float]]] = {}
    contestants: dict[str, Any] = {
        "floor": floor,
        "ropewalk": ropewalk,
        "ropewalk, PostgreSQL": lambda folder: ropewalk(folder, postgres.new_database()),
    }
    following = 0
    for _ in range(count):
        for name, contestant in contestants.items():
            with (
                tempfile.TemporaryDirectory(prefix="ropewalk-bench-") as folder,
                contestant(Path(folder)) as server,
            ):
                for events in SIZES:
                    load(server, connections=CONNECTIONS, seconds=1, events=events, **{"from": following})
                    following += 100_000_000
                    told = load(
                        server, connections=CONNECTIONS, seconds=seconds, events=events, **{"from": following}
                    )
                    following += 100_000_000
                    if events == 1:
                        half = load(
                            server, connections=CONNECTIONS, seconds=seconds, events=1,
                            rate=told["requests_a_second"] / 2, **{"from": following},
                        )  # fmt: skip
                        following += 100_000_000
                        told["p99_at_half_ms"] = half["p99_ms"]
                    seen.setdefault((name, events), []).append(told)
                    print(name, events, {key: round(value, 1) for key, value in told.items()}, flush=True)
    return seen


def text(count: int = 5, seconds: float = 5) -> str:
    with tempfile.TemporaryDirectory(prefix="ropewalk-bench-", dir="/tmp") as folder:
        postgres = Postgres(Path(folder))
        try:
            seen = rounds(count, seconds, postgres)
        finally:
            postgres.stop()
    lines = [
        f"Pushed events, {CONNECTIONS} connections, server on one core, medians of {count} rounds of {seconds:g} s:",
        "",
        "| events a request | who | events/s | × floor | CPU an event | × floor | p99 at half of its maximum |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for events in SIZES:
        base = {
            what: median(one[what] for one in seen["floor", events]) for what in ("events_a_second", "cpu_us")
        }
        for name in dict.fromkeys(name for name, _ in seen):
            mine = seen[name, events]
            rate = median(one["events_a_second"] for one in mine)
            cpu = median(one["cpu_us"] for one in mine)
            p99 = f"{median(one['p99_at_half_ms'] for one in mine):.0f} ms" if events == 1 else ""
            ratios = (f"{rate / base['events_a_second']:.2f}", f"{base['cpu_us'] / cpu:.2f}")
            lines.append(
                f"| {events:,} | {name} | {rate:,.0f} | {ratios[0]} | {cpu:.1f} µs | {ratios[1]} | {p99} |"
            )
    return "\n".join(lines)


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("--rounds", type=int, default=5)
    told.add_argument("--seconds", type=float, default=5)
    given = told.parse_args()
    print(text(given.rounds, given.seconds))


if __name__ == "__main__":
    main()
