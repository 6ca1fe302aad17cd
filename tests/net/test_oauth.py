"""Client credentials: where the secret goes, how long a token lasts, and who fetches it (product.md §4.1)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs

import pytest

from ropewalk.core.auth import ClientCredentials
from ropewalk.core.errors import MustFix, Refused, RetryLater
from ropewalk.core.exchange import Request
from ropewalk.net.client import Client
from ropewalk.net.credentials import Credentials
from ropewalk.net.guard import Guard
from tests.net.conftest import Clock, Serve
from tests.net.loopback import Answering, Asked, Reply, Server

SECRET = "s:ecret&/1"


def token(value: str, **more: object) -> Reply:
    told = {"access_token": value, "token_type": "Bearer", "expires_in": 3_600} | more
    return Reply(body=json.dumps({name: each for name, each in told.items() if each is not None}).encode())


Answers = Answering | list[Reply] | Reply
Pair = Callable[[Answers, Answers], tuple[Server, Server, Credentials]]


@pytest.fixture
def pair(serve: Serve) -> Pair:
    """An API, its token server, and the credentials for both."""

    def start(api: Answers, tokens: Answers) -> tuple[Server, Server, Credentials]:
        one, two = serve(api), serve(tokens)
        auth = ClientCredentials(
            token_url=two.url("/token?tenant=1"), client_id="my id", scope="read accounts"
        )
        return one, two, Credentials(auth, {"client_secret": SECRET}, frozenset({one.origin(), two.origin()}))

    return start


def authorizations(server: Server) -> list[str | None]:
    return [each.headers.get("authorization") for each in server.asked]


def test_the_bytes_of_both_requests(pair: Pair, client: Client) -> None:
    api, tokens, credentials = pair(Reply(), token("t1"))

    with client.bind(credentials) as fetch:
        fetch(Request("GET", api.url("/v1")))
        fetch(Request("GET", api.url("/v2")))

    basic = base64.b64encode(b"my%20id:s%3Aecret%26%2F1").decode()
    asked = tokens.asked[0]
    assert len(tokens.asked) == 1
    assert (asked.method, asked.path, asked.body) == (
        "POST",
        "/token?tenant=1",
        b"grant_type=client_credentials&scope=read+accounts",
    )
    assert {name: value for name, value in asked.headers.items() if name not in ("host", "user-agent")} == {
        "accept": "application/json",
        "accept-encoding": "gzip, deflate, br",
        "authorization": f"Basic {basic}",
        "content-type": "application/x-www-form-urlencoded",
        "content-length": "49",
    }
    assert authorizations(api) == ["Bearer t1", "Bearer t1"]


def test_a_server_that_knows_the_secret_in_the_body_only(pair: Pair, client: Client, clock: Clock) -> None:
    def tokens(asked: Asked) -> Reply:
        return token("t1") if b"client_secret" in asked.body else Reply(401, b'{"error": "invalid_client"}')

    api, server, credentials = pair(Reply(), tokens)

    with client.bind(credentials) as fetch:
        fetch(Request("GET", api.url()))
        clock.sleep(4_000)
        fetch(Request("GET", api.url()))

    assert [parse_qs(each.body.decode()).get("client_secret") for each in server.asked] == [
        None,
        [SECRET],
        [SECRET],
    ]
    assert authorizations(server)[1:] == [None, None]


@pytest.mark.parametrize(
    ("expires_in", "waited", "fetched"),
    [
        (3_600, 3_539, 1),
        (3_600, 3_540, 2),
        ("3600", 3_539, 1),
        (None, 3_539, 1),
        (30, 0, 2),
        ("soon", 3_539, 1),
    ],
)
def test_a_token_is_kept_until_a_minute_before_its_end(
    expires_in: object, waited: float, fetched: int, pair: Pair, client: Client, clock: Clock
) -> None:
    api, tokens, credentials = pair(Reply(), [token("t1", expires_in=expires_in), token("t2")])

    with client.bind(credentials) as fetch:
        fetch(Request("GET", api.url()))
        clock.sleep(waited)
        fetch(Request("GET", api.url()))

    assert len(tokens.asked) == fetched
    assert authorizations(api) == ["Bearer t1", f"Bearer t{fetched}"]


def test_a_refused_token_is_fetched_anew_once(pair: Pair, client: Client, clock: Clock) -> None:
    def answering(asked: Asked) -> Reply:
        return Reply() if asked.headers["authorization"] == "Bearer t2" else Reply(401)

    api, tokens, credentials = pair(answering, [token("t1"), token("t2")])

    with client.bind(credentials) as fetch:
        fetch(Request("GET", api.url()))

    assert (authorizations(api), len(tokens.asked), clock.slept) == (["Bearer t1", "Bearer t2"], 2, 0.0)


@pytest.mark.parametrize(("status", "calls"), [(401, 2), (403, 1)])
def test_a_token_that_stays_refused_is_an_error(status: int, calls: int, pair: Pair, client: Client) -> None:
    api, tokens, credentials = pair(Reply(status, b"t1 t2"), [token("t1-long"), token("t2-long")])

    with client.bind(credentials) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", api.url()))

    assert (caught.value.code, len(api.asked), len(tokens.asked)) == ("authentication_failed", calls, calls)


def test_one_token_for_many_threads(pair: Pair, client: Client) -> None:
    def slow(_: Asked) -> Reply:
        time.sleep(0.1)
        return token("t1")

    api, tokens, credentials = pair(Reply(), slow)

    with client.bind(credentials) as fetch, ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda number: fetch(Request("GET", api.url(f"/{number}"))), range(12)))

    assert (len(tokens.asked), authorizations(api)) == (1, ["Bearer t1"] * 12)


def test_another_secret_has_another_token(pair: Pair, client: Client) -> None:
    api, tokens, credentials = pair(Reply(), [token("t1"), token("t2")])
    other = Credentials(credentials.auth, {"client_secret": "other"}, credentials.origins)

    for each in (credentials, other, credentials):
        with client.bind(each) as fetch:
            fetch(Request("GET", api.url()))

    assert (len(tokens.asked), authorizations(api)) == (2, ["Bearer t1", "Bearer t2", "Bearer t1"])


def test_a_token_does_not_go_along_to_another_origin(pair: Pair, serve: Serve, client: Client) -> None:
    other = serve(Reply())
    api, _, credentials = pair(Reply(302, b"", {"Location": other.url("/moved")}), token("t1"))

    with client.bind(credentials) as fetch:
        fetch(Request("GET", api.url()))

    assert authorizations(other) == [None]


def test_a_redirect_that_holds_the_token_is_not_followed(pair: Pair, serve: Serve, client: Client) -> None:
    other = serve(Reply())
    api, _, credentials = pair(
        Reply(302, b"", {"Location": other.url("/?t=long-token")}), token("long-token")
    )

    with client.bind(credentials) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", api.url()))

    assert (caught.value.code, other.asked) == ("redirect_with_secret", [])


def test_without_credentials_no_token_is_fetched(pair: Pair, client: Client) -> None:
    api, tokens, credentials = pair(Reply(), token("t1"))

    with client.bind(credentials) as fetch:
        fetch(Request("GET", api.url(), credentials=False))

    assert (authorizations(api), tokens.asked) == ([None], [])


@pytest.mark.parametrize(
    ("reply", "code", "said"),
    [
        (
            Reply(401, b'{"error": "invalid_client"}'),
            "authentication_failed",
            'It said: {"error": "invalid_client"}',
        ),
        (Reply(400, f"no: {SECRET}".encode()), "authentication_failed", "It said: no: [redacted]"),
        (
            Reply(403, b""),
            "authentication_failed",
            "it did not accept the client id, its secret or the scope.",
        ),
        (Reply(404, b"where?"), "not_found_there", "answered 404"),
        (Reply(302, b"", {"Location": "/elsewhere"}), "unexpected_status", "enter the final URL."),
        (Reply(200, b"<html>"), "token_unusable", "without an access_token"),
        (Reply(200, b'{"token": "x"}'), "token_unusable", "without an access_token but token"),
        (Reply(200, b'{"access_token": 7}'), "token_unusable", "without an access_token"),
        (Reply(200, b'{"access_token": "a\\nb"}'), "token_unusable", "without an access_token"),
        (
            Reply(200, b'{"access_token": "x", "token_type": "mac"}'),
            "token_unusable",
            "another type than bearer",
        ),
        (Reply(200, b""), "token_unusable", "without an access_token"),
    ],
)
def test_a_token_url_that_gives_none(reply: Reply, code: str, said: str, pair: Pair, client: Client) -> None:
    api, _, credentials = pair(Reply(), reply)

    with client.bind(credentials) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", api.url()))

    assert (caught.value.code, api.asked) == (code, [])
    assert said in caught.value.message.replace("***", "[redacted]")
    assert SECRET not in caught.value.message


def test_a_busy_token_url_is_tried_again(pair: Pair, client: Client, clock: Clock) -> None:
    api, tokens, credentials = pair(Reply(), [Reply(503), Reply(429, b"", {"Retry-After": "4"}), token("t1")])

    with client.bind(credentials) as fetch:
        fetch(Request("GET", api.url()))

    assert (len(tokens.asked), len(api.asked), clock.slept) == (3, 1, 4.375)


def test_a_slow_token_url_times_out_and_frees_its_place(pair: Pair, client: Client) -> None:
    api, _, credentials = pair(Reply(), [Reply(raw=b"", then=lambda _: time.sleep(0.4)), token("t1")])

    with client.bind(credentials, retries=0) as fetch:
        with pytest.raises(RetryLater) as caught:
            fetch(Request("GET", api.url(), timeout_ms=200))
        fetch(Request("GET", api.url(), timeout_ms=20_000))

    assert (caught.value.code, authorizations(api)) == ("timeout", ["Bearer t1"])


def test_the_token_url_is_guarded_like_any_other(serve: Serve) -> None:
    api = serve(Reply())
    auth = ClientCredentials(token_url="http://169.254.169.254/token", client_id="id")
    credentials = Credentials(
        auth, {"client_secret": SECRET}, frozenset({api.origin(), "http://169.254.169.254"})
    )

    with (
        Client(Guard(["127.0.0.0/8"])) as client,
        client.bind(credentials) as fetch,
        pytest.raises(Refused) as caught,
    ):
        fetch(Request("GET", api.url()))

    assert (caught.value.code, api.asked) == ("address_refused", [])


def test_nothing_of_it_shows(pair: Pair, client: Client) -> None:
    api, _, credentials = pair(Reply(418, b"you sent Bearer acc3ss-token"), token("acc3ss-token"))

    with client.bind(credentials) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", api.url()))

    shown = f"{caught.value!r} {credentials!r} {client.tokens!r} {vars(client.tokens)}"
    assert "acc3ss-token" not in shown
    assert SECRET not in shown
