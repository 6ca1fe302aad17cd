"""From bodies to events: unpacked, cut into items, all of them checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Final, Literal

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
from ropewalk.store.admission import Connector
from ropewalk.store.events.base import Outcome, Refusal as Rejected
from ropewalk.store.ids import new_name

_REJECTIONS_A_CALL: Final = 20
_SMALL_BYTES: Final = 16 * 1024
_CORRUPT: Final = "The body isn't what its Content-Encoding says, or it was cut off."
_encode = msgspec.json.Encoder().encode


class Prepared(msgspec.Struct, frozen=True):
    """`wrong`: by their places, the items that aren't taken. `count`: all there are."""

    drafts: Sequence[Draft]
    wrong: Mapping[int, Wrong] = msgspec.field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.drafts) + len(self.wrong)


class Brought(msgspec.Struct):
    """What is to be kept of what a caller brings, or why nothing of it is."""

    drafts: Sequence[Draft] = ()
    rejected: Sequence[Rejected] = ()
    failure: Exception | None = None


class Body(Brought, kw_only=True):
    """One that is still to be read. `data`: unpacked; `upload`: the digest of a file that came with it."""

    call: Call
    connector: Connector
    terms: Terms
    data: bytes
    upload: str | None = None
    prepared: Prepared = Prepared(())


def read(bodies: Iterable[Body], arrived: int) -> None:
    """Small ones that are read alike are read as one: most hold nothing but items as they should be."""
    alike: defaultdict[tuple[Form, int], list[Body]] = defaultdict(list)
    for each in bodies:
        if len(each.data) > _SMALL_BYTES:
            _read_alone(each, arrived)
        else:
            alike[each.call.form, id(each.terms)].append(each)
    for few in alike.values():
        if len(few) == 1 or not _read_together(few, arrived):
            for each in few:
                _read_alone(each, arrived)


def _raws(body: Body) -> Sequence[bytes]:
    """The items. Raises what is wrong with a body as a whole."""
    call, data = body.call, body.data
    if call.is_upload:
        return [data]
    if call.is_text:
        return [_as_item(data)]
    listed = items.listed(data, lines=call.is_lines)
    if isinstance(listed, Wrong):
        raise refusals.of(listed)
    if not listed and call.form == "typed":
        raise refusals.invalid([Problem("items", "Give at least one item.")])
    return listed


def _read_together(alike: Sequence[Body], arrived: int) -> bool:
    """Whether that could be done: not where anything has to be looked at by itself."""
    try:
        raws = [_raws(each) for each in alike]
    except Refusal:
        return False
    joined = [*chain.from_iterable(raws)]
    drafts = itembatches.drafts(joined, alike[0].call.form, alike[0].terms, arrived, new_name)
    if drafts is None:
        return False
    begin = 0
    for each, mine in zip(alike, raws, strict=True):
        end = begin + len(mine)
        _settle(each, Prepared(drafts[begin:end]))
        begin = end
    return True


def _read_alone(body: Body, arrived: int) -> None:
    call = body.call
    try:
        prepared = checked(_raws(body), call.form, body.terms, arrived, body.upload)
        rejected = [] if call.validate else _rejected(body.connector, prepared.wrong, arrived)
        if prepared.wrong and not call.partial:
            refusal = refusals.of_several(prepared.wrong)
            refusal.rejected = rejected
            raise refusal
    except Exception as error:  # noqa: BLE001 - it is raised where the caller waits
        body.failure = error
    else:
        body.rejected = rejected
        _settle(body, prepared)


def _settle(body: Body, prepared: Prepared) -> None:
    body.prepared = prepared
    if not body.call.validate:
        body.drafts = prepared.drafts


def checked(
    raws: Sequence[bytes], form: Form, terms: Terms, arrived: int, upload: str | None = None
) -> Prepared:
    at_a_stroke = itembatches.drafts(raws, form, terms, arrived, new_name)
    if at_a_stroke is not None:
        return Prepared(at_a_stroke)
    drafts, wrong = [], {}
    for place, raw in enumerate(raws):
        found = items.draft(raw, form, terms, arrived, new_name, upload)
        if isinstance(found, Draft):
            drafts.append(found)
        else:
            wrong[place] = found
    return Prepared(drafts, wrong)


def _rejected(connector: Connector, wrong: Mapping[int, Wrong], arrived: int) -> list[Rejected]:
    return [
        Rejected(
            connector.organization_id,
            connector.id,
            arrived,
            each.external_id and each.external_id[: limits.ITEM_ID_CHARS].replace("\0", "\ufffd"),
            [f"{one.path}: {one.message}" if one.path else one.message for one in each.problems],
        )
        for each in islice(wrong.values(), _REJECTIONS_A_CALL)
    ]


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


class Result(msgspec.Struct, omit_defaults=True, gc=False):
    external_id: str | None
    outcome: Outcome | Literal["rejected"]
    error: Mapping[str, Any] | None = None


class Accepted(msgspec.Struct):
    status: str
    events: int
    external_ids: Sequence[str]
    results: Sequence[Result]


def accepted(prepared: Prepared, outcomes: Sequence[Outcome]) -> Accepted:
    ids = [draft.external_id for draft in prepared.drafts]
    results = [*map(Result, ids, outcomes)]
    if prepared.wrong:
        kept, wrong = iter(results), prepared.wrong
        results = [
            _refused(wrong[place], place) if place in wrong else next(kept) for place in range(prepared.count)
        ]
    return Accepted("accepted", len(ids), ids, results)


def _refused(wrong: Wrong, place: int) -> Result:
    return Result(wrong.external_id, "rejected", refusals.of(wrong, f"items.{place}").body)
