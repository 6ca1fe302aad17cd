"""Which address is connected to, through what, and whose certificate is believed (product.md §12.2)."""

from __future__ import annotations

import socket
import threading
from ipaddress import ip_address

import pytest

from ropewalk.core.errors import MustFix, Refused, RetryLater
from ropewalk.core.exchange import Request
from ropewalk.net.client import Client
from ropewalk.net.guard import Guard
from ropewalk.net.transfer import Broken, Exchange, Wire
from tests.net.conftest import ANYBODY, Authority, Clock, Serve
from tests.net.loopback import Asked, Reply


def changing(*answers: list[str]) -> tuple[list[str], Guard]:
    """A name server that says something else every time it is asked, up to its last answer."""
    asked: list[str] = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return asked, Guard(["127.0.0.2", "127.0.0.3"], resolver)


def test_the_address_that_was_checked_is_the_one_connected_to(serve: Serve) -> None:
    good = serve(Reply(body=b"[1]"), address="127.0.0.2")
    asked, guard = changing(["127.0.0.2"], ["127.0.0.1"])

    with Client(guard) as client, client.bind(ANYBODY) as fetch:
        assert fetch(Request("GET", good.url(host="rebound.example"))).body == b"[1]"

    assert asked == ["rebound.example"]


def test_a_name_that_turns_private_between_two_requests_is_refused(serve: Serve, clock: Clock) -> None:
    good = serve(Reply(), address="127.0.0.2")
    _, guard = changing(["127.0.0.2"], ["127.0.0.1"])

    with Client(guard, clock=clock, sleep=clock.sleep) as client, client.bind(ANYBODY) as fetch:
        fetch(Request("GET", good.url(host="rebound.example")))
        clock.sleep(11)
        with pytest.raises(Refused):
            fetch(Request("GET", good.url(host="rebound.example")))

    assert len(good.asked) == 1


def test_a_name_that_turns_private_between_two_tries_is_refused(serve: Serve, clock: Clock) -> None:
    busy = serve(Reply(503, b"", {"Retry-After": "30"}), address="127.0.0.2")
    _, guard = changing(["127.0.0.2"], ["10.0.0.1"])

    with (
        Client(guard, clock=clock, sleep=clock.sleep) as client,
        client.bind(ANYBODY) as fetch,
        pytest.raises(Refused),
    ):
        fetch(Request("GET", busy.url(host="rebound.example")))

    assert len(busy.asked) == 1


def test_a_name_that_turns_private_for_a_redirect_is_refused(serve: Serve) -> None:
    def answering(asked: Asked) -> Reply:
        return Reply(
            302, b"", {"Location": f"http://two.example:{asked.headers['host'].rpartition(':')[2]}/"}
        )

    home = serve(answering, address="127.0.0.2")
    answers = {"one.example": ["127.0.0.2"], "two.example": ["127.0.0.2", "169.254.169.254"]}
    guard = Guard(["127.0.0.2"], lambda host, port: answers[host])

    with Client(guard) as client, client.bind(ANYBODY) as fetch, pytest.raises(Refused):
        fetch(Request("GET", home.url(host="one.example")))

    assert len(home.asked) == 1


def test_a_name_that_moves_to_another_allowed_address_is_followed(serve: Serve, clock: Clock) -> None:
    first = serve(Reply(body=b"[1]"), address="127.0.0.2")
    _, guard = changing(["127.0.0.2"], ["127.0.0.3"])

    with Client(guard, clock=clock, sleep=clock.sleep) as client:
        with client.bind(ANYBODY) as fetch:
            fetch(Request("GET", first.url(host="moved.example")))
        clock.sleep(11)
        client.wire.close()  # no kept connection: what counts is the pin
        with client.bind(ANYBODY, retries=0) as fetch, pytest.raises(RetryLater) as caught:
            fetch(Request("GET", first.url(host="moved.example")))

    assert (caught.value.code, len(first.asked)) == ("connection_failed", 1)


def test_a_kept_handle_forgets_the_address_before(serve: Serve, clock: Clock) -> None:
    first = serve(Reply(body=b"[1]", headers={"Connection": "close"}), address="127.0.0.2")
    second = serve(Reply(body=b"[2]"), address="127.0.0.3", port=first.port)
    _, guard = changing(["127.0.0.2"], ["127.0.0.3"])

    with Client(guard, clock=clock, sleep=clock.sleep) as client, client.bind(ANYBODY) as fetch:
        bodies = [fetch(Request("GET", first.url(host="moved.example"))).body]
        clock.sleep(11)
        bodies.append(fetch(Request("GET", first.url(host="moved.example"))).body)

    assert (bodies, len(first.asked), len(second.asked)) == ([b"[1]", b"[2]"], 1, 1)


def test_libcurl_itself_cannot_reach_an_address_that_was_not_checked(serve: Serve) -> None:
    """Whatever name libcurl resolves by itself, as here where the host it reads isn't the host that was pinned."""
    server = serve(Reply())
    wire = Wire(agent="test")
    checked = (ip_address("127.0.0.2"),)
    for url in (
        server.url(),
        server.url(host="localhost"),
        server.url(host="127.1"),
        server.url(host="0x7f000001"),
    ):
        with pytest.raises(Broken) as caught:
            wire.send(Exchange("GET", url, "pinned.example", server.port, checked), 5, lambda: False)
        assert caught.value.trouble == "connection"
    wire.close()

    assert (server.asked, server.connections) == ([], 0)


def test_the_next_address_is_tried_where_the_first_is_dead(serve: Serve) -> None:
    server = serve(Reply(body=b"[1]"), address="127.0.0.3")
    guard = Guard(["127.0.0.0/8"], lambda host, port: ["127.0.0.2", "127.0.0.3"])

    with Client(guard) as client, client.bind(ANYBODY) as fetch:
        assert fetch(Request("GET", server.url(host="two.example"))).body == b"[1]"


def test_the_environments_proxy_is_none_of_ours(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    server, proxy = serve(Reply()), serve(Reply(502))
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url())

    with client.bind(ANYBODY) as fetch:
        fetch(Request("GET", server.url()))

    assert (len(server.asked), len(proxy.asked)) == (1, 0)


def tunnel(asked: Asked) -> Reply:
    """A proxy that does what CONNECT says."""
    host, _, port = asked.path.rpartition(":")
    there = socket.create_connection((host.strip("[]"), int(port)))

    def pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def then(connection: socket.socket) -> None:
        back = threading.Thread(target=pump, args=(there, connection))
        back.start()
        pump(connection, there)
        back.join()
        there.close()

    return Reply(raw=b"HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n", then=then)


@pytest.mark.parametrize("secure", [False, True])
def test_a_proxy_is_told_the_address_that_was_checked(
    secure: bool, serve: Serve, authority: Authority
) -> None:
    proxy = serve(tunnel)
    server = serve(Reply(body=b"[1]"), tls=authority.server() if secure else None)
    guard = Guard(["127.0.0.0/8"], lambda host, port: ["127.0.0.1"])
    through = f"http://me:pr0xy-pass@127.0.0.1:{proxy.port}"

    with Client(guard, proxy=through, ca_bundle=authority.bundle) as client, client.bind(ANYBODY) as fetch:
        response = fetch(Request("GET", server.url("/v1", host="api.example")))

    assert (response.body, "x-proxy" in response.headers) == (b"[1]", False)
    assert [(each.method, each.path) for each in proxy.asked] == [("CONNECT", f"127.0.0.1:{server.port}")]
    assert server.asked[0].headers["host"] == f"api.example:{server.port}"
    assert "proxy-authorization" not in server.asked[0].headers


def test_behind_a_proxy_the_guard_stays(serve: Serve) -> None:
    proxy = serve(tunnel)

    with Client(Guard(), proxy=proxy.url()) as client, client.bind(ANYBODY) as fetch, pytest.raises(Refused):
        fetch(Request("GET", "http://10.0.0.1/"))

    assert proxy.asked == []


def test_a_proxy_that_refuses_is_said_without_its_password(serve: Serve) -> None:
    proxy = serve(Reply(407, b"pr0xy-pass"))
    through = f"http://me:pr0xy-pass@127.0.0.1:{proxy.port}"
    guard = Guard(["127.0.0.0/8"], lambda host, port: ["127.0.0.1"])

    with (
        Client(guard, proxy=through) as client,
        client.bind(ANYBODY, retries=0) as fetch,
        pytest.raises(RetryLater) as caught,
    ):
        fetch(Request("GET", "http://api.example/v1"))

    assert caught.value.message == (
        "http://api.example/v1: the connection failed (CONNECT tunnel failed, response 407)."
    )


def test_a_certificate_of_an_own_authority_needs_the_bundle(serve: Serve, authority: Authority) -> None:
    server = serve(Reply(body=b"[1]"), tls=authority.server())
    guard = Guard(["127.0.0.0/8"], lambda host, port: ["127.0.0.1"])
    request = Request("GET", server.url(host="api.example"))

    with Client(guard, ca_bundle=authority.bundle) as client, client.bind(ANYBODY) as fetch:
        assert fetch(request).body == b"[1]"
    with Client(guard) as client, client.bind(ANYBODY) as fetch, pytest.raises(MustFix) as caught:
        fetch(request)

    assert caught.value.code == "tls_failed"


def test_a_certificate_for_another_name_is_refused(serve: Serve, authority: Authority) -> None:
    server = serve(Reply(), tls=authority.server())
    guard = Guard(["127.0.0.0/8"], lambda host, port: ["127.0.0.1"])

    with (
        Client(guard, ca_bundle=authority.bundle) as client,
        client.bind(ANYBODY) as fetch,
        pytest.raises(MustFix) as caught,
    ):
        fetch(Request("GET", server.url(host="other.example")))

    assert (caught.value.code, server.asked) == ("tls_failed", [])


@pytest.mark.parametrize(
    "url",
    [
        "ftp://api.example/",
        "api.example/v1",
        "http://",
        "http:///v1",
        "http://api.example:99999/",
        "http://a\nb/",
    ],
)
def test_what_is_no_web_address_is_said_to_be_none(url: str, client: Client) -> None:
    with client.bind(ANYBODY) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", url))

    assert caught.value.code == "invalid_url"


def test_user_info_in_a_url_is_refused(client: Client, serve: Serve) -> None:
    server = serve(Reply())

    with client.bind(ANYBODY) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", f"http://me:secret@127.0.0.1:{server.port}/"))

    assert (caught.value.message, server.asked) == (
        f"{server.origin()}: a URL holds no user name and no password.",
        [],
    )
