"""localstripe, a Stripe written by people who never heard of us, as a process.

with localstripe() as billing:
    billing.url, billing.key
    billing.call("customers", name="Acme")          # POST /v1/customers, as Stripe's own clients do
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.fakes.counterparts import counterpart


@dataclass(frozen=True, slots=True)
class LocalStripe:
    url: str
    key: str = "sk_test_ropewalk"

    def call(self, what: str, method: str = "POST", /, **params: Any) -> dict[str, Any]:
        """`params` by the names of a form: `items[0][plan]`."""
        request = urllib.request.Request(
            f"{self.url}/v1/{what}",
            urlencode(params).encode() if method == "POST" else None,
            {"Authorization": f"Bearer {self.key}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


@contextmanager
def localstripe() -> Iterator[LocalStripe]:
    with counterpart("localstripe", Path(__file__).with_name("run.py")) as url:
        yield LocalStripe(url)
