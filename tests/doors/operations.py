"""Every operation of the API, as its own description lists them."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

ERRORS = {400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503}


class Operation(NamedTuple):
    method: str
    path: str
    name: str
    scope: str
    takes_body: bool
    """As JSON; a file is handed over as it is."""

    def __str__(self) -> str:
        return self.name


@cache
def schema() -> dict[str, Any]:
    from ropewalk.api.v1 import api

    found: dict[str, Any] = api.get_openapi_schema()
    return found


def operations(*, ingest: bool = False) -> list[Operation]:
    """Those that Django answers; or those of the ingest door, in front of it."""
    return [
        Operation(
            method,
            path,
            each["operationId"],
            each["security"][0]["ApiKey"][0],
            "application/json" in each.get("requestBody", {}).get("content", ()),
        )
        for path, methods in schema()["paths"].items()
        for method, each in methods.items()
        if ("/ingest" in path) == ingest
    ]
