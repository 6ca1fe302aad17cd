"""What people at the demo vendor's customers do: invented, the same for the same customer, in the last three months."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from ropewalk.demo.companies import Company, stamp

DAYS = 80
DOINGS = {
    "signed_in": 10,
    "report_opened": 6,
    "export_made": 2,
    "teammate_invited": 1,
    "ticket_opened": 1,
    "plan_page_seen": 1,
}


def events(companies: Iterable[Company], now: datetime, start: str, end: str) -> list[dict[str, Any]]:
    """Of these customers, from `start` on and before `end` (as `stamp` writes times), the newest first."""
    found = [
        event
        for company in companies
        for event in _of(company, now)
        if start <= event["occurred_at"] and (not end or event["occurred_at"] < end)
    ]
    return sorted(found, key=lambda event: (event["occurred_at"], event["id"]), reverse=True)


def _of(company: Company, now: datetime) -> Iterator[dict[str, Any]]:
    pick = random.Random(company["id"])
    people = [contact["email"] for contact in company["contacts"]]
    for number in range(pick.randint(5, 25)):
        moment = now - timedelta(days=DAYS) * pick.random()
        doing = pick.choices(list(DOINGS), list(DOINGS.values()))[0]
        yield {
            "id": f"evt_{company['id'].removeprefix('cus_')}_{number:02}",
            "type": doing,
            "occurred_at": stamp(moment),
            "customer_id": company["id"],
            "actor": {"email": pick.choice(people)},
            "device": pick.choice(("web", "ios", "android")),
            "seconds": pick.randint(1, 900),
        }
