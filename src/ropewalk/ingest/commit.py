"""Group commit: one thread takes what callers have brought since its last transaction, writes it in one, and answers
all of them once it is durable.

Bodies are read here, right before their events are written: threads that read at the same time would take Python's lock
from one another, and what they have read would wait for them; and many small ones are read as one.

It also says whether what was believed of a caller still holds: before each transaction it asks which keys are live and
how connectors stand. So nothing is answered on the word of a key that was revoked before the call came, in whichever
process.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from enum import Enum
from queue import Empty, SimpleQueue
from typing import Final

import msgspec

from ropewalk.core import times
from ropewalk.engine.clock import Clock
from ropewalk.engine.logs import Log
from ropewalk.ingest import batch, refusals
from ropewalk.ingest.batch import Body, Brought
from ropewalk.store import admission, transactions
from ropewalk.store.admission import Connector, Key
from ropewalk.store.events.base import Batch, Busy, EventStore, Outcome
from ropewalk.store.transactions import UNAVAILABLE

log = Log(__name__)

GROUP_BYTES: Final = 4 * 1024 * 1024
WAITING_BYTES: Final = 96 * 1024 * 1024
_PAUSE_SECONDS: Final = 0.001
_GATHERING: Final = 5
_ENOUGH: Final = 256


class Verdict(Enum):
    REVOKED = "the key isn't live any more"
    STALE = "the connector has changed"
    BUSY = "storage can't take it"


Answer = Verdict | Sequence[Outcome]


class Entry(msgspec.Struct):
    """What a caller waits for: that what it brings is durable; or, if nothing, that its key is live."""

    key: Key
    connector: Connector | None
    brought: Brought
    size: int = 0
    done: asyncio.Future[Answer] | None = None


class Committer:
    def __init__(self, store: EventStore, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.loop = loop
        self._standing = admission.Standing()
        self._queue: SimpleQueue[Entry | None] = SimpleQueue()
        self._waiting_bytes = 0
        self.under_way = 0
        """Calls that the door is at work on: most of them are about to come."""
        self._thread = threading.Thread(target=self._run, name="ingest-commit", daemon=True)
        self._thread.start()

    def has_room(self, size: int) -> bool:
        """Whether storage keeps up."""
        return self._waiting_bytes + size <= WAITING_BYTES

    def durable(self, entry: Entry) -> asyncio.Future[Answer]:
        """Called in the loop, which alone counts what waits."""
        done = entry.done = self.loop.create_future()
        self._waiting_bytes += entry.size
        self._queue.put(entry)
        return done

    def stop(self) -> None:
        """After what is under way."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (group := self._next_group()) is not None:
            answers = self._commit(group)
            self.loop.call_soon_threadsafe(self._settle, group, answers)
        self._store.close()
        transactions.close()

    def _settle(self, group: Sequence[Entry], answers: Sequence[Answer | Exception]) -> None:
        for entry, answer in zip(group, answers, strict=True):
            self._waiting_bytes -= entry.size
            if entry.done is None or entry.done.done():
                continue
            if isinstance(answer, Exception):
                entry.done.set_exception(answer)
            else:
                entry.done.set_result(answer)

    def _next_group(self) -> list[Entry] | None:
        first = self._queue.get()
        if first is None:
            return None
        self._gather()
        group, size = [first], first.size
        while size < GROUP_BYTES:
            try:
                entry = self._queue.get_nowait()
            except Empty:
                break
            if entry is None:
                self._queue.put(None)
                break
            group.append(entry)
            size += entry.size
        return group

    def _gather(self) -> None:
        """For others who are on their way already: a transaction costs as much as many events. Who calls alone waits for
        nobody."""
        for _ in range(_GATHERING):
            if self._queue.qsize() + 1 >= min(self.under_way, _ENOUGH) or self._waiting_bytes >= GROUP_BYTES:
                return
            time.sleep(_PAUSE_SECONDS)

    def _commit(self, group: Sequence[Entry]) -> list[Answer | Exception]:
        try:
            verdicts = self._verdicts(group)
            taken = [entry for entry, verdict in zip(group, verdicts, strict=True) if verdict is None]
            bodies = [each.brought for each in taken if isinstance(each.brought, Body)]
            batch.read(bodies, times.micros(self._clock.now()))
            batches = [
                Batch(entry.key.organization_id, entry.connector.id, entry.brought.drafts)
                for entry in taken
                if entry.brought.drafts and entry.connector is not None
            ]
            refusals = [each for entry in taken for each in entry.brought.rejected]
            outcomes = iter(self._store.append(batches, refusals) if batches or refusals else ())
        except (Busy, *UNAVAILABLE) as error:
            log.warning("events_not_kept", callers=len(group), error=repr(error))
            transactions.close()
            return [Verdict.BUSY] * len(group)
        except Exception:
            log.exception("events_not_kept", callers=len(group))
            return [Verdict.BUSY] * len(group)
        return [
            verdict or entry.brought.failure or (next(outcomes) if entry.brought.drafts else [])
            for entry, verdict in zip(group, verdicts, strict=True)
        ]

    def _verdicts(self, group: Sequence[Entry]) -> list[Verdict | None]:
        """Most callers of a group are the same few, and what is known of them the same objects."""
        callers = {(id(entry.key), id(entry.connector)): entry for entry in group}
        connectors = {entry.connector.id for entry in callers.values() if entry.connector is not None}
        live, versions = self._standing.of({entry.key.id for entry in callers.values()}, connectors)
        told = {
            caller: _verdict(entry, entry.key.id in live, versions.get) for caller, entry in callers.items()
        }
        return [told[id(entry.key), id(entry.connector)] for entry in group]


def outcomes(answer: Answer) -> Sequence[Outcome] | None:
    """None where the connector has changed."""
    if not isinstance(answer, Verdict):
        return answer
    if answer is Verdict.REVOKED:
        raise refusals.unauthenticated()
    if answer is Verdict.BUSY:
        raise refusals.unavailable()
    return None


def _verdict(entry: Entry, is_live: bool, version: Callable[..., int | None]) -> Verdict | None:
    if not is_live:
        return Verdict.REVOKED
    if entry.connector is not None and version(entry.connector.id) != entry.connector.version:
        return Verdict.STALE
    return None
