"""A dry run of many records: its memory is bounded, and writers hardly wait for it (product.md §5.5)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.engine import process
from tests.engine.conftest import Serving
from tests.engine.world import MAPPING, World, brief, complete
from tests.fakes import Answer, Asked, Fake

# TRY_RECORDS=1000000 tries what is promised, on a quiet machine; it takes minutes.
RECORDS = int(os.environ.get("TRY_RECORDS", "40000"))
WAIT_SECONDS = 0.2 if "TRY_RECORDS" in os.environ else 1
MB = 1_000
PAGE = 10_000

WRITER = """
import sqlite3, sys, threading, time
files = [sqlite3.connect(path, timeout=30, isolation_level=None) for path in sys.argv[1:]]
longest = [0.0, 0.0]
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
print("started", flush=True)
while not over.wait(0.01):
    for number, file in enumerate(files):
        begun = time.monotonic()
        file.execute("BEGIN IMMEDIATE")
        file.execute("UPDATE ropewalk_account SET company_name = 'Again'")
        file.execute("COMMIT")
        longest[number] = max(longest[number], time.monotonic() - begun)
print(*longest)
"""


def page(asked: Asked) -> Answer:
    start = int(asked.params["skip"])
    one = '{{"id":"c-{0}","name":"Company {0}","website":"company-{0}.example","plan":{{"tier":"free","seats":{0}}}}}'
    rows = ",".join(one.format(number) for number in range(start, min(start + PAGE, RECORDS)))
    return Answer(f"[{rows}]".encode(), headers={"Content-Type": "application/json"})


@contextmanager
def writing(beside: Path) -> Iterator[Callable[[], tuple[float, float]]]:
    """Somebody who writes all the time; answers how long they waited at most, and how long in a file that nobody
    else has, which says how busy the machine is."""
    import sqlite3

    quiet = beside / "quiet.sqlite"
    with sqlite3.connect(quiet, isolation_level=None) as own:
        own.execute("PRAGMA journal_mode = WAL")
        own.execute("CREATE TABLE ropewalk_account (company_name TEXT)")
        own.execute("INSERT INTO ropewalk_account VALUES ('Once')")
    own.close()
    files = [str(connection.settings_dict["NAME"]), str(quiet)]
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, *files], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "started\n"

        def longest() -> tuple[float, float]:
            out, _ = writer.communicate()
            shared, alone = map(float, out.split())
            return shared, alone

        yield longest


@pytest.mark.django_db(transaction=True)
def test_many_records(world: World, serving: Serving, settings: Any, tmp_path: Path) -> None:
    settings.ROPEWALK = settings.ROPEWALK.model_copy(update={"max_records": 10**7, "max_pages": 10**4})
    paging = {
        "type": "offset",
        "offset_param": "skip",
        "size_param": "n",
        "page_size": PAGE,
        "max_pages": 10**4,
    }
    connector = world.connect(
        serving(Fake(page)), records_path="", mapping=MAPPING, pagination=paging, max_records=10**7, timeout_ms=60_000
    )  # fmt: skip
    world.post("accounts", {"companyName": "By hand"})
    run = world.request(connector, mode="dry_run")
    on_sqlite = connection.vendor == "sqlite"

    with writing(tmp_path) if on_sqlite else nullcontext(lambda: (0.0, 0.0)) as longest:
        peak = process.carried_out(run["run_id"])
        waited, alone = longest()

    print(
        f"{RECORDS:,} records: {peak / MB:.0f} MB, waited {waited * 1_000:.0f} ms, alone {alone * 1_000:.0f} ms"
    )
    assert brief(world.run(run)) == complete(created=RECORDS)
    assert peak < 250 * MB
    assert waited < WAIT_SECONDS + alone
