"""Every page, asked for by everybody: generated from the URL map, so that a new page fails until it is declared here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import pytest
from django.urls import URLPattern

from tests.doors.conftest import World
from tests.web.conftest import Browser

EVERYBODY, MEMBER, ADMIN, OWNER = "everybody", "member", "admin", "owner"

PAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "home": (MEMBER, ("GET",)),
    "start": (EVERYBODY, ("GET", "POST")),
    "sign-in": (EVERYBODY, ("GET", "POST")),
    "sign-out": (EVERYBODY, ("POST",)),
    "switch": (MEMBER, ("POST",)),
    "accounts": (MEMBER, ("GET",)),
    "account-new": (ADMIN, ("GET", "POST")),
    "account": (MEMBER, ("GET",)),
    "account-field": (MEMBER, ("GET",)),
    "account-history": (MEMBER, ("GET",)),
    "account-events": (MEMBER, ("GET",)),
    "account-timeline": (MEMBER, ("GET",)),
    "account-contacts": (MEMBER, ("GET",)),
    "contact-new": (ADMIN, ("GET", "POST")),
    "contact-edit": (ADMIN, ("GET", "POST")),
    "contact-primary": (ADMIN, ("POST",)),
    "contact-delete": (ADMIN, ("GET", "POST")),
    "account-edit": (ADMIN, ("GET", "POST")),
    "account-delete": (ADMIN, ("GET", "POST")),
    "account-restore": (ADMIN, ("POST",)),
    "connectors": (MEMBER, ("GET",)),
    "gallery": (ADMIN, ("GET",)),
    "connect": (ADMIN, ("GET", "POST")),
    "oauth": (ADMIN, ("GET",)),
    "authorize": (ADMIN, ("GET",)),
    "disconnect": (ADMIN, ("POST",)),
    "connection": (ADMIN, ("GET", "POST")),
    "connector-delete": (ADMIN, ("GET", "POST")),
    "connector-file": (ADMIN, ("GET",)),
    "connector-paste": (ADMIN, ("GET", "POST")),
    "push-connector-new": (ADMIN, ("GET", "POST")),
    "push-connector": (MEMBER, ("GET",)),
    "push-connector-tail": (MEMBER, ("GET",)),
    "push-connector-edit": (ADMIN, ("GET", "POST")),
    "push-connector-deactivate": (ADMIN, ("GET", "POST")),
    "push-connector-activate": (ADMIN, ("POST",)),
    "stream": (ADMIN, ("GET", "POST")),
    "stream-delete": (ADMIN, ("GET", "POST")),
    "connector": (MEMBER, ("GET",)),
    "connector-switch": (ADMIN, ("POST",)),
    "stream-run": (ADMIN, ("POST",)),
    "stream-switch": (ADMIN, ("POST",)),
    "runs": (MEMBER, ("GET",)),
    "run": (MEMBER, ("GET",)),
    "run-cancel": (ADMIN, ("POST",)),
    "run-apply": (ADMIN, ("POST",)),
    "run-retry": (ADMIN, ("POST",)),
    "run-accept": (ADMIN, ("GET", "POST")),
    "run-undo": (ADMIN, ("GET", "POST")),
    "run-link": (ADMIN, ("GET", "POST")),
    "data": (MEMBER, ("GET",)),
    "field-switch": (ADMIN, ("POST",)),
    "invitation": (EVERYBODY, ("GET", "POST")),
    "reset": (EVERYBODY, ("GET", "POST")),
    "profile": (MEMBER, ("GET", "POST")),
    "profile-password": (MEMBER, ("GET", "POST")),
    "profile-sign-out": (MEMBER, ("GET", "POST")),
    "profile-leave": (MEMBER, ("GET", "POST")),
    "accounts-export": (ADMIN, ("GET",)),
    "accounts-import": (ADMIN, ("GET", "POST")),
    "import": (ADMIN, ("GET", "POST")),
    "import-delete": (ADMIN, ("GET", "POST")),
    "saved-views": (MEMBER, ("GET",)),
    "saved-view-new": (MEMBER, ("GET", "POST")),
    "saved-view": (MEMBER, ("GET", "POST")),
    "saved-view-delete": (MEMBER, ("GET", "POST")),
    "members": (ADMIN, ("GET",)),
    "member-invite": (ADMIN, ("GET", "POST")),
    "member": (ADMIN, ("GET",)),
    "member-role": (ADMIN, ("GET", "POST")),
    "member-reset-link": (ADMIN, ("GET", "POST")),
    "member-sign-out": (ADMIN, ("GET", "POST")),
    "member-remove": (ADMIN, ("GET", "POST")),
    "invitation-revoke": (ADMIN, ("GET", "POST")),
    "api-keys": (ADMIN, ("GET",)),
    "api-key-new": (ADMIN, ("GET", "POST")),
    "api-key-revoke": (ADMIN, ("GET", "POST")),
    "audit-log": (ADMIN, ("GET",)),
    "organization": (ADMIN, ("GET", "POST")),
}
"""To whom each page is open, and for what. What stands here is what the product promises, not what the code says."""

RANKS = (MEMBER, ADMIN, OWNER)
PEOPLE = ("stranger", "elsewhere", *RANKS)


def pages() -> dict[str, URLPattern]:
    from ropewalk.web.urls import urlpatterns

    return {str(each.name): each for each in urlpatterns}


def path_of(page: URLPattern, ids: dict[str, Any]) -> str:
    """With the ids of one organization; those of the names that its routes use are in `make_world`."""
    route = str(page.pattern)
    return "/app/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(ids[found[1]]), route)


def test_every_page_is_declared() -> None:
    found = {
        name: (getattr(each.callback, "open_to", None), getattr(each.callback, "methods", None))
        for name, each in pages().items()
    }

    assert found == PAGES


@pytest.mark.parametrize("who", PEOPLE)
def test_who_may_see_what(who: str, world: World, sign_in_as: Callable[[str], Browser]) -> None:
    """What somebody may, says anything but these three."""
    expected, found = {}, {}
    cookies = sign_in_as(who).client.cookies
    for name, page in pages().items():
        somebody, methods = PAGES[name]
        path = path_of(page, world.ids)
        for method in methods:
            place = f"{method} {path}"
            browser = Browser()
            browser.client.cookies = deepcopy(cookies)
            with undone():
                answer = browser(method.lower(), path)
            found[place] = _kind(answer, is_stranger=who == "stranger")
            if somebody == EVERYBODY:
                expected[place] = "may"
            elif who == "stranger":
                expected[place] = "to sign-in"
            elif who == "elsewhere":
                expected[place] = "not found" if "<" in str(page.pattern) else "may"
            else:
                expected[place] = "may" if RANKS.index(who) >= RANKS.index(somebody) else "refused"
    # Switching to an organization needs one that is named.
    expected["POST /app/organization"] = "to sign-in" if who == "stranger" else "not found"
    if who == "member":
        # What the organization shares is an admin's to change.
        for page in ("saved-view", "saved-view-delete"):
            expected[f"POST {path_of(pages()[page], world.ids)}"] = "refused"

    assert found == expected


@contextmanager
def undone() -> Iterator[None]:
    """So that what one page does is not in the way of the next."""
    from django.db import transaction

    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _kind(answer: Any, *, is_stranger: bool) -> str:
    """Signing out, and a first start that is over, lead to sign-in as well."""
    meant = {"/app/sign-out", "/app/start", *(() if is_stranger else ("/app/profile/sign-out",))}
    leads = answer.status_code == 302 and answer["Location"].startswith("/app/sign-in")
    if leads and answer.wsgi_request.path not in meant:
        return "to sign-in"
    return {403: "refused", 404: "not found"}.get(answer.status_code, "may")


def test_methods_that_a_page_does_not_take(world: World, sign_in_as: Callable[[str], Browser]) -> None:
    owner = sign_in_as("owner")
    for name, page in pages().items():
        _, methods = PAGES[name]
        for method in {"GET", "POST", "PUT", "DELETE"} - {*methods}:
            answer = owner(method.lower(), path_of(page, world.ids))

            assert (answer.status_code, answer["Allow"]) == (405, ", ".join(methods)), name
            assert answer["Content-Type"] == "text/html; charset=utf-8"


def test_no_form_is_taken_without_its_token(world: World) -> None:
    """Another site can't send one in somebody's name."""
    browser = Browser("owner@acme.example", strict=True)
    posts = [name for name, (_, methods) in PAGES.items() if "POST" in methods]

    answers = {name: browser.post(path_of(pages()[name], world.ids)) for name in posts}

    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(posts, 403)
    assert all("another site" in answer.content.decode() for answer in answers.values())


def test_what_a_page_is_asked_for_by_htmx_leads_the_whole_page_to_sign_in(world: World) -> None:
    answer = Browser().get(
        "/app/accounts?q=a", **{"HX-Request": "true", "HX-Current-URL": "http://localhost/app/accounts"}
    )

    assert (answer.status_code, answer["HX-Redirect"]) == (200, "/app/sign-in?next=%2Fapp%2Faccounts")
