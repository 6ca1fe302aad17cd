"""`ropewalk` as it is, but for a `kill -9` at a moment inside a phase of a run. Nothing in the product knows of it.

python -m tests.e2e.killed worker | serve …     with KILLED, a `Kill` as JSON, in the environment

Phases: `fetch` is a request under way, in the thread that reads ahead; `apply` the matching and writing of a batch, up
to the last statement of its transaction; `commit` that statement and the COMMIT after it; `end` the last batch's, and
all that follows until the job is over. The moment is a share of the phase's length, waited for in a thread of its own,
so that it may be in the middle of anything, also of a call into the database. A phase that is over too soon is waited
for again.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import psutil

Phase = Literal["fetch", "apply", "commit", "end"]
Victim = Literal["worker", "serve", "web"]
PHASES: tuple[Phase, ...] = ("fetch", "apply", "commit", "end")


@dataclass(frozen=True)
class Kill:
    """`after`: so many commits of this process later. `victim`: the worker itself; or `serve`, which started it; or the
    web process beside it. No phase: nobody is killed, and each phase's length is told instead.

    `signal` may be SIGSTOP: then it is told, too, when the worker has nothing more to do with the run."""

    phase: Phase | None
    told: str
    after: int = 0
    share: float = 0.0
    seconds: float = 0.0
    victim: Victim = "worker"
    batch_rows: int = 0
    signal: int = signal.SIGKILL

    def environ(self) -> dict[str, str]:
        return {"KILLED": json.dumps(asdict(self))}


class Killer:
    def __init__(self, kill: Kill) -> None:
        self._kill = kill
        self._told = os.open(kill.told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._lock = threading.Lock()
        self._inside: dict[tuple[str, int], float] = {}
        self._commits = 0
        self._waiting = False
        self._length = kill.seconds

    def enter(self, phase: Phase) -> None:
        here = phase, threading.get_ident()
        with self._lock:
            self._inside[here] = time.monotonic()
            if phase != self._kill.phase or self._waiting or self._commits < self._kill.after:
                return
            self._waiting = True
        threading.Thread(target=self._strike, args=(here,), daemon=True).start()

    def leave(self, phase: Phase) -> None:
        """Waits while somebody is being killed: the phase is not over then."""
        with self._lock:
            begun = self._inside.pop((phase, threading.get_ident()), None)
            if begun is None:
                return
            seconds = time.monotonic() - begun
            self._commits += phase == "commit"
            if phase == self._kill.phase:
                self._length = seconds
            if self._kill.phase is None:
                self._tell({"phase": phase, "seconds": seconds})

    def _strike(self, where: tuple[Phase, int]) -> None:
        threading.Event().wait(self._kill.share * self._length)
        with self._lock:
            self._waiting = False
            victims = _victims(self._kill.victim)
            if where not in self._inside or not victims:
                return
            into = time.monotonic() - self._inside[where]
            told = {"phase": where[0], "victim": self._kill.victim, "worker": os.getpid()}
            self._tell(told | {"commits": self._commits, "into": into})
            for process in victims:
                os.kill(process, self._kill.signal)
            # Whoever is still here has seen it done.
            self._waiting = True

    def over(self) -> None:
        """The queue has yet to hear of it; that is still inside the end, where somebody is to be killed there."""
        if self._kill.phase is None:
            self.leave("end")
        if self._kill.signal == signal.SIGSTOP:
            self._tell({"over": True})

    def _tell(self, what: dict[str, Any]) -> None:
        os.write(self._told, json.dumps(what).encode() + b"\n")


def _victims(victim: Victim) -> list[int]:
    if victim == "worker":
        return [os.getpid()]
    serve = psutil.Process(os.getppid())
    if victim == "serve":
        return [serve.pid]
    return [child.pid for child in serve.children() if child.pid != os.getpid()]


def watch(killer: Killer) -> None:
    """Tells the killer where this process is."""
    from django.db import connection
    from django.db.backends.base.base import BaseDatabaseWrapper

    from ropewalk.engine.runs.apply import Applier
    from ropewalk.engine.runs.undo import Undo
    from ropewalk.net import client
    from ropewalk.store import runs

    def around(owner: Any, name: str, begin: Callable[[], None], end: Callable[[], None]) -> None:
        original = getattr(owner, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            begin()
            try:
                return original(*arguments, **named)
            finally:
                end()

        setattr(owner, name, watched)

    def nothing() -> None:
        pass

    def last_statement() -> None:
        killer.leave("apply")
        killer.enter("commit")

    def finishing() -> None:
        killer.leave("apply")
        killer.enter("end")

    def was_no_transaction() -> None:
        if sys.exception() is not None or not connection.in_atomic_block:
            killer.leave("commit")

    around(client, "attempt", lambda: killer.enter("fetch"), lambda: killer.leave("fetch"))
    for owner, name in ((Applier, "apply"), (Undo, "_batch")):
        around(owner, name, lambda: killer.enter("apply"), lambda: killer.leave("apply"))
    around(runs, "progress", last_statement, was_no_transaction)
    around(runs, "finish", finishing, nothing)
    around(BaseDatabaseWrapper, "commit", nothing, lambda: killer.leave("commit"))


def main() -> None:
    from ropewalk.cli import main, processes

    kill = Kill(**json.loads(os.environ["KILLED"]))
    new_worker = processes.new_worker

    def watched_worker(*arguments: Any) -> Any:
        worker = new_worker(*arguments)
        killer = Killer(kill)
        watch(killer)
        if kill.batch_rows:
            from ropewalk.engine.runs import batches

            assert batches.BATCH_ROWS
            batches.BATCH_ROWS = kill.batch_rows
        carry_out = worker.carry_out

        def to_the_end(run_id: str) -> None:
            carry_out(run_id)
            killer.over()

        worker.carry_out = to_the_end
        return worker

    processes.new_worker = watched_worker
    processes.worker_beside = lambda: processes.Beside(["tests.e2e.killed", "worker", "--with-parent"])
    main()


if __name__ == "__main__":
    main()
