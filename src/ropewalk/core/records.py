"""From the bytes of a record to its values, and what in them can't be kept (product.md §4.2)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from io import BytesIO
from typing import Final

import msgspec

from ropewalk.core.bodies import BOM, fault, lines
from ropewalk.core.errors import RowRefused
from ropewalk.core.limits import NESTING, RECORD_BYTES
from ropewalk.core.values import JSON

RawRecord = msgspec.Raw | bytes

LINES_TYPES: Final = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl", "application/jsonlines",
     "application/json-lines", "application/x-jsonlines", "application/json-seq", "text/x-ndjson", "text/ndjson"}
)  # fmt: skip

_LONG_INTEGER: Final = b"0" * 19
_DIGITS_ALIKE: Final = bytes.maketrans(b"0123456789", b"0000000000")
_INT64: Final = range(-(2**63), 2**64)
_INT64_CHARS: Final = 20
_BRACKETS = re.compile(rb'"(?>(?:[^"\\]++|\\.)*)"|([{\[])|([}\]])', re.DOTALL)

_raw = msgspec.json.Decoder(msgspec.Raw).decode
_value = msgspec.json.Decoder().decode


def decode(raw: RawRecord) -> dict[str, JSON]:
    """`RowRefused`, code `invalid_value` or `not_an_object`, for what can't be a row."""
    data = bytes(raw)
    if len(data) > RECORD_BYTES:
        raise RowRefused("invalid_value", "This record is longer than 1 MiB.")
    value = decode_value(data)
    if not isinstance(value, dict):
        raise RowRefused("not_an_object", f"This record is {_KINDS[type(value)]}, not an object.")
    return value


_KINDS: Final[Mapping[type, str]] = {
    list: "an array",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def decode_value(data: bytes) -> JSON:
    if data.count(b"[") + data.count(b"{") > NESTING and _nesting(data) > NESTING:
        raise RowRefused("invalid_value", f"This record is nested more than {NESTING} levels deep.")
    try:
        # Digits are made alike first: a plain search is ten times faster than a pattern.
        if _LONG_INTEGER in data.translate(_DIGITS_ALIKE):
            return _with_long_integers(data)
        value: JSON = _value(data)
    except (msgspec.DecodeError, ValueError):
        raise RowRefused("invalid_value", _unreadable(data)) from None
    return value


def _with_long_integers(data: bytes) -> JSON:
    _raw(data)
    value: JSON = json.loads(data.decode(), parse_int=_integer, parse_float=_float)
    return value


def _integer(digits: str) -> int | str:
    if len(digits) > _INT64_CHARS:
        return digits
    number = int(digits)
    return number if number in _INT64 else digits


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("out of range")
    return number


def _unreadable(data: bytes) -> str:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return f"This record is not UTF-8 at byte {error.start}."
    if (wrong := fault(data)) is not None:
        return f"This record is not JSON at byte {wrong[0]}."
    return "This record holds half a surrogate pair, or a number that is out of range."


def _nesting(data: bytes) -> int:
    depth = deepest = 0
    for found in _BRACKETS.finditer(data):
        if found[1]:
            depth += 1
            deepest = max(deepest, depth)
        elif found[2]:
            depth -= 1
    return deepest


def whole(body: bytes, content_type: str) -> JSON:
    """A body as one value, the lines of NDJSON as a list. `RowRefused` for what can't be kept, or is no JSON."""
    if content_type.partition(";")[0].strip().lower() in LINES_TYPES:
        return [decode_value(line) for _, line in lines(BytesIO(body))]
    return decode_value(body.removeprefix(BOM))
