"""Ropewalk as its operator has it: an installation with a connector for the API, synced from the command line."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from bench import measure
from bench.records import MAPPING

_CONNECTOR = """\
source: custom_api
name: Bench
streams:
  accounts:
    url: {url}/customers
    records_path: data
    matching: external_id
    max_records: 2000000
    pagination: {{type: page, page_param: page, total_path: total, max_pages: 100000}}
    mapping:
"""
SYNC = (sys.executable, "-m", "ropewalk.cli", "sync", "Bench", "accounts")


def environment(folder: Path, database_url: str | None) -> dict[str, str]:
    return {
        "PYTHONPATH": str(measure.ROOT / "src"),
        "ROPEWALK_DATA_DIR": str(folder / "data"),
        "ROPEWALK_ALLOW_NETWORKS": "127.0.0.0/8",
        "ROPEWALK_MAX_RECORDS": "2000000",
        "ROPEWALK_MAX_PAGES": "100000",
        **({"ROPEWALK_DATABASE_URL": database_url} if database_url else {}),
    }


def install(folder: Path, url: str, environ: Mapping[str, str]) -> None:
    folder.mkdir(parents=True)
    file = folder / "bench.yaml"
    lines = [f"      - {{from: {path}, to: {target}}}\n" for path, target in MAPPING]
    file.write_text(_CONNECTOR.format(url=url) + "".join(lines))
    ropewalk = SYNC[:3]
    measure.run([*ropewalk, "init", "--organization", "Bench", "--owner", "bench@example.com"], environ)
    measure.run([*ropewalk, "apply", str(file)], environ)
