"""Workers, by their heartbeat, and their sessions in the database."""

from __future__ import annotations

from datetime import datetime, timedelta

from ropewalk.store.database import on_postgres, rows_of
from ropewalk.store.models import Worker
from ropewalk.store.runs import SILENT_SECONDS


def heartbeat(worker_id: str, *, host: str, pid: int, now: datetime) -> None:
    Worker.objects.update_or_create(
        id=worker_id,
        defaults={"heartbeat_at": now},
        create_defaults={"host": host, "pid": pid, "started_at": now, "heartbeat_at": now},
    )


def alive(now: datetime) -> list[Worker]:
    return list(
        Worker.objects.filter(heartbeat_at__gte=now - timedelta(seconds=SILENT_SECONDS)).order_by("id")
    )


def silent(now: datetime) -> list[Worker]:
    return list(
        Worker.objects.filter(heartbeat_at__lt=now - timedelta(seconds=SILENT_SECONDS)).order_by("id")
    )


def sign(worker_id: str) -> None:
    """Tells the database whose this thread's session is."""
    if on_postgres():
        rows_of("SELECT set_config('application_name', %s, false)", [_session(worker_id)])


def cut_off(now: datetime) -> int:
    """Ends the sessions of silent workers. One that was stopped in the middle of a transaction, or whose machine is
    gone, would hold its locks until it comes back; on SQLite they go with the process."""
    if not on_postgres() or not (names := [_session(worker.id) for worker in silent(now)]):
        return 0
    return len(
        rows_of(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND usename = current_user AND application_name = ANY(%s)",
            [names],
        )
    )


def _session(worker_id: str) -> str:
    """As much of the id as PostgreSQL keeps: its end, which differs from one to the next."""
    return worker_id.encode("ascii", "replace")[-63:].decode()


def forget(worker_id: str) -> None:
    Worker.objects.filter(id=worker_id).delete()
