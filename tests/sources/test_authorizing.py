"""Somebody's yes at a vendor: asked for, brought back once, kept, renewed by one for all, and taken back."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from msgspec.structs import replace
from pydantic import SecretStr

from ropewalk.engine.connectors import connection, export, oauthapps
from ropewalk.engine.connectors.granting import Granted
from ropewalk.sources import REGISTRY, hubspot
from ropewalk.store import grants, secrets
from ropewalk.store.models import Secret
from tests.engine.conftest import Serving
from tests.engine.world import START, World, brief, complete
from tests.fakes import Asked
from tests.fakes.hubspot import HubSpot
from tests.web.conftest import Browser

pytestmark = pytest.mark.django_db(transaction=True)

CALLBACK = "https://ropewalk.example/app/settings/connectors/oauth"
CONNECTORS = "/app/settings/connectors"


@pytest.fixture
def hub(serving: Serving, monkeypatch: pytest.MonkeyPatch, settings: Any, world: World) -> Iterator[HubSpot]:
    made = HubSpot()
    url = serving(made)
    monkeypatch.setitem(REGISTRY, "hubspot", hubspot.declared(url, "https://app.hubspot.example"))  # type: ignore[arg-type]
    app = {"hubspot_client_id": "app-id", "hubspot_client_secret": SecretStr("app-secret")}
    settings.ROPEWALK = settings.ROPEWALK.model_copy(update={"public_url": "https://ropewalk.example", **app})
    made.company(1, START - timedelta(days=1))
    yield made
    assert made.wrong == []


@pytest.fixture
def browser(world: World) -> Browser:
    return Browser("olga@acme.example")


def connect(world: World, **auth: Any) -> str:
    mapping = [{"from": "properties.name", "to": "companyName"}, {"from": "id", "to": "externalCustomerId"}]
    body = {
        "source": "hubspot",
        "name": "HubSpot",
        "settings": {"auth": {"type": "oauth", **auth}},
        "streams": {"accounts": {"matching": "external_id", "mapping": mapping}},
    }
    return str(world.post("connectors", body)["connector_id"])


def sent_off(browser: Browser, connector: str) -> dict[str, str]:
    """To the vendor's page; with what it was asked for."""
    answer = browser.get(f"{CONNECTORS}/{connector}/authorize")
    assert answer.status_code == 302, answer.content
    url = urlsplit(answer["Location"])
    assert f"{url.scheme}://{url.netloc}{url.path}" == "https://app.hubspot.example/oauth/authorize"
    return {name: one for name, [one] in parse_qs(url.query).items()}


def bring_back(browser: Browser, **query: str) -> Any:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return browser.get(f"{CONNECTORS}/oauth?{asked}")


def authorize(browser: Browser, hub: HubSpot, connector: str) -> None:
    asked = sent_off(browser, connector)
    bring_back(browser, code=hub.consent(asked["redirect_uri"]), state=asked["state"])


def kept(world: World, connector: str) -> dict[str, str]:
    found = secrets.read(world.org, connector_id=UUID(connector))
    return {name: one.value for name, one in found.items()}


def test_somebody_is_sent_off_and_comes_back_with_access(
    world: World, hub: HubSpot, browser: Browser
) -> None:
    connector = connect(world)
    asked = sent_off(browser, connector)
    answer = bring_back(browser, code=hub.consent(asked["redirect_uri"]), state=asked["state"])

    assert (asked["client_id"], asked["redirect_uri"], asked["response_type"]) == ("app-id", CALLBACK, "code")
    assert "crm.objects.companies.read" in asked["scope"].split()
    assert (answer.status_code, answer["Location"]) == (302, f"{CONNECTORS}/{connector}/connection")
    assert kept(world, connector) == {
        grants.ACCESS: "access-1-of-hubspot",
        grants.REFRESH: "refresh-1-of-hubspot",
    }
    assert brief(world.sync(connector)) == complete(created=1)
    assert world.audited("connector.authorized") == [{"name": "HubSpot"}]
    assert b"access-1-of-hubspot" not in b"".join(bytes(one.ciphertext) for one in Secret.objects.all())


def test_no_token_is_shown_or_exported(world: World, hub: HubSpot, browser: Browser) -> None:
    connector = connect(world)
    authorize(browser, hub, connector)
    page = browser.get(f"{CONNECTORS}/{connector}/connection").content.decode()
    file = export.export(world.org, world.owner, world.clock).text()

    shown = world.get(f"connectors/{connector}")

    assert (shown["secrets"], shown["authorization"]) == (
        {},
        {
            "granted": True,
            "page": f"https://ropewalk.example/app/settings/connectors/{connector}/authorize",
        },
    )
    assert "Connected with HubSpot" in page
    assert "-of-hubspot" not in page + file
    assert "TOKEN" not in file


@pytest.mark.parametrize("state", ["", "another"])
def test_an_answer_that_nobody_asked_for_is_worth_nothing(
    world: World, hub: HubSpot, browser: Browser, state: str
) -> None:
    connector = connect(world)
    asked = sent_off(browser, connector)
    answer = bring_back(browser, code=hub.consent(asked["redirect_uri"]), state=state)

    assert answer["Location"] == CONNECTORS
    assert (kept(world, connector), hub.renewals) == ({}, 0)


def test_an_answer_counts_once_soon_and_in_its_own_session(
    world: World, hub: HubSpot, browser: Browser
) -> None:
    connector = connect(world)
    other, late = sent_off(browser, connector), sent_off(browser, connector)
    bring_back(Browser("olga@acme.example"), code=hub.consent(CALLBACK), state=other["state"])
    world.clock.advance(minutes=16)
    bring_back(browser, code=hub.consent(CALLBACK), state=late["state"])
    nothing = kept(world, connector)
    once = sent_off(browser, connector)
    for _ in range(2):
        bring_back(browser, code=hub.consent(CALLBACK), state=once["state"])

    assert nothing == {}
    assert hub.renewals == 1


def test_who_says_no_changes_nothing(world: World, hub: HubSpot, browser: Browser) -> None:
    connector = connect(world)
    asked = sent_off(browser, connector)
    bring_back(browser, error="access_denied", state=asked["state"])

    assert kept(world, connector) == {}


def test_members_may_not(world: World, hub: HubSpot) -> None:
    connector = connect(world)
    stranger = Browser()

    assert stranger.get(f"{CONNECTORS}/{connector}/authorize").status_code == 302
    assert "/sign-in" in stranger.get(f"{CONNECTORS}/{connector}/authorize")["Location"]


def test_a_connector_may_bring_its_own_app(
    world: World, hub: HubSpot, browser: Browser, settings: Any
) -> None:
    settings.ROPEWALK = settings.ROPEWALK.model_copy(update={"hubspot_client_id": None})
    connector = connect(world, client_id="app-id")
    off = browser.get(f"{CONNECTORS}/{connector}/authorize")
    world.reconfigure(connector, secrets={"client_secret": "app-secret"})
    authorize(browser, hub, connector)

    assert off["Location"] == f"{CONNECTORS}/{connector}/connection"
    assert brief(world.sync(connector)) == complete(created=1)


def test_without_an_app_the_page_says_what_is_missing(
    world: World, hub: HubSpot, browser: Browser, settings: Any
) -> None:
    settings.ROPEWALK = settings.ROPEWALK.model_copy(update={"hubspot_client_id": None})
    page = browser.get(f"{CONNECTORS}/new?source=hubspot").content.decode()

    assert "ROPEWALK_HUBSPOT_CLIENT_ID" in page
    assert CALLBACK in page


def test_access_is_renewed_before_it_ends(world: World, hub: HubSpot, browser: Browser) -> None:
    connector = connect(world)
    authorize(browser, hub, connector)
    world.clock.advance(seconds=1_800 - 59)
    hub.end("access-1-of-hubspot")
    run = world.sync(connector)

    assert brief(run) == complete(created=1)
    assert hub.renewals == 2
    assert kept(world, connector)[grants.REFRESH] == "refresh-2-of-hubspot"


def test_access_that_ends_in_the_middle_of_a_run_is_renewed(
    world: World, hub: HubSpot, browser: Browser
) -> None:
    for number in range(2, 351):
        hub.company(number, START - timedelta(days=1))
    connector = connect(world)
    authorize(browser, hub, connector)
    pages = 0

    def end(asked: Asked) -> None:
        nonlocal pages
        pages += asked.path == "/crm/v3/objects/companies"
        if pages == 3:
            hub.end("access-1-of-hubspot")

    hub.before = end
    run = world.sync(connector)

    assert brief(run) == complete(created=350)
    assert hub.renewals == 2


def test_where_nothing_renews_it_the_schedule_waits_for_somebody(
    world: World, hub: HubSpot, browser: Browser
) -> None:
    connector = connect(world)
    authorize(browser, hub, connector)
    world.change(connector, schedule={"periodic": True, "every_minutes": 60})
    hub.end("access-1-of-hubspot")
    hub.refreshing.clear()
    runs = [brief(world.sync(connector)) for _ in range(2)]
    paused = world.state(connector)["paused"]
    authorize(browser, hub, connector)

    assert [each["error"] for each in runs] == ["authentication_failed"] * 2
    assert paused == "reconnect"
    assert world.state(connector)["paused"] is None
    assert brief(world.sync(connector)) == complete(created=1)


def test_disconnected_it_is_let_in_no_more(world: World, hub: HubSpot, browser: Browser) -> None:
    connector = connect(world)
    authorize(browser, hub, connector)
    answer = browser.post(f"{CONNECTORS}/{connector}/disconnect")

    assert answer.status_code == 302
    assert kept(world, connector) == {}
    assert brief(world.sync(connector))["error"] == "authentication_failed"
    assert world.audited("connector.disconnected") == [{"name": "HubSpot"}]


def test_several_at_once_renew_it_once(world: World, hub: HubSpot, browser: Browser) -> None:
    """Each with a state of its own, as workers on other machines have."""
    connector = connect(world)
    authorize(browser, hub, connector)
    source = REGISTRY["hubspot"]
    saved = source.settings.model_validate({"auth": {"type": "oauth"}})
    exchange = connection.client(world.clock).exchange
    together = threading.Barrier(4)
    found: list[str] = []

    def ask() -> None:
        granted = Granted(source, saved, world.org, UUID(connector), world.clock, exchange, lambda: False)
        together.wait(timeout=10)
        found.append(granted("access-1-of-hubspot"))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(timeout=30)

    assert found == ["access-2-of-hubspot"] * 4
    assert hub.renewals == 2


def test_whoever_dies_over_renewing_holds_nobody_up_for_long(
    world: World, hub: HubSpot, browser: Browser
) -> None:
    connector = connect(world)
    authorize(browser, hub, connector)
    assert grants.claim(world.org, UUID(connector), version=1, now=world.clock.now())
    assert not grants.claim(world.org, UUID(connector), version=1, now=world.clock.now())
    world.clock.advance(hours=1)

    assert brief(world.sync(connector)) == complete(created=1)


def test_where_a_vendor_takes_it_a_proof_of_the_question_goes_along(
    world: World, hub: HubSpot, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = REGISTRY["hubspot"]
    assert declared.oauth is not None
    with_proof = replace(declared, oauth=replace(declared.oauth, pkce=True))
    monkeypatch.setitem(REGISTRY, "hubspot", with_proof)  # type: ignore[arg-type]
    connector = connect(world)
    asked = sent_off(browser, connector)
    bring_back(browser, code=hub.consent(CALLBACK), state=asked["state"])
    [form] = [parse_qs(each.body.decode()) for each in hub.seen if each.path == "/oauth/v1/token"]
    proof = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"][0].encode()).digest())

    assert asked["code_challenge_method"] == "S256"
    assert asked["code_challenge"] == proof.rstrip(b"=").decode()
    # Its SDK doesn't know of it; the vendor's pages do.
    assert hub.wrong == ["no form field code_verifier"]
    hub.wrong.clear()


def test_an_app_s_secret_is_shown_nowhere(world: World, hub: HubSpot) -> None:
    connector = connect(world)
    source = REGISTRY["hubspot"]
    app = oauthapps.app_of(
        source, world.org, UUID(connector), source.settings.model_validate({"auth": {"type": "oauth"}})
    )

    assert "app-secret" not in repr(app)
