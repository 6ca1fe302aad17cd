"""Push connectors over the API, call by call as push-api.md §2 has them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ropewalk.core.eventschema import KINDS
from tests.doors.conftest import Api, World, key_of
from tests.doors.test_shapes import frozen

PATH = "/v1/custom-connectors"


def body_of(answer: Any) -> Any:
    return json.loads(answer.content)


def problems(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.content
    return {each["path"]: each["message"] for each in body_of(answer)["details"]["errors"]}


def make(api: Api, source_name: str, **given: Any) -> dict[str, Any]:
    answer = api("post", PATH, {"name": "Billing", "source_name": source_name, **given})
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = body_of(answer)
    return made


def test_the_resource(world: World) -> None:
    text = key_of(world.organization, "read", "write")
    api = Api(text)
    schema = {"time": "at", "account": "customer.id", "user": "actor.email"}

    made = make(
        api,
        "billing-2",
        name="  Billing  ",
        accepted_kinds=["custom", "email", "custom"],
        metadata={"region": "eu"},
        event_schema=schema,
    )

    key_id = made["created_by"]["id"]
    assert frozen(made) == {
        "connector_id": made["connector_id"],
        "name": "Billing",
        "source_name": "billing-2",
        "created_at": "…Z",
        "created_by": {"type": "api_key", "id": key_id},
        "is_active": True,
        "accepted_kinds": ["custom", "email"],
        "metadata": {"region": "eu"},
        "event_schema": {**schema, "match_by": "external_id"},
    }
    (entry, *_) = Api(key_of(world.organization)).get("/v1/audit-log")["items"]
    assert (entry["verb"], entry["object_id"], entry["actor"]["id"]) == (
        "push_connector.created",
        made["connector_id"],
        key_id,
    )


def test_what_is_left_out(api: Api) -> None:
    found = [make(api, "one"), make(api, "two", accepted_kinds=None, event_schema=None)]

    for each in found:
        assert (each["accepted_kinds"], each["metadata"], each["event_schema"]) == ([], {}, None)


@pytest.mark.parametrize("source_name", ["a", "7", "a-b", "a--b", "x" * 63])
def test_source_names(source_name: str, api: Api) -> None:
    assert make(api, source_name)["source_name"] == source_name


@pytest.mark.parametrize(
    "source_name", ["", "-a", "a-", "A", "a_b", "a.b", "a b", "ä", "x" * 64, "a\n", 7, None]
)
def test_what_is_no_source_name(source_name: Any, api: Api) -> None:
    assert set(problems(api("post", PATH, {"name": "X", "source_name": source_name}))) == {"source_name"}


def test_a_source_name_is_taken_also_by_one_that_is_inactive(world: World, api: Api) -> None:
    api("delete", world.path(PATH + "/{push_connector_id}"))

    answer = api("post", PATH, {"name": "Again", "source_name": "product"})

    assert (answer.status_code, body_of(answer)["error_code"]) == (409, "conflict")


def test_everything_that_is_wrong_at_once(api: Api) -> None:
    found = problems(
        api(
            "post",
            PATH,
            {
                "name": "x" * 256,
                "source_name": "No",
                "accepted_kinds": ["custom", "fax"],
                "metadata": {"a": 1},
                "event_schema": {"match_by": "luck", "tme": "at", "name": ""},
                "colour": "red",
            },
        )
    )

    assert found == {
        "name": "Give at most 255 characters.",
        "source_name": "Give 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end, such as "
        "billing-events.",
        "accepted_kinds.1": f"Give one of {', '.join(KINDS)}.",
        "metadata.a": "Give a text.",
        "event_schema.match_by": "Give one of domain, external_id.",
        "event_schema.tme": "There is no such setting; did you mean time?",
        "event_schema.name": "This can’t be empty.",
        "colour": "There is no such setting; there are accepted_kinds, event_schema, metadata, name, source_name.",
    }


def test_fifty_keys_of_metadata(api: Api) -> None:
    fifty = {f"k{number}": "v" for number in range(50)}

    assert make(api, "fifty", metadata=fifty)["metadata"] == fifty
    more = {"name": "X", "source_name": "more", "metadata": {**fifty, "one": "more"}}
    assert problems(api("post", PATH, more)) == {"metadata": "Give at most 50 keys."}


def test_the_list_is_an_array_newest_first(world: World, api: Api) -> None:
    one, two = make(api, "one"), make(api, "two")
    api("delete", f"{PATH}/{one['connector_id']}")
    first = str(world.ids["push_connector_id"])

    assert [each["connector_id"] for each in api.get(PATH)] == [two["connector_id"], first]
    with CaptureQueriesContext(connection) as captured:
        everything = api.get(f"{PATH}?include_inactive=true")
    assert [each["connector_id"] for each in everything] == [two["connector_id"], one["connector_id"], first]
    assert [each["is_active"] for each in everything] == [True, False, True]
    assert len(captured) == 2


def test_a_change_keeps_what_it_leaves_out(api: Api) -> None:
    made = make(api, "billing", metadata={"a": "1", "b": "2"}, accepted_kinds=["custom"])
    path = f"{PATH}/{made['connector_id']}"

    changed = body_of(api("patch", path, {"metadata": {"c": "3"}}))

    assert changed == {**made, "metadata": {"c": "3"}}
    everything = {"name": "New", "accepted_kinds": None, "event_schema": {"name": "type"}, "is_active": False}
    assert body_of(api("patch", path, everything)) == {
        **changed,
        **everything,
        "accepted_kinds": [],
        "event_schema": {"name": "type", "match_by": "external_id"},
    }
    assert body_of(api("patch", path, {}))["name"] == "New"
    assert body_of(api("patch", path, {"event_schema": None}))["event_schema"] is None


def test_what_can_not_be_changed(world: World, api: Api) -> None:
    path = world.path(PATH + "/{push_connector_id}")
    renamed = api("patch", path, {"source_name": "other"})

    assert body_of(renamed)["message"] == (
        "These settings can't be used. "
        "source_name: The source name never changes: events go under it. Make a new connector for another."
    )
    assert problems(api("patch", path, {"source_name": "other", "name": "", "is_active": None})) == {
        "source_name": "The source name never changes: events go under it. Make a new connector for another.",
        "name": "This can’t be empty.",
        "is_active": "Give true or false.",
    }


def test_deactivated_and_activated_again(world: World, api: Api) -> None:
    path = world.path(PATH + "/{push_connector_id}")

    assert [api("delete", path).status_code for _ in range(2)] == [204, 204]
    assert api.get(path)["is_active"] is False
    assert body_of(api("patch", path, {"is_active": True}))["is_active"] is True
    verbs = [each["verb"] for each in api.get("/v1/audit-log?action=push_connector")["items"]]
    assert verbs == ["push_connector.activated", "push_connector.deactivated", "push_connector.created"]


def test_they_are_listed_beside_the_connectors_that_ask(world: World, api: Api) -> None:
    listed = api.get("/v1/connectors")["items"]
    first = api.get("/v1/connectors?limit=1")

    assert [each["source"] for each in listed] == ["custom_api", "push"]
    assert [first["items"], api.get(f"/v1/connectors?cursor={first['next_cursor']}")["items"]] == [
        listed[:1],
        listed[1:],
    ]


def test_there_they_are_only_read(world: World, api: Api) -> None:
    path = world.path("/v1/connectors/{push_connector_id}")

    for answer in (api("patch", path, {"name": "Other"}), api("delete", path)):
        assert (answer.status_code, body_of(answer)) == (
            403,
            {
                "error_code": "permission_denied",
                "message": "A push connector is only read here; change it at "
                + world.path("/v1/custom-connectors/{push_connector_id}."),
            },
        )
    assert api("get", f"{path}/streams/events").status_code == 404
