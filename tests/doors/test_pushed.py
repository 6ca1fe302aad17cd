"""Pushed events read back and erased, as push-api.md §5 has it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest

from ropewalk.core.times import iso
from ropewalk.store.pages import write_cursor
from tests.doors.conftest import NOW, Api, World, key_of, make_world, push_event

HOUR = timedelta(hours=1)
ACME = ("domain:acme.com",)


@pytest.fixture
def world(db: None) -> World:
    return make_world("Acme")


def answered(answer: Any) -> tuple[int, Any]:
    return answer.status_code, json.loads(answer.content)


def problems(answer: Any) -> dict[str, str]:
    status, body = answered(answer)
    assert status == 422, body
    return {each["path"]: each["message"] for each in body["details"]["errors"]}


def ids(found: dict[str, Any]) -> list[str]:
    return [each["external_id"] for each in found["items"]]


@pytest.fixture
def shop(world: World, api: Api) -> World:
    """Five events of two connectors, an hour apart, the later the newer."""
    made = api("post", "/v1/custom-connectors", {"name": "Shop", "source_name": "shop"})
    world.ids["shop"] = UUID(json.loads(made.content)["connector_id"])
    whose = (world.organization, world.ids["shop"])
    push_event(*whose, "a", keys=ACME, name="Ordered", metadata=json.dumps({"region": "eu", "plan": "gold"}))
    push_event(*whose, "b", NOW + HOUR, keys=ACME, name="Paid", metadata=json.dumps({"region": "eu"}))
    push_event(
        *whose, "c", NOW + 2 * HOUR, kind="message", item={"kind": "message", "payload": {"text": "Hi"}}
    )
    push_event(*whose, "d", NOW + 3 * HOUR, item={"text": "Plain"}, name="Ordered")
    push_event(world.organization, world.ids["push_connector_id"], "e", NOW + 4 * HOUR, keys=ACME, user="u-1")
    return world


def test_an_event(shop: World, api: Api) -> None:
    listed = api.get("/v1/events?source=custom:shop&name=Ordered&kind=custom")["items"]

    assert listed[1] == {
        "source": "custom:shop",
        "connector_id": str(shop.ids["shop"]),
        "external_id": "a",
        "version": 1,
        "kind": "custom",
        "name": "Ordered",
        "time": iso(NOW),
        "received_at": iso(NOW),
        "user_id": None,
        "metadata": {"region": "eu", "plan": "gold"},
        "data": {"amount": 12},
    }
    assert listed[0] == {**listed[0], "external_id": "d", "text": "Plain"}
    assert "data" not in listed[0]
    assert api.get("/v1/events/custom:shop/a") == listed[1]
    assert api.get("/v1/events/custom%3Ashop/c")["payload"] == {"text": "Hi"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("source=custom:shop", "dcba"),
        ("source=custom:shop&kind=message", "c"),
        ("source=custom:shop&name=Ordered", "da"),
        ("source=custom:shop&name=ordered", ""),
        ("metadata.region=eu", "ba"),
        ("metadata.region=eu&metadata.plan=gold", "a"),
        ("metadata.plan=", ""),
        (f"source=custom:shop&from={quote(iso(NOW + HOUR))}&to={quote(iso(NOW + 3 * HOUR))}", "cb"),
        ("source=custom:nobody", ""),
        ("source=shop", ""),
        ("source=crm:shop", ""),
        ("account_id={account_id}", "eba"),
        ("account_id={account_id}&source=custom:shop", "ba"),
        ("account_id={account_id}&name=Paid&metadata.region=eu", "b"),
    ],
)
def test_filters(query: str, found: str, shop: World, api: Api) -> None:
    assert ids(api.get("/v1/events?" + shop.path(query))) == [*found]


@pytest.mark.parametrize("query", ["", "account_id={account_id}", "source=custom:shop", "metadata.region=eu"])
def test_pages_lead_on_to_each_event_once(query: str, shop: World, api: Api) -> None:
    path = "/v1/events?" + shop.path(query)
    whole = ids(api.get(path))
    found: list[str] = []
    cursor = ""
    for _ in range(10):
        page = api.get(f"{path}&limit=2{cursor}")
        found += ids(page)
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert found == whole
    assert len(whole) >= 2


def test_what_can_not_be_asked(shop: World, api: Api) -> None:
    wrong = {
        "account_id=x": "account_id",
        "kind=fax": "kind",
        "from=soon": "from",
        "limit=0": "limit",
        "limit=501": "limit",
        "colour=red": "colour",
        "region=eu": "region",
        f"from={quote(iso(NOW))}&to={quote(iso(NOW))}": "to",
        "cursor=x": "cursor",
        f"cursor={write_cursor(['events', 1, 2])}": "cursor",
        f"cursor={write_cursor(['pushed', 1, True])}": "cursor",
        f"cursor={write_cursor(['pushed', 2**70, 1])}": "cursor",
    }

    found = {query: [*problems(api("get", f"/v1/events?{query}"))] for query in wrong}

    assert found == {query: [path] for query, path in wrong.items()}


def test_each_version(shop: World, api: Api) -> None:
    whose = (shop.organization, shop.ids["shop"])
    push_event(*whose, "a", NOW + HOUR, item={"data": {"amount": 13}})
    path = "/v1/events/custom:shop/a"

    found = [api.get(f"{path}?version={number}") for number in (1, 2)]

    assert [(each["version"], each["data"]) for each in found] == [(1, {"amount": 12}), (2, {"amount": 13})]
    assert api.get(path) == found[1]
    assert ids(api.get("/v1/events?source=custom:shop")) == ["d", "c", "a", "b"]
    assert answered(api("get", f"{path}?version=3"))[0] == 404
    assert [*problems(api("get", f"{path}?version=0"))] == ["version"]


@pytest.mark.parametrize("external_id", ["a/b/c", "ä ö", "100%", "x?y#z", "a//b", "tail", "/"])
def test_whatever_an_external_id_is_made_of(external_id: str, world: World, api: Api) -> None:
    push_event(world.organization, world.ids["push_connector_id"], external_id)

    found = api.get(f"/v1/events/custom:product/{quote(external_id, safe='')}")

    assert found["external_id"] == external_id


def test_what_is_not_there(shop: World, api: Api, elsewhere: World) -> None:
    there = Api(key_of(elsewhere.organization))

    for asking, path in (
        (api, "/v1/events/custom:shop/nobody"),
        (api, "/v1/events/custom:nobody/a"),
        (api, "/v1/events/shop/a"),
        (there, "/v1/events/custom:shop/a"),
        (there, shop.path("/v1/events?account_id={account_id}")),
    ):
        assert answered(asking("get", path))[0] == 404, path
    assert ids(there.get("/v1/events?source=custom:shop")) == []


class TestErasing:
    def test_one(self, shop: World, api: Api) -> None:
        path = "/v1/events?source=custom:shop&external_id=a"

        assert answered(api("delete", path)) == (200, {"events": 1})
        assert answered(api("delete", path))[0] == 404
        assert answered(api("get", "/v1/events/custom:shop/a?version=1"))[0] == 404
        push_event(shop.organization, shop.ids["shop"], "a")
        assert api.get("/v1/events/custom:shop/a")["version"] == 1

    def test_all_of_an_account(self, shop: World, api: Api) -> None:
        path = shop.path("/v1/events?account_id={account_id}")

        assert answered(api("delete", path)) == (200, {"events": 3})
        assert answered(api("delete", path)) == (200, {"events": 0})
        assert ids(api.get("/v1/events?source=custom:shop")) == ["d", "c"]

    def test_of_an_account_that_was_deleted(self, shop: World, api: Api) -> None:
        api("delete", shop.path("/v1/accounts/{account_id}"))

        assert answered(api("delete", shop.path("/v1/events?account_id={account_id}"))) == (
            200,
            {"events": 3},
        )

    def test_another_accounts_events_stay(self, world: World, api: Api) -> None:
        """Whose id differs only in case."""
        made = [
            json.loads(api("post", "/v1/accounts", {"companyName": name, "externalCustomerId": name}).content)
            for name in ("cus-a", "CUS-A")
        ]
        for name in ("cus-a", "CUS-A"):
            push_event(world.organization, world.ids["push_connector_id"], name, keys=(f"id:{name}",))
        path = "/v1/events?account_id=" + made[0]["account_id"]

        assert ids(api.get(path)) == ["cus-a"]
        assert answered(api("delete", path)) == (200, {"events": 1})
        assert ids(api.get("/v1/events?account_id=" + made[1]["account_id"])) == ["CUS-A"]

    def test_it_is_audited(self, shop: World, api: Api) -> None:
        api("delete", "/v1/events?source=custom:shop&external_id=a")
        api("delete", shop.path("/v1/events?account_id={account_id}"))

        found = api.get("/v1/audit-log?action=event.erased")["items"]

        assert [(each["object_id"], each["detail"]) for each in found] == [
            (str(shop.ids["account_id"]), {"account": "Acme"}),
            ("a", {"source": "custom:shop", "external_id": "a"}),
        ]

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "source=custom:shop",
            "external_id=a",
            "account_id={account_id}&source=custom:shop&external_id=a",
        ],
    )
    def test_nothing_is_erased_by_half_a_request(self, query: str, shop: World, api: Api) -> None:
        path = "/v1/events?" + shop.path(query)

        assert problems(api("delete", path)) == {"": "Give account_id alone, or source and external_id."}
        assert len(ids(api.get("/v1/events"))) == 6

    def test_nobody_elses(self, shop: World, elsewhere: World) -> None:
        there = Api(key_of(elsewhere.organization))

        for query in ("source=custom:shop&external_id=a", shop.path("account_id={account_id}")):
            assert answered(there("delete", f"/v1/events?{query}"))[0] == 404


def test_figures_of_a_connector(shop: World, api: Api) -> None:
    from ropewalk.store.events.base import Refusal, micros
    from ropewalk.store.events.installed import events

    refusal = Refusal(shop.organization, shop.ids["shop"], micros(NOW), "z", ["data: This is required."])
    events().append([], [refusal])

    found = api.get(f"/v1/custom-connectors/{shop.ids['shop']}")["statistics"]

    assert found == {
        "events_last_hour": 0,
        "events_last_day": 0,
        "events_total": 4,
        "last_event_at": iso(NOW + 3 * HOUR),
        "recent_rejections": [{"at": iso(NOW), "external_id": "z", "errors": ["data: This is required."]}],
    }
