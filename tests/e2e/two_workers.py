"""Two workers on PostgreSQL, one of which stops in the middle of a run (product.md §5.1)."""

from __future__ import annotations

import signal
import time
from typing import Any

import psutil

from tests.e2e.installation import Installation, until
from tests.e2e.killed import Kill, Phase
from tests.e2e.kills import Trial
from tests.e2e.left_behind import differences, state


def died(of: Trial, phase: Phase) -> float:
    """Kills one of two workers. Answers how long the other one took to have the run."""
    wanted, _ = of.undisturbed
    with of.copy() as acme, of.process(acme, _stop(of, phase, signal.SIGKILL), "worker") as first:
        first.process.wait(60)
        since, held_by = time.monotonic(), worker_of(acme)
        with acme.started("worker") as second:
            until(lambda: worker_of(acme) != held_by, f"it has the run: {second.text}")
            took = time.monotonic() - since
            until(lambda: of.over(acme), f"the run ends: {second.text}")
            assert second.ends(signal.SIGTERM) == 0
        assert differences(state(acme, of.run_id), wanted) == []
    return took


def stopped(of: Trial, phase: Phase, *, seconds: float) -> float:
    """Stops one of two workers for so many seconds, nought for as long as half a minute is made to pass. Answers how
    long the other one took to have the run."""
    wanted, _ = of.undisturbed
    with of.copy() as acme, of.process(acme, _stop(of, phase, signal.SIGSTOP), "worker") as first:
        until(of.told.exists, f"it stops: {first.text}")
        stopping = psutil.Process(first.pid)
        until(lambda: stopping.status() == psutil.STATUS_STOPPED, "it has stopped")
        since = time.monotonic()
        held_by = worker_of(acme)
        if not seconds:
            acme.half_a_minute_passes()
        with acme.started("worker") as second:
            until(lambda: worker_of(acme) != held_by, f"it has the run: {second.text}")
            took = time.monotonic() - since
            until(lambda: of.over(acme), f"the run ends: {second.text}")
            left = everything(acme)
            until(
                lambda: time.monotonic() - since > seconds,
                "it has been stopped for long",
                seconds=seconds + 5,
            )
            first.process.send_signal(signal.SIGCONT)
            until(lambda: '{"over": true}' in of.told.read_text(), f"it lets go: {first.text}")
            assert [first.ends(signal.SIGTERM), second.ends(signal.SIGTERM)] == [0, 0]
        assert everything(acme) == left
        assert differences(state(acme, of.run_id), wanted) == []
    return took


def _stop(of: Trial, phase: Phase, number: signal.Signals) -> Kill:
    _, lengths = of.undisturbed
    of.told.unlink(missing_ok=True)
    rows = of.size.batch_rows
    return Kill(phase, str(of.told), 1, 0.5, lengths[phase], batch_rows=rows, signal=number)


def worker_of(acme: Installation) -> Any:
    [(worker,)] = acme.execute("SELECT worker FROM ropewalk_run ORDER BY id DESC LIMIT 1")
    return worker


def everything(acme: Installation) -> dict[str, str]:
    """A digest of each table but that of the workers, who are alive."""
    tables = [
        name
        for (name,) in acme.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        if name != "ropewalk_worker"
    ]
    return {
        name: acme.execute(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {name} t")[0][0]
        for name in tables
    }
