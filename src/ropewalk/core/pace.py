"""How fast a run goes, and how long it still takes."""

from __future__ import annotations

from msgspec import Struct

_SOONEST = 1.0


class Pace(Struct, frozen=True):
    """`share` and `seconds_left` are None where nobody knows how much there is."""

    per_second: float
    share: float | None
    seconds_left: float | None


def pace(rows: int, seconds: float, total: int | None) -> Pace:
    """A total that is reached, or was wrong, says no more than that it can't be long."""
    per_second = rows / max(seconds, _SOONEST)
    if not total:
        return Pace(per_second, None, None)
    left = max(total - rows, 0)
    return Pace(per_second, min(rows / total, 1.0), left / per_second if per_second else None)
