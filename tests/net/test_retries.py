"""What is tried again, how long is waited, and what is said in the end (product.md §5.4)."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from ropewalk.core.errors import Cancelled, MustFix, RetryLater
from ropewalk.core.exchange import Request
from ropewalk.net.client import Client
from ropewalk.net.guard import Guard
from ropewalk.net.retry import pause, retry_after
from tests.net.conftest import ANYBODY, Clock, Serve
from tests.net.loopback import Reply


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int, client: Client, clock: Clock, serve: Serve) -> None:
    server = serve([Reply(status, b"busy"), Reply(body=b"[1]")])

    with client.bind(ANYBODY) as fetch:
        assert fetch(Request("GET", server.url("/v1"))).body == b"[1]"

    assert (server.paths, clock.slept) == (["/v1", "/v1"], 0.375)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 409, 410, 418, 422, 451, 501, 505, 304])
def test_what_will_not_pass_fails_at_once(status: int, client: Client, clock: Clock, serve: Serve) -> None:
    server = serve(Reply(status, b"no\nway"))

    with client.bind(ANYBODY) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", server.url("/v1")))

    assert (server.paths, clock.slept) == (["/v1"], 0.0)
    assert f"{server.url('/v1')} answered {status}" in caught.value.message
    assert status == 304 or caught.value.message.endswith("It said: no way")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "authentication_failed"),
        (403, "authentication_failed"),
        (404, "not_found_there"),
        (400, "unexpected_status"),
    ],
)
def test_refusals_have_codes(status: int, code: str, client: Client, serve: Serve) -> None:
    server = serve(Reply(status))

    with client.bind(ANYBODY) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", server.url()))

    assert caught.value.code == code


def test_one_try_and_five_retries_with_growing_pauses(client: Client, clock: Clock, serve: Serve) -> None:
    server = serve(Reply(503, b"down for maintenance"))

    with client.bind(ANYBODY) as fetch, pytest.raises(RetryLater) as caught:
        fetch(Request("GET", server.url("/v1")))

    assert (len(server.asked), clock.slept) == (6, 0.75 * (0.5 + 1 + 2 + 4 + 8))
    assert caught.value.code == "unavailable"
    assert caught.value.message == (
        f"{server.url('/v1')} answered 503. It said: down for maintenance Tried 6 times."
    )


def test_the_fifth_retry_may_still_bring_it(client: Client, serve: Serve) -> None:
    server = serve([*[Reply(503)] * 5, Reply(body=b"[1]")])

    with client.bind(ANYBODY) as fetch:
        assert fetch(Request("GET", server.url())).body == b"[1]"

    assert len(server.asked) == 6


@pytest.mark.parametrize(
    ("header", "slept"),
    [
        ("7", 7.0),
        ("0", 0.375),
        ("300", 300.0),
        ("1.5", 1.5),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60.0),
        ("Thursday, 01-Jan-26 00:01:00 GMT", 60.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.375),
        ("soon", 0.375),
        ("-5", 0.375),
    ],
)
def test_retry_after_is_honoured_in_both_forms(
    header: str, slept: float, client: Client, clock: Clock, serve: Serve
) -> None:
    first = Reply(429, b"", {"Retry-After": header, "Date": "Thu, 01 Jan 2026 00:00:00 GMT"})
    server = serve([first, Reply()])

    with client.bind(ANYBODY) as fetch:
        fetch(Request("GET", server.url()))

    assert (len(server.asked), clock.slept) == (2, slept)


@pytest.mark.parametrize("header", ["301", "Thu, 01 Jan 2026 00:05:01 GMT"])
def test_a_longer_wait_is_for_the_next_run(header: str, client: Client, clock: Clock, serve: Serve) -> None:
    server = serve(Reply(429, b"", {"Retry-After": header, "Date": "Thu, 01 Jan 2026 00:00:00 GMT"}))

    with client.bind(ANYBODY) as fetch, pytest.raises(RetryLater) as caught:
        fetch(Request("GET", server.url("/v1")))

    assert (caught.value.code, caught.value.after, len(server.asked), clock.slept) == (
        "rate_limited",
        301.0,
        1,
        0.0,
    )
    assert caught.value.message == (
        f"{server.url('/v1')} answered 429, too many requests and asked to wait 301 s. Such requests are tried again "
        "by themselves after the wait that the API asks for; set a requests-per-minute budget on the connector to stay "
        "below its limit. The wait of 301 s is longer than the 300 s that a run waits; the next run starts no earlier."
    )


def test_a_date_counts_from_the_answers_own_clock() -> None:
    assert retry_after("Thu, 01 Jan 2026 00:01:00 GMT", "Thu, 01 Jan 2026 00:00:30 GMT", 0.0) == 30.0
    assert retry_after("Thu, 01 Jan 2026 00:01:00 GMT", "nonsense", 1_767_225_600.0) == 60.0
    assert retry_after("Thu, 01 Jan 2026 00:01:00 GMT", None, 1_767_225_600.0) == 60.0
    assert retry_after(None, None, 0.0) is None


@given(st.integers(1, 50), st.floats(0, 1))
def test_a_pause_is_between_half_and_whole(failures: int, chance: float) -> None:
    whole = min(30.0, 0.5 * 2.0 ** (failures - 1))

    assert whole / 2 <= pause(failures, lambda: chance) <= whole


def test_nobody_listening_is_tried_again(client: Client, clock: Clock) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

    with client.bind(ANYBODY, retries=2) as fetch, pytest.raises(RetryLater) as caught:
        fetch(Request("GET", f"http://127.0.0.1:{port}/v1"))

    assert (caught.value.code, clock.slept) == ("connection_failed", 0.75 * 1.5)
    assert caught.value.message.startswith(f"http://127.0.0.1:{port}/v1: the connection failed (")
    assert caught.value.message.endswith("Tried 3 times.")


BROKEN = {
    "shorter than it says": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[1,2",
    "a chunk cut off": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1",
    "no last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n",
    "a chunk of no length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n[1]\r\n",
    "nothing at all": b"",
    "half a header": b"HTTP/1.1 200 OK\r\nContent-Le",
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN.keys())
def test_a_body_cut_off_is_a_connection_error(raw: bytes, client: Client, serve: Serve) -> None:
    server = serve([Reply(raw=raw), Reply(raw=raw), Reply(body=b"[1,2]")])

    with client.bind(ANYBODY) as fetch:
        assert fetch(Request("GET", server.url())).body == b"[1,2]"

    assert len(server.asked) == 3


def test_a_connection_that_stays_cut_off_is_an_error(client: Client, serve: Serve) -> None:
    server = serve(Reply(raw=BROKEN["shorter than it says"]))

    with client.bind(ANYBODY) as fetch, pytest.raises(RetryLater) as caught:
        fetch(Request("GET", server.url()))

    assert (caught.value.code, len(server.asked)) == ("connection_failed", 6)


def drip(connection: socket.socket) -> None:
    try:
        for _ in range(400):
            connection.sendall(b" ")
            time.sleep(0.05)
    except OSError:
        pass


@pytest.mark.parametrize("kind", ["silent", "slow drip", "slow headers"])
def test_the_timeout_is_for_the_whole_answer(kind: str, client: Client, serve: Serve) -> None:
    start = {
        "silent": b"",
        "slow drip": b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n",
        "slow headers": b"HTTP/1.1 200 OK\r\nX-Long: ",
    }[kind]
    then: Callable[[socket.socket], None] = drip if kind != "silent" else lambda _: server.wait(20)
    server = serve(Reply(raw=start, then=then))
    began = time.monotonic()

    with client.bind(ANYBODY, retries=1) as fetch, pytest.raises(RetryLater) as caught:
        fetch(Request("GET", server.url("/v1?page=7"), timeout_ms=300))

    assert time.monotonic() - began < 10
    assert (caught.value.code, len(server.asked)) == ("timeout", 2)
    assert caught.value.message == (
        f"{server.url('/v1?page=7')} gave no whole answer within 0.3 s. Raise the timeout (Advanced settings) or lower "
        "the page size. Tried 2 times."
    )


def test_a_timeout_covers_all_redirects(client: Client, serve: Serve) -> None:
    def answering(_: object) -> Reply:
        time.sleep(0.15)
        return Reply(302, b"", {"Location": "/again"})

    server = serve(answering)

    with client.bind(ANYBODY, retries=0) as fetch, pytest.raises(RetryLater) as caught:
        fetch(Request("GET", server.url(), timeout_ms=400))

    # One for each of them would end as too many redirects.
    assert caught.value.code == "timeout"


def test_a_deadline_leaves_no_time_to_wait(client: Client, clock: Clock, serve: Serve) -> None:
    server = serve(Reply(429, b"", {"Retry-After": "9"}))

    with client.bind(ANYBODY, deadline=clock.at + 8) as fetch, pytest.raises(RetryLater) as caught:
        fetch(Request("GET", server.url()))

    assert (caught.value.after, len(server.asked), clock.slept) == (9.0, 1, 0.0)


def test_tries_go_on_within_a_deadline(client: Client, clock: Clock, serve: Serve) -> None:
    server = serve(Reply(503))

    with client.bind(ANYBODY, deadline=clock.at + 3) as fetch, pytest.raises(RetryLater):
        fetch(Request("GET", server.url()))

    assert (len(server.asked), clock.slept) == (4, 0.75 * 3.5)


def test_a_deadline_cuts_a_transfer_short(serve: Serve) -> None:
    server = serve(Reply(raw=b"", then=lambda _: server.wait(20)))
    began = time.monotonic()

    with (
        Client(Guard(["127.0.0.0/8"])) as client,
        client.bind(ANYBODY, deadline=time.monotonic() + 0.3) as fetch,
        pytest.raises(RetryLater) as caught,
    ):
        fetch(Request("GET", server.url()))

    assert caught.value.code == "timeout"
    assert time.monotonic() - began < 10


def test_a_slow_name_server_does_not_outlast_the_deadline(serve: Serve) -> None:
    over = threading.Event()

    def resolver(host: str, port: int) -> list[str]:
        over.wait(20)
        return ["127.0.0.1"]

    began = time.monotonic()
    with (
        Client(Guard(["127.0.0.0/8"], resolver)) as client,
        client.bind(ANYBODY, deadline=time.monotonic() + 0.3) as fetch,
        pytest.raises(RetryLater) as caught,
    ):
        fetch(Request("GET", "http://slow.example/"))

    took = time.monotonic() - began
    over.set()
    assert caught.value.code == "lookup_failed"
    assert took < 10


def test_a_transfer_ends_when_somebody_cancels(client: Client, serve: Serve) -> None:
    server = serve(Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", then=drip))
    began = time.monotonic()

    with (
        client.bind(ANYBODY, cancelled=lambda: time.monotonic() > began + 0.3) as fetch,
        pytest.raises(Cancelled),
    ):
        fetch(Request("GET", server.url()))

    assert time.monotonic() - began < 10


def test_a_wait_ends_when_somebody_cancels(client: Client, clock: Clock, serve: Serve) -> None:
    server = serve(Reply(429, b"", {"Retry-After": "200"}))
    began = clock.at

    with client.bind(ANYBODY, cancelled=lambda: clock.at > began + 10) as fetch, pytest.raises(Cancelled):
        fetch(Request("GET", server.url()))

    assert (len(server.asked), clock.slept) == (1, 10.5)


def test_an_error_in_the_cancellation_comes_out(client: Client, serve: Serve) -> None:
    server = serve(Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", then=drip))
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        if len(asked) > 3:
            raise LookupError("the run is gone")
        return False

    with (
        client.bind(ANYBODY, cancelled=cancelled) as fetch,
        pytest.raises(LookupError, match="the run is gone"),
    ):
        fetch(Request("GET", server.url()))


def test_a_keyboard_interrupt_within_a_transfer_comes_out(client: Client, serve: Serve) -> None:
    server = serve(Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", then=drip))
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        if len(asked) > 3:
            raise KeyboardInterrupt
        return False

    with client.bind(ANYBODY, cancelled=cancelled) as fetch, pytest.raises(KeyboardInterrupt):
        fetch(Request("GET", server.url()))

    assert len(server.asked) <= 1


def test_the_budget_is_asked_before_every_request(client: Client, clock: Clock, serve: Serve) -> None:
    server = serve([Reply(503), Reply(302, b"", {"Location": "/end"}), Reply()])
    waits = iter([0.0, 2.0, 40.0])

    with client.bind(ANYBODY, budget=lambda _: next(waits)) as fetch:
        fetch(Request("GET", server.url(), timeout_ms=1_000))

    assert (server.paths, clock.slept) == (["/", "/", "/end"], 0.375 + 42.0)


def test_a_budget_beyond_the_deadline_is_said(client: Client, clock: Clock, serve: Serve) -> None:
    server = serve(Reply())

    with (
        client.bind(ANYBODY, budget=lambda _: 20.0, deadline=clock.at + 8) as fetch,
        pytest.raises(RetryLater) as caught,
    ):
        fetch(Request("GET", server.url()))

    assert (caught.value.code, caught.value.after, server.asked) == ("budget_used_up", 20.0, [])


@pytest.mark.parametrize(("status", "body"), [(204, b""), (200, b""), (205, b""), (202, b""), (299, b"")])
def test_an_answer_without_a_body_names_its_status(
    status: int, body: bytes, client: Client, serve: Serve
) -> None:
    server = serve(Reply(status, body))

    with client.bind(ANYBODY) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", server.url("/v1")))

    assert (caught.value.code, len(server.asked)) == ("empty_body", 1)
    assert caught.value.message == (
        f"{server.url('/v1')} answered {status} without a body, where records were expected; check the URL."
    )


def test_an_answer_that_is_not_ready_is_asked_for_later(client: Client, clock: Clock, serve: Serve) -> None:
    server = serve(Reply(body=b"[1]"))

    with client.bind(ANYBODY, deadline=clock() + 1) as fetch:
        assert fetch(Request("GET", server.url(), pause_ms=600)).body == b"[1]"
        with pytest.raises(RetryLater) as late:
            fetch(Request("GET", server.url(), pause_ms=600))

    assert (round(clock.slept, 6), late.value.code) == (0.6, "timeout")
    assert len(server.paths) == 1
