"""Values as they come from a source: JSON, their canonical bytes and their digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import Enum
from typing import Final, TypeAlias

import msgspec
from xxhash import xxh3_128_digest

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


def checksum(data: bytes | msgspec.Raw) -> bytes:
    """16 bytes that tell what is new from what was there before, in a seventh of the time of `digest`. Somebody could make
    two that are equal; so it is for what could hide nothing by it but a change of his own."""
    return xxh3_128_digest(data)


def checksums(every: Iterable[bytes | msgspec.Raw], salt: bytes) -> list[bytes]:
    """`salt` keeps those made under other settings apart."""
    seed = int.from_bytes(digest(salt)[:8], "big")
    return [xxh3_128_digest(data, seed) for data in every]
