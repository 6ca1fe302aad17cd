"""The demo vendor's customers: invented, the same for the same seed, and as untidy as real ones.

Websites are spelt in many ways or missing, some firms only have a free-mail address, some share a domain with
their parent. All domains are under `.example`, which nobody can own.
"""

from __future__ import annotations

import random
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

Company = dict[str, Any]

FIRST = (
    "Amber", "Anchor", "Aspen", "Beacon", "Birch", "Blue Heron", "Bramble", "Bright", "Canyon", "Cedar", "Cinder",
    "Clover", "Copper", "Coral", "Crescent", "Delta", "Drift", "Eastgate", "Elm", "Ember", "Falcon", "Fern", "Fjord",
    "Flint", "Foundry", "Glacier", "Granite", "Harbor", "Hazel", "High Mesa", "Iron", "Juniper", "Kestrel", "Lantern",
    "Lark", "Linden", "Lumen", "Maple", "Marble", "Meridian", "Mill", "Mosaic", "Nimbus", "North Star", "Oak",
    "Orchard", "Osprey", "Pine", "Plover", "Quarry", "Quill", "Raven", "Redwood", "River", "Sable", "Saffron", "Slate",
    "Spruce", "Summit", "Thistle", "Timber", "Tundra", "Vale", "Verdant", "Willow", "Zephyr", "Bäcker", "Élan", "Søndag",
)  # fmt: skip
SECOND = (
    "Analytics", "Aviation", "Bakery", "Biotech", "Books", "Brewing", "Ceramics", "Clinics", "Cloud", "Coffee",
    "Construction", "Cycles", "Dental", "Design", "Energy", "Engineering", "Films", "Foods", "Freight", "Furniture",
    "Games", "Gardens", "Health", "Hotels", "Instruments", "Insurance", "Labs", "Learning", "Legal", "Lighting",
    "Logistics", "Marine", "Materials", "Media", "Mobility", "Music", "Optics", "Outdoor", "Packaging", "Partners",
    "Payments", "Pharma", "Printing", "Properties", "Robotics", "Security", "Software", "Solar", "Sports", "Studio",
    "Supply", "Systems", "Textiles", "Tools", "Toys", "Travel", "Ventures", "Water", "Wind", "Works",
)  # fmt: skip
FORMS = ("Inc.", "LLC", "GmbH", "Ltd", "AB", "BV", "SAS", "", "", "")
PEOPLE = (
    "Ada", "Amir", "Anneli", "Beatriz", "Chidi", "Clara", "Dmitri", "Elena", "Farah", "Gustav", "Hana", "Ines",
    "Jonas", "Kofi", "Lena", "Mateo", "Mei", "Nadia", "Omar", "Priya", "Quentin", "Rosa", "Sana", "Tomas", "Yuki",
)  # fmt: skip
FAMILIES = (
    "Abara", "Berg", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad", "Ito", "Jansen", "Kaya", "Lopez",
    "Moreau", "Novak", "Okafor", "Park", "Rossi", "Silva", "Tanaka", "Weber", "Young", "Zhang",
)  # fmt: skip
PLACES = (
    ("Berlin", "DE", 52.52, 13.4), ("Lyon", "FR", 45.76, 4.84), ("Austin", "US", 30.27, -97.74),
    ("Toronto", "CA", 43.65, -79.38), ("Lisbon", "PT", 38.72, -9.14), ("Osaka", "JP", 34.69, 135.5),
    ("Nairobi", "KE", -1.29, 36.82), ("Malmö", "SE", 55.6, 13.0), ("Utrecht", "NL", 52.09, 5.12),
    ("São Paulo", "BR", -23.55, -46.63), ("Leeds", "GB", 53.8, -1.55), ("Denver", "US", 39.74, -104.99),
)  # fmt: skip
TIERS = {"starter": 49, "team": 199, "business": 690, "enterprise": 2_400}
TAGS = ("beta", "partner", "reference", "at-risk", "multi-year", "self-serve", "nonprofit", "reseller")
OWNERS = ("Dana Whitfield", "Luis Ferrer", "Maren Holt", "Theo Adeyemi")
FREE_MAIL = ("gmail.com", "outlook.com", "yahoo.com", "web.de")
TODAY = datetime(2026, 10, 1, tzinfo=UTC)
"""When the companies were last seen as they are made here; later changes carry the clock's time."""


def owner_email(name: str) -> str:
    return name.split()[0].lower() + "@vendor.example"


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Book:
    """The vendor's customers, and what happens to them."""

    def __init__(self, count: int = 2_000, seed: int = 7) -> None:
        self._random = random.Random(seed)
        self._names: set[str] = set()
        self._next = 1
        self.companies: list[Company] = []
        for _ in range(count):
            self.companies.append(self._company())
        self._share_domains(max(1, count // 250))

    def page(self, number: int, size: int, since: str | None = None) -> tuple[list[Company], int]:
        """One page of those changed at or after `since`, and how many there are in all."""
        found = [company for company in self.companies if since is None or company["updated_at"] >= since]
        return found[(number - 1) * size : number * size], len(found)

    def people(self, number: int, size: int, since: str | None = None) -> tuple[list[dict[str, Any]], int]:
        """One page of the contacts at those customers, as `page` chooses them."""
        found = [
            {
                "id": f"{company['id']}-{place}",
                "customer_id": company["id"],
                **contact,
                "updated_at": company["updated_at"],
            }
            for company in self.page(1, len(self.companies), since)[0]
            for place, contact in enumerate(company["contacts"], 1)
        ]
        return found[(number - 1) * size : number * size], len(found)

    def month_passes(self, now: datetime) -> dict[str, int]:
        """Some customers rename themselves, grow, upgrade, leave, and new ones come."""
        at = stamp(now)
        active = [company for company in self.companies if company["status"] == "active"]
        share = max(1, len(active) // 200)
        chosen = self._random.sample(active, min(len(active), share * 8))
        renamed, upgraded, grown, left = (
            chosen[:share],
            chosen[share : share * 4],
            chosen[share * 4 : share * 7],
            chosen[share * 7 :],
        )
        for company in renamed:
            company["name"] = f"{company['name'].removesuffix(' Group')} Group"
        for company in upgraded:
            tiers = list(TIERS)
            tier = tiers[min(tiers.index(company["plan"]["tier"]) + 1, len(tiers) - 1)]
            company["plan"] |= {"tier": tier, "seats": company["plan"]["seats"] + self._random.randint(1, 20)}
            company["mrr"] = self._revenue(tier, company["plan"]["seats"])
        for company in grown:
            company["employees"] += self._random.randint(5, 80)
            company["tags"] = sorted({*company["tags"], "reference"})
        for company in left:
            company |= {"status": "churned", "mrr": 0.0, "churned_on": at[:10]}
        for company in chosen:
            company["updated_at"] = at
        new = [self._company() | {"created_at": at, "updated_at": at} for _ in range(share)]
        self.companies += new
        return {
            "renamed": len(renamed),
            "upgraded": len(upgraded),
            "grown": len(grown),
            "churned": len(left),
            "new": len(new),
        }

    def _company(self) -> Company:
        pick = self._random
        number, self._next = self._next, self._next + 1
        name = self._name()
        slug = "-".join(name.lower().split())
        domain = f"{slug}.example"
        tier = pick.choices(list(TIERS), (40, 35, 18, 7))[0]
        seats = pick.randint(1, 12) * (1 + list(TIERS).index(tier))
        city, country, latitude, longitude = pick.choice(PLACES)
        created = TODAY - timedelta(days=pick.randint(30, 1_500), minutes=pick.randint(0, 1_439))
        updated = created + (TODAY - created) * pick.random()
        form = pick.choice(FORMS)
        website, mail_domain = self._website(domain), _ascii(domain)
        if website is None and pick.random() < 0.5:
            mail_domain = pick.choice(FREE_MAIL)
        contacts = [self._contact(mail_domain) for _ in range(pick.randint(1, 4))]
        return {
            "id": f"cus_{number:05}",
            "name": f"{name} {form}".strip(),
            "website": website,
            "status": "active",
            "plan": {"tier": tier, "seats": seats, "renews_on": stamp(created + timedelta(days=1_825))[:10]},
            "mrr": self._revenue(tier, seats),
            "employees": int(pick.paretovariate(0.9) * 6),
            "industry": name.split()[-1],
            "address": {
                "city": city,
                "country": country,
                "geo": {
                    "lat": round(latitude + pick.uniform(-0.2, 0.2), 4),
                    "lng": round(longitude + pick.uniform(-0.2, 0.2), 4),
                },
            },
            "owner": {"name": (owner := pick.choice(OWNERS)), "email": owner_email(owner)},
            "tags": sorted(pick.sample(TAGS, pick.choice((0, 0, 1, 1, 2, 3)))),
            "contact": contacts[0],
            "contacts": contacts,
            "users": [contact["email"] for contact in contacts[1:]],
            "created_at": stamp(created),
            "updated_at": stamp(updated),
        }

    def _name(self) -> str:
        while True:
            name = f"{self._random.choice(FIRST)} {self._random.choice(SECOND)}"
            if name not in self._names:
                self._names.add(name)
                return name

    def _website(self, domain: str) -> str | None:
        spellings = (
            f"https://www.{domain}/",
            f"https://{domain}",
            domain,
            f"www.{domain}",
            f"http://{domain}/about-us?ref=crm",
            f"HTTPS://{domain.upper()}/",
            f"https://{domain}:8443/",
            f"{domain}.",
            None,
        )
        return self._random.choices(spellings, (40, 20, 12, 8, 6, 3, 2, 2, 7))[0]

    def _contact(self, domain: str) -> dict[str, str]:
        given, family = self._random.choice(PEOPLE), self._random.choice(FAMILIES)
        email = f"{given}.{family}@{domain}".lower()
        if self._random.random() < 0.1:
            email = f"{given}.{family}@{domain}"
        return {
            "name": f"{given} {family}",
            "email": email,
            "role": self._random.choice(("admin", "billing", "champion", "user")),
        }

    def _revenue(self, tier: str, seats: int) -> float:
        return round(TIERS[tier] + seats * TIERS[tier] / 25, 2)

    def _share_domains(self, pairs: int) -> None:
        """Subsidiaries: a later company that gives its parent's website as its own."""
        parents = [company for company in self.companies if company["website"]]
        for parent, child in zip(parents[:pairs], reversed(self.companies), strict=False):
            child["website"] = parent["website"]
            child["name"] = f"{parent['name']} ({child['address']['city']})"


def _ascii(text: str) -> str:
    """For email addresses: `bäcker` as `backer`."""
    plain = unicodedata.normalize("NFKD", text.replace("ø", "o"))
    return plain.encode("ascii", "ignore").decode()
