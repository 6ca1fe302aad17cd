"""A sync, from its window to its verdict; and a dry run, which is one on another stage (engine.runs.dryrun)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from ropewalk.core import mapping, window
from ropewalk.core.counts import Counts
from ropewalk.core.errors import Cancelled, GiveUp, MustFix, RopewalkError
from ropewalk.core.paging import Pager
from ropewalk.core.values import JSON
from ropewalk.core.window import Chain, Opening
from ropewalk.engine.clock import Clock
from ropewalk.engine.connectors.frozen import Frozen
from ropewalk.engine.logs import Log
from ropewalk.engine.runs import closing, dryrun, periodic, readers, retrying
from ropewalk.engine.runs.ahead import ReadAhead
from ropewalk.engine.runs.apply import Applier
from ropewalk.engine.runs.batches import Batch, Place, batches
from ropewalk.engine.runs.closing import Success
from ropewalk.engine.runs.execution import Execution, Flags
from ropewalk.engine.runs.progress import Progress
from ropewalk.engine.runs.readers import Reading
from ropewalk.engine.runs.rows import Hashes
from ropewalk.engine.runs.stage import Live, Stage
from ropewalk.engine.runs.subjects import ABOUT, About
from ropewalk.engine.runs.undo import Undo
from ropewalk.sources.base import Derivation
from ropewalk.store import ids, ledger, records, runs, streams, transactions
from ropewalk.store.models import Stream

log = Log(__name__)

RESTARTS = 3


class Expired(Exception):
    """The place that the run was to go on from is not there any more."""


def carry_out(run_id: UUID, *, worker: str, clock: Clock, flags: Flags) -> bool:
    """True once there is nothing left to do for it here; False where somebody has to go on with it."""
    try:
        run = runs.claim(run_id, worker=worker, lease=uuid4(), now=clock.now())
    except runs.LeaseLost:
        return True
    return (Undo if run.trigger == "undo" else Sync)(run, clock, flags).carry_out()


class Sync(Execution):
    # Beginning

    def begin(self) -> None:
        self.frozen = Frozen.load(self.run.settings)
        self.reader = readers.reader(self.run, self.stream_id, self.frozen, self.clock, self.leave)
        self.progress = self._take_up()

    @property
    def stream_id(self) -> UUID:
        if self.run.stream_id is None:
            raise GiveUp("stream_deleted", "The stream was deleted while its run was waiting.")
        return self.run.stream_id

    @property
    def about(self) -> About:
        return ABOUT[self.frozen.kind]

    @property
    def periodic(self) -> bool:
        return self.run.trigger == "periodic"

    @property
    def dry(self) -> bool:
        return self.run.mode == "dry_run"

    @property
    def left_out(self) -> frozenset[str]:
        """As it was when the run began, whatever has been switched since."""
        return periodic.named(self.progress.opening.scope)

    def _take_up(self) -> Progress:
        if self.dry:
            # What it imagined went with its worker: whoever takes it over begins again.
            return self._begin_again(self._open())
        kept = runs.resumable(self.run.id)
        if kept.checkpoint is not None:
            counts = Counts.load({name: getattr(self.run, name) for name in _COUNT_COLUMNS})
            progress = Progress.load(kept.checkpoint, kept.seen, counts)
            if not self.reader.keeps_place:
                progress.place = Place()
            return progress
        progress = self._open()
        runs.progress(
            self.run.id,
            lease=self.lease,
            checkpoint=progress.checkpoint(),
            seen=progress.seen_bytes(),
            since=progress.opening.since,
        )
        return progress

    def _open(self) -> Progress:
        if self.run.trigger == "retry":
            return Progress(Opening(self.clock.now(), None, full=False), say_again=True)
        stream = streams.get(self.organization_id, self.run.connector_id, self.run.kind)
        kept = stream.chain
        opening = self._opening(
            stream, Chain.from_json(kept["chain"]) if kept and self.frozen.still_holds(stream) else None
        )
        progress = Progress(opening, say_again=self.run.full, unseen=self._mapped_paths(opening))
        if opening.resume is not None and kept:
            progress.place = Place(Pager.continue_from(opening.resume))
            progress.carry_on(kept["carried"], bytes(stream.chain_seen or b""))
        return progress

    def _opening(self, stream: Stream, chain: Chain | None) -> Opening:
        started_at = self.run.started_at or self.clock.now()
        if previewed := dryrun.previewed(self.run):
            return dryrun.same_window(started_at, previewed["window"], chain)
        settings = self.frozen.stream
        off = periodic.switched_off(self.organization_id, settings) if self.about.tracked else frozenset()
        return window.open(
            started_at,
            watermark=stream.watermark,
            overlap_seconds=settings.overlap_seconds or 0,
            incremental=settings.overlap_seconds is not None,
            chain=chain,
            asked_full=self.run.full,
            # Fields that scheduled runs left out are in records that those runs have passed.
            needs_full=stream.needs_full or bool(off and not self.periodic),
            scope=periodic.scope(off) if self.periodic else "",
        )

    def _mapped_paths(self, opening: Opening) -> set[str]:
        """Those that the run reads."""
        return set(mapping.compile(self.frozen.stream.mapping, periodic.named(opening.scope)).paths)

    # Reading and applying

    def until_end(self) -> None:
        while True:
            try:
                return self._read_and_apply()
            except Expired as expired:
                self._start_over(expired)

    def _read_and_apply(self) -> None:
        with self.reader.open(self.progress) as reading, contextlib.closing(self._stage()) as stage:
            self.redactor = reading.redactor
            self._apply(reading, self._applier(stage, reading.derivation))

    def _apply(self, reading: Reading, applier: Applier) -> None:
        resumed = self.progress.place.state is not None
        ahead = ReadAhead(reading.pages, at_end=transactions.close)
        try:
            for batch in batches(ahead, self.progress.place, self.clock.monotonic):
                self.check_flags()
                self.progress = applier.apply(batch, self.progress, partial(self._commit, batch))
                resumed = False
                if batch.ending is not None:
                    return
        except MustFix as error:
            expired = resumed and self.frozen.stream.place_expires and error.code in _EXPIRED_CODES
            if expired and self.run.restarts < RESTARTS:
                raise Expired from error
            raise
        except Cancelled:
            self.check_flags()
            raise
        finally:
            reading.interrupt()
            ahead.close()
        raise GiveUp("no_ending", "The source ended without saying how.")

    def _stage(self) -> Stage:
        run = self.run
        if self.dry:
            hold = partial(runs.progress, run.id, lease=self.lease)
            return dryrun.Rehearsal(run.organization_id, self.stream_id, run.id, run.connector_id, hold)
        read_at = ids.made_at(retrying.first_run(run))
        since = None if run.trigger == "retry" else self.progress.opening.first_started_at
        now = self.clock.now()
        return Live(run.organization_id, self.stream_id, run.id, run.connector_id, now, read_at, since)

    def _applier(self, stage: Stage, derivation: Derivation | None) -> Applier:
        stream, left_out = self.frozen.stream, self.left_out
        subject = self.about.rows(self.organization_id, self.run.connector_id, stream, left_out, stage)
        apart = self.frozen.salt(*sorted(left_out)) if left_out else None
        version = self.frozen.derivation.version if self.frozen.derivation is not None else None
        hashes = Hashes(self.frozen.salt(), apart, not self.progress.say_again, version)
        return Applier(stage, subject, hashes, self._redact, self._read_later, derivation)

    @property
    def _read_later(self) -> Callable[[Sequence[UUID]], frozenset[UUID]]:
        """Of the subjects of retried rows, those of which a later run has read a newer record."""
        if self.run.trigger != "retry" or self.run.of_run is None:
            return lambda _: frozenset()
        read_at = ids.made_at(retrying.first_run(self.run))
        return lambda subjects: records.read_after(self.organization_id, self.stream_id, subjects, read_at)

    def _redact(self, value: JSON) -> JSON:
        redacted: JSON = self.redactor().values(value)
        return redacted

    def _start_over(self, expired: Expired) -> None:
        """A cursor that has expired: from the start of the window, as if nothing had been counted."""
        log.info("cursor_expired", run_id=str(self.run.id), error=str(expired.__cause__))
        opening = self.progress.opening
        again = Opening(opening.first_started_at, opening.since, opening.full, opening.scope)
        self.run.restarts += 1
        self.progress = self._begin_again(
            Progress(again, self.progress.say_again, unseen=self._mapped_paths(again))
        )

    def _begin_again(self, progress: Progress) -> Progress:
        with transactions.transaction(self.organization_id):
            ledger.clear(self.organization_id, self.run.id)
            runs.progress(
                self.run.id,
                lease=self.lease,
                checkpoint=progress.checkpoint(),
                seen=progress.seen_bytes(),
                restarts=self.run.restarts,
                since=progress.opening.since,
                **progress.counts.record(),
            )
        return progress

    # Committing

    def _commit(self, batch: Batch, after: Progress) -> None:
        self.reader.settle(len(batch.rows))
        if batch.ending is not None:
            Success(self.run, self.lease, self.frozen, after, self.clock.now(), self._redact).close(
                batch.ending
            )
            return
        place: dict[str, Any] = (
            {} if self.dry else {"checkpoint": after.checkpoint(), "seen": after.seen_bytes()}
        )
        runs.progress(
            self.run.id, lease=self.lease, expected_total=after.total, **place, **after.counts.record()
        )

    def tell_others(self, error: RopewalkError, now: datetime) -> None:
        closing.failed(self.run, error, now)


_COUNT_COLUMNS = ("counts", "reasons", "notices", "contacts", "filtered", "pages")
_EXPIRED_CODES = ("unexpected_status", "not_found_there")
