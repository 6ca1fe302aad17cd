"""What the pages of accounts and of people show once somebody does something there: each yields a name, where what is on the
screen is to be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from playwright.sync_api import expect

from tests.browser.test_setup import Hand
from tests.browser.visit import Visit

NAMES = "main form button[type=submit]"


def lists(visitor: Visit, site: Any) -> Iterator[str]:
    page = visitor.page
    for name in ("Add filter", "Columns", "Views"):
        visitor.go("/app/accounts")
        page.locator("details.drop > summary").get_by_text(name).click()
        yield f"accounts-{name.lower().replace(' ', '-')}"
    for name, query in {
        "gone": "view=gone",
        "deleted": "view=deleted",
        "sorted": "sort=-monthlyRevenue",
        "sorted-unseen": "sort=-seats&columns=planTier&field.isPartner=true",
        "columns-many": "columns=companyDomain,planTier,seats,monthlyRevenue,renewsAt,isPartner,tags,created_at,updated_at",
    }.items():
        visitor.go(f"/app/accounts?{query}")
        yield f"accounts-{name}"
    visitor.go("/app/accounts")
    page.keyboard.press("Tab")
    yield "skip-link"


def account(visitor: Visit, site: Any) -> Iterator[str]:
    page, hand = visitor.page, Hand(visitor.page)
    path = f"/app/accounts/{site.ids['account_id']}"
    refused = page.get_by_role("alert").first
    visitor.go(f"{path}/fields/seats")
    yield "account-field-number"
    visitor.go(f"{path}/events")
    expect(page.locator("details.event").first).to_be_visible()
    for event in page.locator("details.event > summary").all()[:2]:
        event.click()
    yield "account-events-open"
    hand.fill("Event name", "nothing of the kind")
    hand.click("Filter")
    expect(page.get_by_text("No event fits")).to_be_visible()
    yield "account-events-none"
    hand.fill("From", "2026-03-02")
    hand.fill("To", "2026-03-01")
    hand.click("Filter")
    expect(refused).to_be_visible()
    yield "account-events-wrong"
    visitor.go(f"{path}/contacts/new")
    hand.fill("Email", "nobody")
    page.locator(NAMES).click()
    expect(refused).to_be_visible()
    yield "contact-wrong"
    visitor.go(f"{path}/edit")
    hand.fill("Domain", "not a domain")
    page.locator(NAMES).click()
    expect(refused).to_be_visible()
    yield "account-wrong"
    visitor.go("/app/accounts/new")
    hand.fill("Company", "Söderberg Rope")
    page.locator(NAMES).click()
    expect(page.locator(".toast")).to_be_visible()
    yield "account-made"
    made = page.url
    for tab in ("contacts", "events", "history"):
        page.goto(made + tab)
        page.wait_for_load_state("networkidle")
        yield f"account-new-{tab}"
    page.goto(made)
    page.get_by_role("link", name="Delete").click()
    yield "account-delete-dialog"
    page.get_by_role("dialog").get_by_role("button", name="Delete account").click()
    expect(page.get_by_text("This account is deleted")).to_be_visible()
    yield "account-deleted"
    visitor.go("/app/accounts/01890000-0000-7000-8000-000000000000/")
    yield "account-nowhere"
    visitor.go("/app/accounts/views/new")
    page.locator(NAMES).click()
    expect(refused).to_be_visible()
    yield "view-wrong"


def people(visitor: Visit, site: Any) -> Iterator[str]:
    page, hand = visitor.page, Hand(visitor.page)
    visitor.go("/app/profile/password")
    hand.fill("Current password", "tar and feathers")
    hand.fill("New password", "short")
    page.locator(NAMES).click()
    expect(page.get_by_role("alert")).to_be_visible()
    yield "password-wrong"
    visitor.go("/app/profile")
    page.get_by_role("link", name="Sign out everywhere").click()
    yield "sign-out-dialog"
    visitor.go("/app/profile")
    page.locator("[name=csrfmiddlewaretoken]").evaluate_all("all => all.forEach(each => each.value = '')")
    page.locator(NAMES).first.click()
    expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()
    yield "forged"
    visitor.go("/app/sign-out")
    yield "not-like-this"


def sign_in(visitor: Visit) -> Iterator[str]:
    page, hand = visitor.page, Hand(visitor.page)
    for name, password in {"nothing": "", "wrong": "tar and feathers"}.items():
        visitor.go("/app/sign-in")
        hand.fill("Email address", "nobody@northwind.example" if password else "")
        hand.fill("Password", password)
        hand.click("Sign in")
        expect(page.get_by_role("alert")).to_be_visible()
        yield f"sign-in-{name}"


def first_start(visitor: Visit) -> Iterator[str]:
    page, hand = visitor.page, Hand(visitor.page)
    visitor.go("/app/")
    yield "start"
    hand.fill("Your email address", "nobody")
    hand.click("Create organization")
    expect(page.get_by_role("alert")).to_be_visible()
    yield "start-wrong"
    texts = {
        "Organization": "Harbour Rope",
        "Your email address": "mara@harbour.example",
        "Password": "three strands, one rope",
    }
    for label, text in texts.items():
        hand.fill(label, text)
    hand.click("Create organization")
    page.wait_for_url("**/app/")
    yield "empty-home"
    for name, path in {"accounts": "accounts", "views": "accounts/views", "new": "accounts/new"}.items():
        visitor.go(f"/app/{path}")
        yield f"empty-{name}"


def seen_by_a_member(visitor: Visit, site: Any) -> Iterator[str]:
    account = f"accounts/{site.ids['account_id']}/"
    for name, path in {
        "home": "",
        "accounts": "accounts",
        "account": account,
        "contacts": f"{account}contacts",
        "not-allowed": f"{account}edit",
        "views": "accounts/views",
        "profile": "profile",
    }.items():
        visitor.go(f"/app/{path}")
        yield f"member-{name}"
