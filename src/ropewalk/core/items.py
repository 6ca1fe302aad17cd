"""Items as they are pushed: what of one is wrong, and the event that it makes (push-api.md §3, §4)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec

from ropewalk.core import limits, paths, payloads, times
from ropewalk.core.errors import Problem, RowRefused
from ropewalk.core.events import MatchBy, account_keys
from ropewalk.core.eventschema import KINDS, EventKind, said
from ropewalk.core.pushed import DOMAIN, EXTERNAL_ID, Draft, domain_key, external_id_key
from ropewalk.core.records import decode_value
from ropewalk.core.values import JSON, MISSING

Form = Literal["data", "text", "typed", "upload"]
"""Which of the calls an item came by."""

_KNOWN: Final[Mapping[Form, frozenset[str]]] = {
    "data": frozenset(("external_id", "data", "metadata", "timestamp")),
    "text": frozenset(("external_id", "text", "metadata", "timestamp")),
    "typed": frozenset(("kind", "external_id", "timestamp", "payload", "metadata")),
    "upload": frozenset(("kind", "external_id", "payload", "metadata", "file")),
}
_SPELLINGS: Final = frozenset(("iso", "no_zone", "date", "epoch_s", "epoch_ms"))
_AHEAD: Final = limits.AHEAD_HOURS * 3_600 * 1_000_000
_NO_NUL: Final = "Text can't hold the character U+0000."
_NO_TIME: Final = "Give an ISO 8601 time, or an epoch in seconds or milliseconds."
_TOO_FAR: Final = f"This is more than {limits.AHEAD_HOURS} hours ahead."

_OPENING: Final = re.compile(rb'\s*\{\s*"items"\s*:\s*')
_TYPED: Final = frozenset(("typed", "upload"))
_PLAIN_TIMES: Final = frozenset(
    map(len, ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000Z", "2026-03-01T12:00:00.000000Z"))
)
_moment = msgspec.convert


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    items: list[msgspec.Raw]


class _Quick(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, gc=False):
    """An item as it should be."""

    external_id: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.ITEM_ID_CHARS)] | None = None
    metadata: Annotated[dict[str, str], msgspec.Meta(max_length=limits.ITEM_METADATA_KEYS)] | None = None
    timestamp: str | int | float | None = None


class _QuickData(_Quick, gc=False):
    data: Any


class _QuickText(_Quick, gc=False):
    text: str


_QUICK: Final[Mapping[Form, Callable[[bytes], Any]]] = {
    "data": msgspec.json.Decoder(_QuickData).decode,
    "text": msgspec.json.Decoder(_QuickText).decode,
}
_encode = msgspec.json.Encoder().encode
_envelope = msgspec.json.Decoder(_Envelope).decode
_pieces = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_any = msgspec.json.Decoder(msgspec.Raw).decode


@dataclass(frozen=True, slots=True)
class Schema:
    """A connector's event schema, its paths parsed."""

    time: paths.Path | None = None
    name: paths.Path | None = None
    account: paths.Path | None = None
    match_by: MatchBy = "external_id"
    user: paths.Path | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any] | None) -> Schema | None:
        if not settings:
            return None
        parsed = {
            name: paths.parse(settings[name])
            for name in ("time", "name", "account", "user")
            if settings.get(name) is not None
        }
        return cls(**parsed, match_by=settings.get("match_by") or "external_id")


@dataclass(frozen=True, slots=True)
class Terms:
    """On which a connector takes items. `kinds`: empty, all of them. `own_domains`: the organization's."""

    kinds: Collection[str] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    schema: Schema | None = None
    own_domains: Collection[str] = ()

    def take(self, kind: str) -> bool:
        return not self.kinds or kind in self.kinds


class Reading(NamedTuple):
    """What an item says under its connector's terms; `at` in microseconds since 1970, None where no time can be read."""

    at: int | None
    name: str
    user: str | None
    keys: tuple[str, ...]


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
        if body.count(b'"items"') > 1 and _is_repeated(body):
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


def drafts(
    raws: Sequence[bytes],
    form: Form,
    terms: Terms,
    arrived: int,
    new_id: Callable[[], str],
    upload: str | None = None,
) -> list[Draft | Wrong]:
    """Of items as sent. Most are as they should be, which is seen at one stroke; the others are looked at one by one."""
    decode = _QUICK.get(form)
    if decode is None or not terms.take("custom"):
        return [draft(raw, form, terms, arrived, new_id, upload) for raw in raws]
    base = terms.metadata
    found: list[Draft | Wrong] = []
    for raw in raws:
        item = _quickly(raw, decode)
        if item is None:
            found.append(draft(raw, form, terms, arrived, new_id, upload))
            continue
        metadata = item.metadata
        if base:
            metadata = {**base, **(metadata or {})}
        body = item.data if form == "data" else {"text": item.text}
        at, name, user, keys = read(body, "custom", item.timestamp, metadata, terms, arrived)
        if at is None or at > arrived + _AHEAD:
            found.append(draft(raw, form, terms, arrived, new_id, upload))
            continue
        metadata_column = _encode(metadata).decode() if metadata else None
        found.append(
            Draft(
                item.external_id or new_id(),
                at,
                arrived,
                "custom",
                name,
                raw,
                keys,
                user,
                metadata_column,
                upload,
            )
        )
    return found


def _quickly(raw: bytes, decode: Callable[[bytes], Any]) -> Any:
    """None for what has to be looked at."""
    if (
        len(raw) > limits.ITEM_BYTES
        or raw.count(b"{") + raw.count(b"[") > limits.NESTING
        or b"\\u0000" in raw
    ):
        return None
    try:
        item = decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        return None
    # A key that came twice is gone.
    return item if raw.count(b'":') == _encode(item).count(b'":') else None


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
        if at is not None and at <= arrived + _AHEAD:
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
    # A key that came twice is gone. What is spelled in another way is counted in another way, too, and looked at.
    if raw.count(b'":') != _encode(item).count(b'":') and (twice := _twice(raw)) is not None:
        return Wrong(400, (Problem("", f"An object has the key {twice!r} twice."),))
    return item


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


def read(
    body: Any, kind: EventKind, timestamp: Any, metadata: Mapping[str, str] | None, terms: Terms, arrived: int
) -> Reading:
    """Of an item without faults; `body` is what it is about (`eventschema.said`), `metadata` the connector's under the item's."""
    keys: tuple[str, ...] = ()
    if metadata:
        keys = _metadata_keys(metadata.get("company_domain"), metadata.get("external_customer_id"))
    at: int | None = arrived
    name, user = None, None
    schema = terms.schema
    if schema is not None:
        name, user = _text(body, schema.name), _text(body, schema.user)
        if schema.time is not None:
            at = instant(paths.get(body, schema.time)) or arrived
        keys += _schema_keys(body, schema)
    if kind != "custom":
        own = terms.own_domains
        keys += tuple(DOMAIN + each for each in payloads.domains(kind, body) if each not in own)
    if timestamp is not None:
        at = instant(timestamp)
    return Reading(at, name or kind, user, keys if len(keys) < 2 else tuple(dict.fromkeys(keys)))


def reread(
    content: bytes, kind: EventKind, metadata: Mapping[str, str], terms: Terms, arrived: int
) -> Reading:
    """What a stored item says under the terms of today."""
    item = decode_value(content)
    assert isinstance(item, dict)
    return read(said(item), kind, item.get("timestamp"), metadata, terms, arrived)


@lru_cache(65_536)
def _metadata_keys(domain: str | None, external_id: str | None) -> tuple[str, ...]:
    return tuple(key for key in (domain_key(domain), external_id_key(external_id)) if key)


def _schema_keys(body: Any, schema: Schema) -> tuple[str, ...]:
    named = MISSING if schema.account is None else paths.get(body, schema.account)
    prefix = DOMAIN if schema.match_by == "domain" else EXTERNAL_ID
    return () if named is MISSING else tuple(prefix + each for each in account_keys(named, schema.match_by))


def _text(body: JSON, path: paths.Path | None) -> str | None:
    if path is None:
        return None
    found = paths.get(body, path)
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return None
    text = str(found).replace("\0", "\ufffd").strip()
    return text[: limits.EVENT_NAME_CHARS] or None


def instant(value: object) -> int | None:
    """Microseconds since 1970."""
    if isinstance(value, str) and len(value) in _PLAIN_TIMES and value[-1] == "Z":
        # How most senders write it.
        try:
            return round(_moment(value, datetime).timestamp() * 1_000_000)
        except (msgspec.ValidationError, OverflowError):
            pass
    if not isinstance(value, str | int | float):
        return None
    found = times.moment(value)
    return None if found is None or found.spelling not in _SPELLINGS else times.micros(found.at)
