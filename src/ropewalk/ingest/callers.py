"""Who calls, and what for: keys and connectors as this process knows them, and how often a key has called.

What is known is asked again at every commit (`commit`); here it only spares the question."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime
from hashlib import blake2b
from typing import Final, TypeVar
from uuid import UUID

from ropewalk.core.itemreading import Schema, Terms
from ropewalk.core.rate import Standing
from ropewalk.engine.clock import Clock
from ropewalk.engine.rate import Counter
from ropewalk.ingest.call import key_of
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
        self._connectors: dict[UUID, tuple[Connector, Terms, float]] = {}

    def known_key(self, authorization: bytes, now: float) -> Key | None:
        """The key that a header brings, if it was asked for before. `now` is a monotonic time."""
        digest = blake2b(authorization).digest()
        known = self._keys.get(digest)
        if known is None:
            return None
        key, used = known
        if key.expires_at is not None and key.expires_at <= self._now():
            return None
        if now - used >= _USED_SECONDS:
            self._keys[digest] = key, now
            self._write_down(key)
        return key

    async def key(self, authorization: bytes, now: float) -> Key | None:
        text = key_of(authorization)
        found = await self._asked(lambda: admission.key(text, now=self._now())) if text else None
        if found is None:
            return None
        _remember(self._keys, blake2b(authorization).digest(), (found, -_USED_SECONDS), _KEYS)
        return self.known_key(authorization, now)

    def forget(self, authorization: bytes) -> None:
        self._keys.pop(blake2b(authorization).digest(), None)

    def counted(self, key: Key, now: float) -> Standing:
        """One call more."""
        return self._calls.take(key.id, self._calls_a_minute, now)

    def known_connector(self, key: Key, connector_id: UUID, now: float) -> tuple[Connector, Terms] | None:
        known = self._connectors.get(connector_id)
        if known is None or now >= known[2] or known[0].organization_id != key.organization_id:
            return None
        return known[:2]

    async def connector(self, key: Key, connector_id: UUID) -> tuple[Connector, Terms] | None:
        found = await self._asked(lambda: admission.connector(key.organization_id, connector_id))
        if found is None:
            return None
        known = found, terms(found)
        until = self._clock.monotonic() + _KNOWN_SECONDS
        _remember(self._connectors, connector_id, (*known, until), _CONNECTORS)
        return known

    def forget_connector(self, connector_id: UUID) -> None:
        self._connectors.pop(connector_id, None)

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
