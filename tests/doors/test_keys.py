"""Who may call what, for every operation of the OpenAPI."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from ropewalk.store import keys
from tests.doors.conftest import NOW, SCOPES, Api, World, key_of
from tests.doors.operations import Operation, operations

pytestmark = pytest.mark.any_database

OPERATIONS = operations()

NEEDS_KEY = {
    "error_code": "authentication_error",
    "message": "This call needs a live API key: send it as `Authorization: Bearer pk_live_…`. Keys that were revoked "
    "or have expired don't count.",
}

# A body that passes whatever the door itself checks, so that the engine gets to look for the thing.
BODIES: dict[str, Any] = {
    "change_connector": {"name": "Renamed"},
    "create_push_connector": {"name": "Web", "source_name": "web"},
    "change_push_connector": {"name": "Renamed"},
    "save_stream": {"url": "http://127.0.0.1:9/v1/accounts"},
    "request_run": {"mode": "sync"},
    "retry_rows": {},
    "edit_account": {"companyName": "Other"},
    "edit_contact": {"name": "Other"},
    "switch_field": {"history": False},
    "change_member": {"role": "admin"},
    "create_view": {"name": "Gold", "list": {}, "shared": True},
    "change_view": {"name": "Gold", "list": {}, "shared": True},
    "invite": {"email": "mo@acme.example"},
}


def call(api: Api, world: World, operation: Operation) -> Any:
    body = BODIES.get(operation.name, {}) if operation.takes_body else None
    if operation.name == "link_row":
        body = {"account_id": str(world.ids["account_id"])}
    return api(operation.method, world.path(operation.path), body)


def test_the_scopes_are_those_of_the_contract() -> None:
    admin = ("/v1/members", "/v1/invitations", "/v1/api-keys", "/v1/audit-log")
    erasing = ("delete", "/v1/events")
    expected = {
        each.name: "admin"
        if each.path.startswith(admin) or (each.method, each.path) == erasing
        else "read"
        if each.method == "get"
        else "write"
        for each in OPERATIONS
    }

    assert {each.name: each.scope for each in OPERATIONS} == expected
    assert len(OPERATIONS) == 76


def error_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, json.loads(answer.content)["error_code"]


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer pk_live_unknown", "Basic cGs6bGl2ZQ==", "pk_live_x"]
)
def test_without_a_live_key(header: str | None, world: World) -> None:
    api = Api(None, **({} if header is None else {"Authorization": header}))

    for operation in OPERATIONS:
        answer = call(api, world, operation)

        assert (operation.name, answer.status_code, json.loads(answer.content)) == (
            operation.name,
            401,
            NEEDS_KEY,
        )
        assert answer["WWW-Authenticate"] == 'Bearer realm="ropewalk"'
        assert "X-RateLimit-Limit" not in answer


def test_revoked_and_expired_keys(world: World) -> None:
    revoked = key_of(world.organization)
    keys.revoke(world.organization, keys.authenticate(revoked, now=NOW).id, now=NOW)  # type: ignore[union-attr]
    expired = key_of(world.organization, expires_at=NOW + timedelta(seconds=1))

    for text in (revoked, expired):
        found = {each.name: error_of(call(Api(text), world, each)) for each in OPERATIONS}

        assert found == {each.name: (401, "authentication_error") for each in OPERATIONS}


@pytest.mark.parametrize("scope", SCOPES)
def test_each_scope_alone(scope: str, world: World) -> None:
    api = Api(key_of(world.organization, scope))

    for operation in OPERATIONS:
        if operation.scope == scope:
            continue
        answer = call(api, world, operation)

        assert (operation.name, *error_of(answer)) == (operation.name, 403, "insufficient_scopes")
        assert json.loads(answer.content)["details"] == {"missing_scopes": [operation.scope]}
        assert {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} <= set(answer.headers)


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_the_scope_that_it_needs_is_all_that_it_needs(operation: Operation, world: World) -> None:
    api = Api(key_of(world.organization, operation.scope))
    if operation.name == "restore_account":
        Api(key_of(world.organization))("delete", world.path("/v1/accounts/{account_id}"))

    answer = call(api, world, operation)

    assert answer.status_code in (200, 201, 202, 204, 403, 409, 422)
    if answer.status_code == 403:
        assert json.loads(answer.content)["error_code"] == "permission_denied"


def test_what_is_another_organizations_is_not_there(world: World, elsewhere: World) -> None:
    api = Api(key_of(elsewhere.organization))
    place = World(world.organization, {**world.ids, "name": "onlyHere"})

    found = {each.name: error_of(call(api, place, each)) for each in OPERATIONS if "{" in each.path}

    assert found == {each.name: (404, "not_found") for each in OPERATIONS if "{" in each.path}


@pytest.mark.parametrize("identity", ["1", "not-an-id", "0198c0de-0000-7000-8000-000000000000", "%00", "é"])
def test_what_nobody_has_is_not_there(identity: str, world: World, api: Api) -> None:
    ids = {name: identity if name.endswith("_id") else value for name, value in world.ids.items()}
    place = World(world.organization, ids)
    named = [each for each in OPERATIONS if "_id}" in each.path]

    found = {each.name: error_of(call(api, place, each)) for each in named}

    assert found == {each.name: (404, "not_found") for each in named}


def test_lists_show_nothing_of_another_organization(world: World, elsewhere: World) -> None:
    api = Api(key_of(elsewhere.organization))
    identities = [str(each) for each in world.ids.values() if isinstance(each, UUID)]

    for operation in OPERATIONS:
        if operation.method == "get" and "{" not in operation.path:
            text = json.dumps(api.get(operation.path))
            assert (operation.name, [each for each in identities if each in text]) == (operation.name, [])


def test_a_revoked_key_is_refused_at_once(world: World, api: Api) -> None:
    made = json.loads(api("post", "/v1/api-keys", {"name": "CI", "scopes": ["read"]}).content)
    other = Api(made["key"])
    other.get("/v1/runs")

    answer = json.loads(api("delete", f"/v1/api-keys/{made['key_id']}").content)

    assert other("get", "/v1/runs").status_code == 401
    assert answer["revoked_at"] is not None


def test_a_key_cannot_grant_what_it_lacks(world: World) -> None:
    api = Api(key_of(world.organization, "admin", "read"))

    answer = api("post", "/v1/api-keys", {"name": "More", "scopes": ["read", "write", "ingest"]})

    assert answer.status_code == 403
    assert json.loads(answer.content)["details"] == {"missing_scopes": ["ingest", "write"]}


def test_the_last_use_of_a_key_is_kept_to_the_minute(world: World) -> None:
    text = key_of(world.organization, "read", "admin")
    api = Api(text)

    first = api.get("/v1/api-keys")["items"][0]["last_used_at"]
    second = api.get("/v1/api-keys")["items"][0]["last_used_at"]

    assert first is not None
    assert first == second


def test_a_key_is_shown_once(world: World, api: Api) -> None:
    body = {"name": "CI", "scopes": ["write", "read"], "expires_at": "2031-01-01T00:00:00+01:00"}
    made = json.loads(api("post", "/v1/api-keys", body).content)
    text = made.pop("key")

    assert text.startswith("pk_live_")
    assert len(text) == 51
    assert made["expires_at"] == "2030-12-31T23:00:00Z"
    assert made["scopes"] == ["read", "write"]
    assert api.get(f"/v1/api-keys/{made['key_id']}") == made
    assert text not in json.dumps(api.get("/v1/api-keys")) + json.dumps(api.get("/v1/audit-log"))
