"""How often something may be done: so many times in a stretch that begins with the first. Who keeps count is another's
job: a process in its memory, or the database for all of them."""

from __future__ import annotations

from math import ceil

from msgspec import Struct


class Limit(Struct, frozen=True, gc=False):
    times: int
    seconds: float


class Standing(Struct, frozen=True, gc=False):
    """`reset` is the number of seconds until a new stretch begins; `taken` counts what was refused, too."""

    limit: int
    taken: int
    reset: int

    @property
    def allowed(self) -> bool:
        return self.taken <= self.limit

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.taken)


class Stretch(Struct, frozen=True, gc=False):
    began: float
    taken: int

    def over(self, limit: Limit, now: float) -> bool:
        return now - self.began >= limit.seconds


def take(before: Stretch | None, limit: Limit, now: float) -> tuple[Stretch, Standing]:
    """Once more."""
    if before is None or before.over(limit, now):
        after = Stretch(now, 1)
    else:
        after = Stretch(before.began, before.taken + 1)
    reset = max(1, ceil(after.began + limit.seconds - now))
    return after, Standing(limit.times, after.taken, reset)
