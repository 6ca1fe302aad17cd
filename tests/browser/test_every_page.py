"""What holds of every page of the URL map, wide and narrow, light and dark."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from tests.browser.addresses import shown, signed_out
from tests.browser.visit import NARROW, SCHEMES, WIDE, Visit

WEIGHT = 150 * 1024
Look = tuple[str, tuple[int, int]]
LOOKS: list[Look] = [(scheme, size) for scheme in SCHEMES for size in (WIDE, NARROW)]
# axe takes a second a time. Colours and layouts are those of the style sheet, so each page is searched in one look, and the
# next page in the next; all four with make cases.
EVERY_LOOK = bool(os.environ.get("TRY_CASES"))


def test_every_page_fits_is_light_and_can_be_used(site: Any, visit: Callable[..., Visit]) -> None:
    found: list[str] = []
    for signed_in, paths in ((True, shown(site.ids)), (False, signed_out(site.ids))):
        with visit(signed_in=signed_in) as visitor:
            for number, path in enumerate(paths):
                wrongs = [*at_first(visitor, path), *at_each_look(visitor, LOOKS[number % len(LOOKS)])]
                found += [f"{path}: {wrong}" for wrong in wrongs]
            found += [*visitor.wrongs, *visitor.elsewhere()]

    assert not found, "\n".join(found)


def at_first(visitor: Visit, path: str) -> Iterator[str]:
    weight = visitor.weigh(path)
    if not 10_000 < weight < WEIGHT:
        yield f"{weight:,} bytes"
    headings = visitor.page.locator("h1").all_inner_texts()
    if len(headings) != 1 or not headings[0]:
        yield f"headings: {headings}"
    if not visitor.page.title().endswith(" · Ropewalk"):
        yield f"title: {visitor.page.title()}"


def at_each_look(visitor: Visit, searched: Look) -> Iterator[str]:
    for look in LOOKS:
        # Colours move nothing: each size is measured in one scheme.
        if EVERY_LOOK or look[0] == searched[0]:
            visitor.look(*look)
            found = [*visitor.unfit(), *(visitor.hard_to_use() if EVERY_LOOK or look == searched else [])]
            yield from (f"{look}: {wrong}" for wrong in found)


def test_a_button_that_carries_a_name_is_as_wide_as_there_is_room(
    site: Any, visit: Callable[..., Visit]
) -> None:
    with visit(size=NARROW) as visitor:
        visitor.go(f"/app/settings/connectors/{site.ids['connector_id']}/connection")
        for name in ("a long name " * 20, "x" * 255):
            visitor.page.locator("a.button-danger").evaluate(
                "(button, text) => button.textContent = text", name
            )
            assert visitor.unfit() == []
