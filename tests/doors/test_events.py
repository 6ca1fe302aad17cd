"""`/v1/accounts/{account_id}/events`, whole, by equality with api.md's shape."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ropewalk.store.pages import write_cursor
from tests.doors.conftest import Api, World
from tests.engine.timelines import happened, stream_body
from tests.fakes import Fake, serve

pytestmark = pytest.mark.usefixtures("loopback")


def connect(api: Api, name: str, **stream: Any) -> str:
    made = api(
        "post", "/v1/connectors", {"source": "custom_api", "name": name, "streams": {"events": stream}}
    )
    assert made.status_code == 201, made.content
    return str(json.loads(made.content)["connector_id"])


def test_a_timeline(world: World, api: Api) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    path = world.path("/v1/accounts/{account_id}/events")
    records = happened(now, 3, account="www.acme.com", every=-60)
    for record in records:
        record["at"] = record["at"].replace("+00:00", "Z")
    with serve(Fake(lambda asked: {"data": records})) as url:
        app = connect(api, "App", **stream_body(url, match_by="domain"))
        found = api.get(f"{path}?limit=2")
        rest = api.get(f"{path}?limit=2&cursor={found['next_cursor']}")
        later = (now + timedelta(seconds=150)).isoformat().replace("+00:00", "Z")
        narrowed = api.get(f"{path}?from={later}&source={app}&name=Opened&user_id=U-0&q=e-3")

    def item(number: int, name: str) -> dict[str, Any]:
        return {
            "time": records[number - 1]["at"],
            "name": name,
            "source": "App",
            "user_id": f"u-{number % 3}",
            "properties": {"id": f"e-{number}", "page": number},
        }

    app_source, pushed, fields = found.pop("sources")
    assert found.pop("next_cursor")
    assert sum(day["count"] for day in found.pop("days")) == 4
    assert found == {"items": [item(3, "opened"), item(2, "closed")]}
    assert app_source.pop("ms") >= 0
    assert app_source.pop("since").endswith("Z")
    assert app_source == {
        "connector_id": app,
        "name": "App",
        "status": "ok",
        "count": 3,
        "read": 3,
        "filtered_at_source": False,
        "truncated": False,
        "notes": [],
    }
    assert (pushed["connector_id"], pushed["name"], pushed["count"]) == (
        str(world.ids["push_connector_id"]),
        "Product",
        0,
    )
    assert (fields["connector_id"], fields["name"], fields["count"]) == (None, "Field changes", 1)
    assert [each["name"] for each in rest["items"]] == ["opened", "Account created"]
    assert (rest["next_cursor"], "days" in rest) == (None, False)
    assert (narrowed["items"], [each["name"] for each in narrowed["sources"]]) == (
        [item(3, "opened")],
        ["App"],
    )


def test_a_source_that_fails_says_why(world: World, api: Api) -> None:
    connect(api, "App", **stream_body("http://127.0.0.1:9", match_by="domain"))

    found = api.get(world.path("/v1/accounts/{account_id}/events"))

    [app] = [each for each in found["sources"] if each["name"] == "App"]
    assert (app["status"], app["error"]["code"], app["error"]["about"]) == (
        "failed",
        "connection_failed",
        "url",
    )
    assert [each["name"] for each in found["items"]] == ["Account created"]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("from=soon", "from"),
        ("to=x", "to"),
        ("limit=501", "limit"),
        ("cursor=x", "cursor"),
        ("form=1", "form"),
    ],
)
def test_what_it_doesnt_take(query: str, path: str, world: World, api: Api) -> None:
    answer = api("get", world.path(f"/v1/accounts/{{account_id}}/events?{query}"))

    assert answer.status_code == 422
    assert [each["path"] for each in json.loads(answer.content)["details"]["errors"]] == [path]


@pytest.mark.parametrize(
    "query",
    [
        "from=0001-01-01T00:00:00%2B14:00",
        "to=9999-12-31T23:59:59.999999-14:00",
        "from=2026-03-01&to=9999-12-31T23:59:59.999999Z",
        f"cursor={write_cursor(['events', 10**15, 62_135_596_800_000_000, '', ''])}",
        f"cursor={write_cursor(['events', 2 * 10**17 - 1, -253_402_300_799_999_999, '', ''])}",
    ],
)
def test_the_ends_of_the_calendar(query: str, world: World, api: Api) -> None:
    with serve(
        Fake(lambda asked: {"data": [{"at": "9999-12-31T23:59:59.9Z", "event": "x", "account": "acme.com"}]})
    ) as url:
        connect(api, "App", **stream_body(url, match_by="domain", start_param="from", end_param="to"))
        found = api.get(world.path(f"/v1/accounts/{{account_id}}/events?{query}"))

    assert [each["status"] for each in found["sources"]] == ["ok", "ok", "ok"]


def test_an_event_stream_can_be_sent_back_as_it_was_read(world: World, api: Api) -> None:
    connector = connect(api, "App", **stream_body("http://127.0.0.1:9"))
    path = f"/v1/connectors/{connector}/streams/events"

    read = api.get(path)
    saved = json.loads(api("put", path, read).content)
    changed = json.loads(api("put", path, {**read, "lookback_days": 7}).content)

    assert saved == {"stream": read, "baseline_reset": False}
    assert "schedule" not in read
    # There is no run that could be a full one.
    assert changed == {"stream": {**read, "lookback_days": 7}, "baseline_reset": False}
