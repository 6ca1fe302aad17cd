"""Cursors that no list gave, or another list did: refused, whatever is in them."""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import uuid4

import pytest

from tests.doors.conftest import Api, World

LISTS = [
    "/v1/connectors", "/v1/runs", "/v1/runs/{run_id}/rows", "/v1/accounts", "/v1/accounts/{account_id}/contacts",
    "/v1/accounts/{account_id}/history", "/v1/contacts", "/v1/members", "/v1/invitations", "/v1/api-keys",
    "/v1/audit-log",
]  # fmt: skip


def cursor(place: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


SOMEBODY = str(uuid4())
FORGED = [
    "", "x", "%C3%A9", "AAAA", cursor(None), cursor({}), cursor([]), cursor(-1), cursor(10**30), cursor(1e300),
    cursor("x"), cursor([["x"]]), cursor(SOMEBODY), cursor(7), base64.urlsafe_b64encode(b"[" * 3_000).decode(),
    *(cursor(["companyName", value, SOMEBODY]) for value in ({"a": 1}, "a\0b", True, None)),
]  # fmt: skip
FORGED_ORDERS = [
    cursor([sort, value, SOMEBODY]) for sort in ("companyName", "-companyName", "seats", "created_at", "updated_at")
    for value in ({"a": 1}, ["a"], "a\0b", True, 10**30, 1.5, "text", None, SOMEBODY)
]  # fmt: skip
"""Of accounts, the one list that can be sorted."""


@pytest.mark.parametrize("path", LISTS)
def test_a_forged_cursor_is_refused(path: str, api: Api, world: World) -> None:
    at = world.path(path)

    forged = FORGED + FORGED_ORDERS * (path == "/v1/accounts")

    answers = {text: api("get", f"{at}?cursor={text}").status_code for text in forged}

    assert {text: status for text, status in answers.items() if status != 422} == {}


@pytest.mark.parametrize(
    "sort", ["companyName", "-companyName", "seats", "-seats", "created_at", "updated_at"]
)
def test_so_is_one_that_fits_the_order_and_nothing_else(sort: str, api: Api) -> None:
    values: list[Any] = [{"a": 1}, ["a"], "a\0b", True, 10**30, "text", 1.5, None]

    statuses = {
        json.dumps(value): api(
            "get", f"/v1/accounts?sort={sort}&cursor={cursor([sort, value, SOMEBODY])}"
        ).status_code
        for value in values
    }

    assert {value: status for value, status in statuses.items() if status not in (200, 422)} == {}


def test_a_cursor_of_another_list_is_refused(api: Api, world: World) -> None:
    given = api.get("/v1/members?limit=1")["next_cursor"]

    found = [api("get", f"{world.path(path)}?cursor={given}").status_code for path in LISTS]

    assert given is not None
    assert found == [422 if path != "/v1/members" else 200 for path in LISTS]
