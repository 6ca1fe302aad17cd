from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from ropewalk.core.checking import check as load
from ropewalk.core.errors import MustFix
from ropewalk.sources import custom_api
from ropewalk.sources.base import Window
from ropewalk.sources.custom_api import (
    AccountStream,
    ConnectorSettings,
    ContactStream,
    EventStream,
    baseline,
    keeps_place,
    resets_baseline,
)
from ropewalk.sources.endpoint import is_credential, take_secret_headers

URL = "https://api.example.com/v1/accounts"
MAPPING = [{"from": "website", "to": "companyDomain"}]


def stream(**changes: Any) -> AccountStream:
    return load(AccountStream, {"url": URL, "mapping": MAPPING} | changes)


def wrong(context: dict[str, Any] | None = None, /, **changes: Any) -> list[tuple[str, str]]:
    with pytest.raises(MustFix) as caught:
        load(AccountStream, {"url": URL, "mapping": MAPPING} | changes, context)
    assert caught.value.code == "invalid_settings"
    return [(problem.path, problem.message) for problem in caught.value.problems]


def test_the_documented_settings() -> None:
    made = stream(
        method="GET",
        headers={"Accept-Version": "2"},
        plain_headers=["Accept-Version"],
        ignore_reasons=["fewer_than_total"],
        timeout_ms=30_000,
        auth={"name": "X-Key"},
        records_path="data.accounts",
        pagination={
            "type": "page", "page_param": "page", "size_param": "limit", "page_size": 100, "first_page": 1,
            "max_pages": 100, "total_path": "paging.total", "has_more_path": "paging.more", "params_in": "query",
            "allowed_origins": ["https://CDN.example.com:443/"],
        },
        incremental={"param": "updated_since", "format": "iso8601", "overlap_seconds": 0, "template": "gt {since}"},
        enabled=True,
        max_records=10_000,
        schedule={"periodic": False, "every_minutes": 60},
        matching="domain",
        create_missing=True,
    )  # fmt: skip
    assert made.pagination.allowed_origins == ["https://cdn.example.com"]
    assert load(AccountStream, made.model_dump(mode="json", by_alias=True)) == made


@pytest.mark.parametrize(
    ("incremental", "overlap"),
    [(None, None), ({"param": "since"}, 0), ({"param": "since", "overlap_seconds": 90}, 90)],
)
def test_the_overlap_of_incremental_runs(incremental: Any, overlap: int | None) -> None:
    assert stream(incremental=incremental).overlap_seconds == overlap


@pytest.mark.parametrize(
    ("pagination", "expires"),
    [
        ({"type": "none"}, False),
        ({"type": "page"}, False),
        ({"type": "offset"}, False),
        ({"type": "cursor", "next_cursor_path": "next"}, True),
        ({"type": "next_url", "next_url_path": "next"}, True),
        ({"type": "link_header"}, True),
    ],
)
def test_which_places_expire(pagination: Any, expires: bool) -> None:
    assert stream(pagination=pagination).place_expires is expires


def test_what_is_left_out() -> None:
    made = stream().model_dump(mode="json", by_alias=True)
    assert made == {
        "method": "GET", "url": URL, "body": None, "headers": {}, "plain_headers": [], "auth": None, "records_path": "",
        "incremental": None, "timeout_ms": 30_000, "max_records": 10_000, "enabled": True, "ignore_reasons": [],
        "schedule": {"periodic": False, "every_minutes": 60}, "matching": "domain", "create_missing": True,
        "pagination": {
            "type": "none", "max_pages": 100, "total_path": None, "has_more_path": None, "params_in": "query",
            "allowed_origins": [],
        },
        "mapping": [{"from": "website", "to": "companyDomain", "transforms": []}],
    }  # fmt: skip


def test_all_problems_are_told_at_once_each_at_its_field() -> None:
    found = wrong(
        url="ftp://x",
        mehtod="GET",
        timeout_ms=999,
        max_records=0,
        pagination={"type": "page", "page_parm": 1, "page_size": 0, "max_pages": 5_000},
        mapping=[{"from": "a", "to": "9x", "zz": 1}],
        headers={"A": 3, "b c": "x"},
        matching="bogus",
        ignore_reasons=["x"],
        schedule={"every_minutes": "60", "periodic": 3},
        incremental={"template": "{since}{since}"},
        auth=[],
        records_path="x" * 513,
        enabled=None,
        plain_headers="A",
    )
    assert sorted(found) == sorted([
        ("url", "Give an http:// or https:// URL, like https://api.example.com/v1/accounts."),
        ("mehtod", "There is no such setting; did you mean method?"),
        ("timeout_ms", "Give a whole number from 1000 to 300000."),
        ("max_records", "Give a whole number from 1 to 100000."),
        ("pagination.page_parm", "There is no such setting; did you mean page_param?"),
        ("pagination.page_size", "Give a whole number from 1 to 10000."),
        ("pagination.max_pages", "Give a whole number from 1 to 1000."),
        ("mapping.0.zz", "There is no such setting; there are from, to, transforms."),
        ("headers.A", "Give a text."),
        ("headers.b c", "A header name is letters, digits and dashes, like Accept-Version."),
        ("matching", "Give one of domain, external_id, domain_and_external_id."),
        ("ignore_reasons.0", "Give one of page_repeated, cursor_cycle, fewer_than_total, empty_page, all_skipped, no_rows."),
        ("schedule.every_minutes", "Give a whole number."),
        ("schedule.periodic", "Give true or false."),
        ("incremental.param", "This is required."),
        ("incremental.template", "Write {since} once, where the time goes."),
        ("auth", "Give an object."),
        ("records_path", "Give at most 512 characters."),
        ("enabled", "Give true or false."),
        ("plain_headers", "Give a list."),
    ])  # fmt: skip


def test_no_problem_holds_a_value() -> None:
    with pytest.raises(MustFix) as caught:
        load(
            AccountStream,
            {
                "url": "https://a:s3cret@x.example/?token=s3cret",
                "headers": {"X": "s3cret\n"},
                "token": "s3cret",
            },
        )
    assert "s3cret" not in str(caught.value) + repr(caught.value.problems)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("body", [None, [], "x", 3])
def test_settings_are_an_object(body: Any) -> None:
    with pytest.raises(MustFix) as caught:
        load(AccountStream, body)
    assert [(each.path, each.message) for each in caught.value.problems] == [("", "Give an object.")]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://user:pass@x.example/", "User info doesn’t belong into a URL; choose the auth type basic."),
        ("https://x.example/#top", "Leave out what begins with #: it isn’t sent."),
        (
            "https://x.example/?a=1&API-Key=x",
            "The parameter API-Key looks like a credential; leave it out, and choose the auth type api_key in query.",
        ),
        ("https://x.example/" + "x" * 2_031, "A URL has at most 2048 characters."),
        ("https://x.example/a b", "A URL holds no spaces and no control characters."),
    ],
)
def test_urls_refused(url: str, message: str) -> None:
    assert wrong(url=url) == [("url", message)]


def test_the_longest_url() -> None:
    url = "https://x.example/" + "x" * 2_030
    assert len(url) == 2_048
    assert stream(url=url).url == url


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "access_token",
        "api_key",
        "apikey",
        "X-API-Key",
        "key",
        "secret",
        "client_secret",
        "password",
        "auth",
        "sig",
    ],
)
def test_names_of_credentials(name: str) -> None:
    assert is_credential(name)


@pytest.mark.parametrize(
    "name", ["page", "page_token", "sort_key", "author", "fields", "keyword", "monkey", "after"]
)
def test_names_of_other_parameters(name: str) -> None:
    assert not is_credential(name)


@pytest.mark.parametrize(
    ("setting", "low", "high"),
    [("timeout_ms", 1_000, 300_000), ("max_records", 1, 100_000), ("maxRecords", 1, 100_000)],
)
def test_ranges(setting: str, low: int, high: int) -> None:
    for value in (low, high):
        assert getattr(stream(**{setting: value}), setting.replace("maxR", "max_r")) == value
    for value in (low - 1, high + 1):
        assert wrong(**{setting: value}) == [(setting, f"Give a whole number from {low} to {high}.")]


@pytest.mark.parametrize(
    ("place", "setting", "low", "high"),
    [
        ("pagination", "page_size", 1, 10_000),
        ("pagination", "max_pages", 1, 1_000),
        ("pagination", "first_page", 0, 1),
        ("schedule", "every_minutes", 5, 10_080),
        ("incremental", "overlap_seconds", 0, 604_800),
    ],
)
def test_nested_ranges(place: str, setting: str, low: int, high: int) -> None:
    base: dict[str, Any] = {
        "pagination": {"type": "page"},
        "schedule": {},
        "incremental": {"param": "since"},
    }[place]
    for value in (low, high):
        assert getattr(getattr(stream(**{place: base | {setting: value}}), place), setting) == value
    for value in (low - 1, high + 1):
        message = f"Give a whole number from {low} to {high}."
        assert wrong(**{place: base | {setting: value}}) == [(f"{place}.{setting}", message)]


def test_an_installation_may_raise_the_ceilings() -> None:
    context = {"max_records": 500_000, "max_pages": 20_000}
    data = {
        "url": URL,
        "mapping": MAPPING,
        "max_records": 500_000,
        "pagination": {"type": "none", "max_pages": 20_000},
    }
    assert load(AccountStream, data, context).max_records == 500_000
    assert wrong(context, max_records=500_001) == [("max_records", "Give a whole number from 1 to 500000.")]


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"body": {"a": 1}}, [("body", "Only a POST sends a body; leave it out, or choose POST.")]),
        (
            {"headers": {"Host": "x", "X-A": "1", "x-a": "2"}},
            [
                ("headers.Host", "This header belongs to the connection itself; leave it out."),
                ("headers.x-a", "This header is there twice; case makes no difference."),
            ],
        ),
        ({"headers": {"X-A": "a\r\nb"}}, [("headers.X-A", "A header value holds no line breaks and no control characters.")]),
        (
            {"headers": {"Authorization": "x"}, "plain_headers": ["authorization", "X-B"]},
            [
                ("plain_headers.0", "This header carries a credential; its value stays a secret."),
                ("plain_headers.1", "There is no such header among headers."),
            ],
        ),
        ({"pagination": {}}, [("pagination.type", "Give one of cursor, link_header, next_url, none, offset, page.")]),
        ({"pagination": {"type": "x"}}, [("pagination.type", "Give one of none, page, offset, cursor, next_url, link_header.")]),
        ({"pagination": {"type": "cursor"}}, [("pagination.next_cursor_path", "This is required.")]),
        (
            {"pagination": {"type": "next_url"}},
            [("pagination.next_url_header", "Give either next_url_path or next_url_header.")],
        ),
        (
            {"pagination": {"type": "next_url", "next_url_path": "a", "next_url_header": "Next-Page"}},
            [("pagination.next_url_header", "Give either next_url_path or next_url_header.")],
        ),
        ({"pagination": {"type": "next_url", "next_url_path": ""}}, [("pagination.next_url_path", "This can’t be empty.")]),
        (
            {"pagination": {"type": "page", "page_param": "limit"}},
            [("pagination.page_param", "This is the size parameter’s name; give another.")],
        ),
        (
            {"pagination": {"type": "link_header", "allowed_origins": ["cdn"]}},
            [("pagination.allowed_origins.0", "give an http:// or https:// URL, like https://api.example.com/v1/accounts")],
        ),
        (
            {"pagination": {"type": "offset"}, "incremental": {"param": "offset"}},
            [("incremental.param", "This is the offset_param of pagination; give another name.")],
        ),
        (
            {"pagination": {"type": "offset", "params_in": "body"}},
            [("pagination.params_in", "Only a POST has a body for parameters; choose POST, or query.")],
        ),
        (
            {
                "method": "POST", "body": {"a": "x"},
                "pagination": {"type": "cursor", "params_in": "body", "cursor_param": "a.after", "next_cursor_path": "n"},
            },
            [("pagination.cursor_param", "a.after can’t be put into the body: “a” is a single value that has no place “after”.")],
        ),
        (
            {
                "method": "POST", "body": {"a": "x"}, "incremental": {"param": "a.since"},
                "pagination": {"type": "page", "params_in": "body"},
            },
            [("incremental.param", "a.since can’t be put into the body: “a” is a single value that has no place “since”.")],
        ),
        (
            {"mapping": [{"from": "id", "to": "externalCustomerId"}]},
            [("mapping", "Matching by domain needs a mapping to companyDomain; add it, or choose another way of matching.")],
        ),
        (
            {"mapping": [*MAPPING, {"from": "x", "to": "a-b"}]},
            [("mapping.1.to", "A target is camelCase: letters and digits, a letter first, at most 64 characters, as planTier.")],
        ),
        (
            {"method": "POST", "body": {"at": date(2026, 1, 1)}, "pagination": {"type": "page", "params_in": "body"}},
            [("body.at", "input was not a valid JSON value")],
        ),
        ({"auth": {"tpye": "x"}}, [("auth.tpye", "There is no such setting; did you mean type?")]),
        ({"headers": {"X": {"set": False}}}, [("headers.X.set", "Give one of True.")]),
        # Where paging itself is wrong, its parameters are not known, and nothing is said of their names.
        (
            {"pagination": {"type": "odd"}, "incremental": {"param": "page"}},
            [("pagination.type", "Give one of none, page, offset, cursor, next_url, link_header.")],
        ),
    ],
)  # fmt: skip
def test_problems(changes: dict[str, Any], problems: list[tuple[str, str]]) -> None:
    assert wrong(**changes) == problems


def test_a_contact_stream_maps_an_email_and_what_it_matches_by() -> None:
    mapping = [{"from": "mail", "to": "email"}, {"from": "site", "to": "companyDomain"}]
    made = load(ContactStream, {"url": URL, "mapping": mapping})

    assert (made.match_by, [entry.to for entry in made.mapping]) == ("domain", ["email", "companyDomain"])
    with pytest.raises(MustFix) as caught:
        load(ContactStream, {"url": URL, "mapping": mapping[:1]})
    assert [problem.path for problem in caught.value.problems] == ["mapping"]


def test_a_draft_needs_no_mapping_yet() -> None:
    assert load(AccountStream, {"url": URL}, {"draft": True}).mapping == []
    assert [path for path, _ in wrong({"draft": False}, mapping=[])] == ["mapping"]


def test_connector_settings() -> None:
    assert load(ConnectorSettings, {}).model_dump() == {"auth": {"type": "none"}, "requests_per_minute": None}
    made = load(
        ConnectorSettings,
        {"auth": {"type": "api_key", "in": "query", "name": "k"}, "requests_per_minute": 60},
    )
    assert made.model_dump(by_alias=True) == {
        "auth": {"type": "api_key", "in": "query", "name": "k"},
        "requests_per_minute": 60,
    }
    with pytest.raises(MustFix) as caught:
        load(ConnectorSettings, {"auth": {"type": "basic"}, "requests_per_minute": 0, "token": "x"})
    assert [(each.path, each.message) for each in caught.value.problems] == [
        ("auth.username", "This is required."),
        ("requests_per_minute", "Give a whole number from 1 to 100000."),
        ("token", "There is no such setting; there are auth, requests_per_minute."),
    ]


def test_secret_headers_are_taken_out() -> None:
    settings = {"url": URL, "headers": {"A": "1", "B": "2", "C": {"set": True}}, "plain_headers": ["b"]}
    saved, secrets = take_secret_headers(settings)
    assert saved == settings | {"headers": {"A": {"set": True}, "B": "2", "C": {"set": True}}}
    assert secrets == {"A": "1"}
    assert take_secret_headers({"url": URL}) == ({"url": URL}, {})


# What resets the baseline

PAGED = {"type": "page", "page_size": 50}


@pytest.mark.parametrize(
    "changes",
    [
        {"enabled": False}, {"schedule": {"periodic": True}}, {"timeout_ms": 5_000}, {"max_records": 5},
        {"pagination": PAGED | {"page_size": 51}}, {"pagination": PAGED | {"max_pages": 5}}, {"create_missing": False},
        {"ignore_reasons": ["no_rows"]}, {"headers": {"A": "other", "B": "2"}},
        {"headers": {"a": {"set": True}, "B": "2"}},
    ],
)  # fmt: skip
def test_what_keeps_the_baseline(changes: dict[str, Any]) -> None:
    base: dict[str, Any] = {"pagination": PAGED, "headers": {"A": "1", "B": "2"}, "plain_headers": ["B"]}
    assert not resets_baseline(stream(**base), stream(**(base | changes)))
    assert baseline(stream(**base)) == baseline(stream(**(base | changes)))


@pytest.mark.parametrize(
    "changes",
    [
        {"url": URL + "?x=1"}, {"method": "POST"}, {"headers": {"A": "1", "B": "3"}}, {"headers": {"B": "2"}},
        {"auth": {"name": "X"}}, {"records_path": "data"}, {"pagination": PAGED | {"page_param": "p"}},
        {"pagination": {"type": "none"}}, {"incremental": {"param": "since"}}, {"matching": "domain_and_external_id"},
        {"mapping": [{"from": "site", "to": "companyDomain"}]},
        {"mapping": [{"from": "website", "to": "companyDomain", "transforms": ["domain"]}]},
    ],
)  # fmt: skip
def test_what_resets_the_baseline(changes: dict[str, Any]) -> None:
    base: dict[str, Any] = {"pagination": PAGED, "headers": {"A": "1", "B": "2"}, "plain_headers": ["B"]}
    assert resets_baseline(stream(**base), stream(**(base | changes)))
    assert not keeps_place(stream(**base), stream(**(base | changes)))


def test_what_resets_the_baseline_in_one_direction() -> None:
    assert resets_baseline(stream(create_missing=False), stream())
    assert resets_baseline(stream(ignore_reasons=["no_rows"]), stream())
    assert not resets_baseline(
        stream(ignore_reasons=["no_rows"]), stream(ignore_reasons=["empty_page", "no_rows"])
    )


def test_a_changed_page_size_drops_the_place() -> None:
    old = stream(pagination=PAGED)
    assert keeps_place(old, stream(pagination=PAGED | {"max_pages": 5}))
    assert not keeps_place(old, stream(pagination=PAGED | {"page_size": 51}))


def test_every_setting_has_a_title_for_the_form() -> None:
    for model in (AccountStream, ConnectorSettings):
        schema = model.model_json_schema()
        assert {
            name for name, each in schema["properties"].items() if not {"title", "$ref"} & set(each)
        } == set()


# ---- event streams ----

EVENTS = [
    {"from": "at", "to": "eventTime"},
    {"from": "type", "to": "eventName"},
    {"from": "customer", "to": "accountKey"},
]


def event_stream(**changes: Any) -> EventStream:
    return load(EventStream, {"url": URL, "mapping": EVENTS} | changes)


def test_an_event_stream_as_it_is_documented() -> None:
    made = event_stream(
        match_by="external_id",
        start_param="from",
        end_param="to",
        lookback_days=365,
        account_param="customer",
    )

    assert load(EventStream, made.model_dump(mode="json", by_alias=True)) == made
    assert event_stream().model_dump(exclude={"mapping", "pagination"}) == {
        "method": "GET", "url": URL, "body": None, "headers": {}, "plain_headers": [], "auth": None, "records_path": "",
        "timeout_ms": 30_000, "enabled": True, "match_by": "domain", "start_param": None, "end_param": None,
        "lookback_days": 90, "account_param": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"lookback_days": 366}, [("lookback_days", "Give a whole number from 1 to 365.")]),
        ({"match_by": "email"}, [("match_by", "Give one of domain, external_id.")]),
        ({"start_param": None, "lookback_days": 0}, [("lookback_days", "Give a whole number from 1 to 365.")]),
        ({"start_param": "x", "end_param": "x"}, [("end_param", "This is the start_param already; give another name.")]),
        (
            {"pagination": {"type": "page"}, "account_param": "page"},
            [("account_param", "This is the page_param of pagination; give another name.")],
        ),
        (
            {"method": "POST", "body": {"a": "x"}, "pagination": {"type": "page", "params_in": "body"}, "end_param": "a.to"},
            [("end_param", "a.to can’t be put into the body: “a” is a single value that has no place “to”.")],
        ),
        (
            {"mapping": EVENTS[:1]},
            [
                ("mapping", "Map eventName: an event can't do without it."),
                ("mapping", "Map accountKey: an event can't do without it."),
            ],
        ),
        (
            {"mapping": [*EVENTS, {"from": "plan", "to": "planTier"}, {"from": "", "to": "userId"}]},
            [
                ("mapping.3.to", "An event has no such field; there are eventTime, eventName, accountKey, userId, properties."),
                ("mapping.4.from", "Name the path that this value comes from, or give it a constant transform."),
            ],
        ),
    ],
)  # fmt: skip
def test_problems_of_an_event_stream(changes: dict[str, Any], problems: list[tuple[str, str]]) -> None:
    with pytest.raises(MustFix) as caught:
        event_stream(**changes)

    assert [(problem.path, problem.message) for problem in caught.value.problems] == problems


def test_an_event_stream_has_nothing_that_only_runs_have() -> None:
    of_runs = {
        "schedule": {},
        "incremental": None,
        "max_records": 5,
        "ignore_reasons": [],
        "create_missing": True,
    }

    with pytest.raises(MustFix) as caught:
        event_stream(**of_runs)

    assert {problem.path for problem in caught.value.problems} == of_runs.keys()


@pytest.mark.parametrize(
    ("named", "sent"),
    [
        ({}, {}),
        ({"start_param": "from"}, {"from": "2026-01-01T00:00:00Z"}),
        ({"end_param": "to", "account_param": "of"}, {"to": "2026-03-01T12:00:00Z", "of": "c-1"}),
    ],
)
def test_what_an_event_stream_asks_for(named: dict[str, Any], sent: dict[str, str]) -> None:
    asked = Window(
        since=datetime(2026, 1, 1, tzinfo=UTC), until=datetime(2026, 3, 1, 12, tzinfo=UTC), account="c-1"
    )
    kind = custom_api.SOURCE.kinds["events"]

    request = kind.first_request(ConnectorSettings(), event_stream(**named), asked)

    assert dict(request.params) == sent
    assert event_stream(**named).parameters(Window()) == {}


def test_a_stream_needs_its_connector_s_secrets_and_its_own_headers_at_two_origins() -> None:
    auth = {
        "type": "oauth2_client_credentials",
        "token_url": "https://login.example.com/token",
        "client_id": "c",
    }
    kept = stream(headers={"X-Tenant": {"set": True}, "Accept": "*/*"}, plain_headers=["Accept"])
    needs = custom_api.SOURCE.needs(load(ConnectorSettings, {"auth": auth}), kept)

    assert ([*needs.names()], needs.origins) == (
        ["client_secret", "header:X-Tenant"],
        {"https://api.example.com", "https://login.example.com"},
    )


@pytest.mark.parametrize(
    ("auth", "names"),
    [
        ({"type": "none"}, []),
        ({"type": "bearer"}, ["token"]),
        ({"type": "basic", "username": "crm"}, ["password"]),
    ],
)
def test_a_connector_without_a_stream_needs_its_own_secrets_only(auth: Any, names: list[str]) -> None:
    needs = custom_api.SOURCE.needs(load(ConnectorSettings, {"auth": auth}), None)

    assert ([*needs.names()], needs.origins) == (names, frozenset())
