"""Object storage with the interface of S3, by moto, as a process.

with moto() as url: ...        # a bucket, as `ROPEWALK_BLOBS_URL` names one
"""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fakes.counterparts import counterpart

BUCKET = "events"


@contextmanager
def moto() -> Iterator[str]:
    with counterpart("moto", Path(__file__).with_name("run.py")) as url:
        urllib.request.urlopen(urllib.request.Request(f"{url}/{BUCKET}", method="PUT")).close()
        yield f"s3://key:secret@{url.removeprefix('http://')}/{BUCKET}/ropewalk?tls=false"
