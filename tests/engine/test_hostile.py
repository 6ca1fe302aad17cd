"""What becomes of a run against each server that misbehaves: never a loop, a hang, a silent zero or a leaked credential."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.engine.conftest import Serving
from tests.engine.world import INCREMENTAL, START, World, brief, complete, failed, suspicious
from tests.fakes import Answer, Asked, Fake, customers
from tests.fakes.hostile import HOSTILE, NextElsewhere, RedirectElsewhere
from tests.fakes.shapes import NextUrls

pytestmark = pytest.mark.any_database


def pages(*numbers: int) -> list[str]:
    return [f"GET /customers?page={number}&limit=100" for number in numbers]


def offsets(*numbers: int) -> list[str]:
    return [f"GET /customers?offset={number}&limit=100" for number in numbers]


def cursors(*names: str) -> list[str]:
    return ["GET /customers?limit=100", *(f"GET /customers?cursor={name}&limit=100" for name in names)]


def sealed(base: str, *names: str, more: str = "") -> list[str]:
    return [base, *(f"GET /customers?cursor={name}{more}" for name in names)]


ONCE = ["GET /customers"]
OUTWAITED = 11.625
"""Five pauses at a jitter of one half: 0.375, 0.75, 1.5, 3 and 6 seconds."""


@dataclass(frozen=True)
class Row:
    """`moved`: the watermark. `ahead`: requests that may or may not have gone out before the end was seen."""

    outcome: dict[str, Any]
    requests: list[str]
    moved: bool = False
    waited: float = 0.0
    ahead: list[str] = field(default_factory=list)
    says: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


def moved(outcome: dict[str, Any], requests: list[str], **more: Any) -> Row:
    return Row(outcome, requests, moved=True, **more)


LAST = {"last_page_repeated": 1}

TABLE: dict[str, Row] = {
    "page past the end repeats the last": moved(complete(created=250), pages(1, 2, 3)),
    "page past the end repeats the last, which is full": moved(
        complete(created=300, notices=LAST), pages(1, 2, 3, 4)
    ),
    "offset clamped": moved(
        complete(created=250, unchanged=50, notices={"duplicate_in_run": 50, **LAST}),
        offsets(0, 100, 200, 300),
    ),
    "page size clamped, by page": moved(complete(created=230), pages(1, 2, 3, 4, 5)),
    "page size clamped, by page, with a total": moved(complete(created=230), pages(1, 2, 3, 4, 5)),
    "page size clamped, by offset": moved(complete(created=230), offsets(0, 50, 100, 150, 200)),
    "page size clamped, by cursor": moved(
        complete(created=230),
        cursors(
            "eyJhdCI6IDUwLCAibiI6IDUwfQ%3D%3D%3D%2B%2F",
            "eyJhdCI6IDEwMCwgIm4iOiA1MH0%3D%3D%2B%2F",
            "eyJhdCI6IDE1MCwgIm4iOiA1MH0%3D%3D%2B%2F",
            "eyJhdCI6IDIwMCwgIm4iOiA1MH0%3D%3D%2B%2F",
        ),
    ),
    "page parameter ignored": Row(suspicious("page_repeated", created=100), pages(1, 2)),
    "page parameter ignored, with a total": Row(
        suspicious("page_repeated", "fewer_than_total", created=100), pages(1, 2), ahead=pages(3)
    ),
    "page parameter ignored, all records on one short page": moved(
        complete(created=30, notices=LAST), pages(1, 2)
    ),
    "same cursor for ever": Row(suspicious("cursor_cycle", created=200), cursors("round-and-round")),
    "same cursor for ever, fresh records": Row(
        suspicious("cursor_cycle", created=200), cursors("round-and-round")
    ),
    "cursors alternate": Row(suspicious("cursor_cycle", created=300), cursors("a", "b")),
    "cursors alternate, fresh records": Row(suspicious("cursor_cycle", created=300), cursors("a", "b")),
    "next points to itself": Row(suspicious("cursor_cycle", created=100), ONCE),
    "next on another host": Row(
        failed("next_page_elsewhere"),
        ONCE,
        says="The next page is said to be at http://127.0.0.2:9, another origin than {base}. "
        "If pages may be read from there, without the credential, list it in allowed_origins.",
    ),
    "redirect to another origin": Row(failed("connection_failed"), ONCE * 6, waited=OUTWAITED),
    "redirects for ever": Row(
        failed("too_many_redirects"),
        [*ONCE, "GET /1", "GET /2", "GET /3", "GET /4", "GET /5"],
        says="{base}/6: more than 5 redirects in a row.",
    ),
    "HTML with status 200": Row(
        failed("not_json"),
        ONCE,
        says="Page 1: {base}/customers answered 200. The answer (text/html) is not JSON: something that is not "
        "JSON at byte 0. It begins with “<!doctype html><title>Sign in</title><form><input name=password></form>”",
    ),
    "error object with status 200": Row(
        failed("records_path"),
        ONCE,
        says="Page 1: {base}/customers answered 200. The records path “data” leads to no array. The answer "
        "(application/json) is an object with the keys “error”; there is no array in it. It begins with "
        "“{{\"error\": {{\"code\": \"invalid_plan\", \"message\": \"The API is part of the Business plan\"}}}}”",
    ),
    "records elsewhere": Row(
        failed("records_path"),
        ONCE,
        says="Page 1: {base}/customers answered 200. The records path “data” leads to no array. The answer "
        "(application/json) is an object with the keys “status”, “count”, “result”, “facets”; arrays in it: "
        "“result” (1), “result.0.items” (3), “facets” (2).",
    ),
    "no array at the path": Row(failed("records_path"), ONCE),
    "says 30, gives 10": Row(
        suspicious("empty_page", "fewer_than_total", created=10), pages(1, 2, 3), ahead=pages(4)
    ),
    "an empty page in the middle": moved(complete(created=400), pages(1, 2, 3, 4, 5)),
    "two empty pages in the middle": Row(suspicious("empty_page", created=200), pages(1, 2, 3, 4)),
    "total is null": moved(complete(created=250), pages(1, 2, 3)),
    "body cut off, once": moved(complete(created=250), pages(1, 2, 2, 3), waited=0.375),
    "body cut off, always": Row(
        failed("connection_failed"), pages(1, 2, 2, 2, 2, 2, 2), waited=OUTWAITED
    ),
    "gzip bomb": Row(
        failed("too_large"),
        ONCE,
        says="{base}/customers answered with more than 256 MiB; lower the page size.",
    ),
    "429 with seconds": moved(complete(created=150), pages(1, 1, 2), waited=1.0),
    "429 with a date": moved(complete(created=150), pages(1, 1, 2), waited=2.0),
    "429 without a wait": moved(complete(created=150), pages(1, 1, 2), waited=0.375),
    "429 for 301 seconds": Row(
        failed("rate_limited"),
        pages(1),
        says="{base}/customers?page=1&limit=100 answered 429, too many requests and asked to wait 301 s. Such "
        "requests are tried again by themselves after the wait that the API asks for; set a requests-per-minute "
        'budget on the connector to stay below its limit. It said: {{"error": "not now"}} The wait of 301 s is '
        "longer than the 300 s that a run waits; the next run starts no earlier.",
    ),
    "503 five times": moved(complete(created=150), pages(1, 1, 1, 1, 1, 1, 2), waited=OUTWAITED),
    "503 six times": Row(
        failed("unavailable"),
        pages(1, 1, 1, 1, 1, 1),
        waited=OUTWAITED,
        says='{base}/customers?page=1&limit=100 answered 503. It said: {{"error": "not now"}} Tried 6 times.',
    ),
    "slow drip": Row(
        failed("timeout"),
        ONCE * 6,
        waited=OUTWAITED,
        settings={"timeout_ms": 1_000},
        says="{base}/customers gave no whole answer within 1 s. Raise the timeout (Advanced settings) or lower "
        "the page size. Tried 6 times.",
    ),
    "silent": Row(failed("timeout"), ONCE * 6, waited=OUTWAITED, settings={"timeout_ms": 1_000}),
    "NDJSON": moved(complete(created=25), ONCE),
    "NDJSON that says JSON": moved(complete(created=25), ONCE),
    "duplicates within and across pages": moved(
        complete(created=4, updated=1, unchanged=1, notices={"duplicate_in_run": 2}), pages(1, 2)
    ),
    "records that are not objects": moved(
        complete(created=2, rejected=5, reasons={"not_an_object": 5}), ONCE
    ),
    "40 levels deep": moved(complete(created=1), ONCE),
    # Nobody can say whether a record that can't be read has a path.
    "5,000 levels deep": Row(
        suspicious(
            "all_skipped", rejected=1, reasons={"invalid_value": 1}, notices={"path_vanished": 5}
        ),
        ONCE,
    ),
    "odd keys": moved(complete(created=1), ONCE),
    "integers beyond 64 bits": moved(complete(created=6), ONCE),
    "not JSON": Row(
        failed("not_json"),
        ONCE,
        says="Page 1: {base}/customers answered 200. The answer (application/json) is not JSON: an unexpected "
        "b']' at byte 20. It begins with “{{\"data\": [{{\"id\": 1}},]}}”",
    ),
    "NaN": Row(
        failed("not_json"),
        ONCE,
        says="Page 1: {base}/customers answered 200. The answer (application/json) is not JSON: NaN at byte 62. "
        "It begins with “{{\"data\": [{{\"id\": \"c-1\", \"score\": 1.5}}, {{\"id\": \"c-2\", \"score\": NaN}}]}}”",
    ),
    "Infinity": Row(failed("not_json"), ONCE),
    "204": Row(
        failed("empty_body"),
        ONCE,
        says="{base}/customers answered 204 without a body, where records were expected; check the URL.",
    ),
    "an empty body": Row(failed("empty_body"), ONCE),
    "a row comes in while we read": moved(
        complete(created=250, unchanged=1, notices={"duplicate_in_run": 1}), pages(1, 2, 3)
    ),
    "a row goes while we read": moved(complete(created=249), pages(1, 2, 3)),
    "next URL is relative": moved(
        complete(created=250),
        sealed(
            "GET /customers",
            *("eyJhdCI6IDIwLCAibiI6IDIwfQ%3D%3D%3D%2B%2F", "eyJhdCI6IDQwLCAibiI6IDIwfQ%3D%3D%3D%2B%2F"),
            *("eyJhdCI6IDYwLCAibiI6IDIwfQ%3D%3D%3D%2B%2F", "eyJhdCI6IDgwLCAibiI6IDIwfQ%3D%3D%3D%2B%2F"),
            *("eyJhdCI6IDEwMCwgIm4iOiAyMH0%3D%3D%2B%2F", "eyJhdCI6IDEyMCwgIm4iOiAyMH0%3D%3D%2B%2F"),
            *("eyJhdCI6IDE0MCwgIm4iOiAyMH0%3D%3D%2B%2F", "eyJhdCI6IDE2MCwgIm4iOiAyMH0%3D%3D%2B%2F"),
            *("eyJhdCI6IDE4MCwgIm4iOiAyMH0%3D%3D%2B%2F", "eyJhdCI6IDIwMCwgIm4iOiAyMH0%3D%3D%2B%2F"),
            *("eyJhdCI6IDIyMCwgIm4iOiAyMH0%3D%3D%2B%2F", "eyJhdCI6IDI0MCwgIm4iOiAyMH0%3D%3D%2B%2F"),
        ),
    ),
}  # fmt: skip

ELSEWHERE_TESTED = {"a page of 200 MB"}
"""In test_memory, in a process of its own."""


def test_every_hostile_server_is_in_the_table() -> None:
    assert TABLE.keys() | ELSEWHERE_TESTED == HOSTILE.keys()


@pytest.mark.parametrize("name", TABLE)
def test_hostile(name: str, world: World, serving: Serving) -> None:
    row, fake = TABLE[name], HOSTILE[name]()
    base = serving(fake)
    connector = world.connect(base, fake.stream, incremental=INCREMENTAL, **row.settings)

    run = world.sync(connector)

    assert brief(run) == row.outcome
    assert world.watermark(connector) == (START if row.moved else None)
    assert world.clock.waited == row.waited
    # With a total, pages are asked for side by side and may arrive in another order.
    sent = Counter(fake.lines)
    assert (sent - Counter(row.ahead)) == Counter(row.requests)
    if row.says:
        assert run["error"]["message"] == row.says.format(base=base)
    if run["status"] == "failed" or run["verdict"] == "suspicious":
        assert world.state(connector)["last_completed_at"] is None


# ---- values ----


def test_odd_keys_are_reached_by_path(world: World, serving: Serving) -> None:
    fake = HOSTILE["odd keys"]()
    mapping = [
        {"from": "id", "to": "externalCustomerId"},
        {"from": "plan\\.tier", "to": "dotted"},
        {"from": "plan.tier", "to": "nested"},
        {"from": "Company Name", "to": "spaced"},
        {"from": "🏢 hq", "to": "emoji"},
        {"from": "ключ", "to": "cyrillic"},
        {"from": "__proto__", "to": "underscored"},
        {"from": "0", "to": "digit"},
        {"from": 'quo"te', "to": "quoted"},
    ]
    connector = world.connect(serving(fake), fake.stream, mapping=mapping)

    world.sync(connector)

    assert world.accounts() == [
        {
            "externalCustomerId": "c-00001",
            "dotted": "dotted",
            "nested": "team",
            "spaced": "spaced",
            "emoji": "emoji",
            "cyrillic": "Cyrillic",
            "underscored": "underscored",
            "digit": "digit",
            "quoted": "quoted",
        }
    ]


def test_integers_beyond_64_bits_keep_their_digits(world: World, serving: Serving) -> None:
    fake = HOSTILE["integers beyond 64 bits"]()
    mapping = [{"from": "id", "to": "externalCustomerId"}, {"from": "big", "to": "big"}]
    connector = world.connect(serving(fake), fake.stream, mapping=mapping)

    first = world.sync(connector)
    again = world.sync(connector, full=True)

    assert [account["big"] for account in world.accounts()] == [
        9_223_372_036_854_775_807,
        9_223_372_036_854_775_808,
        18_446_744_073_709_551_615,
        "18446744073709551616",
        "-9223372036854775809",
        "10000000000000000000000000000000000000007",
    ]
    assert brief(first) == complete(created=6, notices={"type_widened": 1})
    assert brief(again) == complete(unchanged=6)


def test_what_is_deep_is_kept_whole(world: World, serving: Serving) -> None:
    fake = HOSTILE["40 levels deep"]()
    mapping = [{"from": "id", "to": "externalCustomerId"}, {"from": "deep", "to": "deep"}]
    connector = world.connect(serving(fake), fake.stream, mapping=mapping)

    world.sync(connector)

    value, levels = world.accounts()[0]["deep"], 0
    while isinstance(value, dict):
        (value,), levels = value.values(), levels + 1
    assert (value, levels) == ("reached", 40)


def test_the_later_of_two_records_wins(world: World, serving: Serving) -> None:
    fake = HOSTILE["duplicates within and across pages"]()
    connector = world.connect(serving(fake), fake.stream)

    world.sync(connector)

    assert [account["companyName"] for account in world.accounts()] == [
        "Company 1",
        "Company 2",
        "Company 3, renamed",
        "Company 4",
    ]


def test_an_empty_list_is_complete_until_there_were_rows(world: World, serving: Serving) -> None:
    fake = Fake(lambda asked: {"data": customers(3) if len(fake.seen) == 2 else []})
    connector = world.connect(serving(fake))

    runs = [brief(world.sync(connector)) for _ in range(3)]

    assert runs == [complete(), complete(created=3), suspicious("no_rows")]
    assert len(world.listed()) == 3


# ---- other origins ----

TOKEN = "tok-5ecret/+planted=one"
AUTHS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "bearer": ({"type": "bearer"}, {"token": TOKEN}),
    "header": ({"type": "api_key", "in": "header", "name": "X-Key"}, {"token": TOKEN}),
    "query": ({"type": "api_key", "in": "query", "name": "key"}, {"token": TOKEN}),
    "basic": ({"type": "basic", "username": "svc"}, {"password": TOKEN}),
    "client credentials": (
        {"type": "oauth2_client_credentials", "token_url": "{base}/token", "client_id": "ropewalk"},
        {"client_secret": TOKEN},
    ),
}


def auth_at(base: str, name: str) -> dict[str, Any]:
    auth, secrets = AUTHS[name]
    return {
        "auth": {key: value.format(base=base) for key, value in auth.items()},
        "secrets": secrets,
    }


class WithTokens(Fake):
    """A server that also gives access tokens."""

    def __init__(self, fake: Fake) -> None:
        super().__init__()
        self.fake = fake
        self.stream = fake.stream  # type: ignore[misc]

    def answer(self, asked: Asked) -> Any:
        if asked.path == "/token":
            return {"access_token": "acc-5ecret-planted", "token_type": "Bearer", "expires_in": 3600}
        return self.fake(asked)


def told(asked: Asked) -> str:
    """Everything that a request says, for a search."""
    return f"{asked.target}\n{asked.headers}\n{asked.body!r}"


PLANTED = ("5ecret", "s-in-a-header", "c3ZjOnRvay01ZWNyZXQ")
HEADERS = {"X-Tenant": "s-in-a-header"}


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_credential_goes_along_a_redirect(auth: str, status: int, world: World, serving: Serving) -> None:
    other, elsewhere = serving.recorder()
    fake = WithTokens(RedirectElsewhere(elsewhere, status))
    base = serving(fake)
    connector = world.connect(base, fake.stream, headers=HEADERS, **auth_at(base, auth))

    run = world.sync(connector)

    assert brief(run) == complete()
    assert [asked.path for asked in other.seen] == ["/customers"]
    assert [secret for asked in other.seen for secret in PLANTED if secret in told(asked)] == []
    assert [asked.headers["x-tenant"] for asked in fake.fake.seen] == ["s-in-a-header"]


@pytest.mark.parametrize("auth", AUTHS)
def test_a_next_page_elsewhere_is_refused(auth: str, world: World, serving: Serving) -> None:
    other, elsewhere = serving.recorder()
    fake = WithTokens(NextElsewhere(elsewhere))
    base = serving(fake)
    connector = world.connect(base, fake.stream, headers=HEADERS, **auth_at(base, auth))

    run = world.sync(connector)

    assert (brief(run), other.seen) == (failed("next_page_elsewhere"), [])


@pytest.mark.parametrize("auth", AUTHS)
def test_a_next_page_at_an_allowed_origin_gets_no_credential(
    auth: str, world: World, serving: Serving
) -> None:
    other, elsewhere = serving.recorder()
    fake = WithTokens(NextElsewhere(elsewhere))
    base = serving(fake)
    paging = {"type": "next_url", "next_url_path": "next", "allowed_origins": [elsewhere]}
    connector = world.connect(
        base, {"records_path": "data", "pagination": paging}, headers=HEADERS, **auth_at(base, auth)
    )

    run = world.sync(connector)

    assert brief(run) == complete(created=100)
    assert [asked.line for asked in other.seen] == ["GET /customers?page=2"]
    assert [secret for asked in other.seen for secret in PLANTED if secret in told(asked)] == []


def test_a_redirect_that_carries_the_credential_is_not_followed(world: World, serving: Serving) -> None:
    other, elsewhere = serving.recorder()
    fake = Fake(lambda asked: Answer("", 302, {"Location": f"{elsewhere}/x?t={asked.headers['x-key']}"}))
    base = serving(fake)
    connector = world.connect(base, **auth_at(base, "header"))

    run = world.sync(connector)

    assert (brief(run), other.seen) == (failed("redirect_with_secret"), [])


def test_a_next_url_over_http_of_the_same_host_is_upgraded_or_refused(world: World, serving: Serving) -> None:
    """Another port is another origin, whatever the host."""
    shop = NextUrls(customers(30))
    base = serving(shop)
    fake = Fake(lambda asked: {"data": customers(3), "next": f"{base}/customers"})
    connector = world.connect(
        serving(fake), {"records_path": "data", "pagination": {"type": "next_url", "next_url_path": "next"}}
    )

    run = world.sync(connector)

    assert (brief(run), shop.seen) == (failed("next_page_elsewhere"), [])


def test_what_is_not_allowed_is_not_reached(world: World, serving: Serving, settings: Any) -> None:
    settings.ROPEWALK = settings.ROPEWALK.model_copy(update={"allow_networks": ()})
    fake = Fake(lambda asked: {"data": customers(3)})
    connector = world.connect(serving(fake))

    run = world.sync(connector)

    assert (brief(run), fake.seen) == (failed("address_refused"), [])
    assert run["error"]["message"] == (
        "127.0.0.1 resolves to a private address; whoever operates this installation can allow it with "
        "ROPEWALK_ALLOW_NETWORKS"
    )
