"""Every page at 390 and 1440 pixels, light and dark, into `screenshots/` (make screenshots). To be looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.browser.addresses import name_of, shown, signed_out
from tests.browser.visit import NARROW, SCHEMES, WIDE, Visit

FOLDER = Path(__file__).parents[2] / "screenshots"


def test_screenshots(site: Any, visit: Callable[..., Visit]) -> None:
    FOLDER.mkdir(exist_ok=True)
    for scheme in SCHEMES:
        for signed_in, paths in ((True, shown(site.ids)), (False, signed_out(site.ids))):
            with visit(signed_in=signed_in, scheme=scheme) as visitor:
                for path in paths:
                    for size in (WIDE, NARROW):
                        visitor.resize(size)
                        visitor.go(path)
                        # What sticks to an edge of the window stands where it belongs when all of the page is in it.
                        height = visitor.page.evaluate("document.documentElement.scrollHeight")
                        visitor.resize((size[0], max(size[1], height)))
                        file = FOLDER / f"{name_of(path)}-{size[0]}-{scheme}.png"
                        visitor.page.screenshot(path=file, full_page=True)
