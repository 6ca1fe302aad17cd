"""Batches of Arrow, as vendors' clients give them, to JSON objects as every other source gives them (sources.md §3, §4).

Instants are ISO 8601 in UTC; a date-time without a zone is taken for UTC. A number that no double holds keeps its digits, as
text; NaN and Infinity, which JSON hasn't, are text too. Bytes are base64."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from importlib import import_module
from math import isfinite
from typing import Any, Final

import msgspec

_INT64: Final = range(-(2**63), 2**63)
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


def records(batch: Any, json_columns: Collection[str] = ()) -> Iterator[bytes]:
    """The rows of a `pyarrow.RecordBatch`. `json_columns` hold JSON as text, which becomes the value that it says."""
    names = batch.schema.names
    columns = [
        _column(batch.column(place), batch.schema.field(place).type, name in json_columns)
        for place, name in enumerate(names)
    ]
    if not columns:
        return
    for row in zip(*columns, strict=True):
        yield _encode(dict(zip(names, row, strict=True)))


def _column(column: Any, type: Any, is_json: bool) -> Sequence[Any]:
    pa = _pyarrow()
    types = pa.types
    if types.is_timestamp(type) and type.unit == "ns":
        # Python's own date-times end at microseconds.
        column = column.cast(pa.timestamp("us", type.tz), safe=False)
    values: list[Any] = column.to_pylist()
    if is_json:
        return [_json(value) for value in values]
    if types.is_integer(type) or types.is_boolean(type) or types.is_null(type):
        return values
    if types.is_string(type) or types.is_large_string(type):
        return values
    convert = _FLAT.get(_kind(type), value_of)
    return [None if value is None else convert(value) for value in values]


@cache
def _pyarrow() -> Any:
    return import_module("pyarrow")


def _kind(type: Any) -> str:
    pa = _pyarrow()
    if pa.types.is_timestamp(type):
        return "timestamp"
    if pa.types.is_decimal(type):
        return "decimal"
    return "float" if pa.types.is_floating(type) else ""


def instant(value: datetime) -> str:
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return aware.replace(tzinfo=None).isoformat() + "Z"


def number(value: Decimal) -> int | float | str:
    """As a number where that loses nothing, else as text with all its digits."""
    if not value.is_finite():
        return str(value)
    if value == (whole := int(value)):
        return whole if whole in _INT64 else str(whole)
    near = float(value)
    if isfinite(near) and Decimal(repr(near)) == value:
        return near
    return format(value, "f").rstrip("0")


def _float(value: float) -> float | str:
    return value if isfinite(value) else str(value)


def _json(value: str | None) -> Any:
    if value is None:
        return None
    try:
        _decode(value)
    except msgspec.DecodeError:
        # What a warehouse writes there may be more than JSON is, like Snowflake's undefined.
        return value
    return msgspec.Raw(value.encode())


_FLAT: Final[dict[str, Callable[[Any], Any]]] = {"timestamp": instant, "decimal": number, "float": _float}


def value_of(value: Any) -> Any:
    """Any value of Python, with what is nested in it."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return _float(value)
        case Decimal():
            return number(value)
        case datetime():
            return instant(value)
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case dict():
            return {str(key): value_of(item) for key, item in value.items()}
        case tuple() if hasattr(value, "_asdict"):
            return value_of(value._asdict())
        case list() | tuple():
            return [value_of(item) for item in value]
    return str(value)
