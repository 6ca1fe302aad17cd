"""Going on in a search that gives its first so many results only: from the last record read, not by counting.

Records are read in the order of an instant that moves forward when they change. Each page begins at the instant where the
one before ended, so that whatever moves meanwhile, nothing that stays is passed over. Where many share an instant, they
are read in the order of their ids."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import msgspec

from ropewalk.core.values import JSON


class Place(NamedTuple):
    """Of a record: the instant it is ordered by, as the source counts it, and its id."""

    at: int
    id: str


class Anchor(msgspec.Struct, frozen=True, array_like=True):
    """`from`: at the instant `at` or later, and `seen` have been read of that instant. `ties`: of that very instant, those
    with ids after `id`. `past`: later than it."""

    mode: Literal["from", "ties", "past"]
    at: int
    id: str = ""
    seen: tuple[str, ...] = ()

    def text(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def read(cls, text: JSON) -> Anchor | None:
        return None if text is None else msgspec.json.decode(str(text), type=cls)

    def is_new(self, place: Place) -> bool:
        return place.at != self.at or place.id not in self.seen


def following(anchor: Anchor | None, places: Sequence[Place], size: int, *, more: bool) -> Anchor | None:
    """Where to go on after a page with these records, in its order; None at the end. `more`: the source has some left."""
    if anchor is not None and anchor.mode == "ties":
        if more and places:
            last = places[-1].id
            return Anchor("ties", anchor.at, last, tuple(each for each in anchor.seen if _after(each, last)))
        return Anchor("past", anchor.at)
    if not more or not places:
        return None
    at = places[-1].at
    seen = dict.fromkeys(each.id for each in places if each.at == at)
    if anchor is not None and anchor.at == at:
        seen |= dict.fromkeys(anchor.seen)
    # Going on from here would mostly read again what this page has read.
    mode: Literal["from", "ties"] = "ties" if len(seen) * 2 > size else "from"
    return Anchor(mode, at, "", tuple(seen))


def in_order(anchor: Anchor | None, places: Sequence[Place]) -> bool:
    """Whether a page came in the order that it was asked for; in any other there is no telling what it left out."""
    if anchor is not None and anchor.mode == "ties":
        return all(each.at == anchor.at for each in places) and all(
            _after(later.id, earlier.id) for earlier, later in pairwise(places)
        )
    return all(earlier.at <= later.at for earlier, later in pairwise(places))


def _after(one: str, other: str) -> bool:
    return (len(one), one) > (len(other), other)
