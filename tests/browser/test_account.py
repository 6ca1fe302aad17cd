"""An account's pages, as they are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.visit import NARROW, Visit


def test_its_events_come_after_it_and_are_filtered(site: Any, visit: Callable[..., Visit]) -> None:
    """One source fails; the other one's events are there, filtered, opened, and in an address that can be shared."""
    with visit() as visitor:
        page = visitor.page
        visitor.go("/app/accounts?q=seilwerke")
        page.get_by_role("link", name="Vereinigte Seilwerke").click()
        page.get_by_role("link", name="Events", exact=True).click()
        events = page.locator("details.event")
        expect(events).to_have_count(30)
        failing = page.locator(".sources-failing strong").all_inner_texts()
        fits = [*visitor.unfit(), *visitor.hard_to_use()]
        page.get_by_label("To", exact=True).fill("2020-01-01")
        page.get_by_label("From", exact=True).fill("2020-01-02")
        page.get_by_role("button", name="Filter").click()
        expect(page.get_by_role("alert").first).to_contain_text("ends before it begins")
        fits += visitor.hard_to_use()
        page.get_by_label("To", exact=True).fill("")
        page.get_by_label("From", exact=True).fill("")
        page.get_by_label("Event name").fill("report exported")
        page.get_by_label("Source").select_option(label="App")
        page.get_by_label("Event name").press("Enter")
        page.wait_for_url("**/events?source=*&name=report+exported")
        expect(page.locator(".event-name").first).to_have_text("Report exported")
        names = {*page.locator(".event-name").all_inner_texts()}
        events.first.locator("summary").click()
        expect(events.first.get_by_role("link", name="https://app.example/reports/17")).to_be_visible()
        page.reload()
        expect(page.locator(".event-name").first).to_have_text("Report exported")
        kept = page.get_by_label("Event name").input_value()

        assert (failing, names, kept) == (["Product events"], {"Report exported"}, "report exported")
        assert (fits, visitor.wrongs, visitor.elsewhere()) == ([], [], [])


def test_on_paper_there_is_what_can_be_read(site: Any, visit: Callable[..., Visit]) -> None:
    with visit(scheme="dark") as visitor:
        page = visitor.page
        visitor.go(f"/app/accounts/{site.ids['account_id']}/")
        page.emulate_media(media="print")
        expect(
            page.locator(".side, .tabs, .head-actions, .values-name svg").locator("visible=true")
        ).to_have_count(0)
        expect(page.get_by_text("https://www.seilwerke.example/ueber-uns")).to_be_visible()
        ground = page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor")

        assert (ground, visitor.unfit()) == ("rgb(255, 255, 255)", [])


def test_edited_with_a_wrong_value_first_deleted_and_restored(visit: Callable[..., Visit]) -> None:
    with visit() as visitor:
        page = visitor.page
        visitor.go("/app/accounts")
        page.get_by_role("link", name="New account").click()
        page.get_by_label("Company").fill("Short-lived Sails")
        page.get_by_role("button", name="Create account").click()
        expect(page.get_by_role("status")).to_contain_text("Short-lived Sails is an account now.")
        page.get_by_role("link", name="Edit").click()
        page.get_by_label("Seats").fill("many")
        page.get_by_role("button", name="Save").click()
        focused = page.evaluate("document.activeElement.getAttribute('role')")
        kept = page.get_by_label("Seats").input_value()
        fits = visitor.hard_to_use()
        page.get_by_label("Seats").fill("40")
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".values-row", has_text="Seats").locator(".values-value")).to_have_text("40")
        page.get_by_role("link", name="Delete").click()
        fits += visitor.hard_to_use()
        page.get_by_role("dialog").get_by_role("button", name="Delete account").click()
        expect(page.get_by_text("This account is deleted")).to_be_visible()
        visitor.go("/app/accounts?view=deleted")
        page.get_by_role("link", name="Short-lived Sails").click()
        page.get_by_role("button", name="Restore").click()
        expect(page.get_by_role("status")).to_contain_text("Short-lived Sails is back.")

        assert (focused, kept, fits, visitor.wrongs) == ("alert", "many", [], [])


def test_without_scripts(site: Any, visit: Callable[..., Visit]) -> None:
    """The timeline comes by itself, the tabs are pages, and who is asked again is asked on a page."""
    with visit(scripts=False, size=NARROW) as visitor:
        page = visitor.page
        visitor.go(f"/app/accounts/{site.ids['account_id']}/")
        page.get_by_role("link", name="Events", exact=True).click()
        page.wait_for_url("**/events/read*")
        shown = page.locator("details.event").count()
        page.get_by_role("link", name="History", exact=True).click()
        page.get_by_role("link", name="Seats").first.click()
        expect(page.locator(".plot-line")).to_have_count(1)
        page.get_by_role("link", name="Contacts", exact=True).click()
        page.get_by_role("link", name="Delete bo@seilwerke.example").click()
        asked = page.locator("h1").inner_text()

        assert (shown, asked) == (30, "Delete bo@seilwerke.example?")
