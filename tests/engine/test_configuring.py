"""Making and changing connectors: all problems at once, and then nothing is kept."""

from __future__ import annotations

from typing import Any

import pytest

from ropewalk.sources import REGISTRY
from tests.engine.world import Refused, World
from tests.fakes import Fake, serve

GOOD: dict[str, Any] = {
    "source": "custom_api",
    "name": "CRM",
    "settings": {"auth": {"type": "bearer"}},
    "secrets": {"token": "t"},
    "streams": {
        "accounts": {
            "url": "https://api.example.com/accounts",
            "mapping": [{"from": "site", "to": "companyDomain"}],
        }
    },
}


def refusals(world: World, body: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(Refused) as caught:
        world.post("connectors", body)
    assert (caught.value.status, world.every("connectors")) == (422, [])
    return dict(caught.value.problems)


def test_every_floor_of_a_body_is_checked_in_one_go(world: World) -> None:
    body = GOOD | {
        "setings": {},
        "name": " ",
        "settings": {"requests_per_minute": 0},
        "secrets": {"tokn": "t"},
        "streams": {"accounts": {"url": "ftp://x", "matchin": "domain"}, "orders": {}},
    }

    assert sorted(refusals(world, body)) == [
        "name",
        "secrets.tokn",
        "setings",
        "settings.requests_per_minute",
        "streams.accounts.mapping",
        "streams.accounts.matchin",
        "streams.accounts.url",
        "streams.orders",
    ]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"source": "excel"}, {"source": f"Give one of {', '.join(sorted(REGISTRY))}."}),
        ({"source": None}, {"source": "Give a text."}),
        (
            {"streams": {"orders": {}}},
            {"streams.orders": "Custom API has no such stream; there are accounts, contacts, events."},
        ),
        ({"secrets": {"pin": "1"}}, {"secrets.pin": "Custom API has no such secret; there are token, password, client_secret."}),
    ],
)  # fmt: skip
def test_what_there_is_not(world: World, change: dict[str, Any], found: dict[str, str]) -> None:
    assert refusals(world, GOOD | change) == found


def test_a_field_that_a_run_creates_has_changed_then(world: World) -> None:
    with serve(Fake(lambda _: [{"site": "acme.example", "tier": "gold"}])) as url:
        mapping = [{"from": "site", "to": "companyDomain"}, {"from": "tier", "to": "planTier"}]
        connector = world.connect(url, {"records_path": ""}, matching="domain", mapping=mapping)
        world.sync(connector)

    changed = {field["name"]: field["last_changed_at"] for field in world.get("fields")["items"]}
    assert sorted(changed) == ["companyDomain", "planTier"]
    assert changed["planTier"] == changed["companyDomain"] is not None
