"""From the gallery to accounts, contacts and events, in a real browser at a real server, worker and vendor: by hand in a
few moves, by keyboard alone, and with something wrong at first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from ropewalk.demo.vendor import Vendor
from tests.browser.visit import NARROW, Visit
from tests.fakes.sample import sample_vendor

TOKEN = "rope-and-tar"
MOST_MOVES = 12
SHOWN = 60_000
"""Milliseconds in which what is asked for appears."""


@pytest.fixture(scope="module")
def system() -> Iterator[Vendor]:
    with sample_vendor(120, TOKEN) as vendor:
        yield vendor


@pytest.fixture(scope="module")
def vendor(system: Vendor) -> str:
    return system.url


class Hand:
    """A pointer and a keyboard, and how often they are used."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.moves: list[str] = []

    def click(self, name: str, role: str = "button") -> None:
        self.moves.append(name)
        self.page.get_by_role(role, name=name, exact=role == "button").click()

    def fill(self, label: str, text: str) -> None:
        self.moves.append(label)
        self.page.get_by_label(label).locator("visible=true").first.fill(text)


def fits(visitor: Visit) -> list[str]:
    return [*visitor.unfit(), *visitor.hard_to_use()]


def ends(page: Any, badge: str = "Complete") -> None:
    expect(page.locator("h1 .badge")).to_have_text(badge, timeout=SHOWN)


def test_to_the_first_accounts_in_a_few_moves(
    system: Vendor, vendor: str, visit: Callable[..., Visit]
) -> None:
    """And then contacts and events of the same system, each wrong at first."""
    with visit() as visitor:
        page, hand = visitor.page, Hand(visitor.page)
        visitor.go("/app/settings/connectors/gallery")
        hand.click("Custom API Sync", "link")
        hand.fill("URL", f"{vendor}/v1/customers")
        hand.fill("Token", TOKEN)
        waiting = page.get_by_text("Waiting for the answer.")
        with system.lock:
            # It doesn't answer yet, and the page says that it is being asked.
            expect(waiting).to_be_hidden()
            hand.click("Test & Discover Fields")
            expect(waiting).to_be_visible()
        expect(page.get_by_text("Found, proved by page 2").first).to_be_visible(timeout=SHOWN)
        wrong = fits(visitor)
        hand.click("Use all suggestions")
        hand.click("Save Endpoint")
        hand.click("Dry run")
        ends(page, "Previewed")
        hand.click("Apply")
        ends(page)
        visitor.go("/app/accounts?q=cus_00001")
        expect(page.locator("#list tbody tr")).to_have_count(1)

        assert (len(hand.moves) <= MOST_MOVES, wrong, visitor.wrongs) == (True, [], []), hand.moves
        _contacts(visitor, vendor)
        _events(visitor, vendor)


def _contacts(visitor: Visit, vendor: str) -> None:
    page, hand = visitor.page, Hand(visitor.page)
    visitor.go("/app/settings/connectors")
    page.get_by_role("link", name="Set up Contacts of Custom API").last.click()
    hand.fill("URL", f"{vendor}/v1/contacts")
    hand.click("Test & Discover Fields")
    expect(page.get_by_text("Found, proved by page 2").first).to_be_visible(timeout=SHOWN)
    hand.click("Save Endpoint")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Map externalCustomerId and email: a contact needs its email")
    expect(alert).to_be_focused()
    wrong = fits(visitor)
    hand.click("Use all suggestions")
    hand.click("Save Endpoint")
    hand.click("Sync Now")
    ends(page)

    assert (wrong, visitor.wrongs) == ([], [])


def _events(visitor: Visit, vendor: str) -> None:
    page, hand = visitor.page, Hand(visitor.page)
    visitor.go("/app/settings/connectors")
    page.get_by_role("link", name="Set up Events of Custom API").last.click()
    hand.fill("URL", f"{vendor}/v1/happenings")
    hand.click("Test & Discover Fields")
    expect(page.get_by_role("alert")).to_contain_text("There is nothing at /v1/happenings.", timeout=SHOWN)
    hand.fill("URL", f"{vendor}/v1/events")
    hand.click("Test & Discover Fields")
    expect(page.get_by_text("Found, proved by page 2").first).to_be_visible(timeout=SHOWN)
    hand.click("Use all suggestions")
    hand.click("Show how events will look")
    expect(page.get_by_text("200 of 200 records could be read as events")).to_be_visible(timeout=SHOWN)
    wrong = fits(visitor)
    hand.click("Save Endpoint")
    expect(page.locator("#toasts")).to_contain_text("Events are read whenever somebody opens an account")

    assert (wrong, visitor.wrongs) == ([], [])


def test_by_keyboard_alone_with_a_wrong_token_first(vendor: str, visit: Callable[..., Visit]) -> None:
    with visit(size=NARROW) as visitor:
        page, keys = visitor.page, visitor.page.keyboard

        def to(name: str) -> None:
            """Tab, until what is focused is called so."""
            for _ in range(120):
                keys.press("Tab")
                if page.evaluate(_NAME).startswith(name):
                    return
            raise AssertionError(f"no key leads to {name}")

        visitor.go("/app/settings/connectors/gallery")
        to("Custom API Sync")
        keys.press("Enter")
        page.wait_for_url("**/connectors/new**")
        to("URL")
        keys.type(f"{vendor}/v1/customers")
        to("Token")
        keys.type("tar-and-feathers")
        # Enter does what comes next.
        keys.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("It didn’t let us in.", timeout=SHOWN)
        expect(page.get_by_role("alert")).to_be_focused()
        wrong = fits(visitor)
        page.evaluate("document.querySelector('#main').focus()")
        to("Token")
        keys.press("Control+a")
        keys.type(TOKEN)
        keys.press("Enter")
        expect(page.get_by_role("heading", name="Test & discover")).to_be_focused(timeout=SHOWN)
        wrong += fits(visitor)
        to("Use all suggestions")
        keys.press("Enter")
        expect(page.get_by_role("heading", name="Match & map")).to_be_focused(timeout=SHOWN)
        to("Save Endpoint")
        keys.press("Enter")
        page.wait_for_url("**/accounts/")
        to("Sync Now")
        keys.press("Enter")
        ends(page)

        assert (wrong, visitor.wrongs) == ([], [])


_NAME = """() => {
  const on = document.activeElement;
  return (on.labels?.[0] ?? on).textContent.trim() || on.getAttribute("aria-label") || "";
}"""


def test_what_is_chosen_has_its_settings_with_and_without_scripts(visit: Callable[..., Visit]) -> None:
    def shown(page: Any) -> list[bool]:
        return [page.get_by_label(label).first.is_visible() for label in ("User name", "Client ID")]

    with visit() as visitor:
        visitor.go("/app/settings/connectors/new")
        before = shown(visitor.page)
        visitor.page.get_by_label("Auth", exact=True).select_option("basic")
        after = shown(visitor.page)
        wrong = [*fits(visitor), *visitor.wrongs]
    with visit(scripts=False) as visitor:
        visitor.go("/app/settings/connectors/new")
        without = shown(visitor.page)

    assert (before, after, without, wrong) == ([False, False], [True, False], [True, True], [])
