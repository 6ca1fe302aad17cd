"""Content encodings, undone piece by piece. libcurl could, but takes a packed body that was cut off for a whole one."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import brotli  # type: ignore[import-untyped]

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

OFFERED = "gzip, deflate, br"

_PIECE_BYTES = 256 * 1024
_GZIP, _ZLIB, _RAW = 31, 15, -15
_WINDOW = {int(zstd.DecompressionParameter.window_log_max): 23}


class Unknown(Exception):
    """An encoding that nobody here unpacks, or too many of them."""


class Corrupt(Exception):
    """Bytes that aren't what their encoding says."""


class Decoder(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]:
        """What came out, in bounded pieces, however much that is."""

    def whole(self) -> bool:
        """Whether what was fed so far is complete."""


def decoder(content_encoding: str) -> Decoder:
    """For the value of the header; several encodings are undone last one first."""
    names = [each.strip().lower() for each in content_encoding.split(",")]
    names = [each for each in names if each not in ("", "identity")]
    if len(names) > 3 or not _KNOWN.keys() >= set(names):
        raise Unknown
    return _Chain([_KNOWN[name]() for name in reversed(names)])


class _Chain:
    def __init__(self, decoders: list[Decoder]) -> None:
        self._decoders = decoders

    def feed(self, data: bytes) -> Iterator[bytes]:
        pieces: Iterable[bytes] = (data,)
        for each in self._decoders:
            pieces = _through(each, pieces)
        yield from pieces

    def whole(self) -> bool:
        return all(each.whole() for each in self._decoders)


def _through(decoder: Decoder, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield from decoder.feed(piece)


class _Zlib:
    """gzip (one member or several) and deflate, with the header that it should have or without."""

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._unpacker: zlib._Decompress | None = None
        self._start = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._unpacker is None:
                data = self._begin(data)
            if self._unpacker is None:
                return
            yield from self._unpack(self._unpacker, data)
            if not self._unpacker.eof:
                return
            data = self._unpacker.unused_data
            if self._wbits != _GZIP or not data.strip(b"\0"):
                return
            self._unpacker = None

    def whole(self) -> bool:
        return not self._start if self._unpacker is None else self._unpacker.eof

    def _begin(self, data: bytes) -> bytes:
        if self._wbits != _ZLIB:
            self._unpacker = zlib.decompressobj(self._wbits)
            return data
        self._start += data
        if len(self._start) < 2:
            return b""
        # RFC 1950: the two bytes of its header are a multiple of 31, and name the method 8.
        named = self._start[0] & 15 == 8 and int.from_bytes(self._start[:2], "big") % 31 == 0
        self._unpacker = zlib.decompressobj(_ZLIB if named else _RAW)
        return self._start

    @staticmethod
    def _unpack(unpacker: zlib._Decompress, data: bytes) -> Iterator[bytes]:
        while True:
            try:
                piece = unpacker.decompress(data, _PIECE_BYTES)
            except zlib.error as error:
                raise Corrupt(str(error)) from None
            if piece:
                yield piece
            data = unpacker.unconsumed_tail
            if unpacker.eof or (not data and len(piece) < _PIECE_BYTES):
                return


class _Brotli:
    def __init__(self) -> None:
        self._unpacker = brotli.Decompressor()
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._fed = True
        while True:
            try:
                piece: bytes = self._unpacker.process(data, output_buffer_limit=_PIECE_BYTES)
            except brotli.error as error:
                raise Corrupt(str(error)) from None
            if piece:
                yield piece
            # Ready for more doesn't mean that everything is out: only an empty piece does.
            ready = not piece and self._unpacker.can_accept_more_data()
            if ready or self._unpacker.is_finished():
                return
            data = b""

    def whole(self) -> bool:
        return not self._fed or bool(self._unpacker.is_finished())


class _Zstd:
    """One frame or several. Frames that ask for a window of more than 8 MiB are refused (RFC 8878, 3.1.1.1.2)."""

    def __init__(self) -> None:
        self._unpacker: zstd.ZstdDecompressor | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._unpacker is None or self._unpacker.eof:
                self._unpacker = zstd.ZstdDecompressor(options=_WINDOW)
            yield from self._unpack(self._unpacker, data)
            data = self._unpacker.unused_data if self._unpacker.eof else b""

    def whole(self) -> bool:
        return self._unpacker is None or self._unpacker.eof

    @staticmethod
    def _unpack(unpacker: zstd.ZstdDecompressor, data: bytes) -> Iterator[bytes]:
        while True:
            try:
                piece = unpacker.decompress(data, _PIECE_BYTES)
            except zstd.ZstdError as error:
                raise Corrupt(str(error)) from None
            if piece:
                yield piece
            data = b""
            if unpacker.eof or (unpacker.needs_input and not piece):
                return


def _gzip() -> Decoder:
    return _Zlib(_GZIP)


def _deflate() -> Decoder:
    return _Zlib(_ZLIB)


_KNOWN: dict[str, Callable[[], Decoder]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}
