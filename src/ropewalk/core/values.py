"""Values as they come from a source: JSON, their canonical bytes and their digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import Enum
from typing import Final, TypeAlias

import msgspec

JSON: TypeAlias = "None | bool | int | float | str | list[JSON] | dict[str, JSON]"


class Missing(Enum):
    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing.MISSING
"""What a path that leads nowhere yields; `None` is an explicit JSON null."""

DIGEST_BYTES: Final = 16

_canonical = msgspec.json.Encoder(order="deterministic")


def canonical(value: JSON) -> bytes:
    """The same bytes for equal values, whatever the order of their keys."""
    return _canonical.encode(value)


def digest(data: bytes | bytearray | memoryview | msgspec.Raw, salt: bytes = b"") -> bytes:
    """16 bytes; `salt` (at most 64 bytes) keeps digests made under other settings apart."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES, key=salt).digest()


def digests(every: Iterable[bytes | msgspec.Raw], salt: bytes = b"") -> list[bytes]:
    """`digest` of each, a fifth faster: the salt is taken in once."""
    salted = hashlib.blake2b(digest_size=DIGEST_BYTES, key=salt)
    made = []
    for data in every:
        own = salted.copy()
        own.update(data)
        made.append(own.digest())
    return made
