"""The items of one request, taken all at a stroke: most requests hold nothing but items as they should be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec

from ropewalk.core import limits
from ropewalk.core.itemreading import Terms, instant, metadata_keys, read
from ropewalk.core.items import AHEAD, Form, has_repeated_keys
from ropewalk.core.pushed import Draft


class _Item(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, gc=False):
    external_id: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.ITEM_ID_CHARS)] | None = None
    metadata: Annotated[dict[str, str], msgspec.Meta(max_length=limits.ITEM_METADATA_KEYS)] | None = None
    timestamp: str | int | float | None = None


class _Data(_Item, gc=False):
    data: Any


class _Text(_Item, gc=False):
    text: str


_DECODE: Final[Mapping[Form, Callable[[bytes], Any]]] = {
    "data": msgspec.json.Decoder(_Data).decode,
    "text": msgspec.json.Decoder(_Text).decode,
}
_encode = msgspec.json.Encoder().encode
_AT_ONCE: Final = 64
_AT_ONCE_BYTES: Final = 256 * 1024


def drafts(
    raws: Sequence[bytes], form: Form, terms: Terms, arrived: int, new_id: Callable[[], str]
) -> list[Draft] | None:
    """Of items as sent. None where any of them has to be looked at by itself."""
    decode = _DECODE.get(form)
    if decode is None or not terms.take("custom"):
        return None
    found: list[Draft] = []
    # What is decoded of them is large, so it is let go soon.
    step = max(1, min(_AT_ONCE, _AT_ONCE_BYTES * len(raws) // (sum(map(len, raws)) + 1)))
    for begin in range(0, len(raws), step):
        few = raws[begin : begin + step]
        items = _decoded(few, decode)
        taken = None if items is None else _taken(few, items, form == "data", terms, arrived, new_id)
        if taken is None:
            return None
        found += taken
    return found


def _taken(
    raws: Sequence[bytes],
    items: Sequence[Any],
    is_data: bool,
    terms: Terms,
    arrived: int,
    new_id: Callable[[], str],
) -> list[Draft] | None:
    base, schema, latest = terms.metadata, terms.schema, arrived + AHEAD
    at: int | None
    user: str | None
    found: list[Draft] = []
    for raw, item in zip(raws, items, strict=True):
        metadata = item.metadata
        if base:
            metadata = {**base, **(metadata or {})}
        timestamp = item.timestamp
        if schema is None:
            # The same as below, at a third of the time.
            at = arrived if timestamp is None else instant(timestamp)
            name, user, keys = "custom", None, metadata_keys(metadata) if metadata else ()
        else:
            said = item.data if is_data else {"text": item.text}
            at, name, user, keys = read(said, "custom", timestamp, metadata, terms, arrived)
        if at is None or at > latest:
            return None
        told = _encode(metadata).decode() if metadata else None
        found.append(Draft(item.external_id or new_id(), at, arrived, "custom", name, raw, keys, user, told))
    return found


def _decoded(raws: Sequence[bytes], decode: Callable[[bytes], Any]) -> list[Any] | None:
    together = b",".join(raws)
    if len(together) > limits.ITEM_BYTES and max(map(len, raws)) > limits.ITEM_BYTES:
        return None
    for raw in raws:
        if raw.count(b"{") + raw.count(b"[") > limits.NESTING:
            return None
    try:
        found = [decode(raw) for raw in raws]
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        return None
    # A text with U+0000 in it counts as repeated.
    return None if has_repeated_keys(together, _encode(found)) else found
