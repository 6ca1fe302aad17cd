"""Migrations run forward on start, one process at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from ropewalk.store.database import on_postgres, rows_of

MIGRATION_LOCK = 0x524F504D


def migrate() -> None:
    if pending():
        with _alone():
            call_command("migrate", interactive=False, verbosity=0)


def pending() -> list[str]:
    """Names of migrations that this database has yet to run."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


@contextmanager
def _alone() -> Iterator[None]:
    if on_postgres():
        rows_of("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        try:
            yield
        finally:
            rows_of("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])
        return
    with open(settings.ROPEWALK.data_dir / ".migrate.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
