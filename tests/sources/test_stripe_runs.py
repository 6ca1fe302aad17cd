"""Stripe's customers as accounts: through the API, the engine and the net, over real HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace
from pydantic import SecretStr

from ropewalk.sources import REGISTRY, stripe
from ropewalk.sources.base import Derivation
from tests.engine.conftest import Serving
from tests.engine.world import Refused, World, brief, complete, failed
from tests.fakes import Asked, Fake
from tests.fakes.stripe import KEY, Stripe, customer, item, subscription
from tests.web.conftest import Browser
from tests.web.sent import Sent

pytestmark = pytest.mark.django_db(transaction=True)

MAPPING = [
    {"from": "id", "to": "externalCustomerId"},
    {"from": "__derived.email_domain", "to": "companyDomain"},
    {"from": "name", "to": "companyName"},
    {"from": "__derived.mrr_amount", "to": "mrr"},
    {"from": "__derived.subscription_status", "to": "subscriptionStatus"},
]


def connect(world: World, url: str, key: str = KEY, **stream: Any) -> str:
    body = {
        "source": "stripe",
        "name": "Stripe",
        "settings": {"api_url": url},
        "secrets": {"token": key},
        "streams": {"accounts": {"matching": "domain_and_external_id", "mapping": MAPPING, **stream}},
    }
    return str(world.post("connectors", body)["connector_id"])


def test_more_than_ten_thousand_end_complete_and_cost_little_again(world: World, serving: Serving) -> None:
    stripe = Stripe([customer(number) for number in range(1, 10_051)])
    connector = connect(world, serving(stripe))

    first = world.sync(connector)
    again = world.sync(connector)
    stripe.customers.pop()
    stripe.customers[0]["name"] = "Renamed"
    third = world.sync(connector)

    assert brief(first) == complete(created=10_050)
    assert brief(again) == complete(unchanged=10_050)
    assert brief(third) == complete(updated=1, unchanged=10_048)
    assert first["pages"] == 101
    # Always from the first to the last: Stripe can't be asked what has changed.
    assert len(stripe.seen) == 303
    gone = world.every("accounts", gone_at_source="true")
    assert [each["externalCustomerId"] for each in gone] == ["cus_10050"]


def test_who_is_left_out_is_counted_and_not_processed(world: World, serving: Serving) -> None:
    stripe = Stripe(
        [
            customer(1, subscriptions=[subscription(1, 1, item(4_900, 3))]),
            customer(2, metadata={"plan": "pro"}),
            customer(3, subscriptions=[subscription(3, 1)], delinquent=True),
        ]
    )
    filters = {"has_active_subscription": "yes", "delinquent": "no"}
    connector = connect(world, serving(stripe), filters=filters)

    dry = world.dry_run(connector)
    run = world.sync(connector)

    assert brief(dry) == brief(run) == complete(created=1)
    assert dry["filtered"] == run["filtered"] == {"has_active_subscription": 1, "delinquent": 1}
    assert run["counts"]["processed"] == 1
    assert world.rows(run) == []
    assert world.accounts() == [
        {
            "companyName": "Company 1",
            "companyDomain": "company-1.example",
            "externalCustomerId": "cus_00001",
            "mrr": 147.0,
            "subscriptionStatus": "active",
        }
    ]


def test_a_filter_that_changes_is_applied_to_who_has_not_changed(world: World, serving: Serving) -> None:
    stripe = Stripe([customer(1, delinquent=True), customer(2, delinquent=False)])
    connector = connect(world, serving(stripe), filters={"delinquent": "no"})

    first = world.sync(connector)
    world.change(connector, filters={"delinquent": "yes"})
    other, again = world.sync(connector), world.sync(connector)

    assert brief(first) == brief(other) == complete(created=1)
    assert brief(again) == complete(unchanged=1)
    assert first["filtered"] == other["filtered"] == again["filtered"] == {"delinquent": 1}


def test_another_version_of_what_is_worked_out_is_told_of_who_has_not_changed(
    world: World, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And only that: what somebody has changed by hand stays, where it comes out as before."""

    def derived_as(version: int, mrr: float) -> None:
        added = {"email_domain": None, "subscription_status": None, "mrr_amount": mrr}
        kind = replace(
            stripe.SOURCE.kinds["accounts"], derivation=lambda _: Derivation(version, lambda _: added)
        )
        monkeypatch.setitem(REGISTRY, "stripe", replace(stripe.SOURCE, kinds={"accounts": kind}))

    connector = connect(world, serving(Stripe([customer(1)])), matching="external_id")
    derived_as(1, 10.0)
    world.sync(connector)
    [account] = world.every("accounts")
    world.patch(f"accounts/{account['account_id']}", {"fields": {"mrr": 99}})
    derived_as(2, 10.0)
    same = world.sync(connector)
    derived_as(2, 20.0)
    not_looked_at = world.sync(connector)
    derived_as(3, 20.0)
    other = world.sync(connector)

    assert brief(same) == brief(not_looked_at) == complete(unchanged=1)
    assert brief(other) == complete(updated=1)
    assert [each["mrr"] for each in world.accounts()] == [20]


def test_a_dry_run_shows_what_is_worked_out_of_who_has_not_changed(world: World, serving: Serving) -> None:
    connector = connect(world, serving(Stripe([customer(1)])))
    world.sync(connector)

    [row] = world.rows(world.dry_run(connector))

    assert (row["outcome"], row["record"]["__derived"]["email_domain"]) == ("unchanged", "company-1.example")


def test_a_busy_stripe_is_asked_again_and_a_wrong_key_is_not(world: World, serving: Serving) -> None:
    stripe = Stripe([customer(1)], busy=3)
    url = serving(stripe)
    connector = connect(world, url)

    run = world.sync(connector)
    world.reconfigure(connector, secrets={"token": "rk_test_of_nobody"})
    refused = world.sync(connector)

    assert brief(run) == complete(created=1)
    assert len(stripe.seen) == 5
    assert brief(refused) == failed("authentication_failed")
    assert "rk_test_of_nobody" not in str(refused)


def test_the_key_goes_where_it_was_entered_for(world: World, serving: Serving) -> None:
    connector = connect(world, serving(Stripe([customer(1)])))
    elsewhere, url = serving.recorder()

    with pytest.raises(Refused) as refused:
        world.reconfigure(connector, settings={"api_url": url})

    assert [path for path, _ in refused.value.problems] == ["secrets.token"]
    assert elsewhere.seen == []


def test_somebody_s_yes_lets_it_in_to_read(
    world: World, serving: Serving, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    billing = Stripe([customer(1)], key="the-access-of-acme")
    said: list[dict[str, list[str]]] = []

    def connect_of_stripe(asked: Asked) -> dict[str, Any]:
        said.append(parse_qs(asked.body.decode()))
        token = {"access_token": "the-access-of-acme", "refresh_token": "the-refresh-of-acme"}
        return {
            **token,
            "scope": "read_only",
            "livemode": False,
            "token_type": "bearer",
            "stripe_user_id": "acct_1",
        }

    declared = stripe.declared(serving(Fake(connect_of_stripe)))
    monkeypatch.setitem(REGISTRY, "stripe", declared)  # type: ignore[arg-type]
    app = {"stripe_client_id": "ca_ropewalk", "stripe_client_secret": SecretStr("sk_of_the_platform")}
    settings.ROPEWALK = settings.ROPEWALK.model_copy(update={"public_url": "https://ropewalk.example", **app})
    body = {
        "source": "stripe",
        "name": "Stripe",
        "settings": {"auth": {"type": "oauth"}, "api_url": serving(billing)},
        "streams": {"accounts": {"mapping": MAPPING}},
    }
    connector = str(world.post("connectors", body)["connector_id"])
    browser = Browser("olga@acme.example")

    sent_off = urlsplit(browser.get(f"/app/settings/connectors/{connector}/authorize")["Location"])
    asked = {name: one for name, [one] in parse_qs(sent_off.query).items()}
    browser.get(f"/app/settings/connectors/oauth?code=ac_123&state={asked['state']}")
    run = world.sync(connector)

    assert sent_off.path == "/oauth/authorize"
    assert (asked["client_id"], asked["scope"], asked["response_type"]) == (
        "ca_ropewalk",
        "read_only",
        "code",
    )
    assert [(each["grant_type"], each["code"], each["client_secret"]) for each in said] == [
        (["authorization_code"], ["ac_123"], ["sk_of_the_platform"])
    ]
    assert brief(run) == complete(created=1)


def test_access_that_was_granted_goes_to_stripe_only(world: World) -> None:
    body = {
        "source": "stripe",
        "name": "S",
        "settings": {"auth": {"type": "oauth"}, "api_url": "https://evil.example"},
    }

    with pytest.raises(Refused) as refused:
        world.post("connectors", {**body, "streams": {}})

    assert [path for path, _ in refused.value.problems] == ["settings.api_url"]


def test_the_guided_set_up_from_the_gallery_to_synced_accounts(world: World, serving: Serving) -> None:
    stripe = Stripe([customer(1, subscriptions=[subscription(1, 1)], metadata={"plan": "pro"}), customer(2)])
    url = serving(stripe)
    browser = Browser("olga@acme.example")
    assert "source=stripe" in browser.get("/app/settings/connectors/gallery").content.decode()

    page = Sent(browser, "/app/settings/connectors/new?source=stripe")
    said = {"settings__api_url": url, "secrets__token_v_settings__auth_v_key": KEY}
    page.do("test", **said)
    assert "The test passed" in page.html
    assert "__derived.mrr_amount" in page.html
    page.do("use:all", **said, matching="domain_and_external_id")
    page.do("save", **said)
    [connector] = world.every("connectors")
    run = world.sync(connector["connector_id"])

    assert page.status == 302
    assert brief(run)["created"] == 2
    assert [each["companyDomain"] for each in world.listed()] == ["company-2.example", "company-1.example"]
