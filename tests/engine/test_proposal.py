"""Auto-setup against APIs of several families. They answer in-process: what is shown here is what is asked and concluded."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings, strategies as st

from ropewalk.core.errors import MustFix, RetryLater
from ropewalk.core.exchange import Request, Response
from ropewalk.core.limits import PROOF_REQUESTS
from ropewalk.engine.probing import probe, proposal
from ropewalk.engine.probing.trying import Once
from ropewalk.sources.custom_api import SOURCE, AccountStream, ConnectorSettings, EventStream
from tests.engine.conftest import Serving
from tests.engine.world import World
from tests.fakes import customers
from tests.fakes.shapes import Pages

pytestmark = pytest.mark.any_database

URL = "https://api.example.com/v1/companies"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROWS: list[dict[str, Any]] = [
    {
        "id": f"c-{n:03}",
        "name": f"Company {n}",
        "website": f"https://company-{n}.example",
        "created_at": f"2025-0{n % 9 + 1}-10T00:00:00Z",
        "updated_at": f"2026-01-{n * 7 % 28 + 1:02}T{n % 24:02}:00:00Z",
    }
    for n in range(60)
]
Params = dict[str, Any]
Api = Callable[[Params], Any]
"""Parameters of a request, of its query or its body -> a body, or a body and headers; None refuses."""


class Asked:
    def __init__(self, api: Api) -> None:
        self._api = api
        self.params: list[Params] = []

    def __call__(self, request: Request) -> Response:
        query = dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True)) | dict(request.params)
        params = query if request.method == "GET" else flat(request.body)
        self.params.append(params)
        said = self._api(params)
        if said is None:
            raise MustFix("unexpected_status", "It answered 400.")
        body, headers = said if isinstance(said, tuple) else (said, {})
        headers = {"content-type": "application/json"} | headers
        return Response(200, headers, json.dumps(body).encode(), request.url, 1)

    def ahead(self, requests: Any) -> None:
        raise AssertionError("nothing is fetched ahead")


def flat(body: Any) -> Params:
    found: Params = {}
    for key, value in (body or {}).items():
        found |= (
            {f"{key}.{name}": inner for name, inner in flat(value).items()}
            if isinstance(value, dict)
            else {key: value}
        )
    return found


def proposed(api: Api, url: str = URL, **stream: Any) -> dict[str, Any]:
    asked = Asked(api)
    draft = AccountStream.model_validate({"url": url, **stream}, context={"draft": True})
    found = proposal.propose(
        SOURCE.kinds["accounts"], "accounts", ConnectorSettings(), draft, Once(asked), NOW
    )
    assert found is not None
    assert len(asked.params) <= PROOF_REQUESTS
    return found


def paged(params: Params, number: str, size: str, default: int = 20, first: int = 1) -> list[dict[str, Any]]:
    count = int(params.get(size, default))
    start = (int(params.get(number, first)) - first) * count
    return ROWS[start : start + count]


def cut(params: Params, offset: str, size: str, default: int = 20, first: int = 0) -> tuple[int, list[Any]]:
    start, count = max(0, int(params.get(offset, first)) - first), int(params.get(size, default))
    return start + count, ROWS[start : start + count]


def nested(params: Params) -> Any:
    rows = [row for row in ROWS if row["updated_at"] >= params.get("updated_since", "")]
    count, page = int(params.get("limit", 20)), int(params.get("page", 1))
    about = {"page": page, "limit": count, "total": len(rows), "has_more": page * count < len(rows)}
    return {"ok": True, "result": {"data": rows[(page - 1) * count : page * count], "paging": about}}


def stripe(params: Params) -> Any:
    if set(params) - {"limit", "starting_after"}:
        return None
    ids = [row["id"] for row in ROWS]
    start = ids.index(params["starting_after"]) + 1 if "starting_after" in params else 0
    end = start + int(params.get("limit", 10))
    return {"object": "list", "has_more": end < 60, "data": ROWS[start:end]}


def hubspot(params: Params) -> Any:
    end, rows = cut(params, "after", "limit", 10)
    results = [{"id": row["id"], "properties": row} for row in rows]
    more = (
        {"paging": {"next": {"after": str(end), "link": f"{URL}?limit=10&after={end}"}}} if end < 60 else {}
    )
    return {"results": results} | more


def shopify(params: Params) -> Any:
    rows = [row for row in ROWS if row["updated_at"] >= params.get("updated_at_min", "")]
    start = int(params.get("page_info", 0))
    link = {"link": f'<{URL}?page_info={start + 20}>; rel="next"'} if start + 20 < len(rows) else {}
    return {"companies": rows[start : start + 20]}, link


def scim(params: Params) -> Any:
    _, rows = cut(params, "startIndex", "count", 15, first=1)
    start = max(1, int(params.get("startIndex", 1)))
    return {"totalResults": 60, "startIndex": start, "itemsPerPage": len(rows), "Resources": rows}


def spring(params: Params) -> Any:
    rows = paged(params, "page", "size", first=0)
    number, size = int(params.get("page", 0)), int(params.get("size", 20))
    return {"content": rows, "number": number, "size": size, "totalElements": 60}


def odata(params: Params) -> Any:
    rows = ROWS
    if given := params.get("$filter"):
        rows = [row for row in ROWS if row["updated_at"] >= given.removeprefix("updated_at ge ")]
    start = int(params.get("$skip", 0))
    lead = {"@odata.nextLink": f"{URL}?$skip={start + 20}"} if start + 20 < len(rows) else {}
    return {"@odata.context": "x", "@odata.count": len(rows), "value": rows[start : start + 20], **lead}


def json_api(params: Params) -> Any:
    rows = paged(params, "page[number]", "page[size]", 10)
    end = ROWS.index(rows[-1]) + 1
    following = f"{URL}?page%5Bnumber%5D={end // 10 + 1}&page%5Bsize%5D=10"
    return {
        "data": [{"type": "companies", "id": row["id"], "attributes": row} for row in rows],
        "included": [
            {"type": "users", "id": str(n), "attributes": {"email": f"u{n}@x.example"}} for n in range(9)
        ],
        "links": {"next": following if end < 60 else None},
    }


def search(params: Params) -> Any:
    end, rows = cut(params, "page.after", "page.size", 10)
    return {"total": 60, "items": rows, "page": {"after": str(end) if end < 60 else None}}


def few(params: Params) -> Any:
    rows = paged(params, "page", "per_page")[
        : max(0, 8 - (int(params.get("page", 1)) - 1) * int(params.get("per_page", 20)))
    ]
    return {"data": rows, "meta": {"current_page": int(params.get("page", 1)), "total": 8}}


def root(params: Params) -> Any:
    return cut(params, "offset", "limit")[1]


GOOD: list[tuple[Api, dict[str, Any], str, dict[str, Any], Any]] = [
    (
        nested, {}, "result.data",
        {"type": "page", "page_param": "page", "first_page": 1, "size_param": "limit", "page_size": 100,
         "total_path": "result.paging.total", "has_more_path": "result.paging.has_more"},
        {"param": "updated_since", "format": "iso8601"},
    ),
    (
        stripe, {}, "data",
        {"type": "cursor", "cursor_param": "starting_after", "next_cursor_path": "data.-1.id", "size_param": "limit",
         "page_size": 100, "has_more_path": "has_more"},
        None,
    ),
    (
        hubspot, {}, "results",
        {"type": "cursor", "cursor_param": "after", "next_cursor_path": "paging.next.after", "size_param": "limit",
         "page_size": 100},
        None,
    ),
    (shopify, {}, "companies", {"type": "link_header"}, {"param": "updated_at_min", "format": "iso8601"}),
    (
        scim, {}, "Resources",
        {"type": "offset", "offset_param": "startIndex", "first_offset": 1, "size_param": "count", "page_size": 100,
         "total_path": "totalResults"},
        None,
    ),
    (
        spring, {}, "content",
        {"type": "page", "page_param": "page", "first_page": 0, "size_param": "size", "page_size": 100,
         "total_path": "totalElements"},
        None,
    ),
    (
        odata, {}, "value",
        {"type": "next_url", "next_url_path": r"@odata\.nextLink", "total_path": r"@odata\.count"},
        {"param": "$filter", "format": "iso8601", "template": "updated_at ge {since}"},
    ),
    (json_api, {}, "data", {"type": "next_url", "next_url_path": "links.next"}, None),
    (
        search, {"method": "POST", "body": {"query": "*", "page": {"size": 10}}}, "items",
        {"type": "cursor", "cursor_param": "page.after", "next_cursor_path": "page.after", "size_param": "page.size",
         "page_size": 100, "params_in": "body", "total_path": "total"},
        None,
    ),
    (
        few, {}, "data",
        {"type": "page", "page_param": "page", "first_page": 1, "size_param": "per_page", "page_size": 100,
         "total_path": "meta.total"},
        None,
    ),
    (root, {}, "", {"type": "offset", "offset_param": "offset", "size_param": "limit", "page_size": 100}, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("api", "stream", "path", "paging", "incremental"), GOOD, ids=lambda each: getattr(each, "__name__", "")
)
def test_what_is_proposed_is_proved(
    api: Api, stream: dict[str, Any], path: str, paging: dict[str, Any], incremental: Any
) -> None:
    found = proposed(api, **stream)

    assert (found["records_path"]["value"], found["records_path"]["proved"]) == (path, True)
    assert (found["pagination"]["value"], found["pagination"]["proved"]) == (paging, True)
    assert (found["incremental"]["value"], found["incremental"]["proved"]) == (
        incremental,
        incremental is not None,
    )
    for name in ("total_path", "has_more_path"):
        assert (found[name]["value"], found[name]["proved"]) == (paging.get(name), name in paging)
    assert found["matching"]["value"] == "domain_and_external_id"
    assert {entry["to"] for entry in found["mapping"]["value"]} == {
        "companyName",
        "companyDomain",
        "externalCustomerId",
    }
    assert not found["mapping"]["proved"]


def ignored(params: Params) -> Any:
    return {"items": ROWS[:20], "page": 1, "per_page": 20, "total": 60}


def all_at_once(params: Params) -> Any:
    return {"companies": ROWS[:12]}


def same_next(params: Params) -> Any:
    return {"data": ROWS[:20], "next": f"{URL}?page=2", "next_cursor": "abc"}


def going_round(params: Params) -> Any:
    start = (int(params.get("page", 1)) - 1) % 2 * 20
    return {"data": ROWS[start : start + 20], "page": int(params.get("page", 1))}


def overlapping(params: Params) -> Any:
    start = (int(params.get("page", 1)) - 1) * 15
    return {"data": ROWS[start : start + 20]}


def shuffled(params: Params) -> Any:
    return {"data": random.Random(str(sorted(params.items()))).sample(ROWS, 20), "page": 1}


def only_sized(params: Params) -> Any:
    return ROWS[: int(params.get("limit", 20))]


def clamped(params: Params) -> Any:
    return {"data": ROWS[:12], "page": min(1, int(params.get("page", 1)))}


def leaving_out(params: Params) -> Any:
    start = int(params.get("offset", 0))
    size = int(params.get("limit", 20))
    start += start // size
    return {"data": ROWS[start : start + size], "offset": start, "total": 60}


@pytest.mark.parametrize(
    "api",
    [
        ignored,
        all_at_once,
        same_next,
        going_round,
        overlapping,
        shuffled,
        only_sized,
        clamped,
        leaving_out,
    ],
)
def test_what_does_not_hold_is_never_called_proved(api: Api) -> None:
    found = proposed(api)

    assert [name for name, one in found.items() if one["proved"]] == []
    assert found["pagination"]["why"].startswith("A guess")


def test_a_parameter_that_is_ignored_is_said_to_be() -> None:
    found = proposed(ignored)["pagination"]

    assert found["value"] == {"type": "none", "total_path": "total"}
    assert found["why"] == (
        "A guess: nothing leads on, though there should be 60 records and these are 20. "
        "The answer says “page”: 1, but page 2 holds the same records again: the parameter is ignored."
    )


# Names that nobody would guess.
BY_TOKEN = {"type": "cursor", "cursor_param": "from_token", "size_param": "most", "page_size": 30, "next_cursor_path": "token"}  # fmt: skip
SINCE = {"param": "touched", "format": "epoch_s", "template": "after {since}"}


def unusual(params: Params) -> Any:
    start, count = int(params.get("from_token", 0)), min(int(params.get("most", 20)), 40)
    since = int(params.get("touched", "after 0").removeprefix("after "))
    rows = [row for row in ROWS if datetime.fromisoformat(row["updated_at"]).timestamp() >= since]
    return {
        "rows": rows[start : start + count],
        "token": start + count if start + count < len(rows) else None,
    }


def test_what_is_set_and_leads_on_is_what_is_proved() -> None:
    found = proposed(unusual, pagination=BY_TOKEN, incremental=SINCE)

    assert (found["pagination"]["value"], found["pagination"]["proved"]) == (BY_TOKEN, True)
    assert found["pagination"]["why"] == (
        "It is set to be read like this. Page 2 holds the records that follow those of page 1."
    )
    assert (found["incremental"]["value"], found["incremental"]["proved"]) == (SINCE, True)
    assert not proposed(unusual)["pagination"]["proved"]


@pytest.mark.parametrize(
    ("headers", "overlap"),
    [
        ({"date": "Sun, 22 Nov 2026 11:58:30 GMT"}, 120),
        ({"date": "Sun, 22 Nov 2026 11:57:30 GMT", "age": "60"}, 120),
        ({"date": "Sun, 22 Nov 2026 11:59:58 GMT"}, 60),
        ({"date": "Sun, 22 Nov 2026 11:59:59 GMT"}, None),
        ({"date": "Sun, 22 Nov 2026 12:10:00 GMT"}, None),
        ({"date": "Fri, 20 Nov 2026 12:00:00 GMT"}, None),
        ({"date": "yesterday"}, None),
        ({"date": "Sun, 22 Nov 2026 11:58:30 GMT", "age": "9" * 30}, None),
    ],
)
def test_an_overlap_makes_up_for_a_clock_that_is_behind(headers: dict[str, str], overlap: int | None) -> None:
    found = proposed(lambda params: (nested(params), headers))["incremental"]

    assert found["proved"]
    assert found["value"].get("overlap_seconds") == overlap
    assert ("behind" in found["why"]) == (overlap is not None)


@pytest.mark.parametrize(("is_set", "proposes"), [(0, 120), (90, 90), (300, 300)])
def test_an_overlap_that_is_set_may_be_longer(is_set: int, proposes: int) -> None:
    said = {"param": "touched", "overlap_seconds": is_set}
    found = proposed(lambda _: (ROWS, {"date": "Sun, 22 Nov 2026 11:58:30 GMT"}), incremental=said)

    assert found["incremental"]["value"] == {
        "param": "touched",
        "format": "iso8601",
        "overlap_seconds": proposes,
    }
    assert found["incremental"]["why"].endswith(
        f"The server’s clock is 90 seconds behind, which an overlap of {proposes} makes up for."
    )


def test_what_is_set_and_is_ignored_is_said_to_be() -> None:
    wrong = {**BY_TOKEN, "cursor_param": "start_token"}

    found = proposed(unusual, pagination=wrong, records_path="rows")["pagination"]

    assert (found["value"], found["proved"]) == ({"type": "none"}, False)
    assert found["why"].startswith(
        "A guess: nothing leads on from these 20 records. It is set to be read like this, but page 2 holds the same "
        "records again: the parameter is ignored"
    )


def test_what_is_set_stays_proposed_where_there_is_no_second_page_to_prove_it() -> None:
    few = {**BY_TOKEN, "page_size": 100, "next_cursor_path": "next.token"}

    found = proposed(lambda _: {"rows": ROWS[:20], "next": {"token": None}}, pagination=few)["pagination"]

    assert (found["value"], found["proved"]) == (few, False)
    assert found["why"] == "A guess. It is set to be read like this, but it says that there is no page 2."


def test_a_total_that_is_one_of_pages_or_of_the_page_is_none() -> None:
    def api(params: Params) -> Any:
        rows = paged(params, "page", "per_page")
        return {"data": rows, "count": len(rows), "total_pages": 3, "page": int(params.get("page", 1))}

    found = proposed(api)

    assert (found["pagination"]["proved"], found["total_path"]["value"]) == (True, None)


def test_a_parameter_that_goes_by_creation_is_not_proved() -> None:
    def api(params: Params) -> Any:
        return {"data": [row for row in ROWS if row["created_at"] >= params.get("since", "")]}

    assert not proposed(api)["incremental"]["proved"]


def test_where_the_sample_cant_tell_change_from_creation_it_is_a_guess() -> None:
    def api(params: Params) -> Any:
        rows = [row | {"created_at": row["updated_at"]} for row in ROWS]
        return {"data": [row for row in rows if row["created_at"] >= params.get("since", "")]}

    found = proposed(api)["incremental"]

    assert (found["value"], found["proved"]) == ({"param": "since", "format": "iso8601"}, False)


def test_an_answer_without_records_gives_nothing_to_propose() -> None:
    found = proposed(lambda _: {"data": {"1": {"id": 1}}})

    assert {(name, one["value"], one["proved"]) for name, one in found.items()} == {
        (name, None, False) for name in proposal.SETTINGS
    }


def test_no_records_yet_is_a_guess() -> None:
    found = proposed(lambda _: {"data": [], "total": 0})

    assert (found["records_path"]["value"], found["records_path"]["proved"]) == ("data", False)


def test_an_endpoint_that_fails_is_not_asked_on_and_on() -> None:
    asked = 0

    def api(params: Params) -> Any:
        nonlocal asked
        asked += 1
        if params:
            raise RetryLater("unavailable", "It answered 503.")
        return {"data": ROWS[:20]}

    found = proposed(api)

    assert (asked, found["pagination"]["proved"], found["records_path"]["value"]) == (3, False, "data")


def test_what_an_endpoint_leads_to_but_refuses_is_a_guess() -> None:
    def api(params: Params) -> Any:
        return None if params else {"data": ROWS[:20], "next": f"{URL}?page=2"}

    found = proposed(api)["pagination"]

    assert (found["value"], found["proved"]) == ({"type": "next_url", "next_url_path": "next"}, False)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(
            st.fixed_dictionaries({"id": st.integers()}, optional={"updated_at": st.text()}), max_size=4
        )
        | st.dictionaries(st.sampled_from(["next", "cursor", "page", "data", "total", "has_more", ""]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(json_values)
def test_an_answer_that_is_always_the_same_proves_nothing(value: Any) -> None:
    draft = AccountStream.model_validate({"url": URL}, context={"draft": True})
    found = proposal.propose(
        SOURCE.kinds["accounts"],
        "accounts",
        ConnectorSettings(),
        draft,
        Once(Asked(lambda _: (value, {}))),
        NOW,
    )

    assert found is not None
    assert [name for name, one in found.items() if one["proved"]] == []


# ---- as a test does it ----


def test_a_draft_needs_no_more_than_a_url(world: World, serving: Serving) -> None:
    shop = Pages(customers(60), records_key="items", total_key="total")
    draft = {"source": "custom_api", "stream": {"url": f"{serving(shop)}/customers"}}

    answer = world.post("test", draft)

    assert (answer["ok"], answer["message"]) == (True, "60 records on 1 page read.")
    assert answer["request"]["params"] == {}
    assert [field["path"] for field in answer["fields"]][:3] == ["id", "name", "website"]
    assert answer["proposal"]["records_path"]["value"] == "items"
    assert answer["proposal"]["pagination"]["proved"]


def test_what_a_draft_says_is_tested_as_it_is(world: World, serving: Serving) -> None:
    shop = Pages(customers(60), records_key="items")
    draft = {"source": "custom_api", "stream": {"url": f"{serving(shop)}/customers", "records_path": "rows"}}

    answer = world.post("test", draft)

    assert (answer["ok"], answer["error"]["code"], answer["fields"]) == (False, "records_path", [])
    assert answer["proposal"]["records_path"]["value"] == "items"


def test_a_test_keeps_to_the_connectors_budget(world: World, serving: Serving) -> None:
    shop = Pages(customers(60))
    connector = world.connect(serving(shop), shop.stream, requests_per_minute=6)

    answer = world.test(connector)

    assert answer["ok"]
    assert world.clock.waited <= probe.DEADLINE_SECONDS
    assert len(shop.seen) <= 1 + world.clock.waited / 10


@pytest.mark.parametrize(("key", "matching"), [("company-{}.example", "domain"), ("c-{}", "external_id")])
def test_events_are_proposed_like_anything_else_but_for_what_has_changed(key: str, matching: str) -> None:
    events = [
        {
            "type": "signed_in",
            "occurred_at": f"2026-01-{n % 28 + 1:02}T10:00:00Z",
            "customer": key.format(n),
            "n": n,
        }
        for n in range(60)
    ]

    def api(params: Params) -> Any:
        count, page = int(params.get("limit", 20)), int(params.get("page", 1))
        return {"events": events[(page - 1) * count : page * count], "page": page}

    draft = EventStream.model_validate({"url": URL}, context={"draft": True})
    found = proposal.propose(
        SOURCE.kinds["events"], "events", ConnectorSettings(), draft, Once(Asked(api)), NOW
    )

    assert found is not None
    assert (found["records_path"]["value"], found["records_path"]["proved"]) == ("events", True)
    assert (found["pagination"]["value"]["type"], found["pagination"]["proved"]) == ("page", True)
    assert (found["incremental"]["value"], found["matching"]["value"]) == (None, matching)
    assert {each["to"]: each["from"] for each in found["mapping"]["value"]} == {
        "eventTime": "occurred_at",
        "eventName": "type",
        "accountKey": "customer",
    }
