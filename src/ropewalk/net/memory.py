"""What a warehouse has told a connector, kept for whoever asks the same a moment later: for minutes, and only so much of it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final

from ropewalk.core.query import Described

KEPT_SECONDS: Final = 600.0
MOST_CONNECTORS: Final = 200
MOST_STATEMENTS: Final = 50


@dataclass(slots=True)
class Memory:
    """Of one connector, as long as it is set as it was. `credentials`: a vendor's, which hold their access token."""

    until: float = float("inf")
    described: dict[str, Described] = field(default_factory=dict)
    credentials: Any = field(default=None, repr=False)

    def remember(self, statement: str, told: Described) -> None:
        if len(self.described) >= MOST_STATEMENTS:
            self.described.clear()
        self.described[statement] = told


class Memories:
    """One a process; what has not been asked for longest goes first."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Memory] = OrderedDict()

    def of(self, whose: Hashable) -> Memory:
        with self._lock:
            now = self._monotonic()
            found = self._kept.pop(whose, None)
            if found is None or found.until <= now:
                found = Memory(now + KEPT_SECONDS)
            self._kept[whose] = found
            while len(self._kept) > MOST_CONNECTORS:
                self._kept.popitem(last=False)
            return found
