"""Somebody's own page."""

from __future__ import annotations

from tests.doors.conftest import World
from tests.web.conftest import Browser

PASSWORD = "a rope of three strands"


def test_a_name_is_saved_in_all_that_show_it(world: World, member: Browser, owner: Browser) -> None:
    saved = member.post("/app/profile", {"name": " Mia  <b>Berg</b> "})
    long = member.post("/app/profile", {"name": "x" * 256})

    assert (saved["Location"], long.status_code) == ("/app/profile", 422)
    assert "Mia &lt;b&gt;Berg&lt;/b&gt;" in owner.get("/app/settings/members").content.decode()


def test_a_password_is_changed_here_and_ends_sessions_elsewhere(world: World, member: Browser) -> None:
    elsewhere = Browser("member@acme.example")
    from ropewalk.store import people

    found = people.user_by_email("member@acme.example")
    assert found is not None
    people.set_password(found.id, PASSWORD)
    here, there = Browser("member@acme.example"), Browser("member@acme.example")

    wrong = here.post("/app/profile/password", {"present": "not this", "password": "short"})
    right = here.post("/app/profile/password", {"present": PASSWORD, "password": f"{PASSWORD} more"})

    page = wrong.content.decode()
    assert wrong.status_code == 422
    assert "This is not your current password." in page
    assert "at least 10 characters" in page
    assert "not this" not in page.replace("This is not", "")
    assert right["Location"] == "/app/profile"
    assert [each.get("/app/").status_code for each in (here, there, elsewhere)] == [200, 302, 302]


def test_too_many_wrong_passwords_wait(world: World, member: Browser) -> None:
    wrong = {"present": "not this", "password": PASSWORD}

    answers = [member.post("/app/profile/password", wrong) for _ in range(11)]

    assert [each.status_code for each in answers] == [422] * 10 + [429]
    assert "Try again in 15 minutes." in answers[-1].content.decode()


def test_signing_out_everywhere(world: World, member: Browser) -> None:
    there = Browser("member@acme.example")

    out = member.post("/app/profile/sign-out")

    assert out["Location"] == "/app/sign-in"
    assert "You are signed out everywhere." in member.get("/app/sign-in").content.decode()
    assert there.get("/app/").status_code == 302


def test_leaving_an_organization(world: World, member: Browser) -> None:
    asked = member.get("/app/profile/leave")
    left = member.post("/app/profile/leave")

    assert "Leave Acme?" in asked.content.decode()
    assert left.status_code == 302
    assert member.get("/app/")["Location"] == "/app/sign-in"
