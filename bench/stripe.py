"""Stripe beside the Custom API: the same customers from the same server in pages of 100, read by either.

    python -m bench.stripe [ROWS]

What a customer costs in CPU time, from the command line on SQLite: a first load, and one where nothing has changed. Each
third customer has a subscription, whose revenue Stripe's source works out. The API is a process of its own.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from bench import door, measure
from bench.product import SYNC, environment

PAGE = 100
_MAPPED = (
    ("id", "externalCustomerId"),
    ("name", "companyName"),
    ("currency", "currency"),
    ("created", "since"),
    ("address.city", "city"),
    ("metadata.plan", "plan"),
)
_DERIVED = (("__derived.mrr_amount", "mrr"), ("__derived.subscription_status", "subscriptionStatus"))
_PLAIN = (("balance", "balance"), ("tax_exempt", "taxExempt"))
"""As many for the Custom API, which works nothing out."""


def customer(number: int) -> dict[str, Any]:
    return {
        "id": f"cus_{number:08d}",
        "object": "customer",
        "address": {
            "city": "Hamburg",
            "country": "DE",
            "line1": f"Elbchaussee {number % 400}",
            "line2": None,
        },
        "balance": 0,
        "created": 1_700_000_000 + number,
        "currency": "eur",
        "delinquent": False,
        "discount": None,
        "email": f"billing@company-{number}.example",
        "invoice_prefix": f"{number:08X}",
        "livemode": True,
        "metadata": {"plan": ("free", "team", "enterprise")[number % 3]},
        "name": f"Company {number}",
        "phone": None,
        "preferred_locales": ["de"],
        "subscriptions": {
            "object": "list",
            "data": [_subscription(number)] if number % 3 == 2 else [],
            "has_more": False,
            "url": f"/v1/customers/cus_{number:08d}/subscriptions",
        },
        "tax_exempt": "none",
    }


def _subscription(number: int) -> dict[str, Any]:
    price = {
        "id": "price_1",
        "object": "price",
        "active": True,
        "currency": "eur",
        "product": "prod_1",
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
        "unit_amount": 4_900,
        "unit_amount_decimal": "4900",
    }
    item = {"id": f"si_{number}", "object": "subscription_item", "price": price, "quantity": number % 7 + 1}
    return {
        "id": f"sub_{number}",
        "object": "subscription",
        "status": "active",
        "currency": "eur",
        "discount": None,
        "current_period_end": 1_800_000_000,
        "items": {"object": "list", "data": [item], "has_more": False, "url": "/v1/subscription_items"},
    }


class Customers(door.Door):
    pages: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        after = parse_qs(urlsplit(self.path).query).get("starting_after", [""])[0]
        self.say(self.pages[after])


def serve(rows: int) -> type[door.Door]:
    after = ""
    for start in range(0, rows, PAGE):
        data = [customer(number) for number in range(start, min(start + PAGE, rows))]
        said = {"object": "list", "url": "/v1/customers", "has_more": start + PAGE < rows, "data": data}
        Customers.pages[after] = json.dumps(said, separators=(",", ":")).encode()
        after = data[-1]["id"]
    return Customers


def connectors(url: str) -> dict[str, dict[str, Any]]:
    def stream(*mapped: tuple[str, str], **more: Any) -> dict[str, Any]:
        entries = [{"from": path, "to": target} for path, target in (*_MAPPED, *mapped)]
        return {"accounts": {"matching": "external_id", "mapping": entries, **more}}

    cursor = {"type": "cursor", "cursor_param": "starting_after", "next_cursor_path": "data.-1.id"}
    custom = stream(
        *_PLAIN,
        url=f"{url}/v1/customers",
        records_path="data",
        max_records=2_000_000,
        pagination={**cursor, "has_more_path": "has_more", "max_pages": 100_000},
    )
    stripe = stream(*_DERIVED)
    return {
        "custom_api": {"settings": {"auth": {"type": "bearer"}}, "streams": custom},
        "stripe": {"settings": {"api_url": url}, "streams": stripe},
    }


def measured(source: str, connector: dict[str, Any]) -> list[measure.Measured]:
    """A first load, and one where nothing has changed."""
    ropewalk = SYNC[:3]
    with tempfile.TemporaryDirectory() as folder:
        environ = environment(Path(folder), None)
        file = Path(folder, "bench.yaml")
        whole = {"source": source, "name": "Bench", "secrets": {"token": "rk_test_bench"}, **connector}
        file.write_text(json.dumps(whole), encoding="utf-8")
        measure.run([*ropewalk, "init", "--organization", "Bench", "--owner", "bench@example.com"], environ)
        measure.run([*ropewalk, "apply", str(file)], environ)
        return [measure.run([*SYNC], environ) for _ in range(2)]


def text(rows: int = door.ROWS) -> str:
    with door.beside("bench.stripe", rows) as url:
        by_source = {source: measured(source, each) for source, each in connectors(url).items()}
    lines = [f"Stripe beside the Custom API, {rows:,} customers in pages of {PAGE}:"]
    for number, what in enumerate(("first load", "nothing changed")):
        custom, stripe = (by_source[source][number] for source in ("custom_api", "stripe"))
        lines.append(
            f"- {what}: Custom API {custom.cpu:.2f} s CPU ({custom.peak_mb:.0f} MB), Stripe {stripe.cpu:.2f} s"
            f" ({stripe.peak_mb:.0f} MB): {stripe.cpu / custom.cpu:.2f} times"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    door.main(serve, text)
