"""How many calls a key may still make in this minute. Each web process counts for itself."""

from __future__ import annotations

import threading
from functools import lru_cache
from uuid import UUID

from ropewalk.core.rate import Limit, Standing, Stretch, take

WINDOW_SECONDS = 60.0
_KEPT = 10_000


_limit = lru_cache(16)(lambda calls: Limit(calls, WINDOW_SECONDS))


class Counter:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        # A number is found three times as fast as a UUID.
        self._minutes: dict[int, Stretch] = {}

    def take(self, key_id: UUID, calls: int, now: float) -> Standing:
        """`now` is a monotonic time. A key's minute begins with its first call."""
        limit, key = _limit(calls), key_id.int
        with self._lock:
            self._minutes[key], standing = take(self._minutes.get(key), limit, now)
            if len(self._minutes) > _KEPT:
                self._forget(limit, now)
        return standing

    def _forget(self, limit: Limit, now: float) -> None:
        for key in [key for key, minute in self._minutes.items() if minute.over(limit, now)]:
            del self._minutes[key]
