"""A CSV file handed over, mapped, tried, imported and undone, in a real browser at a real server and worker; with
something wrong at first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.visit import Visit

SHOWN = 60_000
ROWS = 40


def content(end: str = "") -> bytes:
    lines = [
        f"Sailmaker {number};https://sail-{number}.example/;S-{number};{number}" for number in range(ROWS)
    ]
    return ("Firma;Website;Customer no.;Seats\r\n" + "\r\n".join(lines) + end).encode("cp1252")


def hand_over(page: Any, data: bytes) -> None:
    page.get_by_label("CSV file").set_input_files(
        {"name": "segelmacher.csv", "mimeType": "text/csv", "buffer": data}
    )
    page.get_by_role("button", name="Upload").click()


def ends(page: Any, badge: str) -> None:
    expect(page.locator("h1 .badge")).to_have_text(badge, timeout=SHOWN)


def test_from_a_file_to_accounts_and_back(visit: Callable[..., Visit]) -> None:
    with visit() as visitor:
        page = visitor.page
        visitor.go("/app/accounts")
        page.get_by_role("link", name="Import CSV").click()
        hand_over(page, content(';"one too many'))
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("Line 41, column 47: The quote that opens here isn't closed")
        expect(page.get_by_label("CSV file")).to_be_focused()
        hand_over(page, content())
        expect(page.get_by_role("heading", level=1)).to_have_text("segelmacher.csv")
        page.get_by_role("button", name="Use all suggestions").click()
        page.get_by_role("button", name="Bring the other").click()
        page.get_by_role("button", name="Dry run").locator("visible=true").click()
        ends(page, "Previewed")
        page.get_by_role("button", name="Apply").click()
        ends(page, "Complete")
        expect(page.locator("[data-count=created]")).to_have_text(str(ROWS))
        page.get_by_role("link", name="segelmacher.csv").click()
        expect(page.get_by_role("region", name="Runs of this import").locator("tbody tr")).to_have_count(2)
        wrong = [*visitor.unfit(), *visitor.hard_to_use()]
        page.get_by_role("link", name="Accounts import").click()
        page.get_by_role("link", name="Undo").click()
        page.get_by_role("button", name="Undo the run").click()
        ends(page, "Undone")

        assert (wrong, visitor.wrongs) == ([], [])
