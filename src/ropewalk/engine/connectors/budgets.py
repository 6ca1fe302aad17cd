"""What a connector's requests may be sent at: moments that its streams and all workers share (store.connectors)."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from uuid import UUID

from ropewalk.engine.clock import Clock
from ropewalk.store import connectors
from ropewalk.store.transactions import own_connection

TOGETHER_SECONDS = 0.5
"""Moments that lie within this are reserved at once: asking the database costs more than a quick request."""
EARLY_SECONDS = 0.05
"""So long before its moment a request may go out: one wait for several costs less than to wake up for each."""


class Budget:
    """Called with a lane: answers the seconds to wait for its next moment. A lane's requests count for all's as well."""

    def __init__(self, connector_id: UUID, per_minute: Mapping[str, float], clock: Clock) -> None:
        self._connector_id = connector_id
        self._per_minute = per_minute
        self._clock = clock
        self._reserved: dict[str, deque[float]] = {lane: deque() for lane in per_minute}
        self._lock = threading.Lock()

    def __call__(self, lane: str) -> float:
        with self._lock:
            now = self._clock.now().timestamp()
            lanes = {"", lane} & self._per_minute.keys()
            wait = max((self._next(each, now) - now for each in lanes), default=0.0)
            return wait if wait > EARLY_SECONDS else 0.0

    def _next(self, lane: str, now: float) -> float:
        """What has gone by unused may be used at once."""
        reserved = self._reserved[lane]
        if not reserved:
            slot = 60.0 / self._per_minute[lane]
            slots = max(1, int(TOGETHER_SECONDS / slot))
            with own_connection():
                wait = connectors.reserve(
                    self._connector_id, per_minute=self._per_minute[lane], now=now, lane=lane, slots=slots
                )
            reserved.extend(now + wait + place * slot for place in range(slots))
        return max(now, reserved.popleft())
