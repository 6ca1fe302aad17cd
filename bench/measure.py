"""One process, measured: wall time, CPU time of it and its children, peak of its memory."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Measured:
    wall: float
    cpu: float
    peak_mb: float


class Failed(Exception):
    """A contestant that didn't do its work has no figures."""


def run(command: Sequence[str], environ: Mapping[str, str]) -> Measured:
    """`environ` goes over that of this process."""
    before = time.perf_counter()
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environ}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - before
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed(f"{' '.join(command)} ended with {process.returncode}:\n{said.decode(errors='replace')}")
    return Measured(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1_024)
