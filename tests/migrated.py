"""A database in which all migrations have run, made once for all workers of a run of tests. Only copies of it are used:
to run the migrations takes two seconds, and to copy what they leave a hundredth of one."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

ROOT = Path(__file__).parents[1]
TOGETHER = "TESTS_TOGETHER"
"""Names the variable with the folder that the processes of a run of tests share."""
_MIGRATE = """
import django
django.setup()
from ropewalk.store import schema, secrets
schema.migrate()
secrets.settle_key()
"""


@dataclass(frozen=True)
class Migrated:
    """`folder` holds an installation's data folder and its key; on PostgreSQL, its rows are in the database of that name."""

    folder: Path
    database: str

    @property
    def data(self) -> Path:
        return self.folder / "data"


def migrated() -> Migrated:
    together = Path(os.environ[TOGETHER])
    made = Migrated(together / "migrated", _name(together))
    with open(together / "migrated.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (done := together / "migrated.done").exists():
            _make(made)
            done.touch()
    return made


def drop() -> None:
    """Where the server outlives the tests."""
    with psycopg.connect(os.environ["ROPEWALK_DATABASE_URL"], autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{_name(Path(os.environ[TOGETHER]))}"')


def _name(together: Path) -> str:
    return together.name.replace("-", "_")


def _make(made: Migrated) -> None:
    made.folder.mkdir()
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "ROPEWALK_DATA_DIR": str(made.data)}
    environ.pop("ROPEWALK_SECRET_KEY")
    if server := os.environ.get("ROPEWALK_DATABASE_URL"):
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{made.database}"')
        environ["ROPEWALK_DATABASE_URL"] = urlsplit(server)._replace(path=f"/{made.database}").geturl()
    subprocess.run([sys.executable, "-c", _MIGRATE], env=environ, check=True)
