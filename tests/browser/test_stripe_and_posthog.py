"""Stripe and PostHog from the gallery to an account with revenue and events, in a real browser at a real server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.browser.test_setup import SHOWN, Hand, ends, fits
from tests.browser.visit import NARROW, Visit
from tests.fakes import posthog, serve, stripe

FIRST = 70_001
DOMAIN = f"company-{FIRST}.example"


def customers() -> stripe.Stripe:
    paying = [stripe.subscription(FIRST, number, stripe.item(4_900, 2)) for number in range(12)]
    return stripe.Stripe(
        [
            stripe.customer(FIRST, subscriptions=paying, metadata={"segment": "enterprise"}),
            *(stripe.customer(FIRST + number) for number in range(1, 29)),
        ]
    )


def events() -> posthog.PostHog:
    now = datetime.now(UTC).replace(microsecond=0)
    person = {"company": DOMAIN, "email": f"olga@{DOMAIN}"}
    found = [posthog.event(number, "Report exported", person=person) for number in range(1, 20)]
    project = posthog.PostHog(
        [each | {"timestamp": now - timedelta(hours=place)} for place, each in enumerate(found, 1)]
    )
    project.canned = {
        "FROM groups": [],
        "FROM persons": [["company", 19], ["email", 19]],
        "JSONExtractKeys": [["$lib", 19]],
        "count() AS times FROM events": [["Report exported", 19]],
    }
    return project


def test_customers_with_revenue_and_what_they_do(visit: Callable[..., Visit]) -> None:
    with serve(customers()) as billing, serve(project := events()) as product, visit() as visitor:
        page = visitor.page
        wrong = _stripe(visitor, billing)
        wrong += _posthog(visitor, product)
        visitor.go(f"/app/accounts?q={DOMAIN}")
        page.locator("#list tbody tr a").first.click()
        expect(page.get_by_text("1,176").first).to_be_visible()
        page.get_by_role("link", name="Events").first.click()
        expect(page.get_by_text("Report exported").locator("visible=true").first).to_be_visible(timeout=SHOWN)

    assert (wrong, visitor.wrongs) == ([], [])
    assert {values["account"] for _, values in project.queries if "account" in values} == {DOMAIN}


def _stripe(visitor: Visit, url: str) -> list[str]:
    page, hand = visitor.page, Hand(visitor.page)
    visitor.go("/app/settings/connectors/gallery")
    hand.click("Stripe", "link")
    hand.fill("Secret or restricted key", stripe.KEY)
    page.get_by_text("Advanced settings").first.click()
    hand.fill("API address", url)
    hand.click("Test & Discover Fields")
    expect(page.get_by_text("The test passed").first).to_be_visible(timeout=SHOWN)
    wrong = fits(visitor)
    hand.click("Use all suggestions")
    hand.click("Save Endpoint")
    hand.click("Dry run")
    ends(page, "Previewed")
    hand.click("Apply")
    ends(page)
    return wrong


def _posthog(visitor: Visit, url: str) -> list[str]:
    page, hand = visitor.page, Hand(visitor.page)
    visitor.go("/app/settings/connectors/gallery")
    hand.click("PostHog", "link")
    page.get_by_role("textbox", name="Host", exact=True).fill(url)
    hand.fill("Project ID", posthog.PROJECT)
    hand.fill("Personal API key", posthog.KEY)
    hand.click("Fetch properties and groups")
    account = page.get_by_label("Account key")
    expect(page.locator("datalist option[value='person.properties.company']").first).to_be_attached(
        timeout=SHOWN
    )
    account.fill("person.properties.company; DROP TABLE events")
    hand.click("Test & Discover Fields")
    expect(page.get_by_role("alert")).to_contain_text("can’t stand here", timeout=SHOWN)
    expect(page.get_by_text("The test passed")).to_have_count(0)
    account.fill("person.properties.company")
    hand.click("Test & Discover Fields")
    expect(page.get_by_text("The test passed")).to_be_visible(timeout=SHOWN)
    wrong = fits(visitor)
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    wrong += fits(visitor)
    page.set_viewport_size({"width": 1440, "height": 900})
    hand.click("Use all suggestions")
    hand.click("Save Endpoint")
    expect(page.get_by_text("Saved. Events are read whenever")).to_be_visible(timeout=SHOWN)
    return wrong
