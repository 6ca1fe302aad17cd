"""Against localstripe, whose paging, expansion and keys are its own: what somebody has set up there becomes accounts."""

from __future__ import annotations

import pytest

from tests.engine.world import World, brief, complete, failed
from tests.fakes.localstripe import localstripe
from tests.sources.test_stripe_runs import connect

pytestmark = pytest.mark.django_db(transaction=True)


def test_customers_with_subscriptions_in_several_pages(world: World) -> None:
    with localstripe() as billing:
        billing.call("products", id="rope", name="Rope", type="service")
        monthly = {"amount": 4_900, "currency": "eur", "interval": "month", "product": "rope"}
        billing.call("plans", id="monthly", **monthly)
        billing.call("plans", id="yearly", **{**monthly, "amount": 120_000, "interval": "year"})
        tokens = {
            "card[number]": "4242424242424242",
            "card[exp_month]": 12,
            "card[exp_year]": 2040,
            "card[cvc]": 123,
        }
        ids = []
        for number in range(105):
            made = billing.call("customers", name=f"Company {number}", email=f"a@company-{number}.example")
            ids.append(made["id"])
        for number, plan in ((0, "monthly"), (1, "yearly")):
            source = billing.call("tokens", **tokens, key="pk_test_ropewalk")["id"]
            billing.call(f"customers/{ids[number]}/sources", source=source)
            billing.call(
                "subscriptions",
                **{"customer": ids[number], "items[0][plan]": plan, "items[0][quantity]": 2},
            )
        connector = connect(world, billing.url, billing.key)
        first, again = world.sync(connector), world.sync(connector)
        billing.call(f"customers/{ids[104]}", "DELETE")
        billing.call(f"customers/{ids[5]}", name="Renamed")
        third = world.sync(connector)
        world.reconfigure(connector, secrets={"token": "no_key"})
        refused = world.sync(connector)

    assert brief(first) == complete(created=105)
    assert first["pages"] == 2
    assert brief(again) == complete(unchanged=105)
    assert brief(third) == complete(updated=1, unchanged=103)
    assert brief(refused)["status"] == failed("")["status"]
    accounts = {each["externalCustomerId"]: each for each in world.accounts()}
    assert [(accounts[one]["mrr"], accounts[one].get("subscriptionStatus")) for one in ids[:3]] == [
        (98.0, "active"),
        (200.0, "active"),
        (0.0, None),
    ]
    assert accounts[ids[5]]["companyName"] == "Renamed"
