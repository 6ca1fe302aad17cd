"""A real browser at a real installation: `ropewalk serve` as a process, with an organization that has a month behind it.

Where Chromium or Playwright is missing, these tests are skipped and say so; `.ci/run` puts them there first."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.browser.visit import Visit
from tests.e2e.installation import ROOT, Api, Installation, until
from tests.fakes import Asked, serve
from tests.fakes.hubspot import HubSpot
from tests.fakes.warehouses.listening import free_port
from tests.migrated import migrated

pytest.importorskip("playwright", reason="needs Playwright: make setup")

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUICK = "--js-flags=--no-opt,--no-maglev"
"""No page of a test stays long enough for compilers that optimize: they took a fifth of what axe takes."""


def executable(playwright: Any) -> str:
    found = [path for name in NAMES if (path := shutil.which(name))]
    own = playwright.chromium.executable_path
    return next(iter([*found, *([own] if Path(own).exists() else [])]), "")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import expect, sync_playwright

    # Until what is true is seen; how soon is no matter of these tests.
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        path = executable(playwright)
        if not path:
            pytest.skip("needs Chromium: apt-get install chromium, or .venv/bin/playwright install chromium")
        # Root has no sandbox of its own to offer.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=[QUICK, *options])
        yield browser
        browser.close()


def what_people_did(asked: Asked) -> dict[str, Any]:
    """An API with two weeks of events, the newest first, of whichever account is asked for."""
    from tests.browser.prepared import PEOPLE, PLANTED

    names = ("Signed in", "Report exported", "Seat added", "Dashboard viewed")
    now = datetime.now(UTC).replace(microsecond=0)
    return {
        "data": [
            {
                "at": (now - timedelta(hours=5 * number, minutes=7 * number % 60)).isoformat(),
                "name": PLANTED if number == 3 else names[number * number % 4],
                "domain": asked.params["domain"],
                "user": PEOPLE[number % 2],
                "plan": "gold",
                "link": "javascript:alert(1)" if number == 3 else "https://app.example/reports/17",
                "device": {"os": "Linux", "screen": [1440, 900]},
            }
            for number in range(70)
        ]
    }


class Site:
    """`ids`: by the names that routes use."""

    def __init__(self, installation: Installation, port: int, ids: dict[str, str]) -> None:
        self.installation = installation
        self.url = f"http://127.0.0.1:{port}"
        self.ids = ids


@pytest.fixture(scope="package")
def hubspot() -> Iterator[tuple[HubSpot, str]]:
    """HubSpot, and where it is."""
    vendor = HubSpot()
    changed = datetime.now(UTC) - timedelta(days=9)
    for number in range(1, 131):
        vendor.company(number, changed, hubspot_owner_id="71", lifecyclestage="customer")
        vendor.contact(1_000 + number, changed, email=f"p{number}@c{number}.example", firstname="Pat")
        vendor.associate(1_000 + number, number, primary=True)
    with serve(vendor) as url:
        yield vendor, url
    assert vendor.wrong == []


@pytest.fixture(scope="package")
def site(
    chromium: Any, hubspot: tuple[HubSpot, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    port = free_port()
    environ = {
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}:{Path(__file__).parent / 'elsewhere'}",
        "VENDORS_ELSEWHERE": json.dumps({"hubspot": [hubspot[1], hubspot[1]]}),
        "ROPEWALK_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "ROPEWALK_HUBSPOT_CLIENT_ID": "app-id",
        "ROPEWALK_HUBSPOT_CLIENT_SECRET": "app-secret",
    }
    installation = Installation(tmp_path_factory.mktemp("site") / "northwind", like=migrated(), **environ)
    with serve(what_people_did) as url:
        ids = json.loads(installation.python("tests.browser.prepared", url))
        with installation.started("serve", "--port", str(port)):
            until(Api(port).is_up, "it serves")
            yield Site(installation, port, ids)
    installation.drop()


@pytest.fixture(scope="package")
def cookies(chromium: Any, site: Site) -> list[Any]:
    """Of somebody who has signed in, as people do."""
    from tests.browser.prepared import OWNER, PASSWORD

    with Visit(chromium, site.url) as visit:
        visit.sign_in(OWNER, PASSWORD)
        found: list[Any] = visit.context.cookies()
    return found


@pytest.fixture
def visit(chromium: Any, site: Site, cookies: list[Any]) -> Iterator[Callable[..., Visit]]:
    """Somebody who is signed in, unless they are to be a stranger."""
    made: list[Visit] = []

    def come(*, signed_in: bool = True, **options: Any) -> Visit:
        made.append(Visit(chromium, site.url, cookies=cookies if signed_in else [], **options))
        return made[-1]

    yield come
    for one in made:
        one.close()
