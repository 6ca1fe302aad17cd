"""Following a run: a bar while it goes, then what it did, what it left out and why, and what to do about it."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from ropewalk.cli import exits
from ropewalk.cli.opening import Called, WrongUsage, listed
from ropewalk.cli.output import short
from ropewalk.cli.processes import new_worker, signals
from ropewalk.core import limits
from ropewalk.core.errors import Conflict
from ropewalk.engine.runs import report, requests
from ropewalk.store import connectors, ledger, runs, streams, workers
from ropewalk.store.models import Connector, Run

if TYPE_CHECKING:
    from rich.progress import Progress

    from ropewalk.engine.worker import Worker

POLL_SECONDS = 0.2
LOOK_SECONDS = 1.0
OPEN = ("queued", "running")
ORDER = ("accounts", "contacts")
"""Contacts attach to accounts, so these come first."""


def sync(called: Called, organization_id: UUID, connector_name: str, kind: str | None, *, full: bool) -> int:
    connector = called.connector(organization_id, connector_name)
    kinds = _kinds(organization_id, connector, kind)
    with WorkerAtHand(called) as at_hand:
        ended = []
        for each in kinds:
            run = follow(
                called,
                f"{connector.name} {each}",
                at_hand,
                partial(ask, called, connector, each, mode="sync", full=full),
            )
            ended.append(run)
            if status_of(run) in (exits.FAILED, exits.CANCELLED, exits.INTERRUPTED):
                break
        for run in requests.take_waiting(called.clock, organization_id):
            what = f"{run.kind} that waited for their account"
            ended.append(follow(called, what, at_hand, partial(_just_made, run)))
    if called.output.as_json:
        from ropewalk.api import schemas

        shown = [schemas.run(run) for run in ended]
        called.output.answer(shown[0] if kind else {"items": shown, "next_cursor": None})
    return max((status_of(run) for run in ended), key=_WORST.index)


def dry_run(called: Called, organization_id: UUID, connector_name: str, kind: str, *, full: bool) -> int:
    connector = called.connector(organization_id, connector_name)
    _kinds(organization_id, connector, kind)
    asking = partial(ask, called, connector, kind, mode="dry_run", full=full)
    return one(called, f"{connector.name} {kind}, dry", asking)


def undo(called: Called, organization_id: UUID, run_id: UUID) -> int:
    return one(
        called,
        f"undoing run {run_id}",
        lambda: (requests.undo(organization_id, called.actor, run_id, called.clock), True),
    )


def one(called: Called, what: str, asking: Callable[[], tuple[Run, bool]]) -> int:
    with WorkerAtHand(called) as at_hand:
        return _answer(called, follow(called, what, at_hand, asking))


def ask(
    called: Called, connector: Connector, kind: str, *, mode: requests.Mode = "sync", full: bool = False
) -> tuple[Run, bool]:
    return requests.request_run(
        connector.organization_id, called.actor, connector.id, kind, called.clock, full=full, mode=mode
    )


def _just_made(run: Run) -> tuple[Run, bool]:
    return run, True


def _answer(called: Called, run: Run) -> int:
    if called.output.as_json:
        from ropewalk.api import schemas

        called.output.answer(schemas.run(run))
    return status_of(run)


_WORST = (exits.DONE, exits.INCOMPLETE, exits.CANCELLED, exits.FAILED, exits.INTERRUPTED)


def _kinds(organization_id: UUID, connector: Connector, kind: str | None) -> list[str]:
    there = {stream.kind: stream for stream in streams.of_connector(organization_id, connector.id)}
    if kind == "events":
        raise WrongUsage("Events are read live: an event stream has no runs.")
    if kind is not None and kind not in there:
        have = f"it has {listed(sorted(there))}" if there else "it has none yet"
        raise WrongUsage(f"{connector.name} has no {kind} stream; {have}.")
    wanted = [kind] if kind else [one for one in ORDER if one in there and there[one].enabled]
    if not wanted:
        raise Conflict(f"{connector.name} has no enabled stream to sync.", code="disabled")
    return wanted


class WorkerAtHand:
    """Somebody who carries runs out: a worker that is alive, or one of this process's own, which needs no queue."""

    def __init__(self, called: Called) -> None:
        self._called = called
        self._own: Worker | None = None
        self._carried: set[UUID] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._own is not None:
            self._own.stop()

    @property
    def poll_seconds(self) -> float:
        """Our own worker says when it is done."""
        return POLL_SECONDS if self._own is None else LOOK_SECONDS

    def see_to(self, run: Run, ended: Callable[[], None]) -> None:
        """Called again while a run waits: a worker may have died without a word. `ended` may be called, where the run
        is over; from another thread."""
        if self._own is None and not any(map(_lives, workers.alive(self._called.clock.now()))):
            self._own = new_worker(self._called, None)
            self._own.start()
        if self._own is not None and run.id not in self._carried:
            self._carried.add(run.id)
            threading.Thread(target=_carry_out, args=(self._own, run.id, ended), daemon=True).start()


def _carry_out(worker: Worker, run_id: UUID, ended: Callable[[], None]) -> None:
    from ropewalk.engine.worker import HandedOver

    with suppress(HandedOver):
        worker.carry_out(str(run_id))
    ended()


def _lives(worker: Any) -> bool:
    """A heartbeat counts for half a minute; of a process on this machine we can see more than that."""
    if worker.host != platform.node():
        return True
    try:
        os.kill(worker.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def follow(called: Called, what: str, at_hand: WorkerAtHand, asking: Callable[[], tuple[Run, bool]]) -> Run:
    """Asks for a run, and stays with it to its end; Ctrl-C cancels it."""
    run, created = asking()
    organization_id = run.organization_id
    if not created:
        called.output.note(f"A run of {what} is under way already; this is that one.")
    asked, moved = threading.Event(), threading.Event()

    def interrupted() -> None:
        asked.set()
        moved.set()

    left = False
    with signals(interrupted), _bar(called, what) as show:
        looked = time.monotonic()
        cancelled = False
        if run.status in OPEN:
            at_hand.see_to(run, moved.set)
        while run.status in OPEN:
            if asked.is_set() and not cancelled:
                if not created:
                    left = True
                    break
                cancelled = True
                called.output.note("Cancelling … (Ctrl-C again leaves at once)")
                run = _cancel(called, organization_id, run)
            if time.monotonic() - looked > LOOK_SECONDS:
                looked = time.monotonic()
                at_hand.see_to(run, moved.set)
            moved.wait(at_hand.poll_seconds)
            moved.clear()
            run = runs.get(organization_id, run.id)
            show(run)
    if left:
        called.output.note("Left. The run goes on; it was not started here.")
    else:
        tell(called, run, connectors.names(organization_id).get(run.connector_id, "?"))
    return run


def _cancel(called: Called, organization_id: UUID, run: Run) -> Run:
    try:
        return requests.cancel(organization_id, called.actor, run.id, called.clock)
    except Conflict:
        # It has ended in this very moment.
        return runs.get(organization_id, run.id)


def status_of(run: Run) -> int:
    if run.status in OPEN:
        return exits.INTERRUPTED
    if run.status == "cancelled":
        return exits.CANCELLED
    if run.status == "failed":
        return exits.FAILED
    return exits.DONE if run.verdict == "complete" else exits.INCOMPLETE


# ---- the bar ----


@contextmanager
def _bar(called: Called, what: str) -> Iterator[Callable[[Run], None]]:
    if not called.output.bar_fits():
        yield lambda _: None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows · {task.fields[rate]:,}/s · {task.fields[pages]:,} pages"),
        TimeRemainingColumn(),
        console=called.output.console(),
        transient=True,
    ) as progress:
        yield _Shown(progress, what)


class _Shown:
    def __init__(self, progress: Progress, what: str) -> None:
        self._progress = progress
        self._task = progress.add_task(what, total=None, rows=0, rate=0, pages=0)
        self._since = time.monotonic()

    def __call__(self, run: Run) -> None:
        rows = int(run.counts.get("processed", 0))
        seconds = max(time.monotonic() - self._since, 0.001)
        self._progress.update(
            self._task,
            completed=rows,
            total=max(run.expected_total, rows) if run.expected_total else None,
            rows=rows,
            rate=round(rows / seconds),
            pages=run.pages,
        )


# ---- the report ----


def tell(called: Called, run: Run, connector_name: str) -> None:
    """What a person sees at the end: the counts, the rows left out by reason, the verdict and the way on."""
    output = called.output
    if output.as_json:
        return
    output.say(f"{connector_name} {run.kind}{_WHICH.get(run.trigger, '')}: {_counts(run)}")
    left_out = [group for group in report.groups(run) if group.reason]
    if left_out:
        output.say()
        output.table(
            ("rows left out", "reason", "kept", "what to do"),
            [
                (group.count, group.reason, f"{group.kept:,} of {group.count:,}", group.remedy)
                for group in left_out
            ],
        )
        _examples(called, run)
    if run.notices:
        output.say(
            f"Notices: {', '.join(f'{code} {count:,}' for code, count in sorted(run.notices.items()))}"
        )
    if run.notices.get("path_vanished"):
        output.say(f"No record had {', '.join(run.progress['vanished'])}: did the API rename it?")
    if run.mode == "dry_run":
        _changes(called, run)
    for sentence in report.sentences(run):
        output.say(sentence)
    if _can_be_undone(run):
        output.note(f"To take it back within {limits.UNDO_DAYS} days: ropewalk undo {run.id}")


_WHICH = {"undo": ", undo", "retry": ", retry"}
_SHOWN = 5


def _can_be_undone(run: Run) -> bool:
    wrote = run.counts.get("created", 0) + run.counts.get("updated", 0)
    return run.mode == "sync" and run.trigger != "undo" and run.status not in OPEN and wrote > 0


def _changes(called: Called, run: Run) -> None:
    """The first rows that a dry run would write, field by field."""
    rows = []
    for outcome in ("created", "updated"):
        for row in ledger.listing(run.organization_id, run.id, outcome=outcome, limit=_SHOWN).items:
            for name, value in (row.changes or {}).items():
                rows.append((row.position, outcome, name, short(value["old"], 32), short(value["new"], 32)))
    if rows:
        called.output.say()
        called.output.table(("row", "outcome", "field", "old", "new"), rows)
        called.output.say()


def _examples(called: Called, run: Run) -> None:
    """One row of each reason, in its own words."""
    for reason in sorted(run.reasons):
        for row in ledger.listing(run.organization_id, run.id, reason=reason, limit=1).items:
            called.output.say(f"  {reason}, for example row {row.position}: {row.message}")
    called.output.say()


def _counts(run: Run) -> str:
    names = ("processed", "created", "updated", "unchanged", "skipped", "rejected")
    told = ", ".join(f"{int(run.counts.get(name, 0)):,} {name}" for name in names)
    seconds = (
        (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else 0.0
    )
    pages = f"{run.pages:,} page{'s'[: run.pages != 1]}"
    return f"{told} ({pages}, {seconds:.1f} s)"
