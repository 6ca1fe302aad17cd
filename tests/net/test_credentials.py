"""The bytes of each auth type on the wire, and who never gets to see them (product.md §4.1, §4.3)."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ropewalk.core.auth import ApiKey, AuthSettings, Basic, Bearer, ClientCredentials, NoAuth
from ropewalk.core.errors import MustFix
from ropewalk.core.exchange import Request
from ropewalk.net.client import Client
from ropewalk.net.credentials import Credentials
from tests.net.conftest import Serve
from tests.net.loopback import Asked, Reply, Server

TOKEN = "pl4nted+tok/en="
AUTHS: dict[str, AuthSettings] = {
    "bearer": Bearer(),
    "api_key in a header": ApiKey(),
    "api_key in a header of its own": ApiKey(name="X-Vendor-Key"),
    "api_key in the query": ApiKey.model_validate({"in": "query", "name": "api key"}),
    "basic": Basic(username="zoë"),
}
BASIC = base64.b64encode(f"zoë:{TOKEN}".encode()).decode()


def credentials(auth: AuthSettings, *origins: str, headers: dict[str, str] | None = None) -> Credentials:
    secrets = {auth.secret: TOKEN} if auth.secret else {}
    return Credentials(auth, secrets, frozenset(origins), headers or {})


def sent(server: Server) -> list[tuple[str, dict[str, str]]]:
    """What arrived, less what every request carries."""
    usual = {"host", "accept", "accept-encoding", "user-agent"}
    return [
        (each.path, {name: value for name, value in each.headers.items() if name not in usual})
        for each in server.asked
    ]


@pytest.mark.parametrize(
    ("kind", "path", "headers"),
    [
        ("bearer", "/v1?a=1", {"authorization": f"Bearer {TOKEN}"}),
        ("api_key in a header", "/v1?a=1", {"x-api-key": TOKEN}),
        ("api_key in a header of its own", "/v1?a=1", {"x-vendor-key": TOKEN}),
        ("api_key in the query", "/v1?a=1&api%20key=pl4nted%2Btok%2Fen%3D", {}),
        ("basic", "/v1?a=1", {"authorization": f"Basic {BASIC}"}),
    ],
)
def test_each_type_on_the_wire(
    kind: str, path: str, headers: dict[str, str], client: Client, serve: Serve
) -> None:
    server = serve(Reply())

    with client.bind(credentials(AUTHS[kind], server.origin())) as fetch:
        response = fetch(Request("GET", server.url("/v1?a=1")))

    assert sent(server) == [(path, headers)]
    assert response.url == server.url("/v1?a=1")


def test_none_sends_nothing_and_needs_no_origin(client: Client, serve: Serve) -> None:
    server = serve(Reply())

    with client.bind(Credentials(NoAuth())) as fetch:
        fetch(Request("GET", server.url("/v1")))

    assert server.asked == [
        Asked(
            "GET",
            "/v1",
            {
                "host": f"127.0.0.1:{server.port}",
                "user-agent": server.asked[0].headers["user-agent"],
                "accept": "application/json, application/x-ndjson;q=0.9, */*;q=0.5",
                "accept-encoding": "gzip, deflate, br",
            },
            b"",
        )
    ]


def test_a_post_with_headers_and_parameters(client: Client, serve: Serve) -> None:
    server = serve(Reply())

    with client.bind(
        credentials(NoAuth(), server.origin(), headers={"X-Secret": "s", "X-Empty": ""})
    ) as fetch:
        fetch(
            Request(
                "POST",
                server.url("/q?kept=a%20b&kept"),
                params=(("updated at", "2026-01-01T00:00:00Z"), ("ü", "&=")),
                headers=(("Accept", "application/vnd.api+json"), ("Accept-Version", "2")),
                body={"variables": {"after": None, "name": "Zoë"}},
            )
        )

    assert sent(server) == [
        (
            "/q?kept=a%20b&kept&updated%20at=2026-01-01T00%3A00%3A00Z&%C3%BC=%26%3D",
            {
                "content-type": "application/json",
                "content-length": "42",
                "accept-version": "2",
                "x-secret": "s",
                "x-empty": "",
            },
        )
    ]
    assert server.asked[0].headers["accept"] == "application/vnd.api+json"
    assert server.asked[0].body == '{"variables":{"after":null,"name":"Zoë"}}'.encode()


def test_a_post_without_a_body_says_so(client: Client, serve: Serve) -> None:
    server = serve(Reply())

    with client.bind(Credentials(NoAuth())) as fetch:
        fetch(Request("POST", server.url("/q")))

    assert (server.asked[0].headers["content-length"], server.asked[0].body) == ("0", b"")


@pytest.mark.parametrize("kind", AUTHS)
def test_a_secret_is_not_sent_to_an_origin_it_was_not_entered_for(
    kind: str, client: Client, serve: Serve
) -> None:
    server = serve(Reply())

    with (
        client.bind(credentials(AUTHS[kind], "https://api.example.com")) as fetch,
        pytest.raises(MustFix) as caught,
    ):
        fetch(Request("GET", server.url()))

    assert (caught.value.code, server.asked) == ("secret_not_bound", [])
    assert caught.value.message == (
        f"The saved secret was not entered for {server.origin()}: enter it again for this stream, or confirm that "
        "it is also sent to 127.0.0.1."
    )


@pytest.mark.parametrize("kind", AUTHS)
def test_a_request_without_credentials_carries_none_and_no_headers(
    kind: str, client: Client, serve: Serve
) -> None:
    server = serve(Reply())

    with client.bind(credentials(AUTHS[kind], server.origin(), headers={"X-Secret": "s"})) as fetch:
        fetch(Request("GET", server.url("/open"), headers=(("X-Plain", "p"),), credentials=False))

    assert sent(server) == [("/open", {})]


@pytest.mark.parametrize("kind", AUTHS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nothing_goes_along_to_another_origin(kind: str, status: int, client: Client, serve: Serve) -> None:
    other = serve(Reply(body=b"[1]"))
    home = serve(Reply(status, b"", {"Location": other.url("/moved?page=2")}))
    bound = credentials(AUTHS[kind], home.origin(), other.origin(), headers={"X-Secret": "s"})

    with client.bind(bound) as fetch:
        response = fetch(Request("GET", home.url("/v1"), headers=(("X-Plain", "p"),)))

    assert sent(other) == [("/moved?page=2", {})]
    assert (response.body, response.url) == (b"[1]", other.url("/moved?page=2"))


@pytest.mark.parametrize("kind", AUTHS)
def test_the_same_host_over_another_scheme_or_port_is_another_origin(
    kind: str, client: Client, serve: Serve
) -> None:
    other = serve(Reply(401, b"{}"))
    home = serve(Reply(308, b"", {"Location": f"//127.0.0.1:{other.port}/"}))

    with client.bind(credentials(AUTHS[kind], home.origin())) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", home.url()))

    assert sent(other) == [("/", {})]
    assert caught.value.code == "authentication_failed"
    assert (
        f"The request was redirected there from {home.origin()}, and credentials are never sent along to another "
        "origin: enter the final URL."
    ) in caught.value.message


def test_credentials_that_were_left_behind_do_not_come_back(client: Client, serve: Serve) -> None:
    def answering(asked: Asked) -> Reply:
        if asked.path == "/v1":
            return Reply(302, b"", {"Location": other.url("/back")})
        return Reply()

    home = serve(answering)
    other = serve(Reply(302, b"", {"Location": home.url("/end")}))

    with client.bind(credentials(Bearer(), home.origin())) as fetch:
        fetch(Request("GET", home.url("/v1")))

    assert sent(home) == [("/v1", {"authorization": f"Bearer {TOKEN}"}), ("/end", {})]


def test_a_server_that_copies_the_query_does_not_take_the_key_along(client: Client, serve: Serve) -> None:
    other = serve(Reply())
    home = serve(lambda asked: Reply(302, b"", {"Location": other.url(asked.path)}))

    with client.bind(credentials(AUTHS["api_key in the query"], home.origin())) as fetch:
        fetch(Request("GET", home.url("/v1?page=1")))

    assert sent(other) == [("/v1?page=1", {})]


@pytest.mark.parametrize("kind", AUTHS)
def test_a_redirect_that_hides_the_credential_elsewhere_is_not_followed(
    kind: str, client: Client, serve: Serve
) -> None:
    other = serve(Reply())
    home = serve(Reply(302, b"", {"Location": other.url(f"/take?it={TOKEN.replace('+', '%2B')}")}))

    with client.bind(credentials(AUTHS[kind], home.origin())) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", home.url("/v1")))

    assert (caught.value.code, other.asked) == ("redirect_with_secret", [])
    assert TOKEN not in str(caught.value)


def test_an_ordinary_header_value_does_not_stop_a_redirect(client: Client, serve: Serve) -> None:
    other = serve(Reply())
    home = serve(Reply(302, b"", {"Location": other.url("/acme/1")}))
    bound = credentials(Bearer(), home.origin(), headers={"X-Tenant": "acme", "X-Version": "1"})

    with client.bind(bound) as fetch:
        fetch(Request("GET", home.url("/v1")))

    assert sent(other) == [("/acme/1", {})]


def test_along_a_redirect_at_home_everything_goes_along(client: Client, serve: Serve) -> None:
    server = serve([Reply(302, b"", {"Location": "/v2?page=2"}), Reply()])

    with client.bind(
        credentials(AUTHS["api_key in the query"], server.origin(), headers={"X-Secret": "s"})
    ) as fetch:
        response = fetch(Request("GET", server.url("/v1")))

    assert sent(server) == [
        ("/v1?api%20key=pl4nted%2Btok%2Fen%3D", {"x-secret": "s"}),
        ("/v2?page=2&api%20key=pl4nted%2Btok%2Fen%3D", {"x-secret": "s"}),
    ]
    assert response.url == server.url("/v2?page=2")


@pytest.mark.parametrize("kind", AUTHS)
@pytest.mark.parametrize(
    "reply",
    [
        Reply(401, f"who is {TOKEN}, {BASIC}?".encode()),
        Reply(403, b'{"token": "' + base64.b64encode(TOKEN.encode()) + b'"}'),
        Reply(400, b"x" * 290 + TOKEN.encode() * 3),
        Reply(204, b""),
        Reply(302, b"", {"Location": f"ftp://{BASIC}/"}),
        Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[" + TOKEN.encode()[:3]),
    ],
)
def test_no_error_holds_the_secret(kind: str, reply: Reply, client: Client, serve: Serve) -> None:
    server = serve(reply)
    bound = credentials(AUTHS[kind], server.origin(), headers={"X-Secret": "h1dden-header"})

    with client.bind(bound, retries=0) as fetch, pytest.raises(Exception, match=r".") as caught:
        fetch(
            Request(
                "GET", server.url(f"/v1?next={TOKEN}&access_token=of-another"), headers=(("X-Plain", "p"),)
            )
        )

    error: Any = caught.value
    shown = " ".join(
        [str(error), repr(error), repr(error.args), error.detail, repr(bound), repr(bound.secrets.keys())]
    )
    encoded = base64.b64encode(TOKEN.encode()).decode().rstrip("=")
    for value in (TOKEN, TOKEN[:8], BASIC, encoded, "pl4nted%2Btok%2Fen%3D", "h1dden-header", "of-another"):
        assert value not in shown
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize("value", ["a\r\nX-Other: b", "a\nb", "a\0b", "\x7f"])
@pytest.mark.parametrize("kind", AUTHS)
def test_a_secret_that_would_break_the_request_is_not_sent(
    kind: str, value: str, client: Client, serve: Serve
) -> None:
    server = serve(Reply())
    auth = AUTHS[kind]
    bound = Credentials(auth, {auth.secret or "": value}, frozenset({server.origin()}))

    with client.bind(bound) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", server.url()))

    assert (caught.value.code, server.asked) == ("secret_unusable", [])


@pytest.mark.parametrize("kind", AUTHS)
def test_a_missing_secret_is_named(kind: str, client: Client, serve: Serve) -> None:
    server = serve(Reply())
    auth = AUTHS[kind]

    with (
        client.bind(Credentials(auth, {}, frozenset({server.origin()}))) as fetch,
        pytest.raises(MustFix) as caught,
    ):
        fetch(Request("GET", server.url()))

    assert caught.value.message == f"The {auth.secret} is missing; enter it for this connector."


@pytest.mark.parametrize(
    "header",
    [("Host", "a"), ("Content-Length", "1"), ("Transfer-Encoding", "x"), ("A B", "c"), ("A", "b\r\nC: d")],
)
def test_headers_that_would_break_the_request_are_refused(
    header: tuple[str, str], client: Client, serve: Serve
) -> None:
    server = serve(Reply())

    with client.bind(Credentials(NoAuth())) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", server.url(), headers=(header,)))

    assert (caught.value.code, server.asked) == ("invalid_header", [])


def test_client_credentials_need_their_token_urls_origin_too(client: Client, serve: Serve) -> None:
    server, tokens = serve(Reply()), serve(Reply())
    auth = ClientCredentials(token_url=tokens.url("/token"), client_id="id")

    with client.bind(credentials(auth, server.origin())) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", server.url()))

    assert (caught.value.code, server.asked, tokens.asked) == ("secret_not_bound", [], [])


def test_a_credential_is_secret_without_its_scheme_too() -> None:
    key = ApiKey.model_validate({"in": "header", "name": "Authorization"})
    credentials = Credentials(
        key, {"token": "Token 9944b09199c6"}, headers={"X-Sig": "v1=abcdef012345", "X-A": "a b"}
    )

    assert list(credentials.values()) == [
        "Token 9944b09199c6",
        "9944b09199c6",
        "v1=abcdef012345",
        "abcdef012345",
        "a b",
    ]
