"""Where a run's records come from: the source, the rows that an earlier run left out, or contacts whose account has
appeared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import NamedTuple, Protocol, cast
from uuid import UUID

from ropewalk.core.redact import Redactor
from ropewalk.engine.clock import Clock
from ropewalk.engine.connectors import connection
from ropewalk.engine.connectors.frozen import Frozen
from ropewalk.engine.runs import retrying
from ropewalk.engine.runs.progress import Progress
from ropewalk.engine.runs.waited import Waited
from ropewalk.sources.base import Derivation, Page, Window
from ropewalk.store import connectors
from ropewalk.store.models import Run


class Reading(NamedTuple):
    """`redactor` knows the secrets that records may repeat; `interrupt` ends a fetch under way, from another thread;
    `derivation`: what is still to be made of the records."""

    pages: Iterator[Page]
    redactor: Callable[[], Redactor] = Redactor
    interrupt: Callable[[], None] = lambda: None
    derivation: Derivation | None = None


class Reader(Protocol):
    """`keeps_place`: after a crash it goes on from a place; one that doesn't has only what is left to be read."""

    keeps_place: bool

    def open(self, progress: Progress) -> AbstractContextManager[Reading]: ...

    def settle(self, rows: int) -> None:
        """In the transaction of the batch that has decided the next so many."""


def reader(run: Run, stream_id: UUID, frozen: Frozen, clock: Clock, stop: Callable[[], bool]) -> Reader:
    if run.trigger == "retry":
        return FromWaiting(run, stream_id, frozen) if run.of_run is None else FromLedger(run)
    return FromSource(run, frozen, clock, stop)


class FromSource:
    keeps_place = True

    def __init__(self, run: Run, frozen: Frozen, clock: Clock, stop: Callable[[], bool]) -> None:
        self._run = run
        self._frozen = frozen
        self._clock = clock
        self._stop = stop

    @contextmanager
    def open(self, progress: Progress) -> Iterator[Reading]:
        run, frozen = self._run, self._frozen
        connector = connectors.of_run(run.organization_id, run.connector_id)
        window = Window(progress.opening.since)
        with connection.open_fetch(connector, run.kind, frozen, self._clock, stop=self._stop) as opened:
            pages = frozen.reading.read(
                frozen.connector, frozen.stream, window, opened.fetch, progress.place.state
            )
            yield Reading(pages, opened.redactor, opened.fetch.close, frozen.derivation)

    def settle(self, rows: int) -> None:
        """The source keeps no account of it."""


class FromLedger:
    """Its records are as they had become, redacted."""

    keeps_place = True

    def __init__(self, run: Run) -> None:
        self._run = run

    def open(self, progress: Progress) -> AbstractContextManager[Reading]:  # noqa: ARG002 - one page
        run = self._run
        return nullcontext(Reading(retrying.pages(run.organization_id, cast(UUID, run.of_run), run.id)))

    def settle(self, rows: int) -> None:
        """The earlier run's ledger stays."""


class FromWaiting:
    """They were kept as they came, whatever the API had put into them."""

    keeps_place = False

    def __init__(self, run: Run, stream_id: UUID, frozen: Frozen) -> None:
        self._run = run
        self._frozen = frozen
        self._waited = Waited(run.organization_id, stream_id)

    def open(self, progress: Progress) -> AbstractContextManager[Reading]:  # noqa: ARG002 - whoever still waits
        run = self._run
        redactor = connection.saved_redactor(run.organization_id, run.connector_id, run.kind, self._frozen)
        return nullcontext(Reading(self._waited.pages(), lambda: redactor))

    def settle(self, rows: int) -> None:
        self._waited.settle(rows)
