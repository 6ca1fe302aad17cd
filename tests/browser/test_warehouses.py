"""Warehouses that are not ours, from the gallery to synced accounts; and the timeline of an account over every kind of source,
in a real browser at a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.test_setup import SHOWN, Hand, ends, fits
from tests.browser.visit import NARROW, SCHEMES, WIDE, Visit
from tests.e2e.installation import Api
from tests.engine.warehouses import EVENTS, mapping, opened
from tests.fakes import Asked, posthog, serve, warehouses

NOW = datetime.now(UTC).replace(microsecond=0)
DOMAIN = "splice.example"
SOURCES = ("bigquery", "snowflake", "posthog", "custom_api", "webshop")
EACH = 4
QUERY = "SELECT id, name, domain, seats FROM crm.customers WHERE updated_at >= $LAST_SYNC_TIMESTAMP"


@pytest.fixture(scope="module")
def of() -> Iterator[dict[str, Any]]:
    """Both warehouses, each with customers and with what some of them did."""
    with ExitStack() as stack:
        found = {name: stack.enter_context(opened(name)) for name in ("bigquery", "snowflake")}
        for name, warehouse in found.items():
            text, number, instant = (warehouse.types[each] for each in ("text", "number", "instant"))
            customers = ", ".join(
                f"('{name}-{n}', 'Rope of {name} {n}', '{name}-{n}.example', {n * 3}, '{NOW - timedelta(days=3)}')"
                for n in range(1, 26)
            )
            events = ", ".join(f"('{at}', '{name} said', '{DOMAIN}', 'u-1')" for at in moments(name))
            warehouse.execute(
                f"CREATE TABLE crm.customers (id {text}, name {text}, domain {text}, seats {number}, updated_at {instant})",
                f"CREATE TABLE app.events (happened {instant}, what {text}, account {text}, who {text})",
                f"INSERT INTO crm.customers (id, name, domain, seats, updated_at) VALUES {customers}",
                f"INSERT INTO app.events (happened, what, account, who) VALUES {events}",
            )
        yield found


def moments(source: str) -> list[str]:
    """By turns, one source's after another's."""
    places = range(SOURCES.index(source), EACH * len(SOURCES), len(SOURCES))
    return [(NOW - timedelta(minutes=7 * place + 1)).isoformat() for place in places]


@pytest.mark.parametrize("source", ["bigquery", "snowflake"])
def test_from_the_gallery_to_synced_accounts_with_a_wrong_query_first(
    of: dict[str, Any], visit: Callable[..., Visit], source: str
) -> None:
    with visit() as visitor:
        page, hand = visitor.page, Hand(visitor.page)
        visitor.go("/app/settings/connectors/gallery")
        hand.click({"bigquery": "BigQuery", "snowflake": "Snowflake"}[source], "link")
        page.get_by_text("Advanced settings").first.click()
        for label, text in _connection(of[source]).items():
            page.get_by_role("textbox", name=label, exact=True).fill(text)
        hand.fill("Query", "DELETE FROM crm.customers")
        hand.click("Fetch tables")
        expect(page.get_by_text(of[source].field("app.events"), exact=True)).to_be_visible(timeout=SHOWN)
        hand.click("Test & Discover Fields")
        expect(page.get_by_role("alert")).to_contain_text("only a query that reads is sent", timeout=SHOWN)
        wrong = fits(visitor)
        hand.fill("Query", QUERY)
        hand.click("Test & Discover Fields")
        expect(page.get_by_text("The test passed").first).to_be_visible(timeout=SHOWN)
        for size in (NARROW, WIDE):
            visitor.resize(size)
            # At the end of the page nothing lies under the bar with the buttons.
            page.evaluate("scrollTo(0, document.body.scrollHeight)")
            wrong += fits(visitor)
        hand.click("Use all suggestions")
        hand.click("Save Endpoint")
        hand.click("Dry run")
        ends(page, "Previewed")
        hand.click("Apply")
        ends(page)
        visitor.go(f"/app/accounts?q={source}-7.example")
        expect(page.locator("#list tbody tr")).to_have_count(1)

        assert (wrong, visitor.wrongs) == ([], [])


def _connection(warehouse: Any) -> dict[str, str]:
    if warehouse.source == "bigquery":
        return {"Service account key": warehouses.key_file(), "Endpoint": warehouse.url}
    own = warehouse.settings()
    return {
        "Account": own["account"],
        "User": own["user"],
        "Database": own["database"],
        "Schemas": "\n".join(own["schemas"]),
        "Password": warehouse.secrets()["password"],
        "Endpoint": warehouse.url,
    }


def test_one_timeline_over_five_kinds_of_sources(
    site: Any, of: dict[str, Any], visit: Callable[..., Visit]
) -> None:
    person = {"company": DOMAIN, "email": f"olga@{DOMAIN}"}
    seen = [
        posthog.event(n, "posthog said", person=person) | {"timestamp": datetime.fromisoformat(at)}
        for n, at in enumerate(moments("posthog"))
    ]
    with serve(posthog.PostHog(seen)) as product, serve(_told) as app, visit() as visitor:
        account = _connected(site, of, product, app)
        page = visitor.page
        visitor.go(f"/app/accounts/{account}/events")
        events = page.locator("details.event")
        expect(events.nth(EACH * len(SOURCES) - 1)).to_be_visible(timeout=SHOWN)
        # Others of the site may have lost their servers.
        ours = {f"{source} events" for source in SOURCES}
        failing = ours.intersection(page.locator(".sources-failing strong").all_inner_texts())
        names = [name for name in page.locator(".event-name").all_inner_texts() if name.endswith(" said")]
        wrong = []
        for scheme in SCHEMES:
            for size in (WIDE, NARROW):
                visitor.look(scheme, size)
                wrong += fits(visitor)

        assert names == [f"{source} said" for source in SOURCES] * EACH
        assert (failing, wrong, visitor.wrongs) == (set(), [], [])


def _told(asked: Asked) -> Any:
    return {
        "data": [
            {"at": at, "name": "custom_api said", "domain": asked.params["domain"]}
            for at in moments("custom_api")
        ]
    }


def _connected(site: Any, of: dict[str, Any], product: str, app: str) -> str:
    """Whose events they all are."""
    events = [
        {"from": source, "to": target}
        for source, target in (("at", "eventTime"), ("name", "eventName"), ("domain", "accountKey"))
    ]
    site.installation.apply(
        *(
            {
                "source": name,
                "name": f"{name} events",
                "settings": each.settings(),
                "secrets": each.secrets(),
                "streams": {
                    "events": {
                        "tables": ["app.events"],
                        "match_by": "domain",
                        "mapping": mapping(each, EVENTS),
                    }
                },
            }
            for name, each in of.items()
        ),
        {
            "source": "posthog",
            "name": "posthog events",
            "settings": {"host": product, "project_id": posthog.PROJECT},
            "secrets": {"token": posthog.KEY},
            "streams": {"events": {"account": "person.properties.company"}},
        },
        {
            "source": "custom_api",
            "name": "custom_api events",
            "settings": {"auth": {"type": "none"}},
            "streams": {
                "events": {
                    "url": f"{app}/events",
                    "records_path": "data",
                    "account_param": "domain",
                    "match_by": "domain",
                    "mapping": events,
                }
            },
        },
        organization="Northwind Rope & Rigging",
    )
    made = site.installation.json(
        "--organization",
        "Northwind Rope & Rigging",
        "keys",
        "create",
        "Webshop",
        "--scope",
        "ingest",
        "--scope",
        "write",
    )
    api = Api(int(site.url.rpartition(":")[2]), made["key"])
    items = [
        {
            "data": {"type": "webshop said", "customer": {"domain": DOMAIN}},
            "external_id": f"said-{at}",
            "timestamp": at,
        }
        for at in moments("webshop")
    ]
    connector = site.ids["push_connector_id"]
    assert api.call("POST", f"/v1/custom-connectors/{connector}/ingest", {"items": items})[0] == 202
    status, account = api.call(
        "POST", "/v1/accounts", {"companyName": "Splice & Co", "companyDomain": DOMAIN}
    )
    assert status == 201, account
    return str(account["account_id"])
