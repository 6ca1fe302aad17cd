"""One run, from its claim to its end. Whatever happens ends in its row; only the lease decides who may write there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, cast
from uuid import UUID, uuid4

import structlog

from ropewalk.core import mapping, window
from ropewalk.core.counts import Counts
from ropewalk.core.errors import Cancelled, GiveUp, MustFix, NotFound, RetryLater, RopewalkError
from ropewalk.core.paging import Ending, Pager
from ropewalk.core.redact import Redactor
from ropewalk.core.values import JSON
from ropewalk.core.verdict import Verdict, judge
from ropewalk.core.window import Chain, Closing, Opening
from ropewalk.engine import connection, periodic, retrying, schedule
from ropewalk.engine.account_rows import AccountRows
from ropewalk.engine.ahead import ReadAhead
from ropewalk.engine.apply import Applier, Hashes
from ropewalk.engine.batches import Batch, Place, batches
from ropewalk.engine.clock import Clock
from ropewalk.engine.frozen import Frozen
from ropewalk.engine.progress import Progress
from ropewalk.sources.base import Page, Window
from ropewalk.store import connectors, fields, ledger, people, records, runs, streams, transactions
from ropewalk.store.accounts import Author
from ropewalk.store.models import Run, Stream

log = structlog.get_logger(__name__)

RESTARTS = 3


class Flags(Protocol):
    """What others ask of a run under way."""

    def cancel_asked(self) -> bool: ...

    def stop_asked(self) -> bool: ...


class Stopped(Exception):
    """This worker is going; what is committed stays, and another goes on from there."""


class Expired(Exception):
    """The place that the run was to go on from is not there any more."""


def carry_out(run_id: UUID, *, worker: str, clock: Clock, flags: Flags) -> bool:
    """True once there is nothing left to do for it here; False where somebody has to go on with it."""
    try:
        run = runs.claim(run_id, worker=worker, lease=uuid4(), now=clock.now())
    except runs.LeaseLost:
        return True
    execution = _Execution(run, clock, flags)
    try:
        execution.begin()
        execution.until_end()
    except Stopped:
        return False
    except runs.LeaseLost:
        log.warning("lease_lost", run_id=str(run_id))
    except RopewalkError as error:
        execution.end_badly(error)
    except transactions.UNAVAILABLE:
        raise
    except Exception:
        log.exception("run_broke", run_id=str(run_id))
        execution.end_badly(_BROKE)
    return True


_BROKE = GiveUp(
    "internal_error",
    "Something in Ropewalk itself went wrong; the worker's log has the details. Rows already applied stay.",
)


class _Execution:
    def __init__(self, run: Run, clock: Clock, flags: Flags) -> None:
        self.run = run
        self.lease = cast(UUID, run.lease)
        self.clock = clock
        self.flags = flags
        self.redactor: Callable[[], Redactor] = Redactor

    # Beginning

    def begin(self) -> None:
        """Apart from the constructor, so that what fails here ends the run like everything after it."""
        if self.run.cancel_requested:
            raise Cancelled
        self.frozen = Frozen.load(self.run.settings)
        self.progress = self._take_up()

    @property
    def organization_id(self) -> UUID:
        return self.run.organization_id

    @property
    def stream_id(self) -> UUID:
        if self.run.stream_id is None:
            raise GiveUp("stream_deleted", "The stream was deleted while its run was waiting.")
        return self.run.stream_id

    @property
    def periodic(self) -> bool:
        return self.run.trigger == "periodic"

    @property
    def left_out(self) -> frozenset[str]:
        """As it was when the run began, whatever has been switched since."""
        return periodic.named(self.progress.opening.scope)

    def _take_up(self) -> Progress:
        kept = runs.resumable(self.run.id)
        if kept.checkpoint is not None:
            counts = Counts.load({name: getattr(self.run, name) for name in _COUNT_COLUMNS})
            return Progress.load(kept.checkpoint, kept.seen, counts)
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
        settings, kept = self.frozen.stream, stream.chain
        off = periodic.switched_off(self.organization_id, settings)
        opening = window.open(
            self.run.started_at or self.clock.now(),
            watermark=stream.watermark,
            overlap_seconds=settings.overlap_seconds or 0,
            incremental=settings.overlap_seconds is not None,
            chain=Chain.from_json(kept["chain"]) if kept and self.frozen.still_holds(stream) else None,
            asked_full=self.run.full,
            # Fields that scheduled runs left out are in records that those runs have passed.
            needs_full=stream.needs_full or bool(off and not self.periodic),
            scope=periodic.scope(off) if self.periodic else "",
        )
        progress = Progress(opening, say_again=self.run.full, unseen=self._mapped_paths(opening))
        if opening.resume is not None and kept:
            progress.place = Place(Pager.continue_from(opening.resume))
            progress.carry_on(kept["carried"], bytes(stream.chain_seen or b""))
        return progress

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
        if self.run.trigger == "retry":
            rows = retrying.pages(self.organization_id, cast(UUID, self.run.of_run), self.run.id)
            self._consume(rows, interrupt=lambda: None)
            return
        connector = connectors.get(self.organization_id, self.run.connector_id)
        with connection.open_fetch(
            connector, self.run.kind, self.frozen, self.clock, stop=self._leave
        ) as opened:
            self.redactor = opened.redactor
            settings = self.frozen.stream
            limits = Window(self.progress.opening.since, settings.max_records, None)
            pages = self.frozen.reading.read(
                self.frozen.connector, settings, limits, opened.fetch, self.progress.place.state
            )
            self._consume(pages, interrupt=opened.fetch.close)

    def _leave(self) -> bool:
        return self.flags.cancel_asked() or self.flags.stop_asked()

    def _consume(self, pages: Iterator[Page], *, interrupt: Callable[[], None]) -> None:
        resumed = self.progress.place.state is not None
        applier = self._applier()
        ahead = ReadAhead(pages, at_end=transactions.close)
        try:
            for batch in batches(ahead, self.progress.place, self.clock.monotonic):
                self._check_flags()
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
            self._check_flags()
            raise
        finally:
            interrupt()
            ahead.close()
        raise GiveUp("no_ending", "The source ended without saying how.")

    def _check_flags(self) -> None:
        if self.flags.cancel_asked():
            raise Cancelled
        if self.flags.stop_asked():
            raise Stopped

    def _applier(self) -> Applier:
        stream, run = self.frozen.stream, self.run
        left_out = self.left_out
        plan = mapping.compile(stream.mapping, left_out, fields.spelling(self.organization_id))
        subject = AccountRows(
            self.organization_id,
            by=Author(run_id=run.id, connector_id=run.connector_id),
            connector_id=run.connector_id,
            mode=stream.matching,
            create_missing=stream.create_missing,
            targets=plan.targets,
            owners=people.owners(self.organization_id),
            now=self.clock.now(),
        )
        apart = self.frozen.salt(*sorted(left_out)) if left_out else None
        hashes = Hashes(self.frozen.salt(), apart, heed=not self.progress.say_again)
        keys = mapping.keys(stream.mapping, stream.matching)
        return Applier(
            self.organization_id, self.stream_id, run.id, subject, plan, keys, hashes, self._redact
        )

    def _redact(self, value: JSON) -> JSON:
        redacted: JSON = self.redactor().values(value)
        return redacted

    def _start_over(self, expired: Expired) -> None:
        """A cursor that has expired: from the start of the window, as if nothing had been counted."""
        log.info("cursor_expired", run_id=str(self.run.id), error=str(expired.__cause__))
        opening = self.progress.opening
        again = Opening(opening.first_started_at, opening.since, opening.full, opening.scope)
        self.progress = Progress(again, self.progress.say_again, unseen=self._mapped_paths(again))
        self.run.restarts += 1
        with transactions.transaction(self.organization_id):
            ledger.clear(self.organization_id, self.run.id)
            runs.progress(
                self.run.id,
                lease=self.lease,
                checkpoint=self.progress.checkpoint(),
                seen=self.progress.seen_bytes(),
                restarts=self.run.restarts,
                **self.progress.counts.record(),
            )

    # Committing

    def _commit(self, batch: Batch, after: Progress) -> None:
        if batch.ending is not None:
            self._close(batch.ending, after)
            return
        runs.progress(
            self.run.id,
            lease=self.lease,
            checkpoint=after.checkpoint(),
            seen=after.seen_bytes(),
            expected_total=after.total,
            **after.counts.record(),
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
            },
            **after.counts.record(),
        )
        if self.run.trigger != "retry":
            self._keep(stream, verdict, after, now)

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
                    records.mark_gone(self.organization_id, stream.id, seen=after.at_source, now=now)
                else:
                    records.mark_back(self.organization_id, stream.id, seen=after.at_source)
        streams.change(self.organization_id, stream.id, **kept)

    def end_badly(self, error: RopewalkError) -> None:
        """Failed, or cancelled: rows already applied stay, the watermark does not move."""
        now = self.clock.now()
        status = "cancelled" if isinstance(error, Cancelled) else "failed"
        message = self.redactor().text(error.message)
        log.info("run_ended", run_id=str(self.run.id), status=status, code=error.code, message=message)
        try:
            with transactions.transaction(self.organization_id):
                runs.finish(
                    self.run.id,
                    lease=self.lease,
                    status=status,
                    now=now,
                    error=None if status == "cancelled" else {"code": error.code, "message": message},
                )
                if status == "failed" and self.run.trigger != "retry":
                    self._tell_schedule(error, now)
        except runs.LeaseLost:
            log.warning("lease_lost", run_id=str(self.run.id))

    def _tell_schedule(self, error: RopewalkError, now: datetime) -> None:
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
