"""How far a run is, and the chain of truncated runs that it belongs to: what every batch commits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Self

import msgspec
from pyroaring import BitMap

from ropewalk.core.counts import Counts
from ropewalk.core.window import Opening
from ropewalk.engine.batches import Place


@dataclass(slots=True)
class Progress:
    """`seen` holds the numbers of the records that the chain has seen, `unseen` the mapped paths that it hasn't.

    `say_again`: the chain began with a full run asked for by hand, which heeds no hashes.
    """

    opening: Opening
    say_again: bool = False
    place: Place = field(default_factory=Place)
    unseen: set[str] = field(default_factory=set)
    seen: BitMap = field(default_factory=BitMap)
    total: int | None = None
    counts: Counts = field(default_factory=Counts)

    def copy(self) -> Self:
        """A batch works on a copy, which takes this one's place once it is committed."""
        return replace(self, unseen=set(self.unseen), seen=self.seen.copy(), counts=self.counts.copy())

    def checkpoint(self) -> dict[str, Any]:
        return {
            "opening": msgspec.to_builtins(self.opening),
            "state": self.place.state,
            "row": self.place.row,
            **self.carried(),
        }

    def carried(self) -> dict[str, Any]:
        """What the next run of a truncated chain has to know beside the chain itself."""
        return {"say_again": self.say_again, "unseen": sorted(self.unseen)}

    def seen_bytes(self) -> bytes:
        return bytes(self.seen.serialize())

    @classmethod
    def load(cls, checkpoint: dict[str, Any], seen: bytes, counts: Counts) -> Self:
        return cls(
            msgspec.convert(checkpoint["opening"], Opening),
            checkpoint["say_again"],
            Place(checkpoint["state"], checkpoint["row"]),
            set(checkpoint["unseen"]),
            read_seen(seen),
            counts=counts,
        )


def read_seen(seen: bytes) -> BitMap:
    return BitMap.deserialize(seen) if seen else BitMap()
