"""What every kind of run has in common: a worker's hold on it, and how it ends. Whatever happens ends in its row;
only the lease decides who may write there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import Protocol, cast
from uuid import UUID

import structlog

from ropewalk.core.errors import Cancelled, GiveUp, RopewalkError
from ropewalk.core.redact import Redactor
from ropewalk.engine.clock import Clock
from ropewalk.store import runs, transactions
from ropewalk.store.models import Run

log = structlog.get_logger(__name__)


class Flags(Protocol):
    """What others ask of a run under way."""

    def cancel_asked(self) -> bool: ...

    def stop_asked(self) -> bool: ...


class Stopped(Exception):
    """This worker is going; what is committed stays, and another goes on from there."""


class Execution(ABC):
    """A run that has been claimed."""

    def __init__(self, run: Run, clock: Clock, flags: Flags) -> None:
        self.run = run
        self.lease = cast(UUID, run.lease)
        self.clock = clock
        self.flags = flags
        self.redactor: Callable[[], Redactor] = Redactor

    @abstractmethod
    def begin(self) -> None:
        """Apart from the constructor, so that what fails here ends the run like everything after it."""

    @abstractmethod
    def until_end(self) -> None: ...

    @abstractmethod
    def tell_others(self, error: RopewalkError, now: datetime) -> None:
        """What a failure means beyond the run, in the transaction that ends it."""

    @property
    def organization_id(self) -> UUID:
        return self.run.organization_id

    def carry_out(self) -> bool:
        """True once there is nothing left to do for it here; False where somebody has to go on with it."""
        run_id = str(self.run.id)
        try:
            if self.run.cancel_requested:
                raise Cancelled
            self.begin()
            self.until_end()
        except Stopped:
            return False
        except runs.LeaseLost:
            log.warning("lease_lost", run_id=run_id)
        except RopewalkError as error:
            self._end_badly(error)
        except transactions.UNAVAILABLE:
            raise
        except Exception:
            log.exception("run_broke", run_id=run_id)
            self._end_badly(_BROKE)
        return True

    def check_flags(self) -> None:
        if self.flags.cancel_asked():
            raise Cancelled
        if self.flags.stop_asked():
            raise Stopped

    def leave(self) -> bool:
        return self.flags.cancel_asked() or self.flags.stop_asked()

    def _end_badly(self, error: RopewalkError) -> None:
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
                if status == "failed":
                    self.tell_others(error, now)
        except runs.LeaseLost:
            log.warning("lease_lost", run_id=str(self.run.id))


_BROKE = GiveUp(
    "internal_error",
    "Something in Ropewalk itself went wrong; the worker's log has the details. Rows already applied stay.",
)
