"""What pages of Settings show once somebody does something there: each yields a name, where what is on the screen is to
be looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from playwright.sync_api import expect

from tests.browser.test_setup import SHOWN, Hand, ends
from tests.browser.test_stripe_and_posthog import customers, events
from tests.browser.visit import Visit
from tests.engine.warehouses import opened
from tests.fakes import posthog, serve, stripe, warehouses
from tests.fakes.sample import sample_vendor

TOKEN = "rope-and-tar"
CONNECTORS = "/app/settings/connectors"
Scene = Callable[[Visit, Any], Iterator[str]]


def custom_api(visitor: Visit, site: Any) -> Iterator[str]:
    page, hand = visitor.page, Hand(visitor.page)
    passed = page.get_by_text("Found, proved by page 2").first
    refused = page.get_by_role("alert")

    def test(kind: str) -> None:
        page.goto(stream.replace("/accounts/", f"/{kind}/"))
        hand.fill("URL", f"{vendor.url}/v1/{kind}")
        hand.click("Test & Discover Fields")
        expect(passed).to_be_visible(timeout=SHOWN)

    with sample_vendor(120, TOKEN) as vendor:
        visitor.go(f"{CONNECTORS}/gallery")
        hand.click("Custom API Sync", "link")
        hand.click("Test & Discover Fields")
        expect(refused).to_be_visible()
        yield "custom-api-without-url"
        hand.fill("URL", f"{vendor.url}/v1/customers")
        hand.fill("Token", "tar-and-feathers")
        hand.click("Test & Discover Fields")
        expect(refused).to_contain_text("It didn’t let us in.", timeout=SHOWN)
        yield "custom-api-wrong-token"
        hand.fill("Token", TOKEN)
        with vendor.lock:
            hand.click("Test & Discover Fields")
            expect(page.get_by_text("Waiting for the answer.")).to_be_visible()
            yield "custom-api-asking"
        expect(passed).to_be_visible(timeout=SHOWN)
        yield "custom-api-tested"
        hand.click("Use all suggestions")
        expect(page.get_by_text("Suggested", exact=True)).to_have_count(0)
        for advanced in page.locator("details.map-more summary").all()[:2]:
            advanced.click()
        yield "custom-api-mapped"
        hand.click("Save Endpoint")
        page.wait_for_url("**/accounts/")
        stream = page.url
        yield "custom-api-saved"
        hand.click("Dry run")
        ends(page, "Previewed")
        yield "run-previewed"
        with vendor.lock:
            hand.click("Apply")
            expect(page.get_by_role("progressbar")).to_be_visible(timeout=SHOWN)
            yield "run-under-way"
        ends(page)
        yield "run-complete"
        page.get_by_role("link", name="Undo…").click()
        yield "run-undo-dialog"
        page.get_by_role("dialog").get_by_role("button", name="Undo the run").click()
        ends(page, "Undone")
        yield "run-undone"
        page.goto(stream)
        page.get_by_label("Response data path").fill("customers")
        hand.click("Save Endpoint")
        expect(refused).to_be_visible()
        yield "custom-api-reset"
        test("contacts")
        hand.click("Save Endpoint")
        expect(refused).to_contain_text("Map externalCustomerId and email")
        yield "contacts-unmapped"
        test("events")
        hand.click("Use all suggestions")
        hand.click("Show how events will look")
        expect(page.get_by_text("records could be read as events")).to_be_visible(timeout=SHOWN)
        yield "events-previewed"


def vendors(visitor: Visit, site: Any) -> Iterator[str]:
    page, hand = visitor.page, Hand(visitor.page)
    passed = page.get_by_text("The test passed").first
    with serve(customers()) as billing, serve(events()) as product:
        visitor.go(f"{CONNECTORS}/new?source=stripe&kind=accounts")
        page.get_by_text("Advanced settings").first.click()
        hand.fill("API address", billing)
        hand.fill("Secret or restricted key", "sk_test_nobody")
        hand.click("Test & Discover Fields")
        expect(page.get_by_role("alert")).to_be_visible(timeout=SHOWN)
        yield "stripe-wrong-key"
        hand.fill("Secret or restricted key", stripe.KEY)
        hand.click("Test & Discover Fields")
        expect(passed).to_be_visible(timeout=SHOWN)
        yield "stripe-tested"
        visitor.go(f"{CONNECTORS}/new?source=posthog&kind=events")
        page.get_by_role("textbox", name="Host", exact=True).fill(product)
        hand.fill("Project ID", posthog.PROJECT)
        hand.fill("Personal API key", posthog.KEY)
        hand.fill("Account key", "person.properties.company")
        hand.click("Fetch events")
        expect(page.get_by_text("Report exported").first).to_be_attached(timeout=SHOWN)
        yield "posthog-events-fetched"
        hand.click("Test & Discover Fields")
        expect(passed).to_be_visible(timeout=SHOWN)
        yield "posthog-tested"
    visitor.go(f"{CONNECTORS}/new?source=hubspot&kind=accounts")
    page.get_by_label("Connect by").select_option(label="OAuth")
    yield "hubspot-oauth"
    page.get_by_label("Connect by").select_option(index=0)
    hand.fill("Access token", "pat-eu1-of-nobody")
    hand.click("Test & Discover Fields")
    expect(page.locator("[role=alert], .outcome").first).to_be_visible(timeout=SHOWN)
    yield "hubspot-wrong-token"
    with opened("bigquery") as warehouse:
        text = warehouse.types["text"]
        warehouse.execute(
            f"CREATE TABLE crm.customers (id {text}, name {text}, domain {text})",
            "INSERT INTO crm.customers (id, name, domain) VALUES ('1', 'Splice & Co', 'splice.example')",
        )
        visitor.go(f"{CONNECTORS}/new?source=bigquery&kind=accounts")
        page.get_by_text("Advanced settings").first.click()
        page.get_by_role("textbox", name="Service account key").fill(warehouses.key_file())
        page.get_by_role("textbox", name="Endpoint").fill(warehouse.url)
        hand.fill("Query", "DELETE FROM crm.customers")
        hand.click("Fetch tables")
        expect(page.get_by_text(warehouse.field("crm.customers"), exact=True)).to_be_visible(timeout=SHOWN)
        yield "bigquery-tables-fetched"
        hand.click("Test & Discover Fields")
        expect(page.get_by_role("alert")).to_be_visible(timeout=SHOWN)
        yield "bigquery-wrong-query"
        hand.fill("Query", "SELECT id, name, domain FROM crm.customers")
        hand.click("Test & Discover Fields")
        expect(passed).to_be_visible(timeout=SHOWN)
        yield "bigquery-tested"


def forms(visitor: Visit, site: Any) -> Iterator[str]:
    """Filled in wrongly, and then well."""
    page, hand = visitor.page, Hand(visitor.page)
    refused = page.get_by_role("alert").first
    visitor.go(f"{CONNECTORS}/push/new")
    hand.fill("Source name", "Not A Name!")
    hand.fill("Metadata", "no equals sign")
    page.locator("main button[type=submit]").click()
    expect(refused).to_be_visible()
    yield "push-form-wrong"
    visitor.go(f"{CONNECTORS}/push/{site.ids['push_connector_id']}/")
    page.get_by_role("link", name="Deactivate").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    yield "push-deactivate-dialog"
    for name, text in (
        ("wrong", "- source: nowhere\n  name: ''\n"),
        ("plan", "- source: custom_api\n  name: CRM\n  settings: {auth: {type: none}}\n  streams:\n    accounts:\n      url: http://127.0.0.1:9/v2/accounts\n      matching: domain\n      mapping:\n      - {from: name, to: companyName}\n      - {from: website, to: companyDomain}\n"),
    ):  # fmt: skip
        visitor.go(f"{CONNECTORS}/file")
        hand.fill("Connector file", text)
        hand.click("Show what it would do")
        expect(page.locator(".plan, [role=alert]").first).to_be_visible()
        yield f"connector-file-{name}"
    visitor.go("/app/settings/members/invite")
    hand.fill("Email address", "nobody")
    page.locator("main button[type=submit]").click()
    expect(refused).to_be_visible()
    yield "invite-wrong"
    hand.fill("Email address", "una@northwind.example")
    page.locator("main button[type=submit]").click()
    expect(page.locator(".once")).to_be_visible()
    yield "invite-made"
    visitor.go("/app/settings/api-keys/new")
    page.get_by_role("checkbox", name="read").uncheck()
    page.locator("main button[type=submit]").click()
    expect(refused).to_be_visible()
    yield "key-wrong"
    hand.fill("Name", "Nightly import")
    page.get_by_role("checkbox", name="read").check()
    page.locator("main button[type=submit]").click()
    expect(page.locator(".once")).to_be_visible()
    yield "key-made"
    visitor.go("/app/settings/organization")
    hand.fill("Own domains", "not a domain")
    hand.fill("Keep pushed events for", "-3")
    page.locator("main button[type=submit]").click()
    expect(refused).to_be_visible()
    yield "organization-wrong"
    visitor.go("/app/settings/audit-log?from=yesterday")
    yield "audit-log-wrong"
    visitor.go("/app/settings/audit-log?actor=nobody")
    yield "audit-log-nothing"
    visitor.go(f"{CONNECTORS}/{site.ids['connector_id']}/connection")
    hand.fill("Name", "Billing")
    hand.click("Save")
    expect(refused).to_be_visible()
    yield "connection-wrong"
    visitor.go(f"{CONNECTORS}/{site.ids['connector_id']}/connection")
    hand.click("Test Connection")
    expect(page.locator("[role=alert], .outcome").first).to_be_visible(timeout=SHOWN)
    yield "connection-tested"
    visitor.go("/app/accounts/import")
    hand.click("Upload")
    expect(refused).to_be_visible()
    yield "import-nothing"
    visitor.go(f"/app/accounts/import/{site.ids['import_id']}/")
    hand.click("Use all suggestions")
    expect(page.get_by_text("Suggested", exact=True)).to_have_count(0)
    yield "import-mapped"
    hand.click("Dry run")
    ends(page, "Previewed")
    yield "import-previewed"


def runs(visitor: Visit, site: Any) -> Iterator[str]:
    for status in ("failed", "suspicious"):
        visitor.go(f"{CONNECTORS}/runs/{site.ids[f'{status}_run_id']}/")
        yield f"run-{status}"
    visitor.go(f"{CONNECTORS}/runs/{site.ids['suspicious_run_id']}/accept")
    yield "run-accept"
    visitor.go(f"{CONNECTORS}/runs/?status=cancelled")
    yield "runs-nothing"


def seen_by_a_member(visitor: Visit, site: Any) -> Iterator[str]:
    for name, path in {
        "connectors": CONNECTORS,
        "connector": f"{CONNECTORS}/{site.ids['connector_id']}/",
        "push-connector": f"{CONNECTORS}/push/{site.ids['push_connector_id']}/",
        "run": f"{CONNECTORS}/runs/{site.ids['run_id']}/",
        "data": "/app/settings/data-sync",
        "members": "/app/settings/members",
    }.items():
        visitor.go(path)
        yield f"member-{name}"


def empty(visitor: Visit, site: Any) -> Iterator[str]:
    """Of an organization that has nothing yet."""
    visitor.go("/app/")
    visitor.page.get_by_label("Organization").select_option(label="Zenith Holdings")
    expect(visitor.page.get_by_text("Connect your first source").first).to_be_visible()
    for name, path in {
        "connectors": CONNECTORS,
        "runs": f"{CONNECTORS}/runs/",
        "data": "/app/settings/data-sync",
        "members": "/app/settings/members",
        "api-keys": "/app/settings/api-keys",
        "audit-log": "/app/settings/audit-log",
        "import": "/app/accounts/import",
    }.items():
        visitor.go(path)
        yield f"empty-{name}"
    visitor.page.get_by_label("Organization").select_option(label="Northwind Rope & Rigging")
    visitor.page.wait_for_url("**/app/")


OWNERS: tuple[Scene, ...] = (custom_api, vendors, forms, runs, empty)
