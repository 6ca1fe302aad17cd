"""Runs and workers in processes of their own, on the database of the test that starts them.

python -m tests.engine.process run RUN_ID          carries the run out, prints its peak of memory in kB
python -m tests.engine.process worker ID JOBS_URL  works until it is killed
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

ROOT = Path(__file__).parents[2]


def environment() -> dict[str, str]:
    """That of this process, with the database that its test uses."""
    from django.db import connection

    return os.environ | {
        "ROPEWALK_DATABASE_URL": _url(connection.settings_dict),
        "ROPEWALK_ALLOW_NETWORKS": "127.0.0.0/8",
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
    }


def _url(database: dict[str, object]) -> str:
    if str(database["ENGINE"]).endswith("sqlite3"):
        return f"sqlite:////{str(database['NAME']).lstrip('/')}"
    user, password = quote(str(database["USER"])), quote(str(database["PASSWORD"]))
    where = urlencode({"host": str(database["HOST"])})
    port = f"localhost:{database['PORT']}" if database["PORT"] and "/" not in str(database["HOST"]) else ""
    return f"postgresql://{user}{':' + password if password else ''}@{port}/{database['NAME']}?{where}"


def carried_out(run_id: str) -> int:
    """The peak of the process's memory, in kB."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.process", "run", run_id],
        cwd=ROOT,
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout)


@contextmanager
def worker(worker_id: str, jobs_url: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.engine.process", "worker", worker_id, jobs_url],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n"
            yield process
        finally:
            process.kill()


def main(verb: str, *arguments: str) -> None:
    import django

    django.setup()
    from uuid import UUID

    from ropewalk.engine.clock import SystemClock
    from ropewalk.engine.runs import sync
    from ropewalk.engine.worker import Worker
    from tests.engine.world import Flags

    if verb == "run":
        sync.carry_out(UUID(arguments[0]), worker="w-1", clock=SystemClock(), flags=Flags())
        status = Path("/proc/self/status").read_text()
        print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
        return
    working = Worker(arguments[0], arguments[1], SystemClock())
    working.start()
    print("started", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
