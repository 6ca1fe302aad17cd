"""PostHog against a fake of its query API, which reads our queries with PostHog's own parser and carries them out."""

from __future__ import annotations

import json
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ropewalk.core.checking import check
from ropewalk.core.errors import MustFix, RetryLater, RopewalkError
from ropewalk.core.events import Event, EventPlan
from ropewalk.core.exchange import Request, Response
from ropewalk.core.paging import Ending
from ropewalk.sources.base import Option, Page, Window
from ropewalk.sources.posthog import SOURCE
from tests.contracts.generated import allowed
from tests.contracts.openapi import description
from tests.fakes import Fake, hogql
from tests.fakes.posthog import KEY, PROJECT, START, PostHog, event
from tests.sources.fetching import Reached

EVENTS = SOURCE.kinds["events"]
WINDOW = Window(since=START - timedelta(days=90), until=START)
COMPLETE = Ending("complete")


def connector(**changes: Any) -> Any:
    return check(SOURCE.settings, {"project_id": PROJECT, **changes})


def stream(**changes: Any) -> Any:
    return check(EVENTS.settings, {"account": "person.properties.domain", **changes})


def page(project: Fake, window: Window = WINDOW, key: str = KEY, **changes: Any) -> Page:
    (found,) = EVENTS.read(connector(), stream(**changes), window, Reached(project, key), None)
    return found


def rows(found: Page) -> list[dict[str, Any]]:
    return [json.loads(bytes(raw)) for raw in found.records]


def names(found: Page) -> list[str]:
    return [row["event"] for row in rows(found)]


def of_account(value: str, **changes: Any) -> Window:
    return Window(since=WINDOW.since, until=WINDOW.until, account=value, **changes)


def test_one_query_with_everything_bound() -> None:
    project = PostHog([event(1, domain="acme.example"), event(2, domain="other.example")])

    found = page(
        project,
        of_account("acme.example"),
        account="properties.domain",
        user="person.properties.email",
        match_by="external_id",
        events=["$pageview", "signed up"],
        where="properties.$lib = 'web'",
    )

    assert project.queries == [
        (
            "SELECT uuid, event, timestamp, properties.domain AS account, person.properties.email AS user, properties"
            " FROM events WHERE timestamp >= toDateTime({since}) AND timestamp < toDateTime({until})"
            " AND event IN ({event_0}, {event_1}) AND (properties.$lib = 'web')"
            " AND (toString(properties.domain) = {account} OR lower(toString(properties.domain)) = {account_lower})"
            " ORDER BY timestamp DESC LIMIT 5001",
            {
                "since": "2025-12-01T12:00:00Z",
                "until": "2026-03-01T12:00:00Z",
                "event_0": "$pageview",
                "event_1": "signed up",
                "account": "acme.example",
                "account_lower": "acme.example",
            },
        )
    ]
    assert rows(found) == [
        {
            "uuid": "0195a000-0000-7000-8000-000000000001",
            "event": "$pageview",
            "timestamp": "2026-03-01T11:59:00+00:00",
            "account": "acme.example",
            "user": None,
            "properties": {"$lib": "web", "domain": "acme.example"},
        }
    ]
    assert found.ending == COMPLETE


@pytest.mark.parametrize(
    ("spelling", "is_found"),
    [
        ("acme.example", True),
        ("ACME.example", True),
        ("www.acme.example", True),
        ("https://www.Acme.example/pricing?x=1", True),
        ("olga@acme.example", True),
        ("acme.example.org", False),
        ("notacme.example", False),
        (None, False),
    ],
)
def test_a_domain_is_found_however_it_is_spelled(spelling: str | None, is_found: bool) -> None:
    project = PostHog([event(1, person={"domain": spelling})])

    found = page(project, of_account("acme.example"))

    assert [row["account"] for row in rows(found)] == ([spelling] if is_found else [])


@pytest.mark.parametrize(
    ("account", "more"),
    [
        ("properties.tenant", {"tenant": "T-1"}),
        ("person.properties['the tenant']", {"person": {"the tenant": "T-1"}}),
        ("$group_0", {"group_0": "T-1"}),
    ],
)
def test_the_account_is_a_property_of_event_or_person_or_a_group(account: str, more: dict[str, Any]) -> None:
    project = PostHog([event(1, **more), event(2)])

    found = page(project, of_account("t-1"), account=account, match_by="external_id")

    assert [row["account"] for row in rows(found)] == ["T-1"]


ODD = [
    "'; DROP TABLE events --",
    'a"b',
    "a`b",
    "a\\'b",
    "{until}",
    "Müller & Söhne",
    "日本",
    "%s",
    "</x>",
    "\\",
]


@pytest.mark.parametrize("key", ODD)
def test_a_key_reaches_the_query_as_a_value_only(key: str) -> None:
    project = PostHog([event(1, tenant=key), event(2, tenant="another")])

    found = page(project, of_account(key), account="properties.tenant", match_by="external_id")
    (query, values) = project.queries[0]

    assert [row["account"] for row in rows(found)] == [key]
    assert values["account"] == key
    assert query == PLAIN


PLAIN = (
    "SELECT uuid, event, timestamp, properties.tenant AS account, distinct_id AS user, properties FROM events"
    " WHERE timestamp >= toDateTime({since}) AND timestamp < toDateTime({until})"
    " AND (toString(properties.tenant) = {account} OR lower(toString(properties.tenant)) = {account_lower})"
    " ORDER BY timestamp DESC LIMIT 5001"
)


def test_newest_first_and_said_when_there_are_more() -> None:
    project = PostHog([event(number, f"e{number}") for number in range(1, 30)])

    found = page(project, Window(since=WINDOW.since, until=WINDOW.until, max_records=10))

    assert names(found) == [f"e{number}" for number in range(1, 11)]
    assert found.ending == Ending("truncated", ("max_records",))
    assert project.queries[0][0].endswith("LIMIT 11")


def test_as_many_as_may_be_read_are_all_there_are() -> None:
    project = PostHog([event(number, f"e{number}") for number in range(1, 11)])

    found = page(project, Window(since=WINDOW.since, until=WINDOW.until, max_records=10))

    assert (len(names(found)), found.ending) == (10, COMPLETE)


def test_no_more_is_asked_for_than_posthog_gives() -> None:
    project = PostHog([])

    page(project, Window(max_records=1_000_000))

    assert project.queries[0][0].endswith("LIMIT 50000")


def test_the_time_range_is_kept_to() -> None:
    project = PostHog([event(number, f"e{number}") for number in range(10)])
    window = Window(since=START - timedelta(minutes=5), until=START - timedelta(minutes=2))

    assert names(page(project, window)) == ["e3", "e4", "e5"]


def test_an_answer_that_comes_later_is_asked_for() -> None:
    project = PostHog([event(1), event(2)], later=3)
    reached = Reached(project, KEY)

    (found,) = EVENTS.read(connector(), stream(), WINDOW, reached, None)

    assert names(found) == ["$pageview", "$pageview"]
    assert project.lines == [
        "POST /api/projects/4242/query/",
        *["GET /api/projects/4242/query/query-1/"] * 3,
    ]
    assert [request.pause_ms for request in reached.requests] == [0, 200, 300, 500]


def test_no_rows_yet_are_not_no_rows() -> None:
    told = iter(
        [
            {"results": [], "query_status": {"id": "q1", "complete": False}},
            {"results": [["u", "opened", "2026-03-01T11:59:00+00:00", "acme.example", None, {}]]},
        ]
    )

    assert names(page(Fake(lambda asked: next(told)))) == ["opened"]


def test_an_empty_answer_that_comes_later() -> None:
    assert page(PostHog([], later=1)).count == 0


@pytest.mark.parametrize(
    ("project", "key", "kind", "code"),
    [
        (PostHog([], busy=1), KEY, RetryLater, "rate_limited"),
        (PostHog([]), "phx_of_another", MustFix, "authentication_failed"),
    ],
)
def test_refusals(project: PostHog, key: str, kind: type[RopewalkError], code: str) -> None:
    with pytest.raises(kind) as caught:
        page(project, key=key)

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("said", "code", "message"),
    [
        ("<html>", "not_json", ""),
        (b'"no object"', "not_json", "it has no results"),
        ({"query_status": 7}, "not_json", "it has no results"),
        ({"query_status": {"id": "q1", "complete": True}}, "not_json", "the query is complete, and has no results"),
        ({"query_status": {"complete": False}}, "not_json", "it is neither rows nor a query that goes on"),
        ({"query_status": {"id": "../me", "complete": False}}, "not_json", "it is neither rows nor a query that goes on"),
        ({"query_status": {"id": 7, "complete": False}}, "not_json", "it is neither rows nor a query that goes on"),
        (b'{"query_status": {"id": "q1", "more": 1e999}}', "not_json", "a number that is out of range"),
        ({"results": [], "error": "Unknown table"}, "query_refused", "PostHog refused the query: Unknown table"),
        ({"query_status": {"id": "q1", "error": True}}, "query_refused", "PostHog refused the query: it did not say why"),
    ],
)  # fmt: skip
def test_answers_that_are_no_rows(said: Any, code: str, message: str) -> None:
    with pytest.raises(MustFix) as caught:
        page(Fake(lambda asked: said))

    assert caught.value.code == code
    assert message in caught.value.message


def test_a_large_answer_without_results() -> None:
    class Large(Reached):
        def __call__(self, request: Request) -> Response:
            return Response(200, {"content-type": "application/json"}, BytesIO(b'{"a": 1}'), request.url, 1)

    with pytest.raises(MustFix) as caught:
        list(EVENTS.read(connector(), stream(), WINDOW, Large(Fake(), KEY), None))

    assert caught.value.message == "PostHog’s answer can’t be read: it has no results."


def test_a_query_that_never_ends_is_tried_again_later() -> None:
    project = PostHog([event(1)], later=1_000)
    with pytest.raises(RetryLater) as caught:
        page(project)

    assert (caught.value.code, len(project.lines)) == ("timeout", 121)


def test_rows_that_are_none_stay_as_they_are_and_properties_may_be_text() -> None:
    told = ["u", "opened", "2026-03-01T11:59:00+00:00", "acme.example", None]
    sent = [[*told, '{"a": 1}'], [*told, "no json"], [*told, None], "no row", told, ["\0"]]
    first, *others = rows(page(Fake(lambda asked: {"results": sent})))

    assert [first["properties"], *(each["properties"] for each in others[:2])] == [
        {"a": 1},
        {"properties": "no json"},
        None,
    ]
    assert others[2:] == sent[3:]


def test_a_row_that_cannot_be_decoded_is_left_for_the_reader() -> None:
    found = page(Fake(lambda asked: b'{"results": [["u", 1e999]]}'))

    assert [bytes(each) for each in found.records] == [b'["u", 1e999]']


def test_a_query_that_fails_later_says_why() -> None:
    said = iter(
        [
            {"query_status": {"id": "q1", "team_id": 1, "complete": False}},
            {
                "query_status": {
                    "id": "q1",
                    "team_id": 1,
                    "complete": True,
                    "error": True,
                    "error_message": "Too much",
                }
            },
        ]
    )
    with pytest.raises(MustFix) as caught:
        page(Fake(lambda asked: next(said)))

    assert caught.value.message == "PostHog refused the query: Too much"


def test_the_mapping_is_known_before_anything_is_asked() -> None:
    settings = stream(user="person.properties.email")
    project = PostHog([event(1, person={"domain": "acme.example", "email": "olga@acme.example"})])
    plan = EventPlan(settings.mapping, "domain", "posthog")

    (raw,) = page(project, user="person.properties.email").records
    found = plan.read(raw)

    assert isinstance(found, Event)
    assert (found.at, found.name, found.user, found.keys) == (
        START - timedelta(minutes=1),
        "$pageview",
        "olga@acme.example",
        ("acme.example",),
    )
    assert json.loads(found.properties) == {"$lib": "web"}


def test_what_there_is_to_choose_from() -> None:
    project = PostHog([])
    project.canned = {
        "SELECT event, count()": [["$pageview", 12_345], ["signed up", 3], [None, 1], ["", 2]],
        "FROM groups": [[0, "like acme"], [7, "like nothing"]],
        "FROM persons": [["email", 10], ["company name", 9]],
        "FROM events": [["$browser", 4]],
    }
    reached = Reached(project, KEY)

    assert SOURCE.choices["events"].fetch(connector(), reached) == [
        Option("$pageview", about="12,345 times"),
        Option("signed up", about="3 times"),
    ]
    assert SOURCE.choices["keys"].fetch(connector(), reached) == [
        Option("$group_0", "Group type 0", "Group keys", "like acme"),
        Option("person.properties.email", "email", "Person properties", "10 times"),
        Option("person.properties['company name']", "company name", "Person properties", "9 times"),
        Option("properties.$browser", "$browser", "Event properties", "4 times"),
    ]
    for query, _ in project.queries:
        assert hogql.select(query)["limit"] is not None


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"account": "event; select 1"}, "account"),
        ({"where": "1 = 1 //"}, "where"),
        ({"user": "(select 1)"}, "user"),
        ({"events": [""]}, "events.0"),
        ({"lookback_days": 366}, "lookback_days"),
    ],
)
def test_settings_that_are_refused(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(MustFix) as caught:
        stream(**changes)

    assert [problem.path for problem in caught.value.problems] == [path]


@pytest.mark.parametrize("host", ["us.posthog.com", "ftp://us.posthog.com", "https://"])
def test_a_host_is_a_web_address(host: str) -> None:
    with pytest.raises(MustFix) as caught:
        connector(host=host)

    assert [problem.path for problem in caught.value.problems] == ["host"]


@pytest.mark.parametrize("project_id", ["", "12/../34", "abc", "12?x", "@current"])
def test_a_project_is_a_number(project_id: str) -> None:
    with pytest.raises(MustFix):
        connector(project_id=project_id)

    assert connector(project_id=42).project_id == "42"


DESCRIBED = description("posthog/posthog.query.trimmed.json")


@given(allowed(DESCRIBED.schemas["HogQLQueryResponse"], DESCRIBED.schemas), st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[*HealthCheck])
def test_whatever_the_description_allows_is_read_or_refused(said: Any, cached: bool) -> None:
    """In practice there is more in it than the description says."""
    body = {**said, "is_cached": cached, "cache_key": "x", "timezone": None} if cached else said

    class Says(Reached):
        def __call__(self, request: Request) -> Response:
            raw = json.dumps(body if request.method == "POST" else {"results": []}).encode()
            return Response(200, {"content-type": "application/json"}, raw, request.url, 1)

    reading = EVENTS.read(connector(), stream(), WINDOW, Says(Fake(), KEY), None)
    if said.get("error"):
        with pytest.raises(MustFix):
            list(reading)
    else:
        (found,) = reading
        assert found.count == len(said["results"])
