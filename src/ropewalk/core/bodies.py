"""Reading a JSON body piece by piece, in memory that does not grow with it.

Only the outline is read here: where records begin and end, and the few values that are asked for. Every piece is
handed on as the bytes that the server sent; one longer than a record may be is cut off, and so told apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec

from ropewalk.core.limits import RECORD_BYTES
from ropewalk.core.paths import Path

CHUNK_BYTES: Final = 256 * 1024
KEPT_BYTES: Final = RECORD_BYTES + 1
SURVEY_DEPTH: Final = 4

_SPACE = b" \t\n\r"
BOM = b"\xef\xbb\xbf"
_BLANK = re.compile(rb"[ \t\n\r]*+")
_SCALAR = re.compile(rb"[^\s,:\]}\"\[{]*+")
# Atomic groups, not possessive repeats of a group, which Python before 3.11.5 matches wrongly (gh-106052).
# Over whole strings and plain values to the next bracket, or to the quote of a string that the chunk cuts off.
_BRACKET = re.compile(rb'(?>(?:[^"{}\[\]]++|"(?>(?:[^"\\]++|\\.)*)")*)(["{}\[\]])', re.DOTALL)
_STRING_END = re.compile(rb'(?>(?:[^"\\]++|\\.)*)"', re.DOTALL)
_STRING_PART = re.compile(rb'(?>(?:[^"\\]++|\\.)*)', re.DOTALL)
_CONSTANT = re.compile(rb'"(?>(?:[^"\\]++|\\.)*)"|(-?(?:NaN|Infinity))', re.DOTALL)

# How an object with the same first key begins, or a plain value of the same first byte.
_LEAD = re.compile(rb'\{\s*"[^"\\]{0,64}"\s*:|[^\s{]')
_GUESSES: Final = 8

_validate_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_validate = msgspec.json.Decoder(msgspec.Raw).decode


class Malformed(Exception):
    """Not JSON: `what` is wrong at byte `position`."""

    def __init__(self, position: int, what: str) -> None:
        super().__init__(f"{what} at byte {position}")
        self.position = position
        self.what = what


class Outline:
    """A cursor over the outline of one JSON text. Stands before a value, or before what separates two."""

    def __init__(self, file: BinaryIO, offset: int = 0) -> None:
        self._file = file
        self._read = offset
        self._chunk = b""
        self._at = 0
        if offset == 0:
            while len(self._chunk) < len(BOM) and self._more():
                pass
            if self._chunk.startswith(BOM):
                self._at = len(BOM)

    @property
    def position(self) -> int:
        return self._read - len(self._chunk) + self._at

    def peek(self) -> bytes:
        """The next byte that is not white space; empty at the end."""
        while True:
            self._at = _end(_BLANK, self._chunk, self._at)
            if self._at < len(self._chunk):
                return self._chunk[self._at : self._at + 1]
            if not self._more():
                return b""

    def elements(self) -> Iterator[int]:
        """Stops before each element of the array at hand, for the caller to take it or to go into it."""
        self._expect(b"[")
        if self.peek() == b"]":
            self._at += 1
            return
        number = 0
        while True:
            self.peek()
            yield number
            number += 1
            if self._separator(b"]"):
                return

    def members(self) -> Iterator[str]:
        """Stops before the value of each key of the object at hand."""
        self._expect(b"{")
        if self.peek() == b"}":
            self._at += 1
            return
        while True:
            if self.peek() != b'"':
                raise self._unexpected()
            yield self._key()
            if self._separator(b"}"):
                return

    def values(self) -> Iterator[bytes | msgspec.Raw]:
        """The elements of the array at hand, each as `take` gives it."""
        self._expect(b"[")
        if self.peek() == b"]":
            self._at += 1
            return
        while True:
            self.peek()
            value = self.take()
            yield value
            if self._separator(b"]"):
                return
            self.peek()
            lead = _LEAD.match(value)
            while lead and (run := self._run(lead[0])):
                yield from run

    def _run(self, lead: bytes) -> list[msgspec.Raw]:
        """Many elements at a stroke. Where the chunk's text up to a comma reads as a list, that comma stands between
        two elements; likely ones are before what begins like the element before. None found: go on one by one."""
        if len(self._chunk) - self._at < CHUNK_BYTES:
            self._more()
        end = len(self._chunk)
        for _ in range(_GUESSES):
            end = self._chunk.rfind(lead, self._at + 1, end)
            comma = self._chunk.rfind(b",", self._at, max(end, 0))
            if comma <= self._at:
                break
            if self._chunk[comma + 1 : end].strip(_SPACE):
                continue
            try:
                found = _validate_list(b"[" + self._chunk[self._at : comma] + b"]")
            except (msgspec.DecodeError, RecursionError):
                continue
            self._at = end
            return found
        return []

    def take(self) -> bytes:
        """The value at hand, checked, as it was sent; at most `KEPT_BYTES` of it."""
        self.peek()
        start = self.position
        kept = self._skip()
        if len(kept) < KEPT_BYTES and (found := fault(kept)) is not None:
            raise Malformed(start + found[0], found[1])
        return kept

    def end(self) -> bool:
        return self.peek() == b""

    def _key(self) -> str:
        start = self.position
        raw = self.take()
        self._expect(b":")
        try:
            key: str = msgspec.json.decode(raw, type=str)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Malformed(start, "an unreadable key") from None
        return key

    def _separator(self, close: bytes) -> bool:
        found = self.peek()
        if found not in (b",", close) or not found:
            raise self._unexpected()
        self._at += 1
        return found == close

    def _expect(self, byte: bytes) -> None:
        if self.peek() != byte:
            raise self._unexpected()
        self._at += 1

    def _unexpected(self) -> Malformed:
        found = self.peek()
        return Malformed(
            self.position, f"an unexpected {found!r}"[:40] if found else "the end, in the middle of a value,"
        )

    def _skip(self) -> bytes:
        first = self.peek()
        kept = _Kept()
        if first in (b"{", b"["):
            self._skip_nested(kept)
        elif first == b'"':
            self._at += 1
            kept.add(b'"')
            self._skip_string(kept)
        else:
            self._skip_scalar(kept)
        return kept.bytes()

    def _skip_nested(self, kept: _Kept) -> None:
        depth = 0
        while True:
            found = _BRACKET.match(self._chunk, self._at)
            end = len(self._chunk) if found is None else found.end()
            kept.add(self._chunk[self._at : end])
            self._at = end
            if found is None:
                self._need_more()
            elif found[1] == b'"':
                self._skip_string(kept)
            else:
                depth += 1 if found[1] in (b"{", b"[") else -1
                if depth == 0:
                    return

    def _skip_string(self, kept: _Kept) -> None:
        """To the end of a string that is already open."""
        while True:
            closing = _STRING_END.match(self._chunk, self._at)
            end = closing.end() if closing else _end(_STRING_PART, self._chunk, self._at)
            kept.add(self._chunk[self._at : end])
            self._at = end
            if closing:
                return
            self._need_more()

    def _skip_scalar(self, kept: _Kept) -> None:
        start = self.position
        while True:
            end = _end(_SCALAR, self._chunk, self._at)
            kept.add(self._chunk[self._at : end])
            self._at = end
            if end < len(self._chunk) or not self._more():
                break
        if self.position == start:
            raise self._unexpected()

    def _need_more(self) -> None:
        if not self._more():
            raise Malformed(self.position, "the end, in the middle of a value,")

    def _more(self) -> bool:
        self._file.seek(self._read)
        data = self._file.read(CHUNK_BYTES)
        self._read += len(data)
        self._chunk = self._chunk[self._at :] + data
        self._at = 0
        return bool(data)


class _Kept:
    """The first `KEPT_BYTES` of what it is given."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._left = KEPT_BYTES

    def add(self, piece: bytes) -> None:
        if self._left > 0:
            self._pieces.append(piece[: self._left])
            self._left -= len(piece)

    def bytes(self) -> bytes:
        return b"".join(self._pieces)


def _end(pattern: re.Pattern[bytes], chunk: bytes, at: int) -> int:
    """Where a pattern that also matches nothing ends."""
    found = pattern.match(chunk, at)
    return at if found is None else found.end()


def fault(raw: bytes) -> tuple[int, str] | None:
    """Where and why these bytes are not JSON. What is JSON, but can't be kept (half a surrogate pair, a number out of
    range, a value nested without end), is no fault of the answer: that row is refused when it is decoded."""
    try:
        _validate(raw)
    except (msgspec.DecodeError, RecursionError):
        return _named(raw)
    return None


def _named(raw: bytes) -> tuple[int, str] | None:
    for found in _CONSTANT.finditer(raw):
        if found[1]:
            return found.start(1), found[1].decode()
    text = raw.decode("utf-8", "replace")
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return len(text[: error.pos].encode()), "something that is not JSON"
    except (ValueError, RecursionError):
        return None
    return None


def lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines that hold something, each with its position; at most `KEPT_BYTES` of each."""
    offset = start = length = 0
    kept = _Kept()
    while True:
        file.seek(offset)
        chunk = file.read(CHUNK_BYTES)
        offset += len(chunk)
        first, *further = chunk.split(b"\n")
        kept.add(first)
        length += len(first)
        for piece in further if chunk else [b""]:
            line = kept.bytes().removeprefix(BOM if start == 0 else b"").strip(_SPACE)
            if line:
                yield start, line
            start += length + 1
            length = len(piece)
            kept = _Kept()
            kept.add(piece)
        if not chunk:
            return


class Survey(msgspec.Struct, frozen=True):
    """What a body holds, for the one who has to find the records in it: top-level keys, and path -> length."""

    kind: str
    keys: tuple[str, ...]
    arrays: dict[Path, int]


def survey(file: BinaryIO) -> Survey:
    outline = Outline(file)
    first = outline.peek()
    kind = {b"{": "an object", b"[": "an array", b'"': "a text", b"n": "null"}.get(first, "a single value")
    keys: list[str] = []
    arrays: dict[Path, int] = {}
    _survey(outline, (), keys, arrays)
    return Survey(kind, tuple(keys), arrays)


def _survey(outline: Outline, here: Path, keys: list[str], arrays: dict[Path, int]) -> None:
    first = outline.peek()
    if first == b"[":
        arrays[here] = 0
        inside: dict[Path, int] = {}
        for number in outline.elements():
            if number == 0 and len(here) < SURVEY_DEPTH:
                _survey(outline, (*here, "0"), keys, inside)
            else:
                outline.take()
            arrays[here] = number + 1
        if arrays[here] == 1:
            # An array of one is often an envelope.
            arrays.update(inside)
    elif first == b"{" and len(here) < SURVEY_DEPTH:
        for key in outline.members():
            if not here:
                keys.append(key)
            _survey(outline, (*here, key), keys, arrays)
    else:
        outline.take()
