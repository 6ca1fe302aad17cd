"""Each resource, whole, by equality with api.md's shapes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.doors.conftest import NOW, Api, World

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")


def frozen(value: Any) -> Any:
    """Times of the clock on the wall as "…Z"; those that the test set stay."""
    if isinstance(value, dict):
        return {key: frozen(item) for key, item in value.items()}
    if isinstance(value, list):
        return [frozen(item) for item in value]
    if isinstance(value, str) and TIME.fullmatch(value) and not value.startswith("2026-03-01"):
        return "…Z"
    return value


def run_shape(world: World) -> dict[str, Any]:
    return {
        "run_id": str(world.ids["run_id"]),
        "connector_id": str(world.ids["connector_id"]),
        "kind": "accounts",
        "mode": "sync",
        "trigger": "manual",
        "status": "cancelled",
        "verdict": None,
        "verdict_reasons": [],
        "counts": {"processed": 0, "created": 0, "updated": 0, "unchanged": 0, "skipped": 0, "rejected": 0},
        "contacts": {"created": 0, "updated": 0},
        "reasons": {},
        "notices": {},
        "filtered": {},
        "preview": None,
        "pages": 0,
        "restarts": 0,
        "expected_total": None,
        "since": None,
        "full": False,
        "of_run": None,
        "accepted_at": None,
        "created_at": "2026-03-01T12:00:00Z",
        "started_at": None,
        "finished_at": "2026-03-01T12:01:00Z",
        "error": None,
    }


def stream_shape(world: World) -> dict[str, Any]:
    return {
        "kind": "accounts",
        "enabled": True,
        "schedule": {"periodic": False, "every_minutes": 60},
        "secrets": {},
        "status": {
            "tested": False,
            "tested_at": None,
            "last_completed_at": None,
            "last_run": run_shape(world),
            "next_run_at": None,
            "watermark": None,
            "paused": None,
            "needs_full": False,
            "recent_issues": [],
            "warnings": [],
        },
        "url": "http://127.0.0.1:9/v1/accounts",
        "method": "GET",
        "body": None,
        "headers": {"X-Team": {"set": True}, "Accept-Version": "2"},
        "plain_headers": ["Accept-Version"],
        "ignore_reasons": [],
        "timeout_ms": 30000,
        "auth": None,
        "records_path": "data",
        "pagination": {
            "type": "none",
            "max_pages": 100,
            "total_path": None,
            "has_more_path": None,
            "params_in": "query",
            "allowed_origins": [],
        },
        "incremental": None,
        "max_records": 10000,
        "matching": "domain",
        "create_missing": True,
        "mapping": [
            {"from": "name", "to": "companyName", "transforms": []},
            {"from": "website", "to": "companyDomain", "transforms": []},
        ],
    }


def connector_shape(world: World) -> dict[str, Any]:
    return {
        "connector_id": str(world.ids["connector_id"]),
        "source": "custom_api",
        "name": "CRM",
        "settings": {"auth": {"type": "bearer"}, "requests_per_minute": None},
        "secrets": {"token": {"set": True}},
        "streams": {"accounts": stream_shape(world)},
        "enabled": True,
        "created_at": "…Z",
        "updated_at": "…Z",
    }


def listed_shape(world: World) -> dict[str, Any]:
    """A push connector beside those that ask."""
    return {
        "connector_id": str(world.ids["push_connector_id"]),
        "source": "push",
        "name": "Product",
        "settings": {"source_name": "product", "accepted_kinds": [], "metadata": {}, "event_schema": None},
        "secrets": {},
        "streams": {},
        "enabled": True,
        "created_at": "…Z",
        "updated_at": "…Z",
    }


def account_shape(world: World) -> dict[str, Any]:
    return {
        "account_id": str(world.ids["account_id"]),
        "companyName": "Acme",
        "companyDomain": "acme.com",
        "externalCustomerId": None,
        "accountOwnerId": None,
        "fields": {"planTier": "gold"},
        "gone_at_source": [],
        "created_at": "…Z",
        "updated_at": "…Z",
    }


def contact_shape(world: World) -> dict[str, Any]:
    return {
        "contact_id": str(world.ids["contact_id"]),
        "account_id": str(world.ids["account_id"]),
        "email": "ada@acme.com",
        "name": None,
        "phone": None,
        "role": None,
        "source": "manual",
        "isPrimary": False,
    }


def page(*items: Any) -> dict[str, Any]:
    return {"items": list(items), "next_cursor": None}


def rows_shape(_: World) -> dict[str, Any]:
    return page(
        {
            "position": 0,
            "outcome": "skipped",
            "reason": "no_match",
            "message": "No account has this domain.",
            "record": {"name": "Acme"},
        },
        {
            "position": 3,
            "outcome": "skipped",
            "reason": "ambiguous_match",
            "message": "Two accounts have it.",
            "record": {"name": "Twin", "website": "twin.com"},
            "candidates": [{"account_id": "1"}],
        },
    )


def history_shape(_: World) -> dict[str, Any]:
    return page(
        {
            "at": "…Z",
            "action": "created",
            "changes": {
                "companyName": {"old": None, "new": "Acme"},
                "companyDomain": {"old": None, "new": "acme.com"},
                "planTier": {"old": None, "new": "gold"},
            },
            "run_id": None,
            "connector_id": None,
            "actor": {"type": "cli", "id": "root", "label": "root"},
        }
    )


SHAPES: list[tuple[str, Any]] = [
    ("/v1/runs/{run_id}", run_shape),
    ("/v1/runs", lambda world: page(run_shape(world))),
    ("/v1/runs/{run_id}/rows", rows_shape),
    ("/v1/connectors/{connector_id}", connector_shape),
    ("/v1/connectors", lambda world: page(connector_shape(world), listed_shape(world))),
    ("/v1/connectors/{push_connector_id}", listed_shape),
    ("/v1/connectors/{connector_id}/streams/accounts", stream_shape),
    ("/v1/accounts/{account_id}", account_shape),
    ("/v1/accounts", lambda world: page(account_shape(world))),
    ("/v1/accounts/{account_id}/contacts", lambda world: page(contact_shape(world))),
    ("/v1/accounts/{account_id}/history", history_shape),
    (
        "/v1/account-views/{view_id}",
        lambda world: {
            "view_id": str(world.ids["view_id"]),
            "name": "Gold",
            "shared": True,
            "list": {"field.planTier": "gold"},
            "created_at": "…Z",
            "updated_at": "…Z",
        },
    ),
    ("/v1/contacts/{contact_id}", contact_shape),
    ("/v1/contacts", lambda world: page(contact_shape(world))),
    (
        "/v1/organization",
        lambda _: {"name": "Acme", "own_domains": [], "time_zone": "UTC", "keep_events_days": None},
    ),
    (
        "/v1/members/{member_id}",
        lambda world: {
            "member_id": str(world.ids["member_id"]),
            "email": "member@acme.example",
            "name": "Mia",
            "role": "member",
            "created_at": "…Z",
        },
    ),
    (
        "/v1/invitations",
        lambda world: page(
            {
                "invitation_id": str(world.ids["invitation_id"]),
                "email": "guest@acme.example",
                "role": "member",
                "created_at": "…Z",
                "created_by": {"type": "cli", "id": "root", "label": "root"},
                "expires_at": "…Z",
            }
        ),
    ),
    (
        "/v1/api-keys/{key_id}",
        lambda world: {
            "key_id": str(world.ids["key_id"]),
            "name": "Old",
            "prefix": "…",
            "scopes": ["read"],
            "created_at": "…Z",
            "created_by": {"type": "cli", "id": "root"},
            "last_used_at": None,
            "expires_at": None,
            "revoked_at": None,
        },
    ),
]


@pytest.mark.parametrize(("path", "shape"), SHAPES, ids=[path for path, _ in SHAPES])
def test_a_resource_is(path: str, shape: Any, world: World, api: Api) -> None:
    found = frozen(api.get(world.path(path)))
    if "prefix" in found:
        assert re.fullmatch(r"pk_live_.{4}", found["prefix"])
        found["prefix"] = "…"

    assert found == shape(world)


def test_fields_with_their_fill_rate_and_writers(world: World, api: Api) -> None:
    found = {each["name"]: each for each in frozen(api.get("/v1/fields"))["items"]}

    assert set(found) == {"companyDomain", "companyName", "planTier"}
    assert found["planTier"] == {
        "name": "planTier",
        "type": "text",
        "periodic": True,
        "history": True,
        "indexed": False,
        "index_is_built": False,
        "fill_rate": 1.0,
        "last_changed_at": "…Z",
        "connectors": [],
    }
    assert found["companyName"]["connectors"] == [str(world.ids["connector_id"])]


def test_the_audit_log_tells_who_did_what_from_where(world: World, api: Api) -> None:
    api("patch", "/v1/organization", {"time_zone": "Europe/Berlin"})

    newest = frozen(api.get("/v1/audit-log"))["items"][0]

    assert newest.pop("entry_id")
    assert newest["actor"].pop("id")
    assert newest == {
        "at": "…Z",
        "actor": {"type": "api_key", "label": "Script"},
        "verb": "organization.updated",
        "object_type": "organization",
        "object_id": str(world.organization),
        "detail": {"time_zone": "Europe/Berlin"},
        "ip": "127.0.0.1",
    }


def test_sources_describe_their_settings(world: World, api: Api) -> None:
    source, *_ = api.get("/v1/sources")["items"]

    assert (source["slug"], source["name"], source["kinds"]) == (
        "custom_api",
        "Custom API",
        ["accounts", "contacts", "events"],
    )
    assert source["secrets"] == ["token", "password", "client_secret"]
    assert source["settings"]["properties"].keys() == {"auth", "requests_per_minute"}
    assert {"url", "pagination", "mapping", "matching"} <= source["streams"]["accounts"]["properties"].keys()
    assert {"url", "schedule", "mapping", "match_by"} <= source["streams"]["contacts"]["properties"].keys()


def test_a_stream_can_be_sent_back_as_it_was_read(world: World, api: Api) -> None:
    path = world.path("/v1/connectors/{connector_id}/streams/accounts")
    read = api.get(path)

    saved = json.loads(api("put", path, read).content)

    assert saved == {"stream": read, "baseline_reset": False}


def test_only_validating_saves_nothing(world: World, api: Api) -> None:
    path = world.path("/v1/connectors/{connector_id}/streams/accounts")
    read = api.get(path)

    answer = json.loads(api("put", f"{path}?validate=true", {**read, "records_path": "items"}).content)

    assert answer == {"stream": None, "baseline_reset": True}
    assert api.get(path) == read


def test_a_run_is_accepted_once(world: World, api: Api) -> None:
    path = world.path("/v1/connectors/{connector_id}/streams/accounts/runs")

    first, second = api("post", path, {"mode": "sync", "full": True}), api("post", path, {"mode": "sync"})

    assert (first.status_code, second.status_code) == (202, 200)
    assert json.loads(first.content) == json.loads(second.content)
    assert json.loads(first.content)["full"] is True


def test_a_life_by_hand(world: World, api: Api) -> None:
    made = json.loads(api("post", "/v1/accounts", {"companyName": "New", "fields": {"seats": 3}}).content)
    path = f"/v1/accounts/{made['account_id']}"

    edited = json.loads(
        api("patch", path, {"companyName": None, "companyDomain": "HTTPS://www.New.example/x"}).content
    )
    gone = api("delete", path)
    after = api("get", path)
    listed = api.get("/v1/accounts?deleted=true")["items"]
    restored = json.loads(api("post", f"{path}/restore").content)

    assert (edited["companyName"], edited["companyDomain"], edited["fields"]) == (
        None,
        "new.example",
        {"seats": 3},
    )
    assert (gone.status_code, gone.content, after.status_code) == (204, b"", 404)
    assert [each["account_id"] for each in listed] == [made["account_id"]]
    assert restored["companyDomain"] == "new.example"
    assert [each["action"] for each in api.get(f"{path}/history")["items"]] == [
        "restored",
        "deleted",
        "updated",
        "created",
    ]


def test_no_secret_ever_comes_back(world: World, api: Api) -> None:
    path = world.path("/v1/connectors/{connector_id}")
    answers = [
        api("patch", path, {"secrets": {"token": "another-planted-token"}}),
        api("post", f"{path}/streams/accounts/test"),
        api(
            "post",
            "/v1/test",
            {
                "source": "custom_api",
                "kind": "accounts",
                "settings": {"auth": {"type": "basic", "username": "x"}},
                "secrets": {"password": "planted-password"},
                "stream": {"url": "http://127.0.0.1:9/"},
            },
        ),
        api("get", "/v1/connectors"),
        api("get", "/v1/audit-log"),
    ]

    assert [answer.status_code for answer in answers] == [200] * 5
    text = " ".join(answer.content.decode() for answer in answers)
    assert [word for word in ("planted", "blue") if word in text] == []


def test_the_time_is_in_utc_with_z(world: World, api: Api) -> None:
    assert api.get(world.path("/v1/runs/{run_id}"))["created_at"] == NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
