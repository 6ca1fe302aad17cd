"""The records that everybody loads: 12 fields, two of them objects, about 450 bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

CHANGED_EVERY = 100
"""Of the changed variant, one record in a hundred differs."""

_START = datetime(2025, 1, 1, tzinfo=UTC)
_TIERS = ("free", "team", "business", "enterprise")
_INDUSTRIES = ("Software", "Logistics", "Retail", "Finance", "Health care", "Manufacturing", "Education")
_CITIES = (
    ("Hamburg", "DE"),
    ("Lyon", "FR"),
    ("Boston", "US"),
    ("Porto", "PT"),
    ("Gdańsk", "PL"),
    ("Leeds", "GB"),
)
_NOTES = (
    "Signed after the spring fair; asks for a yearly invoice with an order number.",
    "Came by recommendation; wants single sign-on before the renewal.",
    "Moved over from the old plan; two subsidiaries are billed apart.",
)

MAPPING = (
    ("id", "externalCustomerId"),
    ("name", "companyName"),
    ("website", "companyDomain"),
    ("plan.tier", "planTier"),
    ("plan.seats", "seats"),
    ("plan.monthly", "monthlyRevenue"),
    ("address.city", "city"),
    ("address.country", "country"),
    ("industry", "industry"),
    ("employees", "employees"),
    ("active", "active"),
    ("renews_at", "renewsAt"),
)
"""Path -> target, matched by external id. The first three have columns of their own, the others are custom fields."""


def record(number: int, *, changed: bool = False) -> dict[str, Any]:
    moment = _START + timedelta(minutes=number)
    city, country = _CITIES[number % len(_CITIES)]
    moved = changed and number % CHANGED_EVERY == 0
    return {
        "id": f"cus_{number:08d}",
        "name": f"Company {number} of {city}",
        "website": f"company-{number}.com",
        "plan": {
            "tier": _TIERS[number % 4],
            "seats": 3 + number % 500 + moved,
            "monthly": 49.5 + number % 1_000,
        },
        "address": {"street": f"{1 + number % 300} Harbour Street", "city": city, "country": country},
        "industry": _INDUSTRIES[number % len(_INDUSTRIES)],
        "employees": 5 + number % 20_000,
        "active": number % 9 != 0,
        "renews_at": (moment + timedelta(days=365)).isoformat(),
        "created_at": moment.isoformat(),
        "updated_at": (moment + timedelta(hours=1 + moved)).isoformat(),
        "note": _NOTES[number % len(_NOTES)],
    }


def pages(count: int, size: int, *, changed: bool = False) -> Iterator[bytes]:
    """Bodies as the server sends them."""
    for start in range(0, count, size):
        body = {
            "data": [record(number, changed=changed) for number in range(start, min(start + size, count))],
            "page": start // size + 1,
            "total": count,
        }
        yield json.dumps(body, separators=(",", ":")).encode()
