"""A source of its own beside the Custom API: 100,000 companies of HubSpot's shape, a first load and one where nothing has
changed.

    python -m bench.native [ROWS]

The same API is read by the Custom API as it would be set up by hand, by the source from HubSpot's list, and by the source
from its search, as a filtered run does. CPU time, from the command line on SQLite; the API is a process of its own.
"""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from bench import door, measure
from bench.product import SYNC, environment

_BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAPPED = {
    "id": "externalCustomerId",
    "properties.name": "companyName",
    "properties.domain": "companyDomain",
    "properties.city": "city",
    "properties.industry": "industry",
    "properties.numberofemployees": "employees",
}


def company(number: int) -> bytes:
    changed = (_BEGAN + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    shown = {
        "id": str(number + 1),
        "properties": {
            "name": f"Company Number {number}",
            "domain": f"company-{number}.example",
            "city": ("Hamburg", "Lyon", "Boston")[number % 3],
            "industry": "COMPUTER_SOFTWARE",
            "numberofemployees": str(number % 900),
            "createdate": "2024-03-01T10:00:00.000Z",
            "hs_lastmodifieddate": changed,
            "hs_object_id": str(number + 1),
        },
        "createdAt": "2024-03-01T10:00:00.000Z",
        "updatedAt": changed,
        "archived": False,
    }
    return json.dumps(shown, separators=(",", ":")).encode()


class Companies(door.Door):
    companies: ClassVar[list[bytes]] = []

    def do_GET(self) -> None:
        asked = {name: one for name, [one] in parse_qs(urlsplit(self.path).query).items()}
        if asked.get("archived") == "true":
            self._say([], b"")
            return
        start, size = int(asked.get("after", 0)), int(asked["limit"])
        more = start + size < len(self.companies)
        self._say(self.companies[start : start + size], str(start + size).encode() if more else b"")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        start = 0
        for rule in body["filterGroups"][0]["filters"]:
            if rule["operator"] in ("GTE", "GT"):
                seconds = (int(rule["value"]) - int((_BEGAN - _EPOCH).total_seconds()) * 1_000) // 1_000
                start = max(0, seconds + (rule["operator"] == "GT"))
        size, left = body["limit"], len(self.companies) - start
        self._say(self.companies[start : start + size], b"1" if left > size else b"", left)

    def _say(self, rows: list[bytes], after: bytes, total: int | None = None) -> None:
        body = b'{"results":[' + b",".join(rows) + b"]"
        body += b"" if total is None else b',"total":%d' % total
        body += (b',"paging":{"next":{"after":"%s"}}' % after if after else b"") + b"}"
        self.say(body)


def serve(rows: int) -> type[door.Door]:
    Companies.companies.extend(company(number) for number in range(rows))
    return Companies


def connectors(url: str) -> dict[str, dict[str, Any]]:
    mapped = {
        "matching": "external_id",
        "mapping": [{"from": path, "to": target} for path, target in _MAPPED.items()],
    }
    by_hand = {
        "url": f"{url}/crm/v3/objects/companies?properties=name",
        "records_path": "results",
        "max_records": 2_000_000,
        "pagination": {
            "type": "cursor", "cursor_param": "after", "next_cursor_path": "paging.next.after", "page_size": 100,
            "max_pages": 100_000,
        },
    }  # fmt: skip
    rule = {"property": "name", "operator": "HAS_PROPERTY"}
    return {
        "Custom API": {"source": "custom_api", "streams": {"accounts": mapped | by_hand}},
        "HubSpot, its list": {"source": "hubspot", "streams": {"accounts": mapped}},
        "HubSpot, its search": {"source": "hubspot", "streams": {"accounts": mapped | {"filters": [rule]}}},
    }


def measured(url: str, connector: dict[str, Any]) -> list[measure.Measured]:
    """A first load, and one where everything is read again and nothing has changed."""
    ropewalk = SYNC[:4]
    with tempfile.TemporaryDirectory() as folder:
        environ = environment(Path(folder), None) | {"HUBSPOT_AT": url}
        environ["PYTHONPATH"] += f":{Path(__file__).parent / 'elsewhere'}"
        secrets = {"token": "bench"} if connector["source"] == "hubspot" else {}
        file = Path(folder, "bench.yaml")
        file.write_text(json.dumps({"name": "Bench", "secrets": secrets, **connector}), encoding="utf-8")
        measure.run(
            [*ropewalk[:3], "init", "--organization", "Bench", "--owner", "bench@example.com"], environ
        )
        measure.run([*ropewalk[:3], "apply", str(file)], environ)
        first = measure.run([*ropewalk, "Bench", "accounts"], environ)
        # What is changed since would be nothing: its place is reset.
        again = measure.run([*ropewalk, "Bench", "accounts", "--full"], environ)
    return [first, again]


def text(rows: int = door.ROWS) -> str:
    with door.beside("bench.native", rows) as url:
        found = {name: measured(url, connector) for name, connector in connectors(url).items()}
    lines = [f"a source of its own beside the Custom API, {rows:,} companies, pages of 100 (search: 200):"]
    for number, what in enumerate(("first load", "everything said again")):
        base = found["Custom API"][number].cpu
        told = ", ".join(
            f"{name} {each[number].cpu:.2f} s CPU ({each[number].peak_mb:.0f} MB), {each[number].cpu / base:.2f} times"
            for name, each in found.items()
        )
        lines.append(f"- {what}: {told}")
    return "\n".join(lines)


if __name__ == "__main__":
    door.main(serve, text)
