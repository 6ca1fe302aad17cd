"""What an item says under the terms of its connector: when it was, what it is called, and whose it is (push-api.md §4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from msgspec import Struct, field

from ropewalk.core import limits, paths, payloads, times
from ropewalk.core.events import MatchBy, account_keys
from ropewalk.core.eventschema import EventKind, said
from ropewalk.core.pushed import DOMAIN, EXTERNAL_ID, domain_key, external_id_key
from ropewalk.core.records import decode_value
from ropewalk.core.values import JSON, MISSING

_SPELLINGS: Final = frozenset(("iso", "no_zone", "date", "epoch_s", "epoch_ms"))
_PLAIN_TIMES: Final = frozenset(
    map(len, ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000Z", "2026-03-01T12:00:00.000000Z"))
)
_moment = datetime.fromisoformat


class Schema(Struct, frozen=True):
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


class Terms(Struct, frozen=True):
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


def read(
    body: Any, kind: EventKind, timestamp: Any, metadata: Mapping[str, str] | None, terms: Terms, arrived: int
) -> Reading:
    """Of an item without faults; `body` is what it is about (`eventschema.said`), `metadata` the connector's under the item's."""
    keys = metadata_keys(metadata) if metadata else ()
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


def metadata_keys(metadata: Mapping[str, str]) -> tuple[str, ...]:
    return _named(metadata.get("company_domain"), metadata.get("external_customer_id"))


@lru_cache(65_536)
def _named(domain: str | None, external_id: str | None) -> tuple[str, ...]:
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
    # How most senders write it.
    if isinstance(value, str) and len(value) in _PLAIN_TIMES and value[7:17:3] == "-T::" and value[-1] == "Z":
        try:
            return times.micros(_moment(value))
        except ValueError:
            pass
    if not isinstance(value, str | int | float):
        return None
    found = times.moment(value)
    return None if found is None or found.spelling not in _SPELLINGS else times.micros(found.at)
