"""From the gallery to synced accounts of a vendor that Ropewalk knows, by a token and by somebody's yes."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.test_setup import SHOWN, Hand, ends, fits
from tests.browser.visit import NARROW, Visit
from tests.fakes.hubspot import HubSpot


def test_hubspot_by_a_token_and_its_contacts(
    hubspot: tuple[HubSpot, str], visit: Callable[..., Visit]
) -> None:
    with visit() as visitor:
        page, hand = visitor.page, Hand(visitor.page)
        visitor.go("/app/settings/connectors/gallery")
        hand.click("HubSpot Sync", "link")
        hand.fill("Access token", "pat-eu1-private")
        wrong = fits(visitor)
        hand.click("Test & Discover Fields")
        expect(page.get_by_text("The test passed")).to_be_visible(timeout=SHOWN)
        wrong += fits(visitor)
        hand.click("Use all suggestions")
        hand.click("Save Endpoint")
        hand.click("Dry run")
        ends(page, "Previewed")
        hand.click("Apply")
        ends(page)
        visitor.go("/app/accounts?q=c77.example")
        expect(page.locator("#list tbody tr")).to_have_count(1)

        assert len(hand.moves) <= 7, hand.moves
        visitor.go("/app/settings/connectors")
        page.get_by_role("link", name="Set up Contacts of HubSpot").click()
        hand.click("Test & Discover Fields")
        expect(page.get_by_text("The test passed")).to_be_visible(timeout=SHOWN)
        hand.click("Use all suggestions")
        hand.click("Save Endpoint")
        hand.click("Sync Now")
        ends(page)
        visitor.go("/app/accounts?q=c77.example")
        page.get_by_role("link", name="Company 77").click()
        page.get_by_role("link", name="Contacts").click()
        expect(page.get_by_text("p77@c77.example").first).to_be_visible()

        assert (wrong, visitor.wrongs) == ([], [])


def test_hubspot_by_somebody_s_yes_with_a_filter(
    hubspot: tuple[HubSpot, str], visit: Callable[..., Visit]
) -> None:
    with visit(size=NARROW) as visitor:
        page, hand = visitor.page, Hand(visitor.page)
        visitor.go("/app/settings/connectors/new?source=hubspot")
        hand.fill("Name of the connector", "HubSpot of the others")
        hand.click("Save and connect with HubSpot")
        page.get_by_role("link", name="Connect app").click()
        expect(page.locator("#toasts")).to_contain_text("HubSpot of the others is connected.")
        wrong = fits(visitor)
        hand.click("Fetch properties")
        page.locator("select[name='filters.0.property']").select_option("lifecyclestage")
        hand.fill("Value", "customer")
        hand.click("Test & Discover Fields")
        expect(page.get_by_text("The test passed")).to_be_visible(timeout=SHOWN)
        hand.click("Use all suggestions")
        hand.click("Save Endpoint")
        expect(page.get_by_text("Saved. Nothing has been written")).to_be_visible()
        wrong += fits(visitor)
        page.get_by_role("link", name="Edit connection", exact=True).click()
        expect(page.get_by_text("Connected with HubSpot")).to_be_visible()
        wrong += fits(visitor)

        assert (wrong, visitor.wrongs) == ([], [])
