"""A vendor whose customers change between two runs in every way that a run tells apart."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fakes import Answer, Asked, Fake

MAPPING = [
    {"from": "id", "to": "externalCustomerId"},
    {"from": "name", "to": "companyName"},
    {"from": "site", "to": "companyDomain"},
    {"from": "tier", "to": "planTier"},
    {"from": "seats", "to": "seats"},
    {"from": "mail", "to": "contactEmail"},
    {"from": "users", "to": "endUsers"},
]


@dataclass(frozen=True)
class Size:
    """`batch_rows` 0: as many as the product takes."""

    records: int
    page: int
    batch_rows: int = 0


FULL = Size(100_000, 1_000)
MEDIUM = Size(10_000, 500, 1_000)
SMALL = Size(3_000, 200, 500)


def before(size: Size) -> list[Any]:
    """What an earlier run has seen: three tenths of the customers, and pairs of accounts with one domain."""
    known = [_customer(number, "then") for number in range(1, size.records * 3 // 10)]
    pairs = [
        {"id": f"twin-{number}-{which}", "name": "Twin", "site": f"twin-{number}.example"}
        for number in range(10)
        for which in "ab"
    ]
    return known + pairs


def now(size: Size, seed: int) -> list[Any]:
    """Some customers are as they were, some have changed, are there twice, or aren't there any more; most are new; and
    some records can't be taken."""
    records: list[Any] = []
    for number in range(1, size.records * 19 // 20):
        if number % 50:
            records.append(_customer(number, "then" if number % 3 == 0 else "now"))
        if number % 45 == 0:
            records.append(_customer(number, "now") | {"name": f"Company {number}, again", "seats": 0})
    odd: tuple[Callable[[int], Any], ...] = (
        lambda number: {"name": f"Nobody {number}"},
        lambda number: {"id": f"x-{number}", "site": "not a domain"},
        lambda number: {"name": "At home", "site": "gmail.com"},
        lambda number: {"name": "Which twin?", "site": f"twin-{number % 10}.example"},
        lambda number: {"id": f"y-{number}", "site": f"y-{number}.example", "users": ["no address", f"u{number}@y.example"]},
        lambda number: number,
    )  # fmt: skip
    while len(records) < size.records:
        number = len(records)
        records.append(odd[number % len(odd)](number))
    del records[size.records :]
    # Twice in one batch, and far apart.
    random.Random(seed).shuffle(records)
    return records


def _customer(number: int, when: str) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": f"c-{number:06}",
        "name": f"Company {number}",
        "site": f"https://www.company-{number}.example/",
        "tier": "team",
        "seats": number % 50,
    }
    if number % 4 == 0:
        record["mail"] = f"first@company-{number}.example"
    if number % 6 == 0:
        record["users"] = f"a@company-{number}.example, b@company-{number}.example"
    if when == "now":
        record |= {"tier": None, "seats": number % 50 + 1}
        if number % 4 == 0:
            record["mail"] = f"second@company-{number}.example"
        if number % 7 == 0:
            record["site"] = f"moved-{number}.example"
    return record


class Vendor(Fake):
    """Pages that were made beforehand: `before`, and once it was asked for /turn, `now`."""

    def __init__(self, size: Size, seed: int) -> None:
        super().__init__()
        self.size = size
        self._pages = self._cut(before(size))
        self._following = self._cut(now(size, seed))

    def _cut(self, records: list[Any]) -> list[bytes]:
        size = self.size.page
        cut = [records[start : start + size] for start in range(0, len(records), size)]
        return [json.dumps({"total": len(records), "data": page}).encode() for page in cut]

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/turn":
            self._pages = self._following
            return Answer(status=204)
        number = int(asked.params["page"])
        return Answer(self._pages[number - 1])

    def connector(self, url: str) -> dict[str, Any]:
        paging = {
            "type": "page", "page_param": "page", "size_param": "size", "page_size": self.size.page,
            "total_path": "total", "max_pages": 1_000,
        }  # fmt: skip
        stream = {
            "url": f"{url}/customers",
            "records_path": "data",
            "pagination": paging,
            "max_records": 100_000,
            "matching": "domain_and_external_id",
            "mapping": MAPPING,
        }
        return {
            "source": "custom_api",
            "name": "CRM",
            "settings": {"auth": {"type": "none"}},
            "streams": {"accounts": stream},
        }
