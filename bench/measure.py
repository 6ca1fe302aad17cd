"""One process, measured: wall time, CPU time of it and its children, peak of its memory."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Measured:
    wall: float
    cpu: float
    peak_mb: float


# Compiled once, as where it is installed.
ENVIRON = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Failed(Exception):
    """A contestant that didn't do its work has no figures."""


def run(command: Sequence[str], environ: Mapping[str, str]) -> Measured:
    """`environ` goes over that of this process."""
    before = time.perf_counter()
    with subprocess.Popen(
        command, cwd=ROOT, env={**ENVIRON, **environ}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - before
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed(f"{' '.join(command)} ended with {process.returncode}:\n{said.decode(errors='replace')}")
    return Measured(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1_024)


def start() -> tuple[float, float]:
    """Seconds of `ropewalk --help`, and of `ropewalk serve` to its first answer."""
    ropewalk = [sys.executable, "-m", "ropewalk.cli"]
    path = {"PYTHONPATH": str(ROOT / "src")}
    help_ = run([*ropewalk, "--help"], path).wall
    with tempfile.TemporaryDirectory(prefix="ropewalk-bench-") as folder:
        data = str(Path(folder) / "data")
        run([*ropewalk, "--data", data, "init", "--organization", "Bench", "--owner", "b@example.com"], path)
        return help_, _serve([*ropewalk, "--data", data, "serve"], path)


def _serve(command: Sequence[str], environ: Mapping[str, str]) -> float:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    before = time.perf_counter()
    with serving(command, environ, port):
        return time.perf_counter() - before


@contextmanager
def serving(
    command: Sequence[str], environ: Mapping[str, str], port: int
) -> Iterator[subprocess.Popen[bytes]]:
    """`ropewalk serve`, from its first answer on."""
    with subprocess.Popen(
        [*command, "--port", str(port)],
        cwd=ROOT,
        env={**ENVIRON, **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            while not _answers(port) and process.poll() is None:
                time.sleep(0.01)
            yield process
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
