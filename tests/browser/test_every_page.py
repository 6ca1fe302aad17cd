"""What holds of every page of the URL map, wide and narrow, light and dark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.addresses import shown, signed_out
from tests.browser.visit import NARROW, SCHEMES, WIDE, Visit

WEIGHT = 150 * 1024


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_fits_and_can_be_used(scheme: str, site: Any, visit: Callable[..., Visit]) -> None:
    found: list[str] = []
    for signed_in, paths in ((True, shown(site.ids)), (False, signed_out(site.ids))):
        with visit(signed_in=signed_in, scheme=scheme) as visitor:
            for path in paths:
                visitor.go(path)
                for size in (WIDE, NARROW):
                    visitor.resize(size)
                    wrongs = [*visitor.unfit(), *visitor.hard_to_use()]
                    found += [f"{path} at {size[0]}: {each}" for each in wrongs]
                visitor.resize(WIDE)
            found += [*visitor.wrongs, *visitor.elsewhere()]

    assert not found, "\n".join(found)


def test_it_is_light(site: Any, visit: Callable[..., Visit]) -> None:
    """On the first load, with everything that it brings."""
    heavy = {}
    for path in shown(site.ids):
        with visit() as visitor:
            answers: list[Any] = []
            visitor.page.on("response", lambda answer, answers=answers: answers.append(answer))
            visitor.go(path)
            weight = sum(len(answer.body()) for answer in answers)
            if not 10_000 < weight < WEIGHT:
                heavy[path] = weight

    assert heavy == {}


def test_the_heading_says_where_one_is_and_nothing_planted_ran(
    site: Any, visit: Callable[..., Visit]
) -> None:
    with visit() as visitor:
        for path in shown(site.ids):
            visitor.go(path)

            assert visitor.page.locator("h1").count() == 1, path
            assert visitor.page.title().endswith(" · Ropewalk"), path
            assert visitor.page.locator("main h1").inner_text() != "", path
