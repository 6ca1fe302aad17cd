"""The demo's vendor in this process, on a port of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ropewalk.demo.companies import Book
from ropewalk.demo.vendor import Vendor


@contextmanager
def sample_vendor(companies: int, token: str) -> Iterator[Vendor]:
    with Vendor(0, Book(companies), token) as vendor:
        thread = threading.Thread(target=vendor.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield vendor
        finally:
            vendor.shutdown()
            thread.join()
