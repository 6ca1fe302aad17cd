"""Counterparts that run as processes of their own: started, asked where they are, and ended with the test."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def started(module: str, *arguments: str, python: str = sys.executable) -> Iterator[str]:
    """Runs `python -m MODULE`, or a file, whose first line of output is its URL. What it said is in the error if it fails."""
    what = [module] if module.endswith(".py") else ["-m", module]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            [python, "-W", "ignore", *what, *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            if not url.startswith("http://127.0.0.1:"):
                process.kill()
                said.seek(0)
                raise RuntimeError(f"{module} did not start: {said.read().decode()[-2_000:]}")
            yield url
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
