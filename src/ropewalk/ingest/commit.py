"""Group commit: one thread takes what callers have brought since its last transaction, writes it in one, and answers
all of them once it is durable.

A large body is read here, right before its events are written: threads that read at the same time would take Python's lock
from one another, and what they have read would wait for them.

It also says whether what was believed of a caller still holds: before each transaction it asks which keys are live and
how connectors stand. So nothing is answered on the word of a key that was revoked before the call came, in whichever
process.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from queue import Empty, SimpleQueue
from typing import Final

from ropewalk.core.pushed import Draft
from ropewalk.engine.logs import Log
from ropewalk.store import admission, transactions
from ropewalk.store.admission import Connector, Key
from ropewalk.store.events.base import Batch, Busy, EventStore, Outcome, Refusal
from ropewalk.store.transactions import UNAVAILABLE

log = Log(__name__)

GROUP_EVENTS: Final = 20_000
GROUP_BYTES: Final = 4 * 1024 * 1024
WAITING_EVENTS: Final = 100_000
WAITING_BYTES: Final = 96 * 1024 * 1024
_PAUSE_SECONDS: Final = 0.001
_GATHERING: Final = 5
_ENOUGH: Final = 256


class Verdict(Enum):
    REVOKED = "the key isn't live any more"
    STALE = "the connector has changed"
    BUSY = "storage can't take it"


Answer = Verdict | list[Outcome]
Brought = tuple[Sequence[Draft], Sequence[Refusal]]


@dataclass(slots=True)
class Entry:
    """What a caller waits for: that these events are durable; or, without any, that its key is live. `read`: they are still
    to be read of a body of `size`; what it raises is the caller's."""

    key: Key
    connector: Connector | None = None
    drafts: Sequence[Draft] = ()
    refusals: Sequence[Refusal] = ()
    size: int = 0
    read: Callable[[], Brought] | None = None
    events: int = 0
    done: asyncio.Future[Answer] | None = field(default=None, repr=False)


class Committer:
    def __init__(self, store: EventStore, loop: asyncio.AbstractEventLoop) -> None:
        self._store = store
        self.loop = loop
        self._standing = admission.Standing()
        self._queue: SimpleQueue[Entry | None] = SimpleQueue()
        self._waiting_events = self._waiting_bytes = 0
        self.under_way = 0
        """Calls that the door is at work on: most of them are about to come."""
        self._thread = threading.Thread(target=self._run, name="ingest-commit", daemon=True)
        self._thread.start()

    def has_room(self, size: int) -> bool:
        """Before a body is taken: whether storage keeps up."""
        return self._waiting_bytes + size <= WAITING_BYTES and self._waiting_events < WAITING_EVENTS

    def durable(self, entry: Entry) -> asyncio.Future[Answer]:
        """Called in the loop, which alone counts what waits."""
        entry.done = self.loop.create_future()
        entry.events = len(entry.drafts)
        self._waiting_events += entry.events
        self._waiting_bytes += entry.size
        self._queue.put(entry)
        return entry.done

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
            self._waiting_events -= entry.events
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
        group, events, size = [first], first.events, first.size
        while events < GROUP_EVENTS and size < GROUP_BYTES:
            try:
                entry = self._queue.get_nowait()
            except Empty:
                break
            if entry is None:
                self._queue.put(None)
                break
            group.append(entry)
            events += entry.events
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
            verdicts = [
                verdict or _failure(entry)
                for entry, verdict in zip(group, self._verdicts(group), strict=True)
            ]
            taken = [entry for entry, verdict in zip(group, verdicts, strict=True) if verdict is None]
            batches = [
                Batch(entry.key.organization_id, entry.connector.id, entry.drafts)
                for entry in taken
                if entry.drafts and entry.connector is not None
            ]
            refusals = [each for entry in taken for each in entry.refusals]
            outcomes = iter(self._store.append(batches, refusals) if batches or refusals else ())
        except (Busy, *UNAVAILABLE) as error:
            log.warning("events_not_kept", callers=len(group), error=repr(error))
            transactions.close()
            return [Verdict.BUSY] * len(group)
        except Exception:
            log.exception("events_not_kept", callers=len(group))
            return [Verdict.BUSY] * len(group)
        return [
            verdict or (next(outcomes) if entry.drafts else [])
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


def _failure(entry: Entry) -> Exception | None:
    """Of reading what is still to be read."""
    if entry.read is not None:
        try:
            entry.drafts, entry.refusals = entry.read()
        except Exception as error:  # noqa: BLE001 - it is raised where the caller waits
            return error
    return None


def _verdict(entry: Entry, is_live: bool, version: Callable[..., int | None]) -> Verdict | None:
    if not is_live:
        return Verdict.REVOKED
    if entry.connector is not None and version(entry.connector.id) != entry.connector.version:
        return Verdict.STALE
    return None
