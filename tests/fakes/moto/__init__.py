"""Object storage with the interface of S3, by moto, as a process.

with moto() as url: ...        # a bucket, as `ROPEWALK_BLOBS_URL` names one
"""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.process import ROOT, started

BUCKET = "events"


@contextmanager
def moto() -> Iterator[str]:
    python = ROOT / ".venv-moto" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"needs {python.relative_to(ROOT)}: make moto")
    with started(str(Path(__file__).with_name("run.py")), python=str(python)) as url:
        urllib.request.urlopen(urllib.request.Request(f"{url}/{BUCKET}", method="PUT")).close()
        yield f"s3://key:secret@{url.removeprefix('http://')}/{BUCKET}/ropewalk?tls=false"
