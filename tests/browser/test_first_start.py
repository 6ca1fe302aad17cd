"""From nothing to Home, by keyboard alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.browser.visit import NARROW, Visit
from tests.e2e.installation import Installation
from tests.fakes.warehouses.listening import free_port


def test_the_first_start_by_keyboard(chromium: Any, tmp_path: Path) -> None:
    installation = Installation(tmp_path / "new")
    port = free_port()
    with installation.started("serve", "--port", str(port), "--no-worker") as serve:
        serve.says(f"Create your organization: http://127.0.0.1:{port}/app/start?code=")
        with Visit(chromium, f"http://127.0.0.1:{port}", size=NARROW) as visitor:
            page, keys = visitor.page, visitor.page.keyboard
            visitor.go("/")
            for text in ("Northwind", "Nora", "nora@northwind.example"):
                _tab_to_input(page)
                keys.type(text)
            _tab_to_input(page)
            keys.type("short")
            keys.press("Enter")
            page.wait_for_selector("[role=alert]")

            focused = page.evaluate("document.activeElement.getAttribute('role')")
            kept = page.get_by_label("Organization").input_value()
            wrong = [*visitor.unfit(), *visitor.hard_to_use()]

            page.get_by_label("Password").focus()
            keys.type("three strands, one rope")
            keys.press("Enter")
            page.wait_for_url("**/app/")
            heading = page.locator("h1").inner_text()
            empty = [*visitor.unfit(), *visitor.hard_to_use(), *visitor.wrongs]
    installation.drop()

    assert (focused, kept, wrong) == ("alert", "Northwind", [])
    assert (heading, empty) == ("Northwind", [])


def _tab_to_input(page: Any) -> None:
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "INPUT":
            return
    raise AssertionError("no further input")
