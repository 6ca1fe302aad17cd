"""Pages fetched in the background and taken up later."""

from __future__ import annotations

import threading
import time

import pytest

from ropewalk.core import limits
from ropewalk.core.errors import MustFix
from ropewalk.core.exchange import Request
from ropewalk.net.client import Client
from tests.net.conftest import ANYBODY, Clock, Serve
from tests.net.loopback import Asked, Reply, Server


def page(server: Server, number: int) -> Request:
    return Request("POST", server.url("/v1"), (("page", str(number)),), body={"n": [number]})


def echo(asked: Asked) -> Reply:
    return Reply(body=asked.body)


def until(number: int, server: Server) -> None:
    began = time.monotonic()
    while len(server.asked) < number and time.monotonic() < began + 20:
        time.sleep(0.005)


def test_a_later_call_takes_the_answer_up(client: Client, serve: Serve) -> None:
    server = serve(echo)

    with client.bind(ANYBODY) as fetch:
        fetch.ahead([page(server, 2), page(server, 3)])
        until(2, server)
        bodies = [fetch(page(server, number)).body for number in (1, 2, 3)]

    assert bodies == [b'{"n":[1]}', b'{"n":[2]}', b'{"n":[3]}']
    assert sorted(server.paths) == ["/v1?page=1", "/v1?page=2", "/v1?page=3"]


def test_what_was_taken_up_is_fetched_again_when_asked_again(client: Client, serve: Serve) -> None:
    server = serve(echo)

    with client.bind(ANYBODY) as fetch:
        fetch.ahead([page(server, 1)])
        fetch(page(server, 1))
        fetch(page(server, 1))

    assert len(server.asked) == 2


def test_the_same_hint_twice_is_one_request(client: Client, serve: Serve) -> None:
    server = serve(echo)

    with client.bind(ANYBODY) as fetch:
        fetch.ahead([page(server, 1), page(server, 1)])
        fetch.ahead([page(server, 1)])
        fetch(page(server, 1))

    assert len(server.asked) == 1


def test_at_most_four_are_out_at_once(client: Client, serve: Serve) -> None:
    gate = threading.Event()

    def answering(asked: Asked) -> Reply:
        gate.wait(20)
        return echo(asked)

    server = serve(answering)

    with client.bind(ANYBODY) as fetch:
        fetch.ahead([page(server, number) for number in range(20)])
        until(4, server)
        gate.set()
        bodies = [fetch(page(server, number)).body for number in range(6)]

    assert bodies == [f'{{"n":[{number}]}}'.encode() for number in range(6)]
    # Of the twenty hints, those beyond the first four were let fall.
    assert (len(server.asked), limits.CONCURRENT_PAGES) == (6, 4)


def test_an_error_comes_when_its_page_is_asked_for(client: Client, serve: Serve) -> None:
    server = serve(lambda asked: Reply(404) if asked.path.endswith("2") else Reply())

    with client.bind(ANYBODY) as fetch:
        fetch.ahead([page(server, 2)])
        fetch(page(server, 1))
        with pytest.raises(MustFix) as caught:
            fetch(page(server, 2))

    assert caught.value.code == "not_found_there"


def test_nobody_hears_of_an_error_in_a_page_nobody_wants(client: Client, serve: Serve) -> None:
    server = serve(Reply(404))

    with client.bind(ANYBODY) as fetch:
        fetch.ahead([page(server, 2)])


def test_closing_does_not_wait_for_what_nobody_wants(client: Client, serve: Serve) -> None:
    server = serve(Reply(raw=b"", then=lambda _: server.wait(20)))
    began = time.monotonic()

    with client.bind(ANYBODY) as fetch:
        fetch.ahead([page(server, number) for number in range(4)])
        until(4, server)

    assert time.monotonic() - began < 10


def test_closing_closes_large_bodies_that_nobody_took(client: Client, serve: Serve) -> None:
    server = serve(Reply(body=b"x" * (limits.SPOOL_BYTES + 1)))

    fetch = client.bind(ANYBODY)
    fetch.ahead([page(server, 1)])
    until(1, server)
    time.sleep(0.3)
    fetch.close()
    fetch.close()


def test_retries_go_on_in_the_background(client: Client, clock: Clock, serve: Serve) -> None:
    server = serve([Reply(503), Reply(503), Reply(body=b"[1]")])

    with client.bind(ANYBODY) as fetch:
        fetch.ahead([page(server, 1)])
        assert fetch(page(server, 1)).body == b"[1]"

    assert len(server.asked) == 3
