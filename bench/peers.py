"""dlt, set up as its documentation recommends for this: merged on the primary key. Runs in an environment of its own.

python bench/peers.py sqlite|duckdb|postgres API_URL FOLDER [DATABASE_URL]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit


def _credentials(url: str) -> dict[str, Any]:
    """It doesn’t read a socket’s folder from a URL, but makes one again of what it is given."""
    parts = urlsplit(url)
    host = parts.hostname or parse_qs(parts.query)["host"][0]
    return {
        "host": quote(host, safe=""),
        "port": parts.port or 5432,
        "username": parts.username,
        "password": parts.password or "",
        "database": parts.path.removeprefix("/"),
    }


def main(database: str, api_url: str, folder: Path, database_url: str = "") -> None:
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt
    from dlt.sources.rest_api import rest_api_source

    destination: Any
    if database == "sqlite":
        # Without primary keys its merge is quadratic.
        destination = dlt.destinations.sqlalchemy(
            f"sqlite:///{folder / 'customers.db'}", create_primary_keys=True
        )
    elif database == "duckdb":
        destination = dlt.destinations.duckdb(str(folder / "customers.duckdb"))
    else:
        destination = dlt.destinations.postgres(_credentials(database_url))
    paginator = {"type": "page_number", "base_page": 1, "total_path": None, "stop_after_empty_page": True}
    source = rest_api_source(
        {
            "client": {"base_url": api_url, "paginator": paginator},
            "resources": [
                {
                    "name": "customers",
                    "endpoint": {"path": "customers", "data_selector": "data"},
                    "primary_key": "id",
                    "write_disposition": "merge",
                }
            ],
        }
    )
    pipeline = dlt.pipeline("bench", destination=destination, dataset_name="crm", pipelines_dir=str(folder))
    pipeline.run(source).raise_on_failed_jobs()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), *sys.argv[4:5])
