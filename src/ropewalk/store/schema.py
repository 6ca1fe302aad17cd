"""Migrations run forward on start, one process at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from ropewalk.store.database import on_postgres, rows_of

MIGRATION_LOCK = 0x524F504D


def migrate() -> None:
    if pending():
        with _alone():
            call_command("migrate", interactive=False, verbosity=0)


def pending() -> list[str]:
    """Names of migrations that this database has yet to run. None of them is loaded for it: every command asks."""
    recorded = "django_migrations" in connection.introspection.table_names()
    applied = set(rows_of("SELECT app, name FROM django_migrations")) if recorded else set()
    return [
        f"{app.label}.{file.stem}"
        for app in apps.get_app_configs()
        for file in sorted(Path(app.path, "migrations").glob("[0-9]*.py"))
        if (app.label, file.stem) not in applied
    ]


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
