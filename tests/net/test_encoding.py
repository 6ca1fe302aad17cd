"""Encodings undone piece by piece, whatever the pieces of the network were."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from random import Random

import brotli  # type: ignore[import-untyped]
import pytest
from hypothesis import given, strategies as st

from ropewalk.core.errors import RetryLater
from ropewalk.core.exchange import Request
from ropewalk.net.client import Client
from ropewalk.net.encoding import Corrupt, Unknown, decoder
from tests.net.conftest import ANYBODY, Serve
from tests.net.loopback import Reply


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


Pack = Callable[[bytes], bytes]
PACKERS: dict[str, tuple[str, Pack]] = {
    "gzip": ("gzip", gzip.compress),
    "two members": ("gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
    "padded": ("X-GZIP", lambda data: gzip.compress(data) + b"\0" * 9),
    "deflate": ("deflate", zlib.compress),
    "deflate without its header": ("deflate", raw_deflate),
    # Its default packs as tightly as it can, which takes seconds.
    "brotli": ("br", lambda data: brotli.compress(data, quality=5)),
    "plain": ("identity", bytes),
    "twice": ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
}
LINES = b'{"name": "Zo\xc3\xab"}\n' * 2_000


@given(st.sampled_from(sorted(PACKERS)), st.binary(max_size=200), st.integers(1, 50))
def test_whatever_was_packed_comes_out(kind: str, data: bytes, step: int) -> None:
    encoding, pack = PACKERS[kind]
    packed = pack(data)
    undo = decoder(encoding)

    out = b"".join(
        piece for start in range(0, len(packed), step) for piece in undo.feed(packed[start : start + step])
    )

    assert (out, undo.whole()) == (data, True)


@pytest.mark.parametrize("kind", sorted(PACKERS.keys() - {"plain"}))
@pytest.mark.parametrize("size", [262_143, 262_144, 262_145, 3_000_000])
def test_pieces_are_bounded(kind: str, size: int) -> None:
    encoding, pack = PACKERS[kind]
    undo = decoder(encoding)
    pieces = list(undo.feed(pack(b"0" * size)))

    assert b"".join(pieces) == b"0" * size
    assert undo.whole()
    assert max(map(len, pieces)) <= 512 * 1024


@pytest.mark.parametrize("kind", sorted(PACKERS))
def test_noise_and_large_bodies_come_out_whole(kind: str) -> None:
    encoding, pack = PACKERS[kind]
    data = Random(7).randbytes(700_000) + b"1" * 5_000_000 + Random(8).randbytes(300_000)
    undo = decoder(encoding)
    packed = pack(data)
    out = b"".join(
        piece
        for start in range(0, len(packed), 131_072)
        for piece in undo.feed(packed[start : start + 131_072])
    )

    assert (len(out), out == data, undo.whole()) == (len(data), True, True)


@pytest.mark.parametrize("kind", ["gzip", "deflate", "deflate without its header", "brotli", "twice"])
@pytest.mark.parametrize("cut", [0.2, 0.9, 1.0])
def test_a_packed_body_that_was_cut_off_is_tried_again(
    kind: str, cut: float, client: Client, serve: Serve
) -> None:
    """Its length is what the server said, so that only the encoding tells; lines would be lost in silence."""
    encoding, pack = PACKERS[kind]
    packed = pack(LINES)
    headers = {"Content-Encoding": encoding}
    server = serve(
        [
            Reply(body=packed[: int(len(packed) * cut) - 1], headers=headers),
            Reply(body=packed, headers=headers),
        ]
    )

    with client.bind(ANYBODY) as fetch:
        assert fetch(Request("GET", server.url())).body == LINES

    assert len(server.asked) == 2


def test_a_packed_body_that_stays_cut_off_is_an_error(client: Client, serve: Serve) -> None:
    server = serve(Reply(body=gzip.compress(LINES)[:-9], headers={"Content-Encoding": "gzip"}))

    with client.bind(ANYBODY, retries=1) as fetch, pytest.raises(RetryLater) as caught:
        fetch(Request("GET", server.url("/v1")))

    assert caught.value.message == (
        f"{server.url('/v1')}: the connection failed (the body ended before its encoding did). Tried 2 times."
    )


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", b"[]"),
        ("gzip", gzip.compress(b"[]", mtime=0) + b"rest"),
        ("gzip", gzip.compress(b"[]", mtime=0)[:-8] + b"\0" * 8),
        ("deflate", b"\xff\xff\xff"),
        ("br", b"\xff" * 40),
    ],
)
def test_what_is_not_packed_as_it_says_is_noticed(encoding: str, packed: bytes) -> None:
    with pytest.raises(Corrupt):
        list(decoder(encoding).feed(packed))


@pytest.mark.parametrize("encoding", ["compress", "gzip, compress", "gzip, gzip, gzip, gzip"])
def test_what_nobody_here_unpacks_is_unknown(encoding: str) -> None:
    with pytest.raises(Unknown):
        decoder(encoding)
