"""Somebody is invited, comes, is given a role, and goes: two people at two browsers."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.visit import NARROW, Visit


def test_from_an_invitation_to_the_end_of_a_membership(visit: Callable[..., Visit]) -> None:
    planted = "Zoe <img src=x onerror=\"document.title='planted'\">"
    with visit() as nora, visit(signed_in=False, size=NARROW) as new:
        page, their = nora.page, new.page
        nora.go("/app/settings/members")
        page.get_by_role("link", name="Invite somebody").click()
        page.get_by_label("Email address").fill("not an address")
        page.get_by_role("button", name="Make the link").click()
        page.wait_for_selector("[role=alert]")
        focused = page.evaluate("document.activeElement.getAttribute('role')")
        page.get_by_label("Email address").fill("zoe@northwind.example")
        page.get_by_role("button", name="Make the link").click()
        link = page.locator("#code-link").inner_text()
        fits = [*nora.unfit(), *nora.hard_to_use()]

        their.goto(link)
        their.get_by_label("Your name").fill(planted)
        their.get_by_label("Password").fill("a rope of three strands")
        their.get_by_role("button", name="Join Northwind").click()
        their.wait_for_url("**/app/")
        their.get_by_role("button", name="Menu").click()
        closed = their.locator(".menu-off", has_text="Members").count()
        fits += [*new.unfit(), *new.hard_to_use()]

        nora.go("/app/settings/members")
        page.get_by_role("link", name=planted).click()
        page.get_by_role("link", name="Change role").click()
        page.get_by_label("Admin").check()
        fits += [*nora.unfit(), *nora.hard_to_use()]
        page.get_by_role("button", name="Change role").click()
        page.get_by_text("has the role Admin now.").wait_for()

        new.go("/app/settings/members")
        expect(their.get_by_role("heading", name="Members")).to_be_visible()

        page.get_by_role("link", name="Remove").click()
        page.locator("dialog[open]").get_by_role("link", name="Cancel").click()
        expect(page.locator("dialog[open]")).to_have_count(0)
        page.get_by_role("link", name="Remove").click()
        page.locator("dialog[open]").get_by_role("button", name="Remove").click()
        page.wait_for_url("**/app/settings/members")

        new.go("/app/accounts")
        ended = their.get_by_text("You belong to no organization here any more.").count()
        titles = [each.title() for each in (page, their)]

    assert (focused, closed, ended, fits) == ("alert", 1, 1, [])
    assert titles == ["Members · Ropewalk", "Sign in · Ropewalk"]
    assert [*nora.wrongs, *new.wrongs] == []
