"""A real Kinto, in memory, as its own process: paging by a Next-Page header, `_since` in milliseconds, tombstones.

with kinto(customers(250)) as crm:
    crm.url                 # of the collection's records
    crm.user, crm.password  # Basic auth
    crm.put({"id": …}); crm.delete("c-00001")
"""

from __future__ import annotations

import base64
import importlib.util
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.fakes.process import started

STREAM = {
    "records_path": "data",
    "pagination": {"type": "next_url", "next_url_header": "Next-Page"},
    "incremental": {"param": "_since", "format": "epoch_ms"},
}
"""How a stream reads a collection. A record's own time is `last_modified`; a deleted one is `{id, last_modified, deleted}`."""


class Kinto:
    user = "crm"
    password = "correct horse battery staple"

    def __init__(self, server: str) -> None:
        self.server = server
        self.url = f"{server}/v1/buckets/sales/collections/customers/records"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        key = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        request = urllib.request.Request(
            f"{self.server}/v1{path}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Basic {key}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def put(self, *records: dict[str, Any]) -> None:
        for start in range(0, len(records), 25):
            answers = self.call(
                "POST",
                "/batch",
                {
                    "defaults": {"method": "PUT"},
                    "requests": [
                        {
                            "path": f"/buckets/sales/collections/customers/records/{record['id']}",
                            "body": {"data": record},
                        }
                        for record in records[start : start + 25]
                    ],
                },
            )
            assert {answer["status"] for answer in answers["responses"]} <= {200, 201}

    def delete(self, record: str) -> None:
        self.call("DELETE", f"/buckets/sales/collections/customers/records/{record}")


@contextmanager
def kinto(records: list[dict[str, Any]]) -> Iterator[Kinto]:
    if importlib.util.find_spec("kinto") is None:
        pytest.skip("needs Kinto: make setup")
    with started("tests.fakes.kinto") as server:
        crm = Kinto(server)
        crm.call("PUT", f"/accounts/{crm.user}", {"data": {"password": crm.password}})
        crm.call("PUT", "/buckets/sales")
        crm.call("PUT", "/buckets/sales/collections/customers")
        crm.put(*records)
        yield crm


def main() -> None:
    import kinto
    import waitress

    memory = "kinto.core.{}.memory"
    app = kinto.main(
        {},
        **{
            "kinto.includes": "kinto.plugins.accounts",
            "kinto.storage_backend": memory.format("storage"),
            "kinto.cache_backend": memory.format("cache"),
            "kinto.permission_backend": memory.format("permission"),
            "kinto.userid_hmac_secret": "for tests",
            "kinto.account_create_principals": "system.Everyone",
            "kinto.bucket_create_principals": "system.Authenticated",
            "multiauth.policies": "account",
            "multiauth.policy.account.use": "kinto.plugins.accounts.AccountsPolicy",
        },
    )
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=4)
    print(f"http://127.0.0.1:{server.effective_port}", flush=True)
    server.run()


if __name__ == "__main__":
    main()
