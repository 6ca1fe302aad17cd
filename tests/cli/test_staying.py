"""`serve`, `worker` and `demo`: processes that stay, and how all of them end."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from tests.cli.conftest import Shell
from tests.fakes.warehouses.listening import free_port


def until(condition: Callable[[], Any], seconds: float = 240) -> Any:
    ends = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends, "it took too long"
        time.sleep(0.1)
    return found


def read(url: str) -> str:
    """Nothing where nobody answers yet."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError):
        return ""


@contextmanager
def staying(shell: Shell, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Whatever happens, nothing of it outlives the test."""
    with shell.start(*arguments) as process:
        try:
            yield process
        finally:
            left = (
                [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                if (process.poll() is None)
                else []
            )
            for one in left:
                one.kill()


def ends(process: subprocess.Popen[str], number: int) -> tuple[int, str, str]:
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    out, error = process.communicate(timeout=240)
    gone, alive = psutil.wait_procs(family, timeout=60)
    assert (len(gone), alive) == (len(family), [])
    return process.returncode, out, error


def test_serve_starts_a_web_process_and_a_worker_and_ends_both(crm: Shell) -> None:
    """And the worker carries out what others ask for."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    with staying(crm, "serve", "--port", str(port)) as process:
        ready = json.loads(until(lambda: read(f"{url}/readyz")))
        until(lambda: "ropewalk_workers 1.0" in read(f"{url}/metrics"))
        well = crm("doctor")
        taken = crm("serve", "--port", str(port))
        second = crm("serve", "--port", str(free_port()))
        run = crm.json("sync", "CRM", "accounts")
        status, out, error = ends(process, signal.SIGTERM)

    assert well.returncode == 0, well.stdout
    assert (second.returncode, second.stderr) == (
        1,
        f"Error: A web process of {crm.data} is running already; on SQLite there is exactly one.\n",
    )
    assert (run["status"], run["counts"]["created"]) == ("succeeded", 25)
    assert ready["status"] == "ready"
    assert (taken.returncode, taken.stderr) == (
        1,
        f"Error: Can't listen on {url}. If something else does already, choose another --port.\n",
    )
    assert (status, out) == (0, "")
    assert f"Ropewalk is up: {url} (Ctrl-C stops it)" in error


def test_a_worker_that_dies_takes_serve_with_it(acme: Shell) -> None:
    with staying(acme, "serve", "--port", str(free_port())) as process:
        worker = until(
            lambda: [
                one for one in psutil.Process(process.pid).children() if "--with-parent" in one.cmdline()
            ]
        )[0]
        worker.kill()
        _, error = process.communicate(timeout=240)

    assert process.returncode == 1
    assert error.endswith("Error: The worker process ended by itself; its log lines above say why.\n")


def test_the_demo_leaves_other_folders_alone(acme: Shell) -> None:
    refused = acme("--data", str(acme.data), "demo", "--leave")

    assert refused.returncode == 1
    assert refused.stderr == (
        f"Error: {acme.data} holds something that is no demo. Choose another folder with --data.\n"
    )
    assert acme("users", "list").returncode == 0
