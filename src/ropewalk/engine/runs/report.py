"""What a run has come to, for people: how far it is, what it left out and why, what to do about it."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from ropewalk.core import reasons, remedies
from ropewalk.core.counts import OUTCOMES
from ropewalk.core.pace import Pace, pace
from ropewalk.core.remedies import Ended
from ropewalk.store import ledger, workers
from ropewalk.store.models import Run
from ropewalk.store.models.runs import OPEN


class Group(Struct, frozen=True):
    """Rows of one outcome and reason: as many as the run counted, and of them those that the ledger has."""

    outcome: str
    reason: str
    count: int
    kept: int
    remedy: str


def ended(run: Run) -> Ended:
    return Ended(
        run.status,
        run.verdict,
        run.verdict_reasons,
        run.counts,
        run.error,
        run.settings.get("stream") or {},
        run.reasons,
        run.mode,
        run.trigger,
        run.progress.get("unmatched"),
    )


def sentences(run: Run) -> list[str]:
    return remedies.sentences(ended(run))


def seconds(run: Run, now: datetime) -> float | None:
    """How long it took, or has taken until now."""
    if run.started_at is None:
        return None
    return max(((run.finished_at or now) - run.started_at).total_seconds(), 0.0)


def pace_of(run: Run, now: datetime) -> Pace:
    return pace(run.counts.get("processed", 0), seconds(run, now) or 0.0, run.expected_total)


def waits_for_worker(run: Run, now: datetime) -> bool:
    return run.status in OPEN and not workers.alive(now)


def groups(run: Run) -> list[Group]:
    """What was left out, the most rows first; before it what a dry run would do, or an undo did."""
    kept = ledger.kept_rows(run.id)
    settings = run.settings.get("stream") or {}
    done = [
        Group(outcome, "", run.counts.get(outcome, 0), kept[outcome, ""], "")
        for outcome in OUTCOMES
        if (outcome, "") in kept
    ]
    left_out = [
        Group(
            "skipped" if reason == reasons.CHANGED_SINCE else reasons.outcome(reason),
            reason,
            count,
            sum(rows for (_, why), rows in kept.items() if why == reason),
            remedies.remedy(reason, settings),
        )
        for reason, count in run.reasons.items()
    ]
    return [*done, *sorted(left_out, key=lambda group: (-group.count, group.reason))]
