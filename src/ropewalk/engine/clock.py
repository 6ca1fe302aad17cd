"""Time as an argument: the engine's verbs receive one of these, tests hand in their own."""

from __future__ import annotations

import random
import time
from collections.abc import Hashable
from datetime import UTC, datetime
from typing import Protocol

from msgspec import Struct


class Clock(Hashable, Protocol):
    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...

    def jitter(self) -> float:
        """Evenly spread over 0 ≤ x < 1."""


class SystemClock(Struct, frozen=True):
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def jitter(self) -> float:
        return random.random()  # noqa: S311 - spreads load, keeps no secret
