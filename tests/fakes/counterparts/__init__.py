"""Servers that aren't ours, as processes in environments of their own (`make counterparts`): they don't agree with what we
need, or with each other, and nothing of ours imports them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.process import ROOT, started


@contextmanager
def counterpart(name: str, script: Path) -> Iterator[str]:
    """Its address, while it runs."""
    python = ROOT / ".venv-counterparts" / name / "bin" / "python"
    if not python.exists():
        pytest.skip(f"needs {python.relative_to(ROOT)}: make counterparts")
    with started(str(script), python=str(python)) as url:
        yield url
