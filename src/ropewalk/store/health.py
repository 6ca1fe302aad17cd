"""What the doctor asks the database."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Max

from ropewalk.store.database import on_postgres, rows_of, time_from
from ropewalk.store.models import AuditEntry, Run, Worker


def answers() -> None:
    """Raises Django's database errors where it doesn't."""
    rows_of("SELECT 1")


def time_there() -> datetime | None:
    """The clock of a database that runs elsewhere; None where it is this process's own."""
    if not on_postgres():
        return None
    return time_from(rows_of("SELECT clock_timestamp()")[0][0])


def newest_moment() -> datetime | None:
    """The latest time that anything here was written at."""
    latest = [
        AuditEntry.objects.aggregate(at=Max("at"))["at"],
        Run.objects.aggregate(at=Max("created_at"))["at"],
        Worker.objects.aggregate(at=Max("heartbeat_at"))["at"],
    ]
    return max((at for at in latest if at is not None), default=None)
