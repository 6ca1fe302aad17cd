"""What a succeeded run amounts to (product.md §5.3). Only a complete one moves the watermark."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, Protocol

import msgspec

Kind = Literal["complete", "truncated", "suspicious"]

TRUNCATED = ("max_records", "max_pages")
SUSPICIOUS = ("page_repeated", "cursor_cycle", "fewer_than_total", "empty_page", "all_skipped", "no_rows")
"""What an admin can switch off for a stream."""


class Ending(Protocol):
    """How the paging of a run ended (core.paging)."""

    @property
    def verdict(self) -> Kind: ...
    @property
    def reasons(self) -> tuple[str, ...]: ...


class Tally(msgspec.Struct, frozen=True):
    """Rows processed, and those of them that were taken: created, updated or unchanged."""

    rows: int = 0
    taken: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.rows + other.rows, self.taken + other.taken)


class Verdict(msgspec.Struct, frozen=True):
    kind: Kind
    reasons: tuple[str, ...] = ()


def judge(
    ending: Ending,
    whole: Tally,
    *,
    full: bool,
    last_full_rows: int | None,
    ignore_reasons: Collection[str] = (),
) -> Verdict:
    """`whole` is the chain's, this run included: a run may be the last of several over one window.

    Rows that were rejected count as skipped here: a full run that could take nothing must not pass for a
    complete one, or every account would be gone at source.
    """
    if ending.verdict == "truncated":
        return Verdict("truncated", ending.reasons)
    reasons = list(ending.reasons)
    if full and whole.rows and not whole.taken:
        reasons.append("all_skipped")
    if full and not whole.rows and last_full_rows:
        reasons.append("no_rows")
    kept = tuple(reason for reason in reasons if reason not in ignore_reasons)
    return Verdict("suspicious", kept) if kept else Verdict("complete")
