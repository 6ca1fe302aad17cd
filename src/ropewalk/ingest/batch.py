"""From a body to the events of a batch: unpacked, cut into items, each of them checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ropewalk.core import itembatches, items, limits
from ropewalk.core.errors import Problem
from ropewalk.core.itemreading import Terms
from ropewalk.core.items import Form, Wrong
from ropewalk.core.pushed import Draft
from ropewalk.ingest import refusals
from ropewalk.ingest.call import Call
from ropewalk.ingest.refusals import Refusal
from ropewalk.net import encoding
from ropewalk.store.ids import new_name

_CORRUPT: Final = "The body isn't what its Content-Encoding says, or it was cut off."
_encode = msgspec.json.Encoder().encode


class Prepared(msgspec.Struct):
    """`wrong`: by their places, the items that aren't taken. `count`: all there are."""

    drafts: list[Draft]
    wrong: dict[int, Wrong] = msgspec.field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.drafts) + len(self.wrong)


def prepare(call: Call, body: bytes, terms: Terms, arrived: int) -> Prepared:
    """`body`: unpacked. Raises what is wrong with it as a whole; what is wrong with items is in the answer."""
    if call.is_text:
        raws: Sequence[bytes] = [_as_item(body)]
    else:
        listed = items.listed(body, lines=call.is_lines)
        if isinstance(listed, Wrong):
            raise refusals.of(listed)
        raws = listed
    if not raws and call.form == "typed":
        raise refusals.invalid([Problem("items", "Give at least one item.")])
    return checked(raws, call.form, terms, arrived)


def checked(
    raws: Sequence[bytes], form: Form, terms: Terms, arrived: int, upload: str | None = None
) -> Prepared:
    at_a_stroke = itembatches.drafts(raws, form, terms, arrived, new_name)
    if at_a_stroke is not None:
        return Prepared(at_a_stroke)
    prepared = Prepared([])
    for place, raw in enumerate(raws):
        found = items.draft(raw, form, terms, arrived, new_name, upload)
        if isinstance(found, Draft):
            prepared.drafts.append(found)
        else:
            prepared.wrong[place] = found
    return prepared


def unpacked(body: bytes, named: str) -> bytes:
    """No further than a body may go, however much a small one would become."""
    unpacker = encoding.decoder(named)
    out = bytearray()
    try:
        for piece in unpacker.feed(body):
            out += piece
            if len(out) > limits.PUSH_BYTES:
                raise refusals.too_large(limits.PUSH_BYTES)
    except encoding.Corrupt:
        raise Refusal(400, _CORRUPT) from None
    if not unpacker.whole():
        raise Refusal(400, _CORRUPT)
    return bytes(out)


def _as_item(body: bytes) -> bytes:
    if not body:
        raise refusals.invalid([Problem("", "This is required.")])
    try:
        return _encode({"text": body.decode()})
    except UnicodeDecodeError:
        raise Refusal(400, "The body isn't UTF-8.") from None


def accepted(prepared: Prepared, outcomes: Sequence[str]) -> dict[str, Any]:
    told = [
        {"external_id": draft.external_id, "outcome": outcome}
        for draft, outcome in zip(prepared.drafts, outcomes, strict=True)
    ]
    answer: dict[str, Any] = {
        "status": "accepted",
        "events": len(prepared.drafts),
        "external_ids": [draft.external_id for draft in prepared.drafts],
        "results": told,
    }
    if prepared.wrong:
        kept = iter(told)
        answer["results"] = [
            _rejected(prepared.wrong[place], place) if place in prepared.wrong else next(kept)
            for place in range(prepared.count)
        ]
    return answer


def _rejected(wrong: Wrong, place: int) -> dict[str, Any]:
    error = refusals.of(wrong, f"items.{place}").body
    return {"external_id": wrong.external_id, "outcome": "rejected", "error": error}
