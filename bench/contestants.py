"""Who runs: how each is set up for an API, and the command that loads once."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import measure, product

PEERS = measure.ROOT / ".venv-bench" / "bin" / "python"
NAMES = ("floor", "ropewalk", "dlt", "dlt to DuckDB")


@dataclass(frozen=True, slots=True)
class Contestant:
    """`kept` are the files of its database, where it has files."""

    command: Sequence[str]
    environ: Mapping[str, str] = field(default_factory=dict)
    kept: Sequence[Path] = ()

    @property
    def size_mb(self) -> float:
        return sum(file.stat().st_size for file in self.kept if file.exists()) / 1e6


def ready(name: str, url: str, folder: Path, database_url: str | None) -> Contestant:
    """Set up in `folder`, which is new; `database_url` names an empty PostgreSQL database, None is for SQLite."""
    if name.startswith("dlt"):
        folder.mkdir(parents=True)
        kind = "duckdb" if name == "dlt to DuckDB" else "postgres" if database_url else "sqlite"
        peers = str(measure.ROOT / "bench" / "peers.py")
        command = [str(PEERS), peers, kind, url, str(folder), *([database_url] if database_url else [])]
        return Contestant(command)
    environ = product.environment(folder, database_url)
    product.install(folder, url, environ)
    file = folder / "data" / "ropewalk.sqlite"
    kept = () if database_url else (file, file.with_name(f"{file.name}-wal"))
    if name == "ropewalk":
        return Contestant(product.SYNC, environ, kept)
    command = [sys.executable, "-m", "bench.floor", database_url or f"sqlite://{file}", url]
    return Contestant(command, environ, kept)
