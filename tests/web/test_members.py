"""Settings → Members: whom somebody may do what to, and what comes of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.doors.conftest import World
from tests.web.conftest import Browser

MEMBERS = "/app/settings/members"
PLANTED = "<script>document.title='planted'</script>"
PASSWORD = "a rope of three strands"


def link(answer: Any) -> str:
    assert answer.status_code == 200
    found = re.search(r'id="code-link"[^>]*><code>https?://[^/]+(/app/[^<]+)<', answer.content.decode())
    assert found is not None
    return found[1]


def add(world: World, email: str, role: str, name: str = "") -> Any:
    from ropewalk.core.actors import Actor
    from ropewalk.engine.clock import SystemClock
    from ropewalk.engine.members import people

    actor = Actor("cli", "root", "root")
    return people.add_user(world.organization, actor, email, role, SystemClock(), name=name).member


def test_by_a_link_somebody_new_joins_once(world: World, owner: Browser, stranger: Browser) -> None:
    made = owner.post(f"{MEMBERS}/invite", {"email": "Ivo@acme.example", "role": "admin"})
    path = link(made)
    shown = stranger.get(path).content.decode()
    wrong = stranger.post(path, {"name": "Ivo", "password": "short"})
    joined = stranger.post(path, {"name": PLANTED, "password": PASSWORD})
    inside = stranger.get(MEMBERS).content.decode()
    again = Browser().get(path)

    assert "Join Acme" in shown
    assert "ivo@acme.example" in shown
    assert (wrong.status_code, "at least 10 characters" in wrong.content.decode()) == (422, True)
    assert 'value="Ivo"' in wrong.content.decode()
    assert (joined.status_code, joined["Location"]) == (302, "/app/")
    assert PLANTED not in inside
    assert "&lt;script&gt;" in inside
    assert (again.status_code, "This link no longer works" in again.content.decode()) == (410, True)


def test_who_has_a_password_here_joins_with_it(world: World, elsewhere: World, owner: Browser) -> None:
    path = link(owner.post(f"{MEMBERS}/invite", {"email": "owner@elsewhere.example", "role": "member"}))
    newcomer = Browser()

    asked = newcomer.get(path).content.decode()
    wrong = newcomer.post(path, {"password": "not this one"})
    right = newcomer.post(path, {"password": "correct horse battery"})

    assert "Sign in and join" in asked
    assert (wrong.status_code, right.status_code, right["Location"]) == (422, 302, "/app/")
    assert "<h1>Acme</h1>" in newcomer.get("/app/").content.decode()


def test_an_invitation_is_for_whom_it_is_for(
    world: World, elsewhere: World, owner: Browser, member: Browser
) -> None:
    path = link(owner.post(f"{MEMBERS}/invite", {"email": "owner@elsewhere.example", "role": "member"}))
    their = Browser("owner@elsewhere.example")

    other = [member.get(path), member.post(path)]
    own = their.get(path).content.decode()
    joined = their.post(path)

    assert [each.status_code for each in other] == [200, 422]
    assert "You are signed in as member@acme.example" in other[0].content.decode()
    assert "Join Acme</button>" in own
    assert joined.status_code == 302


def test_wrong_invitations(world: World, owner: Browser, sign_in_as: Callable[[str], Browser]) -> None:
    refused = {
        "no address": owner.post(f"{MEMBERS}/invite", {"email": "ivo", "role": "member"}),
        "no role": owner.post(f"{MEMBERS}/invite", {"email": "ivo@acme.example", "role": "king"}),
        "there": owner.post(f"{MEMBERS}/invite", {"email": "member@acme.example", "role": "member"}),
        "by rank": sign_in_as("admin").post(
            f"{MEMBERS}/invite", {"email": "ivo@acme.example", "role": "owner"}
        ),
    }

    pages = {name: answer.content.decode() for name, answer in refused.items()}
    assert {answer.status_code for answer in refused.values()} == {422}
    assert "ivo is not an email address." in pages["no address"]
    assert "king is no role" in pages["no role"]
    assert "member@acme.example is a member already." in pages["there"]
    assert "Only an owner can do this to an owner." in pages["by rank"]
    assert "Only owners of Acme can do this." in pages["by rank"]


def test_an_invitation_is_revoked(world: World, owner: Browser) -> None:
    path = f"/app/settings/invitations/{world.ids['invitation_id']}/revoke"

    asked = owner.get(path)
    revoked = owner.post(path)

    assert "Revoke the invitation of guest@acme.example?" in asked.content.decode()
    assert revoked["Location"] == MEMBERS
    assert Browser().get(f"/app/invitation/{world.ids['token']}").status_code == 410
    assert "guest@acme.example is revoked" in owner.get(MEMBERS).content.decode()


def test_a_role_is_changed_and_counts_at_once(world: World, owner: Browser, member: Browser) -> None:
    page = f"{MEMBERS}/{world.ids['member_id']}"

    before = member.get(MEMBERS).status_code
    changed = owner.post(f"{page}/role", {"role": "admin"})
    after = member.get(MEMBERS).status_code
    shown = owner.get(page).content.decode()
    wrong = owner.post(f"{page}/role", {"role": "king"})

    assert (before, changed["Location"], after, wrong.status_code) == (403, page, 200, 422)
    assert "Mia has the role Admin now." in shown


def test_whoever_ranks_lower_sees_why_not_and_is_refused(
    world: World, sign_in_as: Callable[[str], Browser]
) -> None:
    from ropewalk.store import people

    admin = sign_in_as("admin")
    found = people.member_by_email(world.organization, "owner@acme.example")
    assert found is not None
    page = f"{MEMBERS}/{found.id}"

    shown = admin.get(page).content.decode()
    answers = [admin.post(f"{page}/{verb}").status_code for verb in ("reset-link", "sign-out", "remove")]
    role = admin.post(f"{page}/role", {"role": "member"}).status_code

    assert shown.count("Only an owner can do this to an owner.") == 4
    assert shown.count("<dialog") == 0
    assert (answers, role) == ([403, 403, 403], 403)


def test_the_last_owner_stays(world: World, owner: Browser) -> None:
    from ropewalk.store import people

    found = people.member_by_email(world.organization, "owner@acme.example")
    assert found is not None
    page = f"{MEMBERS}/{found.id}"

    shown = owner.get(page).content.decode()
    refused = [owner.post(f"{page}/role", {"role": "member"}), owner.post(f"{page}/remove")]
    refused.append(owner.post("/app/profile/leave"))

    assert shown.count("This is the last owner.") == 2
    assert [each.status_code for each in refused] == [409] * 3
    assert "You are its last owner." in owner.get("/app/profile").content.decode()


def test_by_a_reset_link_a_new_password_is_chosen_once(world: World, owner: Browser, member: Browser) -> None:
    path = link(owner.post(f"{MEMBERS}/{world.ids['member_id']}/reset-link"))
    somebody = Browser()

    shown = somebody.get(path).content.decode()
    wrong = somebody.post(path, {"password": "short"})
    done = somebody.post(path, {"password": PASSWORD})

    assert "member@acme.example" in shown
    assert (wrong.status_code, done.status_code, done["Location"]) == (422, 302, "/app/")
    assert somebody.get("/app/").status_code == 200
    assert member.get("/app/").status_code == 302
    assert Browser().get(path).status_code == 410


def test_sessions_end_and_membership_ends(world: World, owner: Browser, member: Browser) -> None:
    page = f"{MEMBERS}/{world.ids['member_id']}"

    owner.post(f"{page}/sign-out")
    signed_out = member.get("/app/")
    back = Browser("member@acme.example")
    removed = owner.post(f"{page}/remove")

    assert signed_out.status_code == 302
    assert removed["Location"] == MEMBERS
    assert back.get("/app/").status_code == 302
    assert owner.get(page).status_code == 404


def test_as_many_queries_for_many_members_as_for_few(
    world: World, owner: Browser, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(QUERIES):
        owner.get(MEMBERS)
    for place in range(3):
        add(world, f"m{place}@acme.example", "member")
        owner.post(f"{MEMBERS}/invite", {"email": f"i{place}@acme.example", "role": "member"})
    with django_assert_num_queries(QUERIES):
        page = owner.get(MEMBERS).content.decode()

    assert page.count("row-link") == 5


QUERIES = 5


def test_pages_of_members(world: World, owner: Browser) -> None:
    for place in range(50):
        add(world, f"m{place:02}@acme.example", "member")

    first = owner.get(MEMBERS).content.decode()
    found = re.search(r'href="(\?cursor=[^"]+)" rel="next"', first)
    assert found is not None
    second = owner.get(f"{MEMBERS}{found[1]}").content.decode()

    assert (first.count("row-link"), second.count("row-link")) == (50, 2)
    assert owner.get(f"{MEMBERS}?cursor=nonsense").status_code == 422
