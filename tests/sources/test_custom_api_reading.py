from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest

from ropewalk.core.checking import check as load
from ropewalk.core.errors import MustFix, RetryLater
from ropewalk.core.exchange import Request, Response
from ropewalk.core.links import next_link
from ropewalk.core.paging import Ending, Pager
from ropewalk.core.values import MISSING
from ropewalk.sources.base import Page, Window
from ropewalk.sources.custom_api import SOURCE, AccountStream, ConnectorSettings, first_request
from ropewalk.sources.reading import has_more_of, total_of

URL = "https://api.example.com/v1/accounts"
MAPPING = [{"from": "website", "to": "companyDomain"}]
COMPLETE = Ending("complete")

Answering = Callable[[Request], Response]


class Fetch:
    """A server behind the door: what it was asked, and what it was told to expect."""

    def __init__(self, answer: Answering) -> None:
        self._answer = answer
        self.requests: list[Request] = []
        self.hints: list[list[Request]] = []

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return self._answer(request)

    def ahead(self, requests: Sequence[Request]) -> None:
        self.hints.append(list(requests))


def says(body: Any, headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {"content-type": "application/json"} | dict(headers or {}), raw, URL, 1)


def in_turn(*answers: Response) -> Fetch:
    left = iter(answers)
    return Fetch(lambda request: next(left))


def stream(**changes: Any) -> AccountStream:
    return load(AccountStream, {"url": URL, "mapping": MAPPING} | changes)


def pages(
    fetch: Fetch,
    stream: AccountStream,
    window: Window = Window(),  # noqa: B008
    state: dict[str, Any] | None = None,
    connector: dict[str, Any] | None = None,
) -> list[Page]:
    settings = load(ConnectorSettings, connector or {})
    return list(SOURCE.kinds["accounts"].read(settings, stream, window, fetch, state))


def rows(got: Sequence[Page]) -> list[Any]:
    return [json.loads(bytes(raw)) for page in got for raw in page.records]


def request(url: str = URL, params: tuple[tuple[str, str], ...] = (), **more: Any) -> Request:
    return Request("GET", url, params, **more)


def wrong(fetch: Fetch, stream: AccountStream) -> MustFix:
    with pytest.raises(MustFix) as caught:
        pages(fetch, stream)
    return caught.value


# Pages


def test_pages_carry_records_state_total_and_ending() -> None:
    paging = {"type": "page", "page_size": 2, "total_path": "total"}
    fetch = in_turn(says({"rows": [{"a": 1}, {"a": 2}], "total": 3}), says({"rows": [{"a": 3}], "total": 3}))
    got = pages(fetch, stream(records_path="rows", pagination=paging))
    assert rows(got) == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert [(page.number, page.count, page.total, page.ending) for page in got] == [
        (1, 2, 3, None),
        (2, 1, 3, COMPLETE),
    ]
    assert fetch.requests == [
        request(params=(("page", "1"), ("limit", "2"))),
        request(params=(("page", "2"), ("limit", "2"))),
    ]
    assert fetch.hints == [[fetch.requests[1]]]
    assert [page.state["number"] for page in got] == [1, 2]


def test_a_known_total_lets_pages_be_fetched_ahead() -> None:
    paging = {"type": "offset", "page_size": 1, "total_path": "total"}

    def answer(asked: Request) -> Response:
        return says({"total": 7, "rows": [{"a": dict(asked.params)["offset"]}]})

    fetch = Fetch(answer)
    assert len(rows(pages(fetch, stream(records_path="rows", pagination=paging)))) == 7
    assert [[dict(each.params)["offset"] for each in hint] for hint in fetch.hints] == [
        ["1", "2", "3", "4"], ["2", "3", "4", "5"], ["3", "4", "5", "6"], ["4", "5", "6"], ["5", "6"], ["6"],
    ]  # fmt: skip


def test_reading_goes_on_from_a_state() -> None:
    paging = {"type": "cursor", "next_cursor_path": "next", "size_param": None}
    body = {"": ([1], "a"), "a": ([2], "b"), "b": ([3], None)}

    def answer(asked: Request) -> Response:
        found, following = body[dict(asked.params).get("cursor", "")]
        return says({"rows": found, "next": following})

    settings = stream(records_path="rows", pagination=paging)
    straight = pages(Fetch(answer), settings)
    assert rows(straight) == [1, 2, 3]
    for place in (0, 1):
        state = json.loads(json.dumps(straight[place].state))
        resumed = pages(Fetch(answer), settings, state=state)
        assert rows(resumed) == [1, 2, 3][place + 1 :]
        assert resumed[-1].state == straight[-1].state


def test_a_state_that_had_ended_gives_its_ending_again() -> None:
    done = pages(in_turn(says([1])), stream())
    fetch = in_turn()
    again = pages(fetch, stream(), state=done[-1].state)
    assert [(page.number, page.count, list(page.records), page.ending) for page in again] == [
        (1, 0, [], COMPLETE)
    ]
    assert again[0].state == done[-1].state
    assert fetch.requests == []


def test_25_000_records_at_10_000_a_run_are_three_runs() -> None:
    """Pages of 300: each limit falls within a page, which the next run reads again and skips into."""
    paging = {"type": "offset", "page_size": 300, "max_pages": 1_000}

    def answer(asked: Request) -> Response:
        start = int(dict(asked.params)["offset"])
        return says([{"n": number} for number in range(start, min(25_000, start + 300))])

    runs: list[tuple[int, Any]] = []
    got: list[Any] = []
    state: dict[str, Any] | None = None
    for _ in range(3):
        run = pages(Fetch(answer), stream(pagination=paging), state=state)
        got += rows(run)
        runs.append((sum(page.count for page in run), run[-1].ending))
        state = Pager.continue_from(run[-1].state) if run[-1].state["ending"][0] == "truncated" else None
    truncated = Ending("truncated", ("max_records",))
    assert runs == [(10_000, truncated), (10_000, truncated), (5_000, COMPLETE)]
    assert got == [{"n": number} for number in range(25_000)]


def test_the_window_narrows_the_limits() -> None:
    paging = {"type": "page", "page_size": 2}
    answers = [says([{"n": 1}, {"n": 2}]), says([{"n": 3}, {"n": 4}])]
    got = pages(in_turn(*answers), stream(pagination=paging), Window(max_pages=2))
    assert got[-1].ending == Ending("truncated", ("max_pages",))
    got = pages(in_turn(*answers), stream(pagination=paging), Window(max_records=3))
    assert (rows(got), got[-1].ending) == (
        [{"n": 1}, {"n": 2}, {"n": 3}],
        Ending("truncated", ("max_records",)),
    )
    got = pages(in_turn(answers[0]), stream(pagination=paging | {"max_pages": 1}))
    assert got[-1].ending == Ending("truncated", ("max_pages",))
    got = pages(in_turn(answers[0]), stream(pagination=paging, max_records=2))
    assert got[-1].ending == Ending("truncated", ("max_records",))


def test_a_page_seen_before_gives_no_rows() -> None:
    fetch = in_turn(says([{"n": 1}]), says([{"n": 1}]))
    got = pages(fetch, stream(pagination={"type": "page"}))
    assert [(page.count, list(map(bytes, page.records))) for page in got] == [(1, [b'{"n": 1}']), (0, [])]
    assert got[-1].ending == Ending("complete", (), {"last_page_repeated": 1})


def test_a_page_in_a_file() -> None:
    body = BytesIO(b'{"rows":[{"n":1},{"n":2}],"next":null}')
    got = pages(
        Fetch(lambda _: Response(200, {}, body, URL, 1)), stream(records_path="rows"), Window(max_records=1)
    )
    assert rows(got) == [{"n": 1}]


# Requests


SINCE = Window(since=datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC))


@pytest.mark.parametrize(
    ("incremental", "params"),
    [
        ({"param": "updated_since"}, (("updated_since", "2026-03-01T12:30:15Z"),)),
        ({"param": "s", "format": "date"}, (("s", "2026-03-01"),)),
        ({"param": "s", "format": "epoch_s"}, (("s", "1772368215"),)),
        ({"param": "s", "format": "epoch_ms"}, (("s", "1772368215000"),)),
        ({"param": "q", "template": '{"$gt": "{since}"}'}, (("q", '{"$gt": "2026-03-01T12:30:15Z"}'),)),
    ],
)
def test_the_incremental_parameter(incremental: dict[str, Any], params: tuple[tuple[str, str], ...]) -> None:
    settings = stream(incremental=incremental)
    assert first_request(ConnectorSettings(), settings, SINCE) == request(params=params)
    assert first_request(ConnectorSettings(), settings, Window()) == request()


def test_what_a_request_carries() -> None:
    settings = stream(
        url=URL + "?active=true&tag=a%20b&page=9",
        method="POST",
        body={"q": "x"},
        headers={"Accept-Version": "2", "X-Tenant": {"set": True}},
        timeout_ms=5_000,
        incremental={"param": "since"},
        pagination={"type": "page"},
    )
    assert first_request(ConnectorSettings(), settings, SINCE) == Request(
        method="POST",
        url=URL + "?active=true&tag=a%20b",
        params=(("since", "2026-03-01T12:30:15Z"), ("page", "1"), ("limit", "100")),
        headers=(("Accept-Version", "2"),),
        body={"q": "x"},
        timeout_ms=5_000,
        credentials=True,
    )


def test_the_only_parameter_of_a_url_can_be_ours() -> None:
    made = first_request(
        ConnectorSettings(), stream(url=URL + "?page=3", pagination={"type": "page"}), Window()
    )
    assert made.url == URL


def test_parameters_in_the_body() -> None:
    settings = stream(
        method="POST",
        body={"query": "{ x }", "variables": {"kind": "a"}},
        incremental={"param": "variables.since"},
        records_path="rows",
        pagination={
            "type": "cursor", "cursor_param": "variables.after", "size_param": "variables.first", "page_size": 7,
            "next_cursor_path": "next", "params_in": "body",
        },
    )  # fmt: skip
    fetch = in_turn(says({"rows": [1], "next": {"id": 5}}), says({"rows": [2]}))
    pages(fetch, settings, SINCE)
    first = {"kind": "a", "since": "2026-03-01T12:30:15Z", "first": 7}
    assert [(each.url, each.params, each.body) for each in fetch.requests] == [
        (URL, (), {"query": "{ x }", "variables": first}),
        (URL, (), {"query": "{ x }", "variables": first | {"after": {"id": 5}}}),
    ]
    assert settings.body == {"query": "{ x }", "variables": {"kind": "a"}}


@pytest.mark.parametrize(
    ("cursor", "text"), [("a b", "a b"), (42, "42"), (1.5, "1.5"), (True, "true"), ({"a": [1]}, '{"a":[1]}')]
)
def test_cursors_in_the_query(cursor: Any, text: str) -> None:
    paging = {"type": "cursor", "next_cursor_path": "next", "size_param": None}
    fetch = in_turn(says({"rows": [1], "next": cursor}), says({"rows": [2]}))
    pages(fetch, stream(records_path="rows", pagination=paging))
    assert fetch.requests[1] == request(params=(("cursor", text),))


# The next page's URL


def following(
    said: Any, second: Response | None = None, connector: dict[str, Any] | None = None, **paging: Any
) -> list[Request]:
    fetch = in_turn(says({"rows": [1], "next": said}), second or says({"rows": [2]}))
    settings = stream(
        url=URL + "?a=1",
        headers={"X-A": "1"},
        records_path="rows",
        pagination={"type": "next_url", "next_url_path": "next"} | paging,
    )
    pages(fetch, settings, connector=connector)
    return fetch.requests[1:]


@pytest.mark.parametrize(
    ("said", "url"),
    [
        (URL + "?a=1&page=2", URL + "?a=1&page=2"),
        ("/v2/accounts?page=2", "https://api.example.com/v2/accounts?page=2"),
        ("?page=2", URL + "?page=2"),
        (" accounts/2#x ", "https://api.example.com/v1/accounts/2"),
        ("http://api.example.com/v1/accounts?page=2", URL + "?page=2"),
        ("http://api.example.com:80/v1/accounts?page=2", URL + "?page=2"),
        ("https://u:p@api.example.com", "https://api.example.com/"),
        (URL + "?access_token=s3cret&after=x&API_KEY=s3cret", URL + "?after=x"),
    ],
)
def test_next_urls(said: str, url: str) -> None:
    assert following(said) == [request(url, headers=(("X-A", "1"),))]


@pytest.mark.parametrize("said", [None, "", False])
def test_no_next_url(said: Any) -> None:
    assert following(said) == []


def test_an_echoed_key_is_not_kept() -> None:
    connector = {"auth": {"type": "api_key", "in": "query", "name": "k"}}
    assert [each.url for each in following(URL + "?k=s3cret&page=2", connector=connector)] == [
        URL + "?page=2"
    ]
    assert [each.url for each in following(URL + "?k=other&page=2")] == [URL + "?k=other&page=2"]


def test_an_allowed_origin_gets_no_credentials() -> None:
    said = "https://cdn.example.com/2"
    assert following(said, allowed_origins=["https://cdn.example.com"]) == [
        request(said, headers=(("X-A", "1"),), credentials=False)
    ]


@pytest.mark.parametrize(
    ("said", "target"),
    [
        ("https://evil.example/2", "https://evil.example"),
        ("https://api.example.com:8443/2", "https://api.example.com:8443"),
        ("http://api.example.com:8080/2", "http://api.example.com:8080"),
        ("//evil.example/2", "https://evil.example"),
        ("https://api.example.com@evil.example/", "https://evil.example"),
    ],
)
def test_another_origin_is_refused_by_name(said: str, target: str) -> None:
    with pytest.raises(MustFix) as caught:
        following(said)
    message = (
        f"The next page is said to be at {target}, another origin than https://api.example.com. "
        "If pages may be read from there, without the credential, list it in allowed_origins."
    )
    assert (caught.value.code, caught.value.message) == ("next_page_elsewhere", message)
    assert [each.path for each in caught.value.problems] == ["pagination.allowed_origins"]


def test_rows_before_a_refused_next_page_are_given() -> None:
    fetch = in_turn(says({"rows": [1], "next": "https://evil.example/"}))
    settings = stream(records_path="rows", pagination={"type": "next_url", "next_url_path": "next"})
    reading = SOURCE.kinds["accounts"].read(ConnectorSettings(), settings, Window(), fetch, None)
    assert rows([next(reading)]) == [1]
    with pytest.raises(MustFix):
        next(reading)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"href": "x"}, 'Where the next page’s URL should be, there is {"href":"x"}, which is no URL.'),
        ("ftp://x/", "The next page is said to be at “ftp://x/”, which is no URL."),
        ("https://[x/", "The next page is said to be at “https://[x/”, which is no URL."),
    ],
)
def test_no_url(said: Any, message: str) -> None:
    with pytest.raises(MustFix) as caught:
        following(said)
    assert (caught.value.code, caught.value.message) == ("next_page_no_url", message)
    assert [each.path for each in caught.value.problems] == ["pagination.next_url_path"]


def test_a_next_url_in_a_header() -> None:
    settings = stream(pagination={"type": "next_url", "next_url_header": "Next-Page"})
    fetch = in_turn(says([1], {"next-page": "/2"}), says([2]))
    assert rows(pages(fetch, settings)) == [1, 2]
    assert fetch.requests == [request(), request("https://api.example.com/2")]
    error = wrong(in_turn(says([1], {"next-page": "https://[x"})), settings)
    assert [each.path for each in error.problems] == ["pagination.next_url_header"]


def test_a_link_header() -> None:
    fetch = in_turn(
        says([1], {"link": '</1>; rel="prev", </2>; rel="next"'}), says([2], {"link": '</1>; rel="prev"'})
    )
    got = pages(fetch, stream(pagination={"type": "link_header"}))
    assert (rows(got), got[-1].ending) == ([1, 2], COMPLETE)
    assert fetch.requests == [request(), request("https://api.example.com/2")]


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("", None),
        ('<a>; rel="next"', "a"),
        ("<a>;rel=next", "a"),
        ('<a>; title="x, y; rel=next"; rel="last"', None),
        ('<a>; REL="prev NEXT"', "a"),
        ('<a,b;c>; foo; type="x"; rel="next"', "a,b;c"),
        ('<a>; rel="prev", <b>; rel="next", <c>; rel="next"', "b"),
        ('<a>; rel="nextish"', None),
        ("<a>", None),
    ],
)
def test_next_link(header: str, target: str | None) -> None:
    assert next_link(header) == target


@pytest.mark.parametrize(
    "said",
    [
        URL,
        URL + "?since=2026-03-01T12%3A30%3A15Z",
        "http://api.example.com/v1/accounts?since=2026-03-01T12%3A30%3A15Z",
    ],
)
def test_a_next_url_that_is_the_page_itself(said: str) -> None:
    settings = stream(
        records_path="rows",
        incremental={"param": "since"} if "since" in said else None,
        pagination={"type": "next_url", "next_url_path": "next"},
    )
    got = pages(in_turn(says({"rows": [1], "next": said})), settings, SINCE)
    assert (rows(got), got[-1].ending) == ([1], Ending("suspicious", ("cursor_cycle",)))


# Totals and has-more


@pytest.mark.parametrize(
    ("value", "total"),
    [
        (0, 0), (30, 30), ("30", 30), (30.0, 30), (None, None), (MISSING, None), (-1, None), (True, None), ("", None),
        ("many", None), (1.5, None), ([30], None), ("9" * 16, None), ("３", None), (float("inf"), None),
    ],
)  # fmt: skip
def test_total_of(value: Any, total: int | None) -> None:
    assert total_of(value) == total


@pytest.mark.parametrize(
    ("value", "more"),
    [
        (True, True), (False, False), (1, True), (0, False), ("true", True), (" False ", False), ("Y", True), ("no", False),
        (None, None), (MISSING, None), ("", None), ("https://x/2", None), (2, None), ({}, None), ([], None), (1.0, None),
    ],
)  # fmt: skip
def test_has_more_of(value: Any, more: bool | None) -> None:
    assert has_more_of(value) is more


def test_has_more_and_total_are_heard() -> None:
    paging = {"type": "page", "total_path": "meta.total", "has_more_path": "meta.more"}
    got = pages(
        in_turn(says({"rows": [1], "meta": {"total": "30", "more": "false"}})),
        stream(records_path="rows", pagination=paging),
    )
    assert (got[0].total, got[0].ending) == (30, Ending("suspicious", ("fewer_than_total",)))


# What is wrong: URL, credential or records path


@pytest.mark.parametrize(
    ("status", "code", "path"),
    [
        (401, "authentication_failed", "auth"),
        (403, "authentication_failed", "auth"),
        (404, "not_found_there", "url"),
        (400, "unexpected_status", "url"),
        (302, "unexpected_status", "url"),
    ],
)
def test_a_status_that_is_no_answer(status: int, code: str, path: str) -> None:
    error = wrong(in_turn(says({"error": "no"}, status=status)), stream(url=URL + "?secretive=x"))
    assert error.code == code
    assert error.message == f'Page 1: {URL} answered {status}. It said: “{{"error": "no"}}”'
    assert [(each.path, each.message) for each in error.problems] == [(path, error.message)]


@pytest.mark.parametrize(
    ("status", "code"), [(429, "rate_limited"), (503, "unavailable"), (408, "unavailable")]
)
def test_a_status_that_may_pass(status: int, code: str) -> None:
    with pytest.raises(RetryLater) as caught:
        pages(in_turn(says(b"slow down", status=status)), stream())
    assert (caught.value.code, caught.value.message) == (
        code,
        f"Page 1: {URL} answered {status}. It said: “slow down”",
    )


@pytest.mark.parametrize(
    ("answer", "code", "path", "message"),
    [
        (says(b"", status=204), "empty_body", "url", f"Page 1: {URL} answered 204. The answer has no body."),
        (
            says(b"<html>", {"content-type": "text/html"}), "not_json", "url",
            (f"Page 1: {URL} answered 200. The answer (text/html) is not JSON: something that is not JSON at byte 0. "
            "It begins with “<html>”"),
        ),
        (
            says({"error": "x"}), "records_path", "records_path",
            (f"Page 1: {URL} answered 200. The records path “data” leads to no array. The answer (application/json) is an "
            'object with the keys “error”; there is no array in it. It begins with “{"error": "x"}”'),
        ),
    ],
)  # fmt: skip
def test_an_answer_without_records(answer: Response, code: str, path: str, message: str) -> None:
    error = wrong(in_turn(answer), stream(records_path="data"))
    assert (error.code, error.message) == (code, message)
    assert [(each.path, each.message) for each in error.problems] == [(path, message)]


def test_an_error_names_its_page() -> None:
    error = wrong(in_turn(says([1]), says(b"[")), stream(pagination={"type": "page"}))
    assert error.message.startswith(f"Page 2: {URL} answered 200. ")


def test_the_streams_auth_must_fit() -> None:
    with pytest.raises(MustFix) as caught:
        pages(in_turn(), stream(auth={"name": "X"}), connector={"auth": {"type": "bearer"}})
    assert [each.path for each in caught.value.problems] == ["auth.name"]
