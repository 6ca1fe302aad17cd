"""Runs followed in a real browser: to their end, cancelled, undone, and through the death of whoever carries them out."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.following import PAGE, Working, companies, working
from tests.browser.visit import NARROW, Visit
from tests.e2e.installation import until

RECORDS = PAGE * 5 // 4
SHOWN = 60_000
"""Milliseconds in which what is true appears."""


@pytest.fixture(scope="module")
def crm(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Working]:
    with working(tmp_path_factory.mktemp("following") / "acme") as found:
        yield found


@pytest.fixture(scope="module")
def signed_in(chromium: Any, crm: Working) -> list[Any]:
    return crm.cookies(chromium)


@pytest.fixture
def visit(chromium: Any, crm: Working, signed_in: list[Any]) -> Iterator[Callable[..., Visit]]:
    made: list[Visit] = []

    def come(**options: Any) -> Visit:
        made.append(Visit(chromium, crm.site, cookies=signed_in, **options))
        return made[-1]

    yield come
    crm.vendor.let_go()
    for one in made:
        one.close()


def sync_now(visitor: Visit, connector: str) -> str:
    """From its panel; the run's id."""
    visitor.go(f"/app/settings/connectors/{connector}/")
    visitor.page.get_by_role("button", name="Sync Now").click()
    visitor.page.wait_for_url("**/connectors/runs/*/")
    return run_id(visitor)


def run_id(visitor: Visit) -> str:
    return re.findall(r"runs/([0-9a-f-]{36})/", visitor.page.url)[0]


def ends(visitor: Visit, badge: str) -> None:
    expect(visitor.page.locator("h1 .badge")).to_have_text(badge, timeout=SHOWN)


def counts(visitor: Visit) -> dict[str, int]:
    found = visitor.page.locator("[data-count]").evaluate_all(
        "all => all.map(one => [one.dataset.count, one.textContent])"
    )
    return {name: int(count.replace(",", "")) for name, count in found}


def test_watched_to_its_end_and_undone(crm: Working, visit: Callable[..., Visit]) -> None:
    connector = crm.connect("Watched", companies(RECORDS, "watched"))
    crm.vendor.hold(2)
    with visit() as visitor:
        page = visitor.page
        run = sync_now(visitor, connector)
        page.evaluate("window.stayed = true")
        expect(page.locator("[data-rows]")).to_have_text(f"{PAGE:,}", timeout=SHOWN)
        expect(page.get_by_text("80 %", exact=True)).to_be_visible()
        looked = [*visitor.unfit(), *visitor.hard_to_use()]
        crm.vendor.let_go()
        ends(visitor, "Complete")
        shown, api = counts(visitor), crm.api.get(f"/v1/runs/{run}")
        told = page.locator("#toasts").inner_text()
        asked = len(visitor.asked)
        page.get_by_role("link", name="Undo…").click()
        looked += [*visitor.unfit(), *visitor.hard_to_use()]
        page.get_by_role("dialog").get_by_role("button", name="Undo the run").click()
        page.wait_for_url(lambda url: run not in url)
        ends(visitor, "Undone")
        undone = counts(visitor)
        left = crm.api.get("/v1/accounts?q=watched")["items"]

        assert shown == api["counts"]
        assert shown["created"] == RECORDS
        assert "Accounts sync: Complete." in told
        assert asked < 100
        assert (undone["processed"], undone["updated"], left) == (RECORDS, RECORDS, [])
        assert [*looked, *visitor.wrongs] == []


def test_cancelled_from_the_panel_of_its_connector(crm: Working, visit: Callable[..., Visit]) -> None:
    connector = crm.connect("Cancelled", companies(RECORDS, "cancelled"))
    crm.vendor.hold(2)
    with visit(size=NARROW) as visitor:
        page = visitor.page
        run = sync_now(visitor, connector)
        until(crm.vendor.waiting.is_set, "the run waits for page 2")
        visitor.go(f"/app/settings/connectors/{connector}/")
        expect(page.locator("[data-rows]")).to_have_text(f"{PAGE:,}", timeout=SHOWN)
        page.get_by_role("button", name="Cancel run").click()
        page.wait_for_url(f"**/runs/{run}/")
        ends(visitor, "Cancelled")
        polls = len(visitor.asked)
        shown = counts(visitor)
        visitor.go(f"/app/settings/connectors/{connector}/")

        assert (shown["created"], crm.api.get(f"/v1/runs/{run}")["status"]) == (PAGE, "cancelled")
        assert page.locator("[hx-trigger]").count() == 0
        assert polls < 100
        assert visitor.wrongs == []


def test_through_the_death_of_worker_and_server(crm: Working, visit: Callable[..., Visit]) -> None:
    """The page that is open goes on by itself, and nothing is applied twice."""
    connector = crm.connect("Killed", companies(RECORDS, "killed"))
    crm.vendor.hold(2)
    with visit() as visitor:
        page = visitor.page
        run = sync_now(visitor, connector)
        page.evaluate("window.stayed = true")
        expect(page.locator("[data-rows]")).to_have_text(f"{PAGE:,}", timeout=SHOWN)
        crm.worker.process.kill()
        crm.web.ends(signal.SIGTERM)
        expect(page.get_by_text("Ropewalk can’t be reached at the moment.")).to_have_count(1, timeout=SHOWN)
        crm.installation.half_a_minute_passes()
        crm.web = crm.start_web()
        expect(page.get_by_text("Ropewalk can’t be reached at the moment.")).to_have_count(0, timeout=SHOWN)
        expect(page.get_by_text("No worker is alive")).to_be_visible(timeout=SHOWN)
        crm.vendor.let_go()
        crm.worker = crm.start_worker()
        ends(visitor, "Complete")
        shown, api = counts(visitor), crm.api.get(f"/v1/runs/{run}")

        assert page.evaluate("window.stayed") is True
        assert shown == api["counts"]
        assert (shown["created"], api["verdict"]) == (RECORDS, "complete")


def test_the_remedy_for_skipped_rows_is_followed_to_fewer(crm: Working, visit: Callable[..., Visit]) -> None:
    connector = crm.connect("Skipping", companies(30, "skipping"), create_missing=False)
    with visit() as visitor:
        page = visitor.page
        sync_now(visitor, connector)
        ends(visitor, "Suspicious")
        before = counts(visitor)
        page.get_by_role("link", name="Turn it on in the settings").click()
        page.get_by_label("Create new accounts when no match is found").check()
        page.get_by_role("button", name="Save Endpoint").click()
        expect(page.locator("#toasts .toast")).to_be_visible(timeout=SHOWN)
        sync_now(visitor, connector)
        ends(visitor, "Complete")
        after = counts(visitor)

        assert (before["skipped"], after["skipped"], after["created"]) == (30, 0, 30)
        assert visitor.wrongs == []


def test_periodic_and_history_and_what_they_do(crm: Working, visit: Callable[..., Visit]) -> None:
    connector = crm.connect("Switched", companies(3, "switched", seats=1))
    with visit() as visitor:
        page = visitor.page
        sync_now(visitor, connector)
        ends(visitor, "Complete")
        visitor.go("/app/settings/data-sync")
        page.get_by_role("switch", name="Periodic: Seats").click()
        expect(page.get_by_role("switch", name="Periodic: Seats")).to_have_attribute("aria-checked", "false")
        expect(page.get_by_role("switch", name="Periodic: Seats")).to_be_focused()
        told = page.locator("#toasts").inner_text()
        page.get_by_role("switch", name="History: Company").click()
        expect(page.get_by_role("switch", name="History: Company")).to_have_attribute("aria-checked", "false")

        crm.vendor.records[:] = [
            one | {"name": f"{one['name']}, Inc.", "seats": 2} for one in crm.vendor.records
        ]
        visitor.go(f"/app/settings/connectors/{connector}/")
        page.get_by_role("button", name="Put it on a schedule").first.click()
        expect(page.get_by_text("Accounts now keeps itself up to date.")).to_be_visible()
        crm.installation.execute(
            "UPDATE ropewalk_stream SET next_run_at = created_at WHERE periodic AND connector_id IN"
            " (SELECT id FROM ropewalk_connector WHERE name = 'Switched')"
        )
        until(lambda: crm.api.get(f"/v1/runs?connector_id={connector}")["items"][0]["trigger"] == "periodic", "its schedule runs it")  # fmt: skip
        crm.api.ended(crm.api.get(f"/v1/runs?connector_id={connector}")["items"][0]["run_id"])
        by_schedule = accounts(crm)
        sync_now(visitor, connector)
        ends(visitor, "Complete")
        by_hand = accounts(crm)
        [one, *_] = crm.api.get("/v1/accounts?q=switched")["items"]
        history = crm.api.get(f"/v1/accounts/{one['account_id']}/history")["items"]

    assert "Scheduled runs leave Seats alone from now on" in told
    assert by_schedule == {("Switched 0, Inc.", 1), ("Switched 1, Inc.", 1), ("Switched 2, Inc.", 1)}
    assert by_hand == {("Switched 0, Inc.", 2), ("Switched 1, Inc.", 2), ("Switched 2, Inc.", 2)}
    assert {name for each in history for name in each["changes"]} == {
        "seats",
        "companyDomain",
        "externalCustomerId",
    }
    assert visitor.wrongs == []


def accounts(crm: Working) -> set[tuple[str, int]]:
    found = crm.api.get("/v1/accounts?q=switched")["items"]
    return {(each["companyName"], each["fields"]["seats"]) for each in found}
