"""Items as they are pushed: what of one is wrong, and the event that it makes (push-api.md §3, §4)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec

from ropewalk.core import limits, payloads
from ropewalk.core.errors import Problem, RowRefused
from ropewalk.core.eventschema import KINDS, said
from ropewalk.core.itemreading import Terms, instant, read
from ropewalk.core.pushed import Draft
from ropewalk.core.records import decode_value

Form = Literal["data", "text", "typed", "upload"]
"""Which of the calls an item came by."""

_KNOWN: Final[Mapping[Form, frozenset[str]]] = {
    "data": frozenset(("external_id", "data", "metadata", "timestamp")),
    "text": frozenset(("external_id", "text", "metadata", "timestamp")),
    "typed": frozenset(("kind", "external_id", "timestamp", "payload", "metadata")),
    "upload": frozenset(("kind", "external_id", "payload", "metadata", "file")),
}
AHEAD: Final = limits.AHEAD_HOURS * 3_600 * 1_000_000
_NO_NUL: Final = "Text can't hold the character U+0000."
_NO_TIME: Final = "Give an ISO 8601 time, or an epoch in seconds or milliseconds."
_TOO_FAR: Final = f"This is more than {limits.AHEAD_HOURS} hours ahead."

_OPENING: Final = re.compile(rb'\s*\{\s*"items"\s*:\s*')
_TYPED: Final = frozenset(("typed", "upload"))
_SPELLED_OUT: Final = (b"\\u000", b"\\u003")
"""How U+0000 or a colon may be written within a text."""
_ENVELOPE: Final = len(b'{"items":[]}')
_ANOTHER_KEY: Final = len(b',"items":0')


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    items: list[msgspec.Raw]


_encode = msgspec.json.Encoder().encode
_envelope = msgspec.json.Decoder(_Envelope).decode
_pieces = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_any = msgspec.json.Decoder(msgspec.Raw).decode


class Wrong(NamedTuple):
    """Why an item isn't taken. `status`: 400 for what is no JSON and for a kind that isn't accepted, 413, or 422."""

    status: Literal[400, 413, 422]
    problems: tuple[Problem, ...]
    external_id: str | None = None


def listed(body: bytes, *, lines: bool = False) -> list[bytes] | Wrong:
    """The items of a body, each as sent: `{"items": […]}`, or one a line. More than may be are a 413."""
    if not body.strip():
        return Wrong(422, (Problem("", "This is required."),))
    items: Sequence[bytes | msgspec.Raw]
    if lines:
        items = [text for line in body.split(b"\n") if (text := line.strip())]
    else:
        try:
            items = _envelope(body).items
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _no_envelope(body)
        beside = len(body) - sum(map(len, items)) - len(items)
        if beside >= _ENVELOPE + _ANOTHER_KEY - 1 and body.count(b'"items"') > 1 and _is_repeated(body):
            return Wrong(400, (Problem("", "The body has the key 'items' twice."),))
    if len(items) > limits.ITEMS:
        return Wrong(413, (Problem("items", f"A request has at most {limits.ITEMS} items."),))
    return [bytes(each) for each in items]


def _no_envelope(body: bytes) -> Wrong:
    """Whether it is no JSON at all, or JSON of another shape: by what is there, not by what an error says."""
    try:
        _any(body)
        body.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Wrong(400, (Problem("", "The body isn't JSON (RFC 8259, as UTF-8)."),))
    if not body.lstrip().startswith(b"{"):
        return Wrong(422, (Problem("", "Give an object."),))
    pieces = _pieces(body)
    found = [
        Problem(name, "There is no such key; there is items.") for name in sorted(pieces.keys() - {"items"})
    ]
    if "items" not in pieces:
        found.append(Problem("items", "This is required."))
    elif not bytes(pieces["items"]).startswith(b"["):
        found.append(Problem("items", "Give a list."))
    return Wrong(422, tuple(found))


def _is_repeated(body: bytes) -> bool:
    """The last one counts, and nothing but its key may stand before it."""
    ahead = body.rstrip()[:-1].rstrip().removesuffix(bytes(_pieces(body)["items"]))
    return _OPENING.fullmatch(ahead) is None


def draft(
    raw: bytes, form: Form, terms: Terms, arrived: int, new_id: Callable[[], str], upload: str | None = None
) -> Draft | Wrong:
    """`raw` is the item as sent; paths of problems begin at it."""
    if len(raw) > limits.ITEM_BYTES:
        message = f"An item has at most {limits.ITEM_BYTES} bytes."
        return Wrong(413, (Problem("", message),))
    item = _decoded(raw)
    if isinstance(item, Wrong):
        return item
    given = item.get("external_id")
    found = [*_problems(item, form)]
    kind: Any = item["kind"] if form in _TYPED and "kind" in item else "custom"
    if not found and not terms.take(kind):
        return Wrong(400, (Problem("kind", not_accepted(kind, terms)),), given)
    if not found:
        metadata = {**terms.metadata, **(item.get("metadata") or {})}
        at, name, user, keys = read(said(item), kind, item.get("timestamp"), metadata, terms, arrived)
        if at is not None and at <= arrived + AHEAD:
            return Draft(
                external_id=given or new_id(),
                at=at,
                arrived=arrived,
                kind=kind,
                name=name,
                content=raw,
                keys=keys,
                user=user,
                metadata=_encode(metadata).decode() if metadata else None,
                upload=upload,
            )
        found.append(Problem("timestamp", _TOO_FAR))
    return Wrong(422, tuple(found), given if isinstance(given, str) else None)


def not_accepted(kind: str, terms: Terms) -> str:
    listed = ", ".join(each for each in KINDS if each in terms.kinds)
    return f"This connector doesn't accept the kind {kind}; it accepts {listed}."


def _decoded(raw: bytes) -> dict[str, Any] | Wrong:
    try:
        item = decode_value(raw)
    except RowRefused as refused:
        return Wrong(400, (Problem("", refused.message.replace("record", "item")),))
    if not isinstance(item, dict):
        return Wrong(422, (Problem("", "Give an object."),))
    if has_repeated_keys(raw, _encode(item)) and (twice := _twice(raw)) is not None:
        return Wrong(400, (Problem("", f"An object has the key {twice!r} twice."),))
    return item


def has_repeated_keys(raw: bytes, decoded: bytes) -> bool:
    """`decoded` is what was read of it, as JSON again: a key that came twice is gone there, and its colon with it. Never
    False where one has; it may be True where none has, and is where a text holds U+0000 spelled out."""
    if b"\\" in raw and any(each in raw for each in _SPELLED_OUT):
        return True
    return raw.count(b":") != decoded.count(b":")


def _twice(raw: bytes) -> str | None:
    repeated: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            repeated.append(next(name for place, name in enumerate(names) if name in names[:place]))

    json.loads(raw, object_pairs_hook=once)
    return repeated[0] if repeated else None


def _problems(item: Mapping[str, Any], form: Form) -> Iterator[Problem]:
    if not item.keys() <= _KNOWN[form]:
        for name in sorted(item.keys() - _KNOWN[form]):
            yield Problem(name, f"There is no such key; there are {', '.join(sorted(_KNOWN[form]))}.")
    external_id = item.get("external_id")
    if external_id is not None and (message := _wrong_id(external_id)):
        yield Problem("external_id", message)
    if item.get("metadata") is not None:
        yield from _wrong_metadata(item["metadata"])
    timestamp = item.get("timestamp")
    if timestamp is not None and instant(timestamp) is None:
        yield Problem("timestamp", _NO_TIME)
    if form == "data":
        if "data" not in item:
            yield Problem("data", "This is required.")
    elif form == "text":
        if not isinstance(item.get("text"), str):
            yield Problem("text", "Give a text." if "text" in item else "This is required.")
    else:
        yield from _wrong_typed(item)


def _wrong_id(value: object) -> str:
    if not isinstance(value, str):
        return "Give a text."
    if not 0 < len(value) <= limits.ITEM_ID_CHARS:
        return f"Give 1 to {limits.ITEM_ID_CHARS} characters."
    return _NO_NUL if "\0" in value else ""


def _wrong_metadata(metadata: object) -> Iterator[Problem]:
    if not isinstance(metadata, dict):
        yield Problem("metadata", "Give an object.")
        return
    if len(metadata) > limits.ITEM_METADATA_KEYS:
        yield Problem("metadata", f"Give at most {limits.ITEM_METADATA_KEYS} keys.")
    for name, value in metadata.items():
        if value.__class__ is not str:
            yield Problem(f"metadata.{name}", "Give a text.")
        elif "\0" in name or "\0" in value:
            yield Problem(f"metadata.{name}".replace("\0", "\\u0000"), _NO_NUL)


def _wrong_typed(item: Mapping[str, Any]) -> Iterator[Problem]:
    kind, payload = item.get("kind"), item.get("payload")
    listed = ", ".join(KINDS)
    if kind is None:
        yield Problem("kind", f"This is required: one of {listed}.")
    elif kind not in KINDS:
        yield Problem("kind", f"There is no such kind; there are {listed}.")
    if "payload" not in item:
        yield Problem("payload", "This is required.")
    elif not isinstance(payload, dict):
        yield Problem("payload", "Give an object.")
    elif kind in KINDS:
        yield from payloads.problems(kind, payload)
