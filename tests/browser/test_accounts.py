"""The list of accounts, as it is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.visit import NARROW, Visit


def test_searching_while_typing_and_back_again(visit: Callable[..., Visit]) -> None:
    with visit() as visitor:
        page = visitor.page
        visitor.go("/app/accounts")
        page.get_by_label("Search by name").press_sequentially("seilwerk")
        page.wait_for_url("**/app/accounts?q=seilwerk**")
        expect(page.locator("#list tbody tr")).to_have_count(1)
        focused = page.evaluate("document.activeElement.id")
        page.get_by_role("link", name="Company").click()
        page.wait_for_url("**sort=companyName**")
        searched = page.get_by_label("Search by name").input_value()
        page.go_back()
        page.wait_for_url("**/app/accounts?q=seilwerk**")

        assert (focused, searched, visitor.wrongs) == ("q", "seilwerk", [])


def test_filter_and_columns_by_keyboard(visit: Callable[..., Visit]) -> None:
    with visit() as visitor:
        page, keys = visitor.page, visitor.page.keyboard
        visitor.go("/app/accounts")
        page.locator("summary", has_text="Add filter").focus()
        keys.press("Enter")
        fits = [*visitor.unfit(), *visitor.hard_to_use()]
        page.get_by_label("Field").select_option("seats")
        page.get_by_label("Condition").select_option("gte")
        page.get_by_label("Value").fill("10")
        keys.press("Enter")
        page.wait_for_url("**field.seats.gte=10**")
        chip = page.locator(".chip span").inner_text()
        page.locator("summary", has_text="Columns").click()
        fits += [*visitor.unfit(), *visitor.hard_to_use()]
        keys.press("Escape")
        closed = page.locator("details.drop[open]").count()
        page.get_by_label("Remove the filter").click()
        page.wait_for_url("**/app/accounts?")

        assert (chip, closed, fits, visitor.wrongs) == ("Seats is at least 10", 0, [], [])


def test_a_search_is_kept_as_a_view_and_exported(visit: Callable[..., Visit]) -> None:
    with visit() as visitor:
        page = visitor.page
        visitor.go("/app/accounts")
        page.get_by_label("Search by name").press_sequentially("seilwerk")
        page.wait_for_url("**/app/accounts?q=seilwerk**")
        expect(page.locator("#list tbody tr")).to_have_count(1)
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Export CSV").click()
        exported = Path(downloading.value.path()).read_text()
        page.locator("summary", has_text="Views").click()
        page.get_by_role("link", name="Save this view").click()
        page.get_by_label("Name").fill("Ropemakers")
        page.get_by_role("button", name="Save view").click()
        page.wait_for_url("**/app/accounts?q=seilwerk**")
        page.locator("summary", has_text="Views").click()
        shown = page.locator(".drop-list a[aria-current]").inner_text()

        assert (exported.count("\n"), "seilwerke.example" in exported) == (2, True)
        assert (shown, visitor.wrongs) == ("Ropemakers", [])


def test_without_scripts(visit: Callable[..., Visit]) -> None:
    with visit(scripts=False, size=NARROW) as visitor:
        page = visitor.page
        visitor.go("/app/accounts")
        page.get_by_label("Search by name").fill("seilwerk")
        page.get_by_label("Search by name").press("Enter")
        page.wait_for_url("**q=seilwerk**")
        rows = page.locator("#list tbody tr").count()
        page.get_by_role("link", name="Home").click()
        page.wait_for_url("**/app/")

        assert rows == 1


def test_the_menu_of_a_small_screen(visit: Callable[..., Visit]) -> None:
    with visit(size=NARROW) as visitor:
        page = visitor.page
        visitor.go("/app/")
        before = page.get_by_role("link", name="Accounts").is_visible()
        page.get_by_role("button", name="Menu").click()
        fits = [*visitor.unfit(), *visitor.hard_to_use()]
        page.get_by_role("link", name="Accounts").click()
        page.wait_for_url("**/app/accounts")

        assert (before, fits, visitor.wrongs) == (False, [], [])
