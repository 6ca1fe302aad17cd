"""What a source does to its rows: adds to them what has to be looked up or worked out, and leaves some out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from ropewalk.core.errors import RowRefused
from ropewalk.core.records import decode
from ropewalk.sources.base import Derivation, Page

DERIVED: Final = "__derived"
"""Where a record has what the source has added: `__derived.owner_email`."""

LookUp = Callable[[Sequence[bytes]], Iterable[Mapping[str, Any]]]
"""The records of a page -> for each of them what is added to it: things are looked up for a page at once."""


def adding(pages: Iterable[Page], look_up: LookUp) -> Iterator[Page]:
    for page in pages:
        records = [bytes(each) for each in page.records]
        told = look_up(records)
        yield replace(
            page, records=[with_derived(raw, more) for raw, more in zip(records, told, strict=True)]
        )


def derived(pages: Iterable[Page], derivation: Derivation) -> Iterator[Page]:
    """For whoever remembers no records: all of them as they become."""
    for page in pages:
        kept: list[bytes] = []
        filtered = dict(page.filtered)
        for each in page.records:
            raw = bytes(each)
            name = derivation.left_out(raw) if derivation.left_out is not None else None
            if name is None:
                kept.append(become(raw, derivation))
            else:
                filtered[name] = filtered.get(name, 0) + 1
        yield replace(page, records=kept, count=len(kept), filtered=filtered)


def become(raw: bytes, derivation: Derivation) -> bytes:
    """The record with what is made of it; one that can't be read stays as it is."""
    try:
        return with_derived(raw, derivation.add(decode(raw)))
    except RowRefused:
        return raw


def with_derived(raw: bytes, more: Mapping[str, Any]) -> bytes:
    """What is no object stays as it is: the row says so itself."""
    text = raw.strip()
    if not more or not (text.startswith(b"{") and text.endswith(b"}")):
        return raw
    inside = text[1:-1].strip()
    added = msgspec.json.encode({DERIVED: more})[1:-1]
    return b"{" + inside + (b"," if inside else b"") + added + b"}"
