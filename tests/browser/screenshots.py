"""Every page, and what pages show once somebody does something there, at 390 and 1440 pixels, light and dark, into
`screenshots/` (make screenshots). To be looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser import accountscenes, scenes
from tests.browser.addresses import name_of, shown, signed_out
from tests.browser.prepared import PASSWORD
from tests.browser.test_setup import SHOWN
from tests.browser.visit import NARROW, SCHEMES, WIDE, Visit
from tests.e2e.installation import Api, Installation, until
from tests.fakes.warehouses.listening import free_port

FOLDER = Path(__file__).parents[2] / "screenshots"


def test_screenshots(site: Any, visit: Callable[..., Visit]) -> None:
    for signed_in, paths in ((True, shown(site.ids)), (False, signed_out(site.ids))):
        with visit(signed_in=signed_in) as visitor:
            for path in paths:
                visitor.resize(WIDE)
                visitor.go(path)
                keep(visitor, name_of(path))


OWNERS = (*scenes.OWNERS, accountscenes.lists, accountscenes.account, accountscenes.people)


@pytest.mark.parametrize("scene", OWNERS, ids=lambda scene: scene.__name__)
def test_screenshots_of_what_somebody_does(
    site: Any, visit: Callable[..., Visit], scene: scenes.Scene
) -> None:
    with visit() as visitor:
        for name in scene(visitor, site):
            keep(visitor, name)


def test_screenshots_of_what_a_member_sees(site: Any, visit: Callable[..., Visit]) -> None:
    with visit(signed_in=False) as visitor:
        visitor.sign_in("member@northwind.example", PASSWORD)
        for scene in (scenes.seen_by_a_member, accountscenes.seen_by_a_member):
            for name in scene(visitor, site):
                keep(visitor, name)


def test_screenshots_of_somebody_who_comes(
    site: Any, visit: Callable[..., Visit], chromium: Any, tmp_path: Path
) -> None:
    with visit(signed_in=False) as visitor:
        for name in accountscenes.sign_in(visitor):
            keep(visitor, name)
    installation, port = Installation(tmp_path / "new"), free_port()
    url = f"http://127.0.0.1:{port}"
    with installation.started("serve", "--port", str(port), "--no-worker"):
        until(Api(port).is_up, "it serves")
        with Visit(chromium, url) as visitor:
            for name in accountscenes.first_start(visitor):
                keep(visitor, name)
    installation.drop()


def keep(visitor: Visit, name: str) -> None:
    """What a page asks for once it is there has come; a page that goes on asking is taken as it is."""
    expect(visitor.page.locator("[hx-trigger=load]")).to_have_count(0, timeout=SHOWN)
    FOLDER.mkdir(exist_ok=True)
    for size in (WIDE, NARROW):
        for scheme in SCHEMES:
            visitor.look(scheme, size)
            # What sticks to an edge of the window stands where it belongs when all of the page is in it.
            height = visitor.page.evaluate("document.documentElement.scrollHeight")
            visitor.resize((size[0], max(size[1], height)))
            visitor.page.screenshot(path=FOLDER / f"{name}-{size[0]}-{scheme}.png", full_page=True)
    visitor.resize(WIDE)
