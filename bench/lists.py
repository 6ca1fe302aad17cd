"""The list of accounts, and an account, of an installation with a million of them: first bytes, over HTTP, signed in.

    python -m bench.lists [--count COUNT] [--keep FOLDER] [--fill]

With `--keep`, the installations are made in that folder, stay there, and are there for the next run: so filling them and
measuring can be apart. Pages are asked for by somebody who is signed in, each in another way than before (other words, other values), so that no
page is asked for twice. Beside the wall time that somebody waits stands the CPU time of the server, which tells more on
a machine that others use too.
"""

from __future__ import annotations

import argparse
import http.cookiejar
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

from bench import fill, measure
from bench.postgres import Postgres
from bench.product import SYNC, environment

COUNT = 1_000_000
LOOKS = 40
WARMING = 3
ACCOUNTS = "/app/accounts"

Path_ = Callable[[int], str]


def query(**parts: str) -> str:
    return f"{ACCOUNTS}?{urllib.parse.urlencode(parts)}"


def ways(account_id: str) -> dict[str, Path_]:
    """By what is asked for, its address at the nth look."""
    return {
        "list": lambda number: query(columns=f"companyDomain,seats,c{number}"),
        "sorted by name": lambda number: query(
            sort="companyName" if number % 2 else "-companyName", columns=f"c{number}"
        ),
        "sorted by last change": lambda number: query(
            sort="updated_at" if number % 2 else "-updated_at", columns=f"c{number}"
        ),
        "sorted by an indexed field": lambda number: query(
            sort="seats" if number % 2 else "-segment", columns=f"c{number}"
        ),
        "a part of a name that few have": lambda number: query(q=fill.syllables(number * 24_691)[1:]),
        "a part of a name that many have": lambda number: query(q=fill.WORDS[number % len(fill.WORDS)][1:]),
        "a part of a name that none has": lambda number: query(q=f"xq{number}zw"),
        "an indexed field’s value": lambda number: query(**{"field.segment": f"s-{number * 97}"}),
        "the same, sorted by name": lambda number: query(
            sort="companyName", **{"field.segment": f"s-{number * 89 + 1}"}
        ),
        "an indexed number that few exceed": lambda number: query(
            **{"field.seats.gt": "498", "columns": f"c{number}"}
        ),
        "a value of a field without an index that many have": lambda number: query(
            **{"field.planTier": ("free", "team", "gold", "platinum")[number % 4], "columns": f"c{number}"}
        ),
        "an account": lambda number: f"{ACCOUNTS}/{account_id}/?look={number}",
    }


class Visitor:
    def __init__(self, port: int) -> None:
        self._at = f"http://127.0.0.1:{port}"
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies)

    def sign_in(self) -> None:
        form = self._opener.open(f"{self._at}/app/sign-in").read().decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        assert token
        sent = {"csrfmiddlewaretoken": token[1], "email": fill.OWNER, "password": fill.PASSWORD}
        self._opener.open(f"{self._at}/app/sign-in", urllib.parse.urlencode(sent).encode()).read()

    def first_byte(self, path: str) -> float:
        before = time.perf_counter()
        with self._opener.open(self._at + path) as answer:
            answer.read(1)
            took = time.perf_counter() - before
            if b"Sign out" not in answer.read():
                raise measure.Failed(f"{path} isn't what somebody sees who is signed in")
        return took


def cpu_of(pid: int) -> float:
    """Of a process and those below it."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    own = (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(cpu_of(int(child)) for child in below)


@contextmanager
def installation(folder: Path, count: int, database_url: str | None) -> Iterator[tuple[Visitor, int, str]]:
    environ = environment(folder, database_url)
    told = filled(folder, count, environ)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with measure.serving([*SYNC[:3], "serve", "--no-worker"], environ, port) as process:
        visitor = Visitor(port)
        visitor.sign_in()
        yield visitor, process.pid, told["account_id"]


def filled(folder: Path, count: int, environ: dict[str, str]) -> Any:
    """Once: what is told then is kept beside it."""
    told = folder / f"{count}.json"
    if told.exists():
        return json.loads(told.read_text())
    folder.mkdir(parents=True)
    made = subprocess.run(
        [sys.executable, "-m", "bench.fill", str(count)],
        cwd=measure.ROOT,
        env={
            **measure.ENVIRON,
            **environ,
            "PYTHONPATH": f"{environ['PYTHONPATH']}:.",
            "DJANGO_SETTINGS_MODULE": "ropewalk.settings",
        },
        stdout=subprocess.PIPE,
        check=True,
    )
    told.write_bytes(made.stdout)
    return json.loads(made.stdout)


def looked(visitor: Visitor, pid: int, account_id: str) -> Iterator[str]:
    for name, path in ways(account_id).items():
        for number in range(WARMING):
            visitor.first_byte(path(LOOKS + number))
        before = cpu_of(pid)
        waits = [visitor.first_byte(path(number)) * 1_000 for number in range(LOOKS)]
        cpu = (cpu_of(pid) - before) * 1_000 / LOOKS
        cuts = quantiles(waits, n=20, method="inclusive")
        yield f"| {name} | {cuts[9]:.0f} ms | {cuts[18]:.0f} ms | {cpu:.0f} ms |"


def table(title: str, lines: Iterator[str]) -> str:
    head = "| page | first byte, median | 95th percentile | CPU of the server |\n| --- | --- | --- | --- |"
    return f"{title}:\n\n{head}\n" + "\n".join(lines)


def text(*, count: int = COUNT, keep: Path | None = None, fill_only: bool = False) -> str:
    told = []
    with ExitStack() as ending:
        folder = keep or Path(
            ending.enter_context(tempfile.TemporaryDirectory(prefix="ropewalk-bench-", dir="/tmp"))
        )
        folder.mkdir(parents=True, exist_ok=True)
        postgres = Postgres(folder, keep=keep is not None)
        ending.callback(postgres.stop)
        for name, url in (("SQLite", None), ("PostgreSQL", postgres.database(f"lists_{count}"))):
            if fill_only:
                filled(folder / name, count, environment(folder / name, url))
                continue
            with installation(folder / name, count, url) as (visitor, pid, account_id):
                told.append(table(f"{count:,} accounts, {name}", looked(visitor, pid, account_id)))
    return "\n\n".join(told)


def main() -> None:
    told = argparse.ArgumentParser(prog="python -m bench.lists")
    told.add_argument("--count", type=int, default=COUNT)
    told.add_argument("--keep", type=Path, help="a folder to make the installations in, or to find them in")
    told.add_argument("--fill", action="store_true", help="only make them")
    given = told.parse_args()
    print(text(count=given.count, keep=given.keep, fill_only=given.fill))


if __name__ == "__main__":
    main()
