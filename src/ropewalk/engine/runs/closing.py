"""How a sync ends: the verdict on it, and what its stream takes from it; in the transaction of its last batch, or of
its failure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from msgspec import Struct

from ropewalk.core import window
from ropewalk.core.errors import NotFound, RetryLater, RopewalkError
from ropewalk.core.mapping import MATCH_FIELDS
from ropewalk.core.paging import Ending
from ropewalk.core.values import JSON
from ropewalk.core.verdict import Verdict, judge
from ropewalk.core.window import Closing
from ropewalk.engine import schedule
from ropewalk.engine.connectors.frozen import Frozen
from ropewalk.engine.runs import dryrun, periodic, waited
from ropewalk.engine.runs.progress import Progress
from ropewalk.engine.runs.subjects import ABOUT
from ropewalk.store import accounts, records, runs, streams, waiting
from ropewalk.store.models import Run, Stream


class Success(Struct, frozen=True):
    """A run that has read to an ending, with what `progress` says of it."""

    run: Run
    lease: UUID
    frozen: Frozen
    progress: Progress
    now: datetime
    redact: Callable[[JSON], JSON]

    def close(self, ending: Ending) -> None:
        run, opening, counts = self.run, self.progress.opening, self.progress.counts
        stream = streams.get(run.organization_id, run.connector_id, run.kind)
        whole = opening.before + counts.tally
        verdict = judge(
            ending,
            whole,
            full=opening.full,
            last_full_rows=stream.last_full_rows,
            ignore_reasons=self.frozen.stream.ignore_reasons,
        )
        vanished = sorted(self.progress.unseen) if opening.full else []
        if vanished and whole.rows and verdict.kind != "truncated":
            counts.notices["path_vanished"] += len(vanished)
        runs.finish(
            run.id,
            lease=self.lease,
            status="succeeded",
            now=self.now,
            verdict=verdict.kind,
            verdict_reasons=verdict.reasons,
            expected_total=self.progress.total,
            progress={
                "first_started_at": opening.first_started_at.isoformat(),
                "full": opening.full,
                "rows": whole.rows,
                "vanished": vanished,
                "scope": opening.scope,
                **({"window": dryrun.window_of(opening)} if run.mode == "dry_run" else {}),
                **self._unmatched(),
            },
            **self._preview(),
            **counts.record(),
        )
        if concerns_stream(run):
            self._keep(stream, verdict)

    def _unmatched(self) -> dict[str, Any]:
        """Both sides of what didn't match, for whoever has to compare them."""
        if not ABOUT[self.frozen.kind].waits or not self.progress.counts.reasons["no_match"]:
            return {}
        organization_id = self.run.organization_id
        [field] = MATCH_FIELDS[self.frozen.stream.match_by]
        there = accounts.examples(organization_id, field)
        asked = waiting.examples(organization_id, cast(UUID, self.run.stream_id))
        return {"unmatched": self.redact({"contacts": list(asked), "accounts": list(there)})}

    def _preview(self) -> dict[str, Any]:
        previewed = dryrun.previewed(self.run)
        if not previewed:
            return {}
        told = dryrun.differs(previewed["counts"], self.progress.counts.record()["counts"])
        return {"preview": {"run_id": str(self.run.of_run), "differs": told}}

    def _keep(self, stream: Stream, verdict: Verdict) -> None:
        """What the stream takes from the run: nothing of its place, if it is not the stream that the run knew."""
        kept: dict[str, Any] = schedule.after_run(stream, None, None)
        if self.frozen.still_holds(stream):
            closing = window.close(
                self.progress.opening,
                verdict,
                self.progress.counts.tally,
                cast(dict[str, Any], self.progress.place.state),
            )
            kept |= {"tested_at": self.now, **_columns(closing, self.progress)}
            self._mark(stream, verdict)
            if verdict.kind == "complete":
                kept |= self._completed(stream)
        streams.change(self.run.organization_id, stream.id, **kept)

    def _completed(self, stream: Stream) -> dict[str, Any]:
        organization_id, opening = self.run.organization_id, self.progress.opening
        kept: dict[str, Any] = {"last_completed_at": self.now}
        if opening.full:
            kept["needs_full"] = periodic.passed_over(
                organization_id, self.frozen.stream, periodic.named(opening.scope)
            )
            if self.run.trigger == "manual" and stream.paused == "undo":
                # Somebody has done again what was undone, and seen it through.
                kept["paused"] = ""
        if ABOUT[self.frozen.kind].waits:
            kept |= waited.after_run(
                organization_id, stream.id, full=opening.full, since=opening.first_started_at
            )
        return kept

    def _mark(self, stream: Stream, verdict: Verdict) -> None:
        """Who is gone at the source, and who is back: that is so whatever the verdict."""
        organization_id, seen = self.run.organization_id, self.progress.at_source
        full, missing = self.progress.opening.full, None
        if verdict.kind == "complete" and full:
            records.mark_gone(organization_id, stream.id, seen=seen, now=self.now)
        else:
            records.mark_back(organization_id, stream.id, seen=seen)
        if verdict.kind == "suspicious" and full:
            missing = bytes(records.missing(organization_id, stream.id, seen=seen).serialize())
        runs.keep_missing(stream.id, self.run.id, missing)


def _columns(closing: Closing, progress: Progress) -> dict[str, Any]:
    kept: dict[str, Any] = {"chain": None, "chain_seen": None}
    if closing.chain is not None:
        kept = {
            "chain": {"chain": closing.chain.to_json(), "carried": progress.carried()},
            "chain_seen": progress.seen_bytes(),
        }
    if closing.watermark is not None:
        kept["watermark"] = closing.watermark
    if closing.last_full_rows is not None:
        kept["last_full_rows"] = closing.last_full_rows
    return kept


def concerns_stream(run: Run) -> bool:
    """Whether its end says anything about the stream and its schedule."""
    return run.mode != "dry_run" and run.trigger != "retry"


def failed(run: Run, error: RopewalkError, now: datetime) -> None:
    """What a failure means for the stream's schedule."""
    if not concerns_stream(run):
        return
    try:
        stream = streams.get(run.organization_id, run.connector_id, run.kind)
    except NotFound:
        # It was deleted under its run.
        return
    not_before = None
    if isinstance(error, RetryLater) and error.after is not None:
        not_before = now + timedelta(seconds=error.after)
    streams.change(run.organization_id, stream.id, **schedule.after_run(stream, error.code, not_before))
