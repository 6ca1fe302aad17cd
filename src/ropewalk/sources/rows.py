"""What a source does to the rows of its pages: adds to them what has to be looked up or worked out, and leaves some out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from ropewalk.sources.base import Page

DERIVED: Final = "__derived"
"""Where a record has what the source has added: `__derived.owner_email`."""

Derive = Callable[[Sequence[bytes]], Iterable[Mapping[str, Any]]]
"""The records of a page -> for each of them what is added to it. Whoever looks things up asks for a page's at once."""


def adding(pages: Iterable[Page], derive: Derive) -> Iterator[Page]:
    for page in pages:
        records = [bytes(each) for each in page.records]
        told = derive(records)
        yield replace(page, records=[_with(raw, more) for raw, more in zip(records, told, strict=True)])


def leaving_out(pages: Iterable[Page], reason: Callable[[bytes], str | None]) -> Iterator[Page]:
    """`reason` says by which filter a record is left out; None: it stays."""
    for page in pages:
        kept: list[bytes] = []
        filtered = dict(page.filtered)
        for each in page.records:
            raw = bytes(each)
            if (name := reason(raw)) is None:
                kept.append(raw)
            else:
                filtered[name] = filtered.get(name, 0) + 1
        yield replace(page, records=kept, count=len(kept), filtered=filtered)


def _with(raw: bytes, more: Mapping[str, Any]) -> bytes:
    """What is no object stays as it is: the row says so itself."""
    text = raw.strip()
    if not more or not (text.startswith(b"{") and text.endswith(b"}")):
        return raw
    inside = text[1:-1].strip()
    added = msgspec.json.encode({DERIVED: more})[1:-1]
    return b"{" + inside + (b"," if inside else b"") + added + b"}"
