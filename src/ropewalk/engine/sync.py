"""A sync, from its window to its verdict; and a dry run, which is one on another stage (engine.dryrun)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast
from uuid import UUID, uuid4

import structlog

from ropewalk.core import mapping, window
from ropewalk.core.counts import Counts
from ropewalk.core.errors import Cancelled, GiveUp, MustFix, NotFound, RetryLater, RopewalkError
from ropewalk.core.mapping import MATCH_FIELDS
from ropewalk.core.paging import Ending, Pager
from ropewalk.core.values import JSON
from ropewalk.core.verdict import Verdict, judge
from ropewalk.core.window import Chain, Closing, Opening
from ropewalk.engine import connection, dryrun, periodic, retrying, schedule, waited
from ropewalk.engine.ahead import ReadAhead
from ropewalk.engine.apply import Applier, Hashes
from ropewalk.engine.batches import Batch, Place, batches
from ropewalk.engine.clock import Clock
from ropewalk.engine.execution import Execution, Flags
from ropewalk.engine.frozen import Frozen
from ropewalk.engine.progress import Progress
from ropewalk.engine.stage import Live, Stage
from ropewalk.engine.subjects import ABOUT, About
from ropewalk.engine.undo import Undo
from ropewalk.engine.waited import Waited
from ropewalk.sources.base import Page, Window
from ropewalk.store import accounts, connectors, ids, ledger, records, runs, streams, transactions, waiting
from ropewalk.store.models import Stream

log = structlog.get_logger(__name__)

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
        self.waited: Waited | None = None
        if self.run.trigger == "retry" and self.run.of_run is None:
            self.waited = Waited(self.organization_id, self.stream_id)
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
    def keeps_place(self) -> bool:
        """Whether its end says anything about the stream and its schedule."""
        return not self.dry and self.run.trigger != "retry"

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
            if self.waited is not None:
                # What it has settled doesn't wait any more: it goes on with whoever still does.
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
        if self.previewed:
            return dryrun.same_window(started_at, self.previewed["window"], chain)
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

    @property
    def previewed(self) -> dict[str, Any]:
        """Of the dry run that this one applies, its window and its counts."""
        kept: dict[str, Any] = self.run.settings.get("previewed") or {}
        return kept

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
        if self.waited is not None:
            # They are kept as they came, whatever the API has put into them.
            redactor = connection.saved_redactor(
                self.organization_id, self.run.connector_id, self.run.kind, self.frozen
            )
            self.redactor = lambda: redactor
            self._consume(self.waited.pages(), interrupt=lambda: None)
            return
        if self.run.trigger == "retry":
            rows = retrying.pages(self.organization_id, cast(UUID, self.run.of_run), self.run.id)
            self._consume(rows, interrupt=lambda: None)
            return
        connector = connectors.get(self.organization_id, self.run.connector_id)
        with connection.open_fetch(
            connector, self.run.kind, self.frozen, self.clock, stop=self.leave
        ) as opened:
            self.redactor = opened.redactor
            settings = self.frozen.stream
            limits = Window(self.progress.opening.since, settings.max_records, None)
            pages = self.frozen.reading.read(
                self.frozen.connector, settings, limits, opened.fetch, self.progress.place.state
            )
            self._consume(pages, interrupt=opened.fetch.close)

    def _consume(self, pages: Iterator[Page], *, interrupt: Callable[[], None]) -> None:
        with closing(self._stage()) as stage:
            self._apply(pages, self._applier(stage), interrupt=interrupt)

    def _apply(self, pages: Iterator[Page], applier: Applier, *, interrupt: Callable[[], None]) -> None:
        resumed = self.progress.place.state is not None
        ahead = ReadAhead(pages, at_end=transactions.close)
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
            interrupt()
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

    def _applier(self, stage: Stage) -> Applier:
        stream, left_out = self.frozen.stream, self.left_out
        subject = self.about.rows(self.organization_id, self.run.connector_id, stream, left_out, stage)
        apart = self.frozen.salt(*sorted(left_out)) if left_out else None
        hashes = Hashes(self.frozen.salt(), apart, heed=not self.progress.say_again)
        return Applier(stage, subject, hashes, self._redact, self._read_later)

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
        if self.waited is not None:
            self.waited.settle(len(batch.rows))
        if batch.ending is not None:
            self._close(batch.ending, after)
            return
        place: dict[str, Any] = (
            {} if self.dry else {"checkpoint": after.checkpoint(), "seen": after.seen_bytes()}
        )
        runs.progress(
            self.run.id, lease=self.lease, expected_total=after.total, **place, **after.counts.record()
        )

    def _close(self, ending: Ending, after: Progress) -> None:
        """The end of a run that succeeded, in the transaction of its last batch."""
        now = self.clock.now()
        stream = streams.get(self.organization_id, self.run.connector_id, self.run.kind)
        opening, tally = after.opening, after.counts.tally
        verdict = judge(
            ending,
            opening.before + tally,
            full=opening.full,
            last_full_rows=stream.last_full_rows,
            ignore_reasons=self.frozen.stream.ignore_reasons,
        )
        if opening.full and verdict.kind != "truncated" and (opening.before + tally).rows and after.unseen:
            after.counts.notices["path_vanished"] += len(after.unseen)
        runs.finish(
            self.run.id,
            lease=self.lease,
            status="succeeded",
            now=now,
            verdict=verdict.kind,
            verdict_reasons=verdict.reasons,
            expected_total=after.total,
            progress={
                "first_started_at": opening.first_started_at.isoformat(),
                "full": opening.full,
                "rows": (opening.before + tally).rows,
                "vanished": sorted(after.unseen) if opening.full else [],
                "scope": opening.scope,
                **({"window": dryrun.window_of(opening)} if self.dry else {}),
                **self._unmatched(after),
            },
            **self._preview(after),
            **after.counts.record(),
        )
        if self.keeps_place:
            self._keep(stream, verdict, after, now)

    def _unmatched(self, after: Progress) -> dict[str, Any]:
        """Both sides of what didn't match, for whoever has to compare them."""
        if not self.about.waits or not after.counts.reasons["no_match"]:
            return {}
        [field] = MATCH_FIELDS[self.frozen.stream.match_by]
        there = accounts.examples(self.organization_id, field)
        asked = waiting.examples(self.organization_id, self.stream_id)
        return {"unmatched": self._redact({"contacts": list(asked), "accounts": list(there)})}

    def _preview(self, after: Progress) -> dict[str, Any]:
        if not self.previewed:
            return {}
        told = dryrun.differs(self.previewed["counts"], after.counts.record()["counts"])
        return {"preview": {"run_id": str(self.run.of_run), "differs": told}}

    def _keep(self, stream: Stream, verdict: Verdict, after: Progress, now: datetime) -> None:
        """What the stream takes from the run: nothing of its place, if it is not the stream that the run knew."""
        kept: dict[str, Any] = schedule.after_run(stream, None, None)
        if self.frozen.still_holds(stream):
            kept["tested_at"] = now
            closing = window.close(
                after.opening, verdict, after.counts.tally, cast(dict[str, Any], after.place.state)
            )
            kept |= _closing_columns(closing, after)
            if verdict.kind == "complete":
                kept["last_completed_at"] = now
                if after.opening.full:
                    kept["needs_full"] = periodic.passed_over(
                        self.organization_id, self.frozen.stream, self.left_out
                    )
                    if self.run.trigger == "manual" and kept["paused"] == "undo":
                        # Somebody has done again what was undone, and seen it through.
                        kept["paused"] = ""
            self._mark(stream, verdict, after, now)
            if self.about.waits and verdict.kind == "complete":
                opening = after.opening
                kept |= waited.after_run(
                    self.organization_id, stream.id, full=opening.full, since=opening.first_started_at
                )
        streams.change(self.organization_id, stream.id, **kept)

    def _mark(self, stream: Stream, verdict: Verdict, after: Progress, now: datetime) -> None:
        """Who is gone at the source, and who is back: that is so whatever the verdict."""
        missing = None
        if verdict.kind == "complete" and after.opening.full:
            records.mark_gone(self.organization_id, stream.id, seen=after.at_source, now=now)
        else:
            records.mark_back(self.organization_id, stream.id, seen=after.at_source)
        if verdict.kind == "suspicious" and after.opening.full:
            numbers = records.missing(self.organization_id, stream.id, seen=after.at_source)
            missing = bytes(numbers.serialize())
        runs.keep_missing(stream.id, self.run.id, missing)

    def tell_others(self, error: RopewalkError, now: datetime) -> None:
        if not self.keeps_place:
            return
        try:
            stream = streams.get(self.organization_id, self.run.connector_id, self.run.kind)
        except NotFound:
            # It was deleted under its run.
            return
        streams.change(
            self.organization_id, stream.id, **schedule.after_run(stream, error.code, _not_before(error, now))
        )


def _closing_columns(closing: Closing, after: Progress) -> dict[str, Any]:
    kept: dict[str, Any] = {"chain": None, "chain_seen": None}
    if closing.chain is not None:
        kept = {
            "chain": {"chain": closing.chain.to_json(), "carried": after.carried()},
            "chain_seen": after.seen_bytes(),
        }
    if closing.watermark is not None:
        kept["watermark"] = closing.watermark
    if closing.last_full_rows is not None:
        kept["last_full_rows"] = closing.last_full_rows
    return kept


_COUNT_COLUMNS = ("counts", "reasons", "notices", "contacts", "filtered", "pages")
_EXPIRED_CODES = ("unexpected_status", "not_found_there")


def _not_before(error: RopewalkError, now: datetime) -> datetime | None:
    if isinstance(error, RetryLater) and error.after is not None:
        return now + timedelta(seconds=error.after)
    return None
