"""Redirects are followed by us, one guarded hop after the other (product.md §4.3, §12.2)."""

from __future__ import annotations

import pytest

from ropewalk.core.auth import Bearer
from ropewalk.core.errors import MustFix, Refused
from ropewalk.core.exchange import Request
from ropewalk.net.client import Client
from ropewalk.net.credentials import Credentials
from ropewalk.net.guard import Guard
from tests.net.conftest import ANYBODY, Authority, Serve
from tests.net.loopback import Asked, Reply


def hops(asked: Asked) -> Reply:
    left = int(asked.path.strip("/"))
    return Reply(302, b"", {"Location": f"/{left - 1}"}) if left else Reply(body=b"[1]")


def test_five_are_followed(client: Client, serve: Serve) -> None:
    server = serve(hops)

    with client.bind(ANYBODY) as fetch:
        response = fetch(Request("GET", server.url("/5")))

    assert (response.url, response.body, server.paths) == (
        server.url("/0"),
        b"[1]",
        ["/5", "/4", "/3", "/2", "/1", "/0"],
    )


def test_a_sixth_is_not(client: Client, serve: Serve) -> None:
    server = serve(hops)

    with client.bind(ANYBODY) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", server.url("/6")))

    assert (caught.value.code, len(server.asked)) == ("too_many_redirects", 6)
    assert caught.value.message == f"{server.url('/0')}: more than 5 redirects in a row."


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [
        (301, "GET", b""),
        (302, "GET", b""),
        (303, "GET", b""),
        (307, "POST", b'{"a":1}'),
        (308, "POST", b'{"a":1}'),
    ],
)
def test_what_becomes_of_a_post(status: int, method: str, body: bytes, client: Client, serve: Serve) -> None:
    server = serve([Reply(status, b"", {"Location": "/end"}), Reply()])

    with client.bind(ANYBODY) as fetch:
        fetch(Request("POST", server.url("/q"), body={"a": 1}))

    assert [(each.method, each.path, each.body) for each in server.asked] == [
        ("POST", "/q", b'{"a":1}'),
        (method, "/end", body),
    ]


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("?page=2", "/v1/accounts?page=2"),
        ("next", "/v1/next"),
        ("/a b/ü?q=ü#part", "/a%20b/%C3%BC?q=%C3%BC"),
        ("../v2", "/v2"),
        (" /trimmed ", "/trimmed"),
    ],
)
def test_a_location_is_read_from_where_it_came(
    location: str, path: str, client: Client, serve: Serve
) -> None:
    server = serve([Reply(302, b"", {"Location": location.encode().decode("latin-1")}), Reply()])

    with client.bind(ANYBODY) as fetch:
        fetch(Request("GET", server.url("/v1/accounts?page=1")))

    assert server.paths[1] == path


@pytest.mark.parametrize(
    "location", ["ftp://api.example/", "file:///etc/passwd", "gopher://x/", "https:///", "http://[x/"]
)
def test_a_place_that_is_no_web_address_is_not_gone_to(location: str, client: Client, serve: Serve) -> None:
    server = serve(Reply(302, b"", {"Location": location}))

    with client.bind(ANYBODY) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", server.url("/v1")))

    assert (caught.value.code, len(server.asked)) == ("invalid_url", 1)
    assert caught.value.message.startswith(f"{server.url('/v1')} redirects to a place that can't be read.")


@pytest.mark.parametrize("status", [300, 304, 305, 306, 302])
def test_a_redirect_to_nowhere_is_an_error(status: int, client: Client, serve: Serve) -> None:
    server = serve(Reply(status, b""))

    with client.bind(ANYBODY) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", server.url("/v1")))

    assert caught.value.message == f"{server.url('/v1')} answered {status}."


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("http://10.0.0.1/", "10.0.0.1"),
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254"),
        ("http://[::ffff:10.0.0.1]/", "[::ffff:10.0.0.1]"),
        ("//0xa000001/", "0xa000001"),
        ("http://user@192.168.1.1/", "192.168.1.1"),
        ("https://inside.example/", "inside.example"),
        ("http://2852039166/", "2852039166"),
        ("http://10.0.0.1\\@api.example/", "10.0.0.1"),
    ],
)
def test_a_redirect_into_a_private_network_is_refused(location: str, host: str, serve: Serve) -> None:
    server = serve(Reply(302, b"", {"Location": location}))
    names = {"api.example": ["127.0.0.1"], "inside.example": ["10.0.0.1"]}
    guard = Guard(["127.0.0.0/8"], lambda name, port: names[name])

    with Client(guard) as client, client.bind(ANYBODY) as fetch, pytest.raises(Refused) as caught:
        fetch(Request("GET", server.url("/v1", host="api.example")))

    assert (caught.value.code, len(server.asked)) == ("address_refused", 1)
    assert caught.value.message == (
        f"{host} resolves to a private address; whoever operates this installation can allow it with "
        "ROPEWALK_ALLOW_NETWORKS"
    )


def test_a_second_hop_is_guarded_as_the_first(serve: Serve) -> None:
    server = serve([Reply(302, b"", {"Location": "/2"}), Reply(307, b"", {"Location": "http://100.64.0.1/"})])

    with Client(Guard(["127.0.0.0/8"])) as client, client.bind(ANYBODY) as fetch, pytest.raises(Refused):
        fetch(Request("GET", server.url("/1")))

    assert server.paths == ["/1", "/2"]


def test_user_info_in_a_redirect_is_refused(client: Client, serve: Serve) -> None:
    server = serve(Reply(302, b"", {"Location": "http://me:pass@127.0.0.1/"}))

    with client.bind(ANYBODY) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", server.url()))

    assert (caught.value.code, len(server.asked)) == ("invalid_url", 1)
    assert "pass@" not in caught.value.message


def test_https_is_not_left_with_credentials(client: Client, serve: Serve, authority: Authority) -> None:
    plain = serve(Reply())
    secure = serve(Reply(301, b"", {"Location": plain.url("/", host="api.example")}), tls=authority.server())
    bound = Credentials(
        Bearer(), {"token": "t0ken"}, frozenset({secure.origin("api.example"), plain.origin("api.example")})
    )
    guard = Guard(["127.0.0.0/8"], lambda host, port: ["127.0.0.1"])

    with Client(guard, ca_bundle=authority.bundle) as opened, opened.bind(bound) as fetch:
        fetch(Request("GET", secure.url("/", host="api.example")))

    assert secure.asked[0].headers["authorization"] == "Bearer t0ken"
    assert "authorization" not in plain.asked[0].headers
