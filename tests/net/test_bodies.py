"""Bodies of every encoding and size: decoded, bounded, and never cut in silence (product.md §4.2)."""

from __future__ import annotations

import gzip
import os
import socket
import zlib
from collections.abc import Iterator

import brotli  # type: ignore[import-untyped]
import pytest

from ropewalk.core import limits
from ropewalk.core.errors import GiveUp, MustFix, RetryLater
from ropewalk.core.exchange import Request
from ropewalk.net import transfer
from ropewalk.net.client import Client
from tests.net.conftest import ANYBODY, Serve
from tests.net.loopback import Reply

BODY = b'[{"name": "Zo\xc3\xab"}]' * 1_000


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(BODY, mtime=0)),
        ("x-gzip", gzip.compress(BODY, mtime=0)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", raw_deflate(BODY)),
        ("br", brotli.compress(BODY)),
        ("identity", BODY),
        ("gzip, br", brotli.compress(gzip.compress(BODY, mtime=0))),
    ],
)
def test_every_encoding_that_was_offered_is_decoded(
    encoding: str, packed: bytes, client: Client, serve: Serve
) -> None:
    server = serve(Reply(body=packed, headers={"Content-Encoding": encoding}))

    with client.bind(ANYBODY) as fetch:
        response = fetch(Request("GET", server.url()))

    assert (response.status, response.body, response.headers["content-type"]) == (
        200,
        BODY,
        "application/json",
    )


def test_an_encoding_nobody_asked_for_is_named(client: Client, serve: Serve) -> None:
    server = serve(Reply(body=b"x", headers={"Content-Encoding": "compress"}))

    with client.bind(ANYBODY) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", server.url("/v1")))

    assert (caught.value.code, len(server.asked)) == ("unknown_encoding", 1)
    assert caught.value.message == (
        f"{server.url('/v1')} answered with the content encoding “compress”; gzip, deflate and br are understood."
    )


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_what_is_packed_badly_is_tried_again(encoding: str, client: Client, serve: Serve) -> None:
    server = serve([Reply(body=b"\xff" * 100, headers={"Content-Encoding": encoding}), Reply(body=b"[1]")])

    with client.bind(ANYBODY) as fetch:
        assert fetch(Request("GET", server.url())).body == b"[1]"


def chunked(pieces: Iterator[bytes], headers: bytes = b"") -> Reply:
    def then(connection: socket.socket) -> None:
        try:
            for piece in pieces:
                connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            connection.sendall(b"0\r\n\r\n")
        except OSError:
            pass

    return Reply(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + headers + b"\r\n", then=then)


@pytest.mark.parametrize("size", [limits.SPOOL_BYTES, limits.SPOOL_BYTES + 1])
def test_a_large_body_goes_to_a_file_without_a_name(size: int, client: Client, serve: Serve) -> None:
    server = serve(Reply(body=b"x" * size))

    with client.bind(ANYBODY) as fetch:
        body = fetch(Request("GET", server.url())).body
        if size <= limits.SPOOL_BYTES:
            assert body == b"x" * size
        else:
            assert not isinstance(body, bytes)
            assert body.read() == b"x" * size
            assert body.seek(0) == 0
            assert os.fstat(body.fileno()).st_nlink == 0

    assert isinstance(body, bytes) or body.closed


def test_the_consumer_may_close_a_file_early(client: Client, serve: Serve) -> None:
    server = serve(Reply(body=b"x" * (limits.SPOOL_BYTES + 1)))

    with client.bind(ANYBODY) as fetch:
        for _ in range(3):
            body = fetch(Request("GET", server.url())).body
            assert not isinstance(body, bytes)
            body.close()


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity"])
def test_reading_stops_at_the_limit(
    encoding: str, client: Client, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BODY_BYTES", 32 * 1024**2)
    bomb = b"0" * (64 * 1024**2)
    packed = {"gzip": gzip.compress(bomb, 1), "br": brotli.compress(bomb, quality=1), "identity": bomb}[
        encoding
    ]
    server = serve(Reply(body=packed, headers={"Content-Encoding": encoding}))

    with client.bind(ANYBODY) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", server.url("/v1")))

    assert (caught.value.code, len(server.asked)) == ("too_large", 1)
    assert caught.value.message == f"{server.url('/v1')} answered with more than 32 MiB; lower the page size."


def test_a_body_as_large_as_allowed_passes(
    client: Client, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BODY_BYTES", 100_000)
    server = serve([Reply(body=b"x" * 100_000), Reply(body=b"x" * 100_001)])

    with client.bind(ANYBODY) as fetch:
        assert fetch(Request("GET", server.url())).body == b"x" * 100_000
        with pytest.raises(MustFix) as caught:
            fetch(Request("GET", server.url()))

    assert caught.value.code == "too_large"


def test_the_limit_is_the_contracts() -> None:
    assert limits.BODY_BYTES == 256 * 1024 * 1024


def test_a_refusal_is_read_only_as_far_as_it_is_quoted(client: Client, serve: Serve) -> None:
    server = serve(chunkless_refusal())

    with client.bind(ANYBODY) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", server.url("/v1")))

    assert caught.value.code == "unexpected_status"
    assert caught.value.message == f"{server.url('/v1')} answered 400. It said: {'x' * 299}…"


def chunkless_refusal() -> Reply:
    def then(connection: socket.socket) -> None:
        try:
            while True:
                connection.sendall(b"x" * 65_536)
        except OSError:
            pass

    return Reply(raw=b"HTTP/1.1 400 Bad Request\r\n\r\n", then=then)


def test_a_chunked_body_arrives_whole(client: Client, serve: Serve) -> None:
    server = serve(chunked(iter([b"[1,", b"2", b"]"])))

    with client.bind(ANYBODY) as fetch:
        assert fetch(Request("GET", server.url())).body == b"[1,2]"


def test_headers_have_lower_case_names_and_repeated_ones_are_joined(client: Client, serve: Serve) -> None:
    raw = (
        b"HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\nHTTP/1.1 200 OK\r\nLink: <a>; rel=prev\r\nLINK: <b>; rel=next\r\n"
        b"Next-Page:  caf\xe9 \r\nContent-Length: 2\r\n\r\n[]"
    )
    server = serve(Reply(raw=raw))

    with client.bind(ANYBODY) as fetch:
        headers = fetch(Request("GET", server.url())).headers

    assert headers == {"link": "<a>; rel=prev, <b>; rel=next", "next-page": "café", "content-length": "2"}


def test_what_does_not_speak_http_is_said_so(client: Client, serve: Serve) -> None:
    server = serve(Reply(raw=b"SSH-2.0-OpenSSH_9.6\r\n"))

    with client.bind(ANYBODY) as fetch, pytest.raises(MustFix) as caught:
        fetch(Request("GET", server.url("/v1")))

    assert caught.value.message == f"{server.url('/v1')} did not answer in HTTP; check scheme and port."


def test_a_full_disk_is_said(
    client: Client, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr("tempfile.tempdir", f"{tmp_path}/gone")
    server = serve(Reply(body=b"x" * (limits.SPOOL_BYTES + 1)))

    with client.bind(ANYBODY) as fetch, pytest.raises(GiveUp) as caught:
        fetch(Request("GET", server.url()))

    assert caught.value.message == (
        "There is no room for temporary files on this machine (No such file or directory)."
    )


def test_a_connection_is_used_again(client: Client, serve: Serve) -> None:
    server = serve(Reply())

    with client.bind(ANYBODY) as fetch:
        for _ in range(5):
            fetch(Request("GET", server.url()))

    assert (len(server.asked), server.connections) == (5, 1)
    assert transfer.REFUSAL_BYTES == 64 * 1024


def test_no_file_is_left_open_by_a_broken_body(client: Client, serve: Serve) -> None:
    body = b"x" * (limits.SPOOL_BYTES + 1)
    server = serve(Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + body))
    opened = len(os.listdir("/proc/self/fd"))

    with client.bind(ANYBODY, retries=0) as fetch, pytest.raises(RetryLater):
        fetch(Request("GET", server.url()))

    assert len(os.listdir("/proc/self/fd")) <= opened + 1
