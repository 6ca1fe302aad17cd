"""Every page, and what pages show once somebody does something there, at 390 and 1440 pixels, light and dark, into
`screenshots/` (make screenshots). To be looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser import scenes
from tests.browser.addresses import name_of, shown, signed_out
from tests.browser.prepared import PASSWORD
from tests.browser.visit import NARROW, SCHEMES, WIDE, Visit

FOLDER = Path(__file__).parents[2] / "screenshots"


def test_screenshots(site: Any, visit: Callable[..., Visit]) -> None:
    for signed_in, paths in ((True, shown(site.ids)), (False, signed_out(site.ids))):
        with visit(signed_in=signed_in) as visitor:
            for path in paths:
                visitor.resize(WIDE)
                visitor.go(path)
                keep(visitor, name_of(path))


@pytest.mark.parametrize("scene", scenes.OWNERS, ids=lambda scene: scene.__name__)
def test_screenshots_of_what_somebody_does(
    site: Any, visit: Callable[..., Visit], scene: scenes.Scene
) -> None:
    with visit() as visitor:
        for name in scene(visitor, site):
            keep(visitor, name)


def test_screenshots_of_what_a_member_sees(site: Any, visit: Callable[..., Visit]) -> None:
    with visit(signed_in=False) as visitor:
        visitor.sign_in("member@northwind.example", PASSWORD)
        for name in scenes.seen_by_a_member(visitor, site):
            keep(visitor, name)


def keep(visitor: Visit, name: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    for size in (WIDE, NARROW):
        for scheme in SCHEMES:
            visitor.look(scheme, size)
            # What sticks to an edge of the window stands where it belongs when all of the page is in it.
            height = visitor.page.evaluate("document.documentElement.scrollHeight")
            visitor.resize((size[0], max(size[1], height)))
            visitor.page.screenshot(path=FOLDER / f"{name}-{size[0]}-{scheme}.png", full_page=True)
    visitor.resize(WIDE)
