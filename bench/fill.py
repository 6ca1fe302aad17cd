"""Fills an installation with accounts, straight into its tables: what lists are measured on.

python -m bench.fill COUNT  prints how to come in, and one account
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import django

PASSWORD = "three strands, one rope"
OWNER = "bench@example.com"
BATCH = 10_000
INDEXED = ("segment", "seats")
WORDS = [
    "Anchor",
    "Bakery",
    "Biotech",
    "Brewing",
    "Clinic",
    "Clover",
    "Crescent",
    "Dental",
    "Elm",
    "Energy",
    "Fjord",
    "Freight",
    "Gardens",
    "Glacier",
    "Harbour",
    "Holdings",
    "Hotels",
    "Instruments",
    "Insurance",
    "Kestrel",
    "Labs",
    "Logistics",
    "Media",
    "Mill",
    "Mobility",
    "North",
    "Orchard",
    "Osprey",
    "Outdoor",
    "Printing",
    "Rope",
    "Sail",
    "Slate",
    "Software",
    "Studio",
    "Systems",
    "Timber",
    "Tundra",
    "Ventures",
    "Works",
]
FORMS = ("GmbH", "Ltd", "Inc.", "SAS", "BV", "AG", "LLC", "AB")


def rows(count: int, began: datetime) -> Iterator[tuple[UUID, str, str, str, dict[str, Any], datetime]]:
    """Ids grow as those of a sync do; names hold syllables that no other has."""
    chance = random.Random(1)
    for number in range(count):
        at = began + timedelta(milliseconds=number)
        account_id = UUID(
            int=(int(at.timestamp() * 1_000) << 80) | 0x7 << 76 | 0x2 << 62 | chance.getrandbits(62)
        )
        word = chance.choice(WORDS)
        name = f"{word} {chance.choice(WORDS)} {syllables(number)} {chance.choice(FORMS)}"
        fields = {
            "planTier": chance.choice(("free", "team", "gold", "platinum")),
            "seats": number % 500,
            "region": chance.choice(("north", "south", "east", "west")),
            "segment": f"s-{number % 5_000}",
            "note": f"{word} has been here since {at:%Y}, and nobody knows why.",
        }
        yield account_id, name, f"{word.lower()}-{number:x}.example", f"c-{number}", fields, at


def syllables(number: int) -> str:
    made = ""
    for _ in range(4):
        number, place = divmod(number, 60)
        made += "bdfgklmnprst"[place % 12] + "aeiou"[place // 12]
    return made.capitalize()


def main() -> None:
    count = int(sys.argv[1])
    django.setup()

    from ropewalk.core.actors import Actor
    from ropewalk.core.decide import Fresh
    from ropewalk.core.fieldtypes import FieldType
    from ropewalk.core.matching import Candidate
    from ropewalk.engine.clock import SystemClock
    from ropewalk.engine.members import people
    from ropewalk.store import accounts, fieldindexes, fields, schema, secrets
    from ropewalk.store.accounts import AccountWrites, Author
    from ropewalk.store.database import execute, on_postgres
    from ropewalk.store.transactions import transaction

    clock = SystemClock()
    schema.migrate()
    secrets.settle_key()
    founded = people.create_organization("Bench", OWNER, PASSWORD, Actor("cli", "", "bench"), clock)
    organization = founded.organization.id
    types: dict[str, FieldType] = {
        "planTier": "text", "seats": "number", "region": "text", "segment": "text", "note": "text",
    }  # fmt: skip
    fields.learn(organization, {name: ("created", type_) for name, type_ in types.items()}, now=clock.now())
    made = rows(count, datetime(2026, 1, 1, tzinfo=UTC))
    last: UUID | None = None
    while batch := list(islice(made, BATCH)):
        writes = AccountWrites()
        for account_id, name, domain, external_id, custom, _ in batch:
            values = {
                "companyName": name,
                "companyDomain": domain,
                "externalCustomerId": external_id,
                **custom,
            }
            writes.created[account_id] = Candidate(account_id, external_id, domain, None, values)
            writes.changes.append((account_id, True, Fresh(values)))
            last = account_id
        with transaction(organization):
            accounts.write(organization, writes, by=Author(), now=batch[-1][5])
    for name in INDEXED:
        fields.switch(organization, name, indexed=True)
    fieldindexes.settle()
    if on_postgres():
        execute("ANALYZE")
    print(json.dumps({"account_id": str(last)}))


if __name__ == "__main__":
    main()
