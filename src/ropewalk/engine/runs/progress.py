"""How far a run is, and the chain of truncated runs that it belongs to: what every batch commits."""

from __future__ import annotations

import base64
from typing import Any, Self

import msgspec
from msgspec.structs import replace
from pyroaring import BitMap

from ropewalk.core.counts import Counts
from ropewalk.core.window import Opening
from ropewalk.engine.runs.batches import Place


class Progress(msgspec.Struct):
    """`seen` holds the numbers of the records that the chain has taken, `passed` of those that it met and couldn't
    take: they are at the source too. `unseen` are the mapped paths that no record had.

    `say_again`: the chain began with a full run asked for by hand, which heeds no hashes.
    """

    opening: Opening
    say_again: bool = False
    place: Place = msgspec.field(default_factory=Place)
    unseen: set[str] = msgspec.field(default_factory=set)
    seen: BitMap = msgspec.field(default_factory=BitMap)
    passed: BitMap = msgspec.field(default_factory=BitMap)
    total: int | None = None
    counts: Counts = msgspec.field(default_factory=Counts)

    def copy(self) -> Self:
        """A batch works on a copy, which takes this one's place once it is committed."""
        return replace(
            self,
            unseen=set(self.unseen),
            seen=self.seen.copy(),
            passed=self.passed.copy(),
            counts=self.counts.copy(),
        )

    @property
    def at_source(self) -> BitMap:
        return self.seen | self.passed

    def checkpoint(self) -> dict[str, Any]:
        return {
            "opening": msgspec.to_builtins(self.opening),
            "state": self.place.state,
            "row": self.place.row,
            **self.carried(),
        }

    def carried(self) -> dict[str, Any]:
        """What the next run of a truncated chain has to know beside the chain itself."""
        return {
            "say_again": self.say_again,
            "unseen": sorted(self.unseen),
            "passed": base64.b64encode(self.passed.serialize()).decode(),
        }

    def carry_on(self, carried: dict[str, Any], seen: bytes) -> None:
        """Takes over what `carried` and `seen_bytes` of the run before told."""
        self.say_again = carried["say_again"]
        self.unseen = set(carried["unseen"])
        self.passed = BitMap.deserialize(base64.b64decode(carried["passed"]))
        self.seen = BitMap.deserialize(seen) if seen else BitMap()

    def seen_bytes(self) -> bytes:
        return bytes(self.seen.serialize())

    @classmethod
    def load(cls, checkpoint: dict[str, Any], seen: bytes, counts: Counts) -> Self:
        progress = cls(
            msgspec.convert(checkpoint["opening"], Opening),
            place=Place(checkpoint["state"], checkpoint["row"]),
            counts=counts,
        )
        progress.carry_on(checkpoint, seen)
        return progress
