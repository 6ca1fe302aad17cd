"""Who calls, and what for: keys and connectors as this process knows them, and how often a key has called.

What is known is asked again at every commit (`commit`); here it only spares the question."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime
from hashlib import sha256
from typing import Final, TypeVar
from uuid import UUID

from ropewalk.core.itemreading import Schema, Terms
from ropewalk.core.rate import Standing
from ropewalk.engine.clock import Clock
from ropewalk.engine.rate import Counter
from ropewalk.store import admission
from ropewalk.store.admission import Connector, Key

_KEYS: Final = 10_000
_CONNECTORS: Final = 10_000
_KNOWN_SECONDS: Final = 5.0
"""After that a connector is read anew: the organization's own domains may have changed, which nobody is told of."""
_USED_SECONDS: Final = 60.0

V = TypeVar("V")


class Callers:
    def __init__(self, clock: Clock, calls_a_minute: int, threads: Executor) -> None:
        self._clock = clock
        self._calls_a_minute = calls_a_minute
        self._threads = threads
        self._calls = Counter()
        self._keys: dict[bytes, tuple[Key, float]] = {}
        self._connectors: dict[tuple[UUID, UUID], tuple[Connector, Terms, float]] = {}

    async def key(self, text: str) -> Key | None:
        digest = sha256(text.encode("utf-8", "replace")).digest()
        known = self._keys.get(digest)
        if known is None:
            found = await self._asked(lambda: admission.key(text, now=self._now()))
            if found is None:
                return None
            known = found, -_USED_SECONDS
            _remember(self._keys, digest, known, _KEYS)
        key, used = known
        if key.expires_at is not None and key.expires_at <= self._now():
            return None
        now = self._clock.monotonic()
        if now - used >= _USED_SECONDS:
            self._keys[digest] = key, now
            self._write_down(key)
        return key

    def forget(self, text: str) -> None:
        self._keys.pop(sha256(text.encode("utf-8", "replace")).digest(), None)

    def counted(self, key: Key) -> Standing:
        """One call more."""
        return self._calls.take(key.id, self._calls_a_minute, self._clock.monotonic())

    async def connector(self, key: Key, connector_id: UUID) -> tuple[Connector, Terms] | None:
        place = key.organization_id, connector_id
        known = self._connectors.get(place)
        if known is None or self._clock.monotonic() >= known[2]:
            found = await self._asked(lambda: admission.connector(*place))
            if found is None:
                return None
            known = found, terms(found), self._clock.monotonic() + _KNOWN_SECONDS
            _remember(self._connectors, place, known, _CONNECTORS)
        return known[0], known[1]

    def forget_connector(self, key: Key, connector_id: UUID) -> None:
        self._connectors.pop((key.organization_id, connector_id), None)

    def _write_down(self, key: Key) -> None:
        """Nobody waits for it."""
        now = self._now()
        self._threads.submit(admission.used, key.organization_id, key.id, now=now)

    async def _asked(self, question: Callable[[], V]) -> V:
        return await asyncio.get_running_loop().run_in_executor(self._threads, question)

    def _now(self) -> datetime:
        return self._clock.now()


def terms(connector: Connector) -> Terms:
    return Terms(
        kinds=tuple(connector.accepted_kinds),
        metadata=dict(connector.metadata),
        schema=Schema.of(connector.event_schema),
        own_domains=frozenset(connector.own_domains),
    )


K = TypeVar("K")


def _remember(known: dict[K, V], name: K, value: V, most: int) -> None:
    if len(known) >= most:
        known.clear()
    known[name] = value
