from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from ropewalk.store import schema


@pytest.mark.django_db
def test_migrations_make_the_schema_of_the_models() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


@pytest.mark.django_db
def test_sqlite_is_durable_and_holds_foreign_keys() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("a matter of SQLite")
    found = {}
    with connection.cursor() as cursor:
        for pragma in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout"):
            cursor.execute(f"PRAGMA {pragma}")
            found[pragma] = cursor.fetchone()[0]

    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


@pytest.mark.django_db(transaction=True)
def test_migrations_run_forward_and_once() -> None:
    assert schema.pending() == []
    schema.migrate()
    [(_, last)] = MigrationLoader(connection).graph.leaf_nodes("ropewalk")
    MigrationRecorder(connection).record_unapplied("ropewalk", last)
    assert schema.pending() == [f"ropewalk.{last}"]
    MigrationRecorder(connection).record_applied("ropewalk", last)


@pytest.fixture
def empty_database(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of an installation that has never been started."""
    environment = {**os.environ, "ROPEWALK_DATA_DIR": str(tmp_path / "data")}
    url = environment.pop("ROPEWALK_DATABASE_URL", None)
    if connection.vendor == "sqlite" or url is None:
        yield environment
        return
    name = f"test_start_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield {**environment, "ROPEWALK_DATABASE_URL": urlsplit(url)._replace(path=f"/{name}").geturl()}
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_processes_that_start_together_migrate_one_after_the_other(empty_database: dict[str, str]) -> None:
    code = "import django; django.setup(); from ropewalk.store import schema; schema.migrate(); print(schema.pending())"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env={**empty_database, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]

    assert [process.communicate() for process in started] == [(b"[]\n", b"")] * 2
    assert [process.returncode for process in started] == [0, 0]
