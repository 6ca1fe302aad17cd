"""Contacts beside accounts: 100,000 of each over 20,000 accounts, a first load and one where nothing has changed.

    python -m bench.contacts [ROWS]

What a row of contacts costs in CPU time, next to a row of accounts of about the same size, from the command line on
SQLite. The API is a process of its own.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from bench import door, measure
from bench.product import SYNC, environment
from bench.records import MAPPING, record

ACCOUNTS = 20_000
_PEOPLE = (
    ("customer", "externalCustomerId"),
    ("email", "email"),
    ("full_name", "name"),
    ("phone", "phone"),
    ("job.title", "role"),
)


PAGE = 1_000


def person(number: int) -> dict[str, Any]:
    """Of about the size of an account's record."""
    customer = number % ACCOUNTS
    return {
        "id": f"p-{number:06}",
        "customer": f"cus_{customer:08d}",
        "email": f"Person.{number}@company-{customer}.example",
        "full_name": f"Person Number {number}",
        "phone": f"+49 40 {number:07}",
        "job": {"title": ("Engineer", "Buyer", "Director")[number % 3], "since": "2025-02-01T09:00:00Z"},
        "address": {"city": "Hamburg", "country": "DE", "street": f"Elbchaussee {number % 400}"},
        "language": "en",
        "newsletter": number % 2 == 0,
        "created_at": "2025-01-01T00:00:00Z",
        "updated_at": "2025-06-01T00:00:00Z",
        "notes": "Met at the spring fair; prefers a call in the morning.",
    }


class Customers(door.Door):
    makers: ClassVar[dict[str, Any]] = {"/customers": record, "/few": record, "/people": person}
    counts: ClassVar[dict[str, int]] = {}

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        make, count = self.makers[url.path], self.counts[url.path]
        start = (int(parse_qs(url.query)["page"][0]) - 1) * PAGE
        rows = [make(number) for number in range(start, min(start + PAGE, count))]
        body = json.dumps({"data": rows, "total": count}, separators=(",", ":")).encode()
        self.say(body)


def serve(rows: int) -> type[door.Door]:
    Customers.counts.update({"/customers": rows, "/few": ACCOUNTS, "/people": rows})
    return Customers


def connector(url: str, accounts: str) -> dict[str, Any]:
    shared = {
        "records_path": "data",
        "max_records": 2_000_000,
        "pagination": {
            "type": "page", "page_param": "page", "page_size": PAGE, "total_path": "total", "max_pages": 100_000,
        },
    }  # fmt: skip
    mapped = {"accounts": MAPPING, "contacts": _PEOPLE}
    return {
        "source": "custom_api",
        "name": "Bench",
        "streams": {
            "accounts": {**shared, "url": url + accounts, "matching": "external_id", "mapping": _entries(mapped["accounts"])},
            "contacts": {**shared, "url": f"{url}/people", "match_by": "external_id", "mapping": _entries(mapped["contacts"])},
        },
    }  # fmt: skip


def _entries(mapped: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"from": path, "to": target} for path, target in mapped]


def measured(url: str, accounts: str, kind: str) -> list[measure.Measured]:
    """A first load, and one where nothing has changed, of one kind."""
    ropewalk = SYNC[:4]
    with tempfile.TemporaryDirectory() as folder:
        environ = environment(Path(folder), None)
        file = Path(folder, "bench.yaml")
        file.write_text(json.dumps(connector(url, accounts)), encoding="utf-8")
        measure.run(
            [*ropewalk[:3], "init", "--organization", "Bench", "--owner", "bench@example.com"], environ
        )
        measure.run([*ropewalk[:3], "apply", str(file)], environ)
        if kind == "contacts":
            measure.run([*ropewalk, "Bench", "accounts"], environ)
        return [measure.run([*ropewalk, "Bench", kind], environ) for _ in range(2)]


def text(rows: int = door.ROWS) -> str:
    with door.beside("bench.contacts", rows) as url:
        by_kind = {
            "accounts": measured(url, "/customers", "accounts"),
            "contacts": measured(url, "/few", "contacts"),
        }
    lines = [f"contacts beside accounts, {rows:,} of each:"]
    for number, what in enumerate(("first load", "nothing changed")):
        accounts, contacts = (by_kind[kind][number] for kind in ("accounts", "contacts"))
        lines.append(
            f"- {what}: accounts {accounts.cpu:.2f} s CPU ({accounts.peak_mb:.0f} MB), contacts {contacts.cpu:.2f} s"
            f" ({contacts.peak_mb:.0f} MB): {contacts.cpu / accounts.cpu:.2f} times"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    door.main(serve, text)
