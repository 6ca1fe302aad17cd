"""Invented companies, the same for the same seed; each vendor writes them down in its own way."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_FIRST = (
    "Amber", "Basalt", "Birch", "Blue Heron", "Cedar", "Cinder", "Cobalt", "Copper", "Delta", "Dune", "Eastgate",
    "Falcon", "Fjord", "Granite", "Hollow Oak", "Juniper", "Kestrel", "Lumen", "Maple", "Nordlicht", "Onyx",
    "Pinecrest", "Quarry", "Redwood", "Saffron", "Tidewater",
)  # fmt: skip
_SECOND = (
    "Analytics", "Automotive", "Biotech", "Brewing", "Capital", "Ceramics", "Dynamics", "Energy", "Foods",
    "Freight", "Instruments", "Labs", "Logistics", "Media", "Networks", "Outfitters", "Robotics", "Systems",
)  # fmt: skip
_FORMS = ("Inc.", "GmbH", "Ltd", "LLC", "SAS", "AB", "B.V.", "Corp.")
_ENDINGS = ("com", "io", "de", "co.uk", "fr", "net", "com", "com")
_PEOPLE = (
    "Ada Byrne",
    "Bilal Haddad",
    "Carla Nunes",
    "Dmitri Orlov",
    "Esi Mensah",
    "Freya Lund",
    "Goro Sato",
)
_PLACES = (
    ("Berlin", "DE", "Invalidenstraße 12", "10115"),
    ("Austin", "US", "410 Congress Ave", "78701"),
    ("Lyon", "FR", "8 Rue Mercière", "69002"),
    ("Leeds", "GB", "3 Wellington Street", "LS1 4AP"),
    ("Malmö", "SE", "Stortorget 9", "211 22"),
)
_INDUSTRIES = ("Manufacturing", "Software", "Retail", "Healthcare", "Logistics", "Financial Services")
STAFF = ("kim.ward@ropers.example", "lee.tran@ropers.example", "mo.diaz@ropers.example")


@dataclass(frozen=True, slots=True)
class Company:
    number: int
    """From 1 on, without a gap."""
    name: str
    domain: str
    person: str
    email: str
    phone: str
    owner: str
    """A colleague's address, not the company's."""
    city: str
    country: str
    street: str
    postcode: str
    industry: str
    employees: int
    revenue: int
    created: datetime
    updated: datetime
    uuid: str

    @property
    def website(self) -> str:
        return f"https://www.{self.domain}"


def companies(count: int, seed: int) -> list[Company]:
    dice = random.Random(seed)
    every = [(first, second) for first in _FIRST for second in _SECOND]
    return [_company(dice, number, *names) for number, names in enumerate(dice.sample(every, count), 1)]


def _company(dice: random.Random, number: int, first: str, second: str) -> Company:
    form = dice.randrange(len(_FORMS))
    domain = f"{first}{second}".lower().replace(" ", "") + f".{_ENDINGS[form]}"
    person = dice.choice(_PEOPLE)
    city, country, street, postcode = dice.choice(_PLACES)
    created = datetime(2019, 2, 1, 8, tzinfo=UTC) + timedelta(minutes=dice.randrange(2_900_000))
    return Company(
        number=number,
        name=f"{first} {second} {_FORMS[form]}",
        domain=domain,
        person=person,
        email=f"{person.split()[0].lower()}@{domain}",
        phone=f"+49 30 {dice.randrange(1_000_000, 9_999_999)}",
        owner=dice.choice(STAFF),
        city=city,
        country=country,
        street=street,
        postcode=postcode,
        industry=dice.choice(_INDUSTRIES),
        employees=dice.choice((8, 35, 120, 480, 2_600)),
        revenue=dice.randrange(40, 9_000) * 1_000,
        created=created,
        updated=datetime(2025, 3, 1, tzinfo=UTC) + timedelta(seconds=dice.randrange(28_000_000)),
        uuid=str(uuid.UUID(int=dice.getrandbits(128), version=4)),
    )


def zulu(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
