"""A worker: takes runs from the queue, keeps its heartbeat, and sweeps up what dead workers and clocks left to do.

One without a queue carries out only what it is given: a command's own, where no other is alive.
"""

from __future__ import annotations

import gc
import os
import platform
import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from msgspec import Struct, field

from ropewalk.core.errors import RetryLater
from ropewalk.engine import jobs, schedule, upkeep
from ropewalk.engine.clock import Clock
from ropewalk.engine.logs import Log
from ropewalk.engine.operated import installation
from ropewalk.engine.runs import requests, sync
from ropewalk.store import (
    fieldindexes,
    imported,
    retention,
    runs as store_runs,
    searchtexts,
    transactions,
    workers,
)
from ropewalk.store.events.base import Busy

log = Log(__name__)

BEAT_SECONDS = 1.0
INDEX_SECONDS = 5.0
SWEEP_EVERY = timedelta(seconds=10)
CLEAR_EVERY = timedelta(hours=1)
RUNS_AT_ONCE = 4
_RETRY_SECONDS = (1.0, 30.0)
# Batches make some hundred thousand objects that all go at once: looking through them is what costs.
_OBJECTS_BEFORE_COLLECTING = 200_000


class HandedOver(BaseException):
    """Leaves the job pending, so that another worker's sweep resumes it; the queue engine keeps only Exceptions."""


class Watch(Struct):
    """The flags of one run in flight: set by the beat, read by its threads."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)

    def cancel_asked(self) -> bool:
        return self.cancelled.is_set()

    def stop_asked(self) -> bool:
        return self.stopping.is_set()


class Worker:
    """`start` returns at once; `stop` lets each run commit its batch and leaves the rest to another worker."""

    def __init__(self, worker_id: str, jobs_url: str | None, clock: Clock) -> None:
        self.id = worker_id
        self._url = jobs_url
        self._clock = clock
        self._watches: dict[str, Watch] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._beat = threading.Thread(target=self._keep_alive, name="heartbeat", daemon=True)
        self._indexing = threading.Thread(target=self._keep_indexes, name="indexes", daemon=True)
        self._launched: jobs.Launched | None = None

    def start(self) -> None:
        workers.heartbeat(self.id, host=platform.node(), pid=os.getpid(), now=self._clock.now())
        if self._url is not None:
            self._launched = jobs.Launched(self._url, self.id, self.carry_out, at_once=RUNS_AT_ONCE)
            self._indexing.start()
        gc.freeze()
        gc.set_threshold(_OBJECTS_BEFORE_COLLECTING)
        self._beat.start()

    def stop(self, seconds: float = 20.0) -> None:
        self._stopping.set()
        with self._lock:
            for watch in self._watches.values():
                watch.stopping.set()
        self._beat.join()
        self._wait(lambda: not self._watches, seconds)
        workers.forget(self.id)
        if self._launched:
            self._launched.stop()
            # One that is being made is made anew by the next worker.
            self._indexing.join(seconds)
        transactions.close()

    def carry_out(self, run_id: str) -> None:
        watch = Watch()
        with self._lock:
            self._watches[run_id] = watch
        if self._stopping.is_set():
            watch.stopping.set()
        try:
            self._until_done(run_id, watch)
        finally:
            transactions.close()
            with self._lock:
                del self._watches[run_id]

    def _until_done(self, run_id: str, watch: Watch) -> None:
        """A run ends in its row; only an unreachable database makes it wait here, and go on from its last batch."""
        wait, longest = _RETRY_SECONDS
        while True:
            try:
                workers.sign(self.id)
                done = sync.carry_out(UUID(run_id), worker=self.id, clock=self._clock, flags=watch)
            except transactions.UNAVAILABLE as error:
                log.warning("database_unavailable", run_id=run_id, error=str(error))
                transactions.close()
                done = False
            if done:
                return
            if watch.stopping.wait(wait):
                raise HandedOver
            wait = min(wait * 2, longest)

    def _keep_alive(self) -> None:
        next_sweep = next_clearing = next_upkeep = self._clock.now()
        while not self._stopping.wait(BEAT_SECONDS):
            now = self._clock.now()
            try:
                workers.sign(self.id)
                workers.heartbeat(self.id, host=platform.node(), pid=os.getpid(), now=now)
                self._flag_cancelled()
                if self._url is None:
                    continue
                if now >= next_sweep:
                    next_sweep = now + SWEEP_EVERY
                    sweep(self._url, self._clock)
                if now >= next_clearing and not retention.sweep(now):
                    imported.clear(installation().data_dir, now)
                    searchtexts.tidy()
                    next_clearing = now + CLEAR_EVERY
                if now >= next_upkeep and not upkeep.sweep(self._clock):
                    next_upkeep = now + SWEEP_EVERY
            except (*transactions.UNAVAILABLE, RetryLater, Busy) as error:
                log.warning("sweep_failed", error=str(error))
                transactions.close()
            except Exception:
                # Whatever it was, a worker without a heartbeat would lose all its runs over it.
                log.exception("sweep_broke")
                transactions.close()
        transactions.close()

    def _keep_indexes(self) -> None:
        """Apart from the beat: among a million accounts one takes longer than a worker may be silent."""
        while True:
            try:
                fieldindexes.settle()
            except transactions.UNAVAILABLE as error:
                log.warning("indexing_failed", error=str(error))
            except Exception:
                log.exception("indexing_broke")
            finally:
                transactions.close()
            if self._stopping.wait(INDEX_SECONDS):
                return

    def _flag_cancelled(self) -> None:
        with self._lock:
            watches = dict(self._watches)
        for run_id in store_runs.cancel_requested([UUID(run_id) for run_id in watches]):
            watches[str(run_id)].cancelled.set()

    def _wait(self, condition: Callable[[], bool], seconds: float) -> None:
        ends = self._clock.monotonic() + seconds
        pause = threading.Event()
        while not condition() and self._clock.monotonic() < ends:
            pause.wait(0.05)


def sweep(jobs_url: str, clock: Clock) -> None:
    """Starts what is due, and joins run rows and jobs: none without the other, none with a worker that is gone."""
    now = clock.now()
    workers.cut_off(now)
    schedule.start_due(clock)
    requests.take_waiting(clock)
    waiting = {job.run_id: job for job in jobs.open_jobs(jobs_url)}
    alive = {worker.id for worker in workers.alive(now)}
    held = [job for job in waiting.values() if job.status == "PENDING"]
    jobs.resume(jobs_url, [job.run_id for job in held if job.executor not in alive])
    jobless = [str(run_id) for run_id in store_runs.queued()] + [
        str(run.id) for run in store_runs.abandoned(now)
    ]
    jobs.enqueue_anew(jobs_url, [run_id for run_id in jobless if run_id not in waiting])
