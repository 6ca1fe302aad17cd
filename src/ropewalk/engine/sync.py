"""One run, from its claim to its end. Whatever happens ends in its row; only the lease decides who may write there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import uuid4

import structlog

from ropewalk.core.errors import Cancelled, RetryLater, RopewalkError
from ropewalk.core.verdict import Verdict, judge
from ropewalk.engine import connection, schedule
from ropewalk.engine.ahead import ReadAhead
from ropewalk.engine.apply import Applier
from ropewalk.engine.batches import Place, batches
from ropewalk.engine.clock import Clock
from ropewalk.engine.frozen import Frozen
from ropewalk.engine.progress import Progress
from ropewalk.store import connectors, records, runs, transactions
from ropewalk.store.models import Run, Stream

log = structlog.get_logger(__name__)


class Flags(Protocol):
    """What others ask of a run under way; see `worker.Watch`."""

    def cancel_asked(self) -> bool: ...

    def stop_asked(self) -> bool: ...


class Stopped(Exception):
    """The worker is going: the last batch is committed, another worker goes on from there."""


def carry_out(run_id: str, *, worker: str, clock: Clock, flags: Flags) -> bool:
    """True once the run has ended, or isn't this worker's any more; False where somebody has to go on with it."""
    lease = uuid4()
    run = runs.claim(run_id, worker=worker, lease=lease, now=clock.now())
    if run is None:
        return True
    log.info("run_started", run_id=run_id, connector_id=str(run.connector_id), kind=run.kind)
    execution = _Execution(run, clock, flags)
    try:
        execution.until_end()
    except Stopped:
        runs.release(run.id, lease)
        return False
    except runs.LeaseLost:
        log.warning("lease_lost", run_id=run_id)
    except RopewalkError as error:
        _end_badly(execution, error, clock)
    except transactions.DatabaseUnavailable:
        raise
    except Exception:
        log.exception("run_broke", run_id=run_id)
        _end_badly(execution, _broke(), clock)
    return True
