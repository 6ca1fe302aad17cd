"""The first start, signing in and out, and where one lands."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.doors.conftest import World, make_world
from tests.web.conftest import Browser

FORM = {
    "organization": "Northwind",
    "name": "Nora",
    "email": "Nora@Northwind.example",
    "password": "a rope of three strands",
}


@pytest.fixture
def world(db: None) -> World:
    """Gone with its test: a first start is one where nobody is."""
    return make_world("Acme")


@pytest.mark.django_db
def test_the_first_start_makes_the_organization_and_signs_its_owner_in() -> None:
    browser = Browser()
    first = browser.get("/app/")
    asked = browser.get("/app/sign-in")

    made = browser.post("/app/start", FORM)
    home = browser.get("/app/")

    assert (first.status_code, first["Location"]) == (302, "/app/sign-in")
    assert (asked.status_code, asked["Location"]) == (302, "/app/start")
    assert (made.status_code, made["Location"]) == (302, "/app/")
    assert home.status_code == 200
    assert "Northwind" in home.content.decode()
    assert "Nora" in home.content.decode()


@pytest.mark.django_db
def test_all_that_is_wrong_with_a_first_start_is_said_at_once_and_input_is_kept() -> None:
    from ropewalk.store import people

    answer = Browser().post("/app/start", {**FORM, "organization": " ", "email": "nora", "password": "short"})
    page = answer.content.decode()

    assert answer.status_code == 422
    assert 'aria-invalid="true"' in page
    assert "Give your organization a name" in page
    assert "nora is not an email address." in page
    assert "at least 10 characters" in page
    assert 'value="nora"' in page
    assert "short" not in page.replace("too short", "")
    assert people.organizations() == []


def test_there_is_one_first_start(world: World) -> None:
    from ropewalk.store import people

    browser = Browser()

    answers = [browser.get("/app/start"), browser.post("/app/start", FORM)]

    assert [(each.status_code, each["Location"]) for each in answers] == [(302, "/app/sign-in")] * 2
    assert [each.name for each in people.organizations()] == ["Acme"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("host", "address"),
    [("localhost", "192.0.2.7"), ("ropewalk.example", "127.0.0.1"), ("localhost", "not an address")],
)
def test_from_elsewhere_the_first_start_wants_the_code_that_serve_prints(
    host: str, address: str, settings: Any
) -> None:
    from ropewalk.engine.members import founding

    settings.ALLOWED_HOSTS = ["localhost", "ropewalk.example"]
    browser = Browser(Host=host)
    browser.client.defaults["REMOTE_ADDR"] = address

    refused = [browser.get("/app/start?code=0"), browser.post("/app/start", {**FORM, "code": "é"})]
    shown = browser.get(f"/app/start?code={founding.code()}")
    made = browser.post("/app/start", {**FORM, "code": founding.code()})

    assert [each.status_code for each in refused] == [403, 403]
    assert founding.code() not in refused[0].content.decode()
    assert (shown.status_code, made.status_code) == (200, 302)


def test_signing_in_and_out(world: World, stranger: Browser) -> None:
    wrong = stranger.post("/app/sign-in", {"email": "member@acme.example", "password": "not this one"})
    nobody = stranger.post("/app/sign-in", {"email": "nobody@acme.example", "password": "not this one"})
    right = stranger.post(
        "/app/sign-in", {"email": " Owner@Acme.example", "password": "correct horse battery"}
    )
    inside = stranger.get("/app/accounts")
    out = stranger.post("/app/sign-out")
    after = stranger.get("/app/accounts")

    assert (wrong.status_code, nobody.status_code) == (422, 422)
    assert wrong.content.decode().count("don&#x27;t belong together") == nobody.content.decode().count(
        "don&#x27;t belong together"
    )
    assert "not this one" not in wrong.content.decode()
    assert (right.status_code, right["Location"], inside.status_code) == (302, "/app/", 200)
    assert (out["Location"], after["Location"]) == ("/app/sign-in", "/app/sign-in?next=%2Fapp%2Faccounts")


@pytest.mark.parametrize(
    ("wanted", "landed"),
    [
        ("/app/accounts?sort=companyName", "/app/accounts?sort=companyName"),
        ("https://evil.example/app/", "/app/"),
        ("//evil.example/app/", "/app/"),
        ("/\\evil.example", "/app/"),
        ("/v1/accounts", "/app/"),
        ("javascript:alert(1)", "/app/"),
    ],
)
def test_after_sign_in_to_a_page_of_ours(wanted: str, landed: str, world: World, stranger: Browser) -> None:
    credentials = {"email": "owner@acme.example", "password": "correct horse battery"}

    answer = stranger.post("/app/sign-in", {**credentials, "next": wanted})

    assert (answer.status_code, answer["Location"]) == (302, landed)


def test_a_session_is_a_cookie_that_scripts_and_other_sites_don_t_get(
    world: World, stranger: Browser
) -> None:
    stranger.post("/app/sign-in", {"email": "owner@acme.example", "password": "correct horse battery"})

    cookie = stranger.client.cookies["ropewalk_session"]

    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (
        True,
        "Lax",
        "/app",
        "",
    )


def test_going_over_to_another_organization(world: World, elsewhere: World, owner: Browser) -> None:
    from ropewalk.core.actors import Actor
    from ropewalk.engine.clock import SystemClock
    from ropewalk.engine.members import people

    actor = Actor("cli", "root", "root")
    people.add_user(elsewhere.organization, actor, "owner@acme.example", "member", SystemClock())

    def organization() -> str:
        return "Elsewhere" if "<h1>Elsewhere</h1>" in owner.get("/app/").content.decode() else "Acme"

    before = organization()
    switched = owner.post("/app/organization", {"organization": str(elsewhere.organization)})
    after = organization()
    foreign = owner.post("/app/organization", {"organization": "01890000-0000-7000-8000-000000000000"})

    assert (before, switched["Location"], after, foreign.status_code) == ("Acme", "/app/", "Elsewhere", 404)


def test_whoever_is_nobody_s_member_any_more_is_out(world: World, member: Browser) -> None:
    from ropewalk.core.actors import Actor
    from ropewalk.engine.clock import SystemClock
    from ropewalk.engine.members import people

    people.remove_member(
        world.organization, Actor("cli", "root", "root"), world.ids["member_id"], SystemClock()
    )

    answer = member.get("/app/")
    there = member.get("/app/sign-in")

    assert (answer.status_code, answer["Location"]) == (302, "/app/sign-in")
    assert "You belong to no organization here any more." in there.content.decode()


def test_the_audit_log_has_who_came_who_went_and_who_was_refused(world: World, stranger: Browser) -> None:
    from ropewalk.store.models import AuditEntry

    stranger.post("/app/sign-in", {"email": "owner@acme.example", "password": "wrong"})
    stranger.post("/app/sign-in", {"email": "owner@acme.example", "password": "correct horse battery"})
    stranger.post("/app/sign-out")

    found = AuditEntry.objects.filter(object_type="user").order_by("at")
    assert [(each.verb, each.organization_id, each.actor["label"], each.ip) for each in found] == [
        ("user.sign_in_refused", world.organization, "owner@acme.example", "127.0.0.1"),
        ("user.signed_in", world.organization, "owner@acme.example", "127.0.0.1"),
        ("user.signed_out", world.organization, "owner@acme.example", "127.0.0.1"),
    ]


def test_what_is_left_out_is_asked_for_at_its_field(world: World, stranger: Browser) -> None:
    answer = stranger.post("/app/sign-in", {"email": "", "password": ""})

    assert answer.status_code == 422
    assert re.findall(r'id="f-(\w+)-error">(.*?)</p>', answer.content.decode()) == [
        ("email", "Enter your email address."),
        ("password", "Enter your password."),
    ]


def test_too_many_attempts_wait(world: World, stranger: Browser) -> None:
    wrong = {"email": "owner@acme.example", "password": "wrong"}
    first = [stranger.post("/app/sign-in", wrong).status_code for _ in range(10)]

    late = stranger.post("/app/sign-in", {**wrong, "password": "correct horse battery"})

    assert first == [422] * 10
    assert (late.status_code, int(late["Retry-After"]) <= 900) == (429, True)
    assert "Try again in 15 minutes." in late.content.decode()
    assert stranger.get("/app/").status_code == 302


def test_a_wrong_password_keeps_where_somebody_wanted_to_go(world: World, stranger: Browser) -> None:
    wrong = {"email": "owner@acme.example", "password": "wrong", "next": "/app/accounts"}

    assert 'name="next" value="/app/accounts"' in stranger.post("/app/sign-in", wrong).content.decode()
