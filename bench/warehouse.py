"""A query of 1,000,000 rows beside the vendor's own client and the floor's writing.

    python -m bench.warehouse [ROWS]

The floor reads the same result by Google's client, in batches of Arrow, and does with each row what `bench.floor` does: digests,
keys, look-up, accounts, change log. The warehouse is a process of its own that sends pages made beforehand, as BigQuery's
REST does; it counts no bytes and asks for no key.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, ClassVar
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bench import door, measure
from bench.product import SYNC, environment
from bench.records import MAPPING, record

ROWS = 1_000_000
PAGE = 1_000
_TYPES = {str: "STRING", int: "INTEGER", float: "FLOAT", bool: "BOOLEAN"}
_KIND = "bigquery#"


def _fields(of: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "type": "RECORD", "mode": "NULLABLE", "fields": _fields(value)}
        if isinstance(value, dict)
        else {"name": name, "type": _TYPES[type(value)], "mode": "NULLABLE"}
        for name, value in of.items()
    ]


def _cell(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"v": {"f": [_cell(each) for each in value.values()]}}
    return {"v": str(value).lower() if isinstance(value, bool) else str(value)}


class Queries(door.Door):
    rows: ClassVar[int]
    file: ClassVar[BinaryIO]
    places: ClassVar[list[tuple[int, int]]]
    schema: ClassVar[dict[str, Any]] = {"fields": _fields(record(0))}

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.job(body["configuration"])

    def do_GET(self) -> None:
        target = urlsplit(self.path)
        if "/queries/" not in target.path:
            return self.job({"query": {"query": ""}})
        asked = {name: values[0] for name, values in parse_qs(target.query).items()}
        if asked.get("maxResults") == "0":
            return self.say(json.dumps(self.result()).encode())
        start, size = self.places[int(asked.get("pageToken") or asked.get("startIndex") or 0) // PAGE]
        self.file.seek(start)
        return self.say(self.file.read(size))

    def job(self, configuration: dict[str, Any]) -> None:
        query = {"totalBytesProcessed": "1000", "statementType": "SELECT", "schema": self.schema}
        body = {
            "kind": f"{_KIND}job",
            "id": "bench:EU.job",
            "jobReference": {"projectId": "bench", "jobId": "job", "location": "EU"},
            "configuration": configuration,
            "status": {"state": "DONE"},
            "statistics": {"query": query},
        }
        self.say(json.dumps(body).encode())

    @classmethod
    def result(cls, start: int | None = None) -> dict[str, Any]:
        body: dict[str, Any] = {
            "kind": f"{_KIND}getQueryResultsResponse",
            "jobReference": {"projectId": "bench", "jobId": "job", "location": "EU"},
            "jobComplete": True,
            "schema": cls.schema,
            "totalRows": str(cls.rows),
        }
        if start is not None:
            end = min(start + PAGE, cls.rows)
            body["rows"] = [
                {"f": [_cell(each) for each in record(number).values()]} for number in range(start, end)
            ]
            if end < cls.rows:
                body["pageToken"] = str(end)
        return body


def serve(rows: int) -> type[door.Door]:
    Queries.rows, Queries.places = rows, []
    Queries.file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
    for start in range(0, rows, PAGE):
        page = json.dumps(Queries.result(start), separators=(",", ":")).encode()
        Queries.places.append((Queries.file.tell(), len(page)))
        Queries.file.write(page)
    return Queries


def floor(database_url: str, url: str) -> None:
    import msgspec
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    from bench.floor import Load
    from bench.tables import opened

    encode = msgspec.json.Encoder().encode
    client = bigquery.Client(
        "bench", credentials=AnonymousCredentials(), client_options={"api_endpoint": url}
    )
    rows = client.query("SELECT * FROM crm.customers").result(page_size=PAGE)
    with opened(database_url) as tables:
        load = Load(tables)
        for batch in rows.to_arrow_iterable():
            load.batch([msgspec.Raw(encode(row)) for row in batch.to_pylist()])
    print(load.counts)


def _key() -> str:
    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return json.dumps({"client_email": "b@bench", "private_key": pem.decode(), "project_id": "bench"})


def _installed(folder: Path, url: str) -> dict[str, str]:
    environ = environment(folder, None) | {"BENCH_KEY": _key()}
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "bench.yaml"
    connector = {
        "source": "bigquery",
        "name": "Bench",
        "settings": {"endpoint": url},
        "secrets": {"service_account": "${BENCH_KEY}"},
        "streams": {
            "accounts": {
                "query": "SELECT * FROM crm.customers",
                "matching": "external_id",
                "mapping": [{"from": path, "to": target} for path, target in MAPPING],
            }
        },
    }
    file.write_text(json.dumps(connector), encoding="utf-8")
    ropewalk = SYNC[:3]
    measure.run([*ropewalk, "init", "--organization", "Bench", "--owner", "bench@example.com"], environ)
    measure.run([*ropewalk, "apply", str(file)], environ)
    return environ


def text(rows: int = ROWS) -> str:
    """A first load of either, told as soon as it is there: a million rows take a quarter of an hour."""
    found: dict[str, measure.Measured] = {}
    with (
        door.beside("bench.warehouse", rows) as url,
        tempfile.TemporaryDirectory(prefix="ropewalk-bench-") as folder,
    ):
        for name in ("floor", "ropewalk"):
            environ = _installed(Path(folder, name), url)
            database = f"sqlite://{Path(folder, name, 'data', 'ropewalk.sqlite')}"
            command = (
                SYNC
                if name == "ropewalk"
                else (sys.executable, "-m", "bench.warehouse", str(rows), "floor", database, url)
            )
            found[name] = one = measure.run(command, environ)
            print(f"{name}: {one.wall:.1f} s, {one.cpu:.1f} s CPU, {one.peak_mb:.0f} MB", flush=True)
    floor_, ours = found["floor"], found["ropewalk"]
    return (
        f"a query of {rows:,} rows, by BigQuery's client, SQLite, first load:\n"
        f"- Google's client and the floor's writing {rows / floor_.wall:,.0f} rows a second ({floor_.cpu:.1f} s CPU, {floor_.peak_mb:.0f} MB)\n"
        f"- Ropewalk {rows / ours.wall:,.0f} ({ours.cpu:.1f} s CPU, {ours.peak_mb:.0f} MB): "
        f"{floor_.wall / ours.wall:.2f} of its rows a second, {floor_.cpu / ours.cpu:.2f} by CPU"
    )


if __name__ == "__main__":
    if sys.argv[2:3] == ["floor"]:
        floor(*sys.argv[3:5])
    else:
        door.main(serve, text, ROWS)
