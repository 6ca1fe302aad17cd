"""Workers, by their heartbeat. One whose id begins with `OWN` belongs to a command, and takes nothing from the queue."""

from __future__ import annotations

from datetime import datetime, timedelta

from ropewalk.store.models import Worker
from ropewalk.store.runs import SILENT_SECONDS

OWN = "own-"


def heartbeat(worker_id: str, *, host: str, pid: int, now: datetime) -> None:
    Worker.objects.update_or_create(
        id=worker_id,
        defaults={"heartbeat_at": now},
        create_defaults={"host": host, "pid": pid, "started_at": now, "heartbeat_at": now},
    )


def alive(now: datetime) -> list[Worker]:
    """Those that take runs from the queue."""
    beating = Worker.objects.filter(heartbeat_at__gte=now - timedelta(seconds=SILENT_SECONDS))
    return list(beating.exclude(id__startswith=OWN).order_by("id"))


def silent(now: datetime) -> list[Worker]:
    return list(
        Worker.objects.filter(heartbeat_at__lt=now - timedelta(seconds=SILENT_SECONDS)).order_by("id")
    )


def forget(worker_id: str) -> None:
    Worker.objects.filter(id=worker_id).delete()
