"""Settings → Audit log: all that is noted, in words; and what a filter finds of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.doors.conftest import World
from tests.web.conftest import Browser

LOG = "/app/settings/audit-log"
ENGINE = Path(__file__).parents[2] / "src" / "ropewalk"


def told(browser: Browser, query: str = "") -> list[str]:
    answer = browser.get(f"{LOG}{query}")
    assert answer.status_code == 200
    return re.findall(r'data-label="What">([^<]*)', answer.content.decode())


def test_every_action_that_is_noted_has_words() -> None:
    """Those of the whole installation stand in no organization's log."""
    from ropewalk.web import audittexts

    kinds = "|".join(audittexts.KINDS)
    verb = re.compile(rf'"((?:{kinds})\.[a-z_]+)"')
    rooms = [each for room in ("engine", "cli", "store", "api") for each in (ENGINE / room).rglob("*.py")]
    noted = {found for each in rooms for found in verb.findall(each.read_text())}

    assert noted == {*audittexts.VERBS}


@pytest.mark.parametrize(
    ("verb", "detail", "text"),
    [
        ("member.role_set", {"email": "mia@x.example", "old": "member", "new": "admin"}, "of mia@x.example, from member to admin"),
        ("run.requested", {"kind": "accounts", "mode": "dry_run", "full": False}, "accounts, dry run"),
        ("run.requested", {"kind": "accounts", "waiting": True}, "accounts"),
        ("run.rows_retried", {"reason": None}, ""),
        ("user.sign_in_refused", {"reason": "wrong"}, "wrong email or password"),
        ("organization.updated", {"own_domains": ["a.example", "b.example"]}, "a.example, b.example"),
        ("field.switched", {"periodic": False}, "planTier, Periodic off"),
        ("account.exported", {"list": {"q": "a"}}, "q: a"),
        ("account.edited", {"fields": ["companyName", "planTier"]}, "Company, Plan tier"),
        ("unknown.verb", {"name": "x"}, ""),
    ],
)  # fmt: skip
def test_what_there_is_to_add(verb: str, detail: dict[str, object], text: str) -> None:
    from ropewalk.web import audittexts

    assert audittexts.told(verb, "planTier", detail) == text


def test_an_action_without_words_is_still_shown() -> None:
    from ropewalk.web import audittexts

    assert audittexts.label("rope.was_cut") == "Rope was cut"


def test_filters(world: World, owner: Browser) -> None:
    owner.post("/app/settings/organization", {"name": "Acme & Sons", "time_zone": "Europe/Berlin"})
    today = datetime.now(UTC).date()
    tomorrow = today + timedelta(days=2)

    assert told(owner)[0] == "Organization changed"
    assert told(owner, "?actor=OWNER@") == ["Organization changed"]
    assert told(owner, "?action=invitation") == ["Somebody invited"]
    assert told(owner, "?action=key.created") == ["API key made"]
    assert told(owner, f"?from={tomorrow}") == []
    assert "Nothing fits" in owner.get(f"{LOG}?to=2020-01-01").content.decode()
    assert told(owner, f"?to={tomorrow}&actor=owner@") == ["Organization changed"]


def test_a_day_that_is_none(world: World, owner: Browser) -> None:
    answer = owner.get(f"{LOG}?from=soon&to=2026-02-30")
    page = answer.content.decode()

    assert answer.status_code == 422
    assert "soon is not a day such as 2026-05-31." in page
    assert "2026-02-30 is not a day" in page


def test_pages_and_another_organization_s_entries(world: World, elsewhere: World, owner: Browser) -> None:
    from ropewalk.core.actors import Actor
    from ropewalk.store import audit

    for place in range(60):
        planted = Actor("user", "", f"<b>mia{place}</b>", "192.0.2.7")
        audit.record(world.organization, planted, "user.signed_in", now=datetime.now(UTC))

    first = owner.get(f"{LOG}?action=user").content.decode()
    found = re.search(r'href="(\?action=user&amp;cursor=[^"]+)" rel="next"', first)
    assert found is not None
    second = told(owner, found[1].replace("&amp;", "&"))

    assert (first.count("Signed in</td>"), len(second)) == (50, 10)
    assert "<b>mia" not in first
    assert "elsewhere.example" not in owner.get(LOG).content.decode()
