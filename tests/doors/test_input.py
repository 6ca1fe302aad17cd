"""What a caller may get wrong, and the words that mend it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.doors.conftest import Api, World
from tests.doors.operations import Operation, operations

WITH_BODY = [each for each in operations() if each.takes_body]
TAKES_NO_BODY = {"retry_rows"}
"""Its body may be left out."""


def refusal(answer: Any) -> tuple[int, dict[str, Any]]:
    return answer.status_code, json.loads(answer.content)


def problems(answer: Any) -> dict[str, str]:
    status, body = refusal(answer)
    assert (status, body["error_code"]) == (422, "unprocessable_entity")
    return {each["path"]: each["message"] for each in body["details"]["errors"]}


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"{'name': 1}",
        b'{"a": NaN}',
        b'{"a": 1} x',
        b'"\xff"',
        b"[" * 100_000,
        b'{"a": "\\ud800"}',
        b"\xef\xbb\xbf{}",
    ],
    ids=["cut off", "quotes", "NaN", "rest", "not UTF-8", "deep", "half a character", "byte order mark"],
)
def test_a_body_that_is_not_json(raw: bytes, world: World, api: Api) -> None:
    for operation in WITH_BODY:
        found = refusal(api(operation.method, world.path(operation.path), raw))

        assert (operation.name, *found) == (
            operation.name,
            400,
            {"error_code": "bad_request", "message": "The body isn't JSON (RFC 8259, as UTF-8)."},
        )


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_body_of_another_type(kind: str, world: World, api: Api) -> None:
    for operation in WITH_BODY:
        answer = api(operation.method, world.path(operation.path), b"{}", **{"Content-Type": kind})

        assert (operation.name, *refusal(answer)) == (
            operation.name,
            415,
            {
                "error_code": "unsupported_media_type",
                "message": "Send JSON, with `Content-Type: application/json`.",
            },
        )


def test_a_body_that_is_too_large(world: World, api: Api) -> None:
    for operation in WITH_BODY:
        answer = api(operation.method, world.path(operation.path), b" " * (1024 * 1024) + b"{}")

        assert (operation.name, *refusal(answer)) == (
            operation.name,
            413,
            {
                "error_code": "payload_too_large",
                "message": "A body has at most 1048576 bytes.",
                "details": {"limit_bytes": 1048576},
            },
        )


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"[]", "Give an object."),
        (b"1", "Give an object."),
        (b'"x"', "Give an object."),
        (b"", "This is required."),
    ],
)
def test_a_body_that_is_no_object(raw: bytes, message: str, world: World, api: Api) -> None:
    for operation in WITH_BODY:
        if not raw and operation.name in TAKES_NO_BODY:
            continue
        found = problems(api(operation.method, world.path(operation.path), raw))

        assert (operation.name, found) == (operation.name, {"": message})


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_key_that_is_not_known(operation: Operation, world: World, api: Api) -> None:
    found = problems(api(operation.method, world.path(operation.path), {"nobodyKnows": 1}))

    assert found.pop("nobodyKnows").startswith("There is no such setting")


def test_a_misspelt_key_names_the_nearest(world: World, api: Api) -> None:
    found = problems(api("post", "/v1/connectors", {"sorce": "custom_api", "name": "X", "settings": {}}))

    assert found == {
        "source": "This is required.",
        "sorce": "There is no such setting; did you mean source?",
    }


def test_all_problems_at_once_each_with_its_path(world: World, api: Api) -> None:
    body = {"name": "X", "scopes": ["read", "everything"], "expires_at": "soon", "colour": "red"}

    assert set(problems(api("post", "/v1/api-keys", body))) == {"scopes.1", "expires_at", "colour"}


def test_a_wrong_role_does_not_hide_a_wrong_email(world: World, api: Api) -> None:
    for path in ("/v1/invitations", "/v1/members"):
        assert problems(api("post", path, {"email": "ivo", "role": "boss"})) == {
            "email": "This is not an email address.",
            "role": "Give one of owner, admin, member.",
        }


def test_the_character_that_no_text_holds(world: World, api: Api) -> None:
    body = {"companyName": "A\0B", "fields": {"note": ["x", "\0"], "b\0d": 1}}

    assert problems(api("post", "/v1/accounts", body)) == {
        "companyName": "Text can't hold the character U+0000.",
        "fields.note.1": "Text can't hold the character U+0000.",
        "fields.b\\u0000d": "Text can't hold the character U+0000.",
    }


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/v1/runs?stauts=queued", {"stauts": "There is no such parameter here. Did you mean status?"}),
        ("/v1/organization?x=1", {"x": "There is no such parameter here."}),
        ("/v1/runs?limit=5&limit=6", {"limit": "Give this once."}),
        ("/v1/accounts?q=%00", {"q": "Text can't hold the character U+0000."}),
        ("/v1/runs?limit=0", {"limit": "Give at least 1."}),
        ("/v1/runs?limit=many", {"limit": "Give a whole number."}),
        (
            "/v1/runs?connector_id=CRM",
            {"connector_id": "Give an id such as 01a2020a-41bc-7032-8941-ff392f121167."},
        ),
        ("/v1/runs?limit=501", {"limit": "Give at most 500."}),
        (
            "/v1/audit-log?from=yesterday&to=soon",
            {
                "from": "Give a time such as 2026-11-21T12:00:00Z.",
                "to": "Give a time such as 2026-11-21T12:00:00Z.",
            },
        ),
        ("/v1/runs?status=done", {"status": "Give one of queued, running, succeeded, failed, cancelled."}),
        (
            "/v1/runs?cursor=x",
            {"cursor": "This cursor is not one that this list gave. Start again without it."},
        ),
        (
            "/v1/accounts?sort=planTear",
            {"sort": "There is no field planTear. Did you mean planTier?"},
        ),
        (
            "/v1/accounts?field.planTear=gold&field.companyName.over=1",
            {
                "field.planTear": "There is no field planTear. Did you mean planTier?",
                "field.companyName.over": "There is no over; there are eq, ne, gt, gte, lt, lte, contains, empty.",
            },
        ),
    ],
)
def test_parameters(path: str, found: dict[str, str], world: World, api: Api) -> None:
    assert problems(api("get", world.path(path))) == found


def test_the_modes_of_a_run(world: World, api: Api) -> None:
    path = world.path("/v1/connectors/{connector_id}/streams/accounts/runs")

    assert problems(api("post", path, {"mode": "wet"})) == {"mode": "Give one of sync, dry_run."}


def test_an_event_stream_has_no_runs(world: World, api: Api) -> None:
    path = world.path("/v1/connectors/{connector_id}/streams/events/runs")
    message = "An event stream is read live, when an account's events are looked at; it has no runs."

    assert problems(api("post", path, {"mode": "sync"})) == {"": message}


def test_what_is_there_already_is_a_conflict(world: World, api: Api) -> None:
    contact = {"account_id": str(world.ids["account_id"]), "email": "ADA@acme.com"}

    found = [
        refusal(api("post", "/v1/connectors", {"source": "custom_api", "name": "crm", "settings": {}})),
        refusal(api("post", "/v1/contacts", contact)),
        refusal(api("post", world.path("/v1/runs/{run_id}/cancel"))),
    ]

    assert [(status, body["error_code"]) for status, body in found] == [(409, "conflict")] * 3


def test_an_owner_is_not_a_keys_to_change(world: World, api: Api) -> None:
    status, body = refusal(api("patch", world.path("/v1/members/{member_id}"), {"role": "owner"}))

    assert (status, body["error_code"]) == (403, "permission_denied")


def test_a_reason_that_there_is_not(world: World, api: Api) -> None:
    found = problems(api("post", world.path("/v1/runs/{run_id}/retry-rows"), {"reason": "no_mach"}))

    assert list(found) == ["reason"]
    assert found["reason"].startswith("Give one of no_match, ambiguous_match, ")
