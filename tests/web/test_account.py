"""An account's page: its fields and who set them, their history, and nothing that a vendor sends coming alive."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from tests.calls import Api
from tests.doors.conftest import NOW, World, key_of
from tests.web.conftest import Browser

PLANTED = '<script>alert("1")</script><img src=x onerror=alert(1)>'

ALIVE = re.compile(r"<script>|<img", re.IGNORECASE)


def path(world: World, below: str = "") -> str:
    return world.path("/app/accounts/{account_id}/") + below


def text(page: Any) -> str:
    assert page.status_code == 200, page.status_code
    return str(page.content.decode())


def edit(world: World, actor: Any = None, **values: Any) -> None:
    from ropewalk.engine import accounts
    from ropewalk.engine.clock import SystemClock

    accounts.edit_account(
        world.organization, actor or nora(world), world.ids["account_id"], {"fields": values}, SystemClock()
    )


def nora(world: World) -> Any:
    from ropewalk.core.actors import Actor
    from ropewalk.engine.clock import SystemClock
    from ropewalk.engine.members import people, signin
    from ropewalk.store import people as members

    email, root = "nora@acme.example", Actor("cli", "root", "root")
    if not (there := members.member_by_email(world.organization, email)):
        there = people.add_user(world.organization, root, email, "admin", SystemClock()).member
    return signin.actor(there.user, "")


def by_a_run(world: World, **values: Any) -> None:
    from ropewalk.store.models import Change

    edit(world, **values)
    latest = Change.objects.filter(account=world.ids["account_id"]).latest("id")
    latest.run, latest.connector, latest.actor = world.ids["run_id"], world.ids["connector_id"], None
    latest.save()


def rows(page: str) -> dict[str, tuple[str, str]]:
    """By the field: its value, and who set it."""
    found = re.findall(r"<dt>(.*?)</dt>\s*<dd[^>]*>(.*?)</dd>\s*<dd[^>]*>(.*?)</dd>", page, re.DOTALL)
    plain = [tuple(re.sub(r"<[^>]+>", "", part).strip() for part in each) for each in found]
    return {name.removesuffix(" over time"): (value, origin) for name, value, origin in plain}


def test_fields_and_who_set_them(world: World, member: Browser) -> None:
    by_a_run(world, seats=12)
    edit(world, planTier="silver")

    page = text(member.get(path(world)))

    assert rows(page) == {
        "Company": ("Acme", "Set by root Command line, just now"),
        "Domain": ("acme.com", "Set by root Command line, just now"),
        "External ID": ("–", ""),
        "Owner": ("–", ""),
        "Plan tier": ("silver", "Set by nora@acme.example By hand, just now"),
        "Seats": ("12", "Set by CRM Sync, just now"),
    }


def test_head_says_where_it_is_gone_and_whose_it_is(world: World, member: Browser) -> None:
    from ropewalk.store.models import Account, Stream, StreamRecord

    Account.objects.filter(id=world.ids["account_id"]).update(
        owner=world.ids["member_id"], external_customer_id="c-7"
    )
    StreamRecord.objects.create(
        organization_id=world.organization,
        stream=Stream.objects.get(connector=world.ids["connector_id"]),
        subject_id=world.ids["account_id"],
        gone_since=NOW,
    )

    page = text(member.get(path(world)))

    assert ("Owner Mia" in page, "<code>c-7</code>" in page, "Gone at source" in page) == (True, True, True)


def test_what_a_vendor_sends_stays_text(world: World, member: Browser) -> None:
    """In each field, its name apart, which has letters and digits only; and an address that isn't of the web is no link."""
    from ropewalk.core.actors import Actor
    from ropewalk.engine import accounts
    from ropewalk.engine.clock import SystemClock
    from ropewalk.engine.members import people

    body = {
        "companyName": PLANTED,
        "externalCustomerId": PLANTED,
        "fields": {
            "planTier": PLANTED,
            "tags": [PLANTED],
            "nested": {PLANTED: PLANTED},
            "long": PLANTED * 20,
            "script": "javascript:alert(1)",
            "data": "data:text/html,<script>alert(1)</script>",
            "broken": 'https://x.example/"onmouseover="alert(1)',
            "home": "https://acme.example/a?b=1&c=2",
        },
    }
    clock = SystemClock()
    key, _ = people.create_key(
        world.organization, Actor("cli", "root", "root"), PLANTED, ["write"], None, clock
    )
    actor = Actor("api_key", str(key.id), PLANTED)
    account_id = world.ids["account_id"]
    accounts.edit_account(world.organization, actor, account_id, body, clock)
    person = {"email": "eve@acme.com", "name": PLANTED, "phone": PLANTED, "role": PLANTED}
    contact = accounts.create_contact(world.organization, actor, account_id, person, clock)

    for below in ("", "history", "contacts", "events", "events/read", "fields/planTier", "fields/nested"):
        page = text(member.get(path(world, below)))

        assert not ALIVE.search(page), below
        assert {*re.findall(r'href="([^"]*:[^"]*)"', page)} <= {"https://acme.example/a?b=1&amp;c=2"}, below
    owner = Browser("owner@acme.example")
    for place in (path(world, "edit"), path(world, "delete"), f"/app/accounts/contacts/{contact.id}/edit"):
        page = text(owner.get(place))

        assert not ALIVE.search(page), place
    assert (
        '<a class="outward" href="https://acme.example/a?b=1&amp;c=2" target="_blank" rel="noopener noreferrer">'
        in text(member.get(path(world)))
    )


def test_history_is_the_api_s(world: World, member: Browser) -> None:
    by_a_run(world, seats=12)
    edit(world, seats=15)
    api = Api(key_of(world.organization))

    page = text(member.get(path(world, "history")))
    told = api.get(world.path("/v1/accounts/{account_id}/history"))["items"]

    steps = re.findall(r'<dt><a href="[^"]*/fields/(\w+)".*?<dd>(.*?)</dd>', page, re.DOTALL)
    shown = [(name, re.sub(r"<[^>]+>", "", value).split()) for name, value in steps]
    assert shown == [
        (name, _told(each["action"], values))
        for each in told
        for name, values in sorted(each["changes"].items())
    ]
    assert ("CRM" in page, "nora@acme.example" in page) == (True, True)


def _told(action: str, values: dict[str, Any]) -> list[str]:
    new = _spoken(values["new"])
    return [new] if action == "created" else ["from", _spoken(values["old"]), "→", "to", new]


def _spoken(value: Any) -> str:
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value)


def test_a_number_s_history_is_a_line(world: World, member: Browser) -> None:
    from ropewalk.store.models import Change

    for seats in (12, 20, -3):
        edit(world, seats=seats)
    for days, change in enumerate(Change.objects.filter(fields__has_key="seats").order_by("-id")):
        change.at -= timedelta(days=4 * days)
        change.save()

    page = text(member.get(path(world, "fields/seats")))
    tier = text(member.get(path(world, "fields/planTier")))

    numbers = re.findall(r'<td class="right">(.*?)</td>', page)
    values = [re.sub(r"<[^>]+>", "", each) for each in re.findall(r'"feed-value">(.*?)</span><span', page)]
    assert (numbers, values) == (["12", *["12"] * 3, *["20"] * 4, "-3"], ["-3", "20", "12"])
    assert 'class="plot-line"' in page
    assert ('class="plot-line"' in tier, "gold" in tier) == (False, True)


def test_a_field_without_history_says_so(world: World, member: Browser) -> None:
    from ropewalk.store import fields

    fields.switch(world.organization, "planTier", history=False)

    assert "History is off for this field" in text(member.get(path(world, "fields/planTier")))
    assert member.get(path(world, "fields/nope")).status_code == 404


def test_pages_of_history(world: World, member: Browser) -> None:
    for seats in range(60):
        edit(world, seats=seats)

    first = text(member.get(path(world, "history")))
    [href] = re.findall(r'href="([^"]+)" rel="next"', first)
    second = text(member.get(path(world, "history") + href.replace("&amp;", "&")))
    wrong = member.get(path(world, "history?cursor=nonsense"))

    assert [page.count("feed-title") for page in (first, second)] == [50, 11]
    assert wrong.status_code == 422


@pytest.mark.parametrize(
    ("below", "queries"), [("", 10), ("history", 10), ("contacts", 9), ("fields/planTier", 10)]
)
def test_as_many_queries_for_many_rows_as_for_few(
    below: str, queries: int, world: World, member: Browser, django_assert_num_queries: Any
) -> None:
    from ropewalk.core.actors import Actor
    from ropewalk.engine import accounts
    from ropewalk.engine.clock import SystemClock

    text(member.get(path(world, below)))
    with django_assert_num_queries(queries):
        text(member.get(path(world, below)))
    for number in range(3):
        edit(world, seats=number, planTier=f"tier {number}")
        person = {"email": f"p{number}@acme.com"}
        accounts.create_contact(
            world.organization, Actor("cli", "", "root"), world.ids["account_id"], person, SystemClock()
        )
    with django_assert_num_queries(queries):
        text(member.get(path(world, below)))


def test_the_list_leads_here(world: World, member: Browser) -> None:
    assert f'<a class="row-link" href="{path(world)}">Acme</a>' in text(member.get("/app/accounts"))
