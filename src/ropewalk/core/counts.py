"""What a run has done so far: exact counts, by outcome, reason and notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, field

from ropewalk.core.verdict import Tally

OUTCOMES: Final = ("created", "updated", "unchanged", "skipped", "rejected")
_TAKEN: Final = ("created", "updated", "unchanged")
_COUNTERS: Final = ("counts", "reasons", "notices", "contacts", "filtered")


class Counts(Struct):
    """`counts` by outcome; `contacts` made or changed by an account run; `filtered` rows are not processed."""

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    notices: Counter[str] = field(default_factory=Counter)
    contacts: Counter[str] = field(default_factory=Counter)
    filtered: Counter[str] = field(default_factory=Counter)
    pages: int = 0

    @classmethod
    def load(cls, record: Mapping[str, Any]) -> Counts:
        counters = {name: Counter(record.get(name) or {}) for name in _COUNTERS}
        counters["counts"].pop("processed", None)
        return cls(**counters, pages=record.get("pages", 0))

    def record(self) -> dict[str, Any]:
        """The columns of a run's row, and the keys of a run in the API."""
        shown: dict[str, Any] = {name: dict(getattr(self, name)) for name in _COUNTERS}
        shown["counts"] = {
            "processed": self.processed,
            **{outcome: self.counts[outcome] for outcome in OUTCOMES},
        }
        return shown | {"pages": self.pages}

    def copy(self) -> Counts:
        return Counts.load(self.record())

    @property
    def processed(self) -> int:
        return self.counts.total()

    @property
    def tally(self) -> Tally:
        return Tally(rows=self.processed, taken=sum(self.counts[outcome] for outcome in _TAKEN))
