"""How many calls a key may still make in this minute. Each web process counts for itself."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from math import ceil
from uuid import UUID

WINDOW_SECONDS = 60.0
_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Standing:
    """`reset` is the number of seconds until a new minute begins for this key."""

    limit: int
    remaining: int
    reset: int
    allowed: bool


class Counter:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[UUID, tuple[float, int]] = {}

    def take(self, key_id: UUID, limit: int, now: float) -> Standing:
        """`now` is a monotonic time. A key's minute begins with its first call."""
        with self._lock:
            began, count = self._windows.get(key_id, (now, 0))
            if now - began >= WINDOW_SECONDS:
                began, count = now, 0
            count += 1
            self._windows[key_id] = began, count
            if len(self._windows) > _KEPT:
                self._forget(now)
        reset = max(1, ceil(began + WINDOW_SECONDS - now))
        return Standing(limit, max(0, limit - count), reset, count <= limit)

    def _forget(self, now: float) -> None:
        over = [key_id for key_id, (began, _) in self._windows.items() if now - began >= WINDOW_SECONDS]
        for key_id in over:
            del self._windows[key_id]
