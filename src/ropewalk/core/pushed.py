"""Pushed events: which accounts one names, what it is called and when it was, and whether it says anything new
(push-api.md §3, §4)."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final
from uuid import UUID

import msgspec

from ropewalk.core import normalise
from ropewalk.core.records import decode_value
from ropewalk.core.values import JSON, canonical, digest

DOMAIN: Final = "domain:"
EXTERNAL_ID: Final = "id:"
_INTEGERS_END: Final = 2.0**63


class Draft(msgspec.Struct, gc=False):
    """An event on its way in. Times are microseconds since 1970. `content` is the item as sent; `keys` name its accounts
    (`domain:acme.com`, `id:42`); `metadata` is what lists filter by, the connector's included, as JSON; `upload` is the
    digest of a file that came with it."""

    external_id: str
    at: int
    arrived: int
    kind: str
    name: str
    content: bytes
    keys: tuple[str, ...] = ()
    user: str | None = None
    metadata: str | None = None
    upload: str | None = None


def domain_key(text: JSON) -> str | None:
    found = normalise.domain(text) if isinstance(text, str) else None
    return None if found is None else DOMAIN + found


def external_id_key(value: JSON) -> str | None:
    found = normalise.external_id(value)
    return None if found is None else EXTERNAL_ID + found


def keys_of_account(domain: str | None, external_id: str | None) -> tuple[str, ...]:
    """What an account's events are found by; both values are in normal form already."""
    found = (domain and DOMAIN + domain, external_id and EXTERNAL_ID + external_id)
    return tuple(key for key in found if key)


def key_number(organization_id: UUID, key: str) -> int:
    """What an index holds in place of a key: it tells nobody whom an event was about, and it ignores case
    (product.md §7). Two keys may share a number, so that whoever finds an event by it looks at its keys, too."""
    data = organization_id.bytes + key.casefold().encode()
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big", signed=True)


def names_account(event_keys: Iterable[str], wanted: Iterable[str], *, exact_id: bool = False) -> bool:
    """Whether an event belongs to the account with these keys. `exact_id`: another account's id differs only in case."""
    folded = {key.casefold() for key in wanted}
    exact = set(wanted)
    return any(
        key in exact if exact_id and key.startswith(EXTERNAL_ID) else key.casefold() in folded
        for key in event_keys
    )


def same_content(one: bytes, other: bytes) -> bool:
    """Whether two items say the same, compared as JSON: neither order of keys, nor spelling, nor 1 against 1.0 count."""
    return one == other or _canonical(one) == _canonical(other)


def content_digest(content: bytes) -> bytes:
    """Alike for contents that say the same."""
    return digest(_canonical(content))


def _canonical(content: bytes) -> bytes:
    return canonical(_plain(decode_value(content)))


def _plain(value: JSON) -> JSON:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    # What is larger is text by now, if it was written as an integer.
    if isinstance(value, float) and value.is_integer() and abs(value) < _INTEGERS_END:
        return int(value)
    return value
