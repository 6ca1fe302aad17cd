"""The list of accounts: what it finds is `store.search`'s; what it adds is an address that says it all."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.doors.conftest import World
from tests.web.conftest import Browser


@pytest.fixture
def three(world: World) -> World:
    from ropewalk.core.actors import Actor
    from ropewalk.engine import accounts
    from ropewalk.engine.clock import SystemClock

    for name, tier, seats in (("Birch & Sons", "team", 12), ("<b>Cedar</b>", "gold", 3)):
        values = {"companyName": name, "fields": {"planTier": tier, "seats": seats}}
        accounts.create_account(world.organization, Actor("cli", "", "root"), values, SystemClock())
    return world


def names(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a class="row-link"[^>]*>(.*?)</a>', page)


def listed(browser: Browser, query: str = "") -> list[str]:
    answer = browser.get(f"/app/accounts{query}")
    assert answer.status_code == 200
    return names(answer.content.decode())


def test_search_filter_and_sort(three: World, member: Browser) -> None:
    assert listed(member) == ["&lt;b&gt;Cedar&lt;/b&gt;", "Birch &amp; Sons", "Acme"]
    assert listed(member, "?q=BIRCH") == ["Birch &amp; Sons"]
    assert listed(member, "?field.planTier=gold&sort=companyName") == ["&lt;b&gt;Cedar&lt;/b&gt;", "Acme"]
    assert listed(member, "?field.seats.gt=5") == ["Birch &amp; Sons"]
    assert listed(member, "?sort=-seats") == ["Birch &amp; Sons", "&lt;b&gt;Cedar&lt;/b&gt;", "Acme"]
    assert listed(member, "?view=deleted") == listed(member, "?view=gone") == []


def test_the_small_forms_lead_to_an_address_that_says_the_same(three: World, member: Browser) -> None:
    filtered = member.get("/app/accounts?q=c&cursor=x&add_field=planTier&add_operator=eq&add_value=gold")
    empty = member.get("/app/accounts?add_field=seats&add_operator=filled")
    columns = member.get("/app/accounts?q=c&choose=1&column=seats&column=created_at")

    def asked(answer: Any) -> dict[str, list[str]]:
        assert answer.status_code == 302
        return parse_qs(urlsplit(answer["Location"]).query)

    assert asked(filtered) == {"q": ["c"], "field.planTier": ["gold"]}
    assert asked(empty) == {"field.seats.empty": ["false"]}
    assert asked(columns) == {"q": ["c"], "columns": ["seats,created_at"]}


def test_columns_that_are_chosen(three: World, member: Browser) -> None:
    page = member.get("/app/accounts?columns=seats").content.decode()

    assert re.findall(r'class="sort"[^>]*>([^<]+)', page) == ["Company", "Seats"]
    assert re.findall(r'<td class="right">(.*?)</td>', page)[:2] == ["3", "12"]


def test_columns_that_sort(three: World, member: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among many accounts only those that an index has in order."""
    from ropewalk.store import fieldindexes, fields, searchtexts

    fields.learn(three.organization, {"tags": ("created", "list")}, now=datetime.now(UTC))
    query = (
        "?columns=accountOwnerId,companyDomain,externalCustomerId,planTier,seats,tags,created_at,updated_at"
    )

    def sorting() -> list[str]:
        page = member.get(f"/app/accounts{query}").content.decode()
        return re.findall(r'class="sort"[^>]*>([^<]+)', page)

    built_in = ["Company", "Domain", "External ID"]
    assert sorting() == [*built_in, "Plan tier", "Seats", "Created", "Updated"]
    monkeypatch.setattr(searchtexts, "FEWEST", 0)
    assert sorting() == [*built_in, "Created", "Updated"]
    names = frozenset((fieldindexes.called("seats", "number"),))
    monkeypatch.setattr(fieldindexes, "built", lambda: names)
    assert sorting() == [*built_in, "Seats", "Created", "Updated"]


def test_a_filter_that_can_t_be_is_said_and_can_be_taken_away(three: World, member: Browser) -> None:
    answer = member.get("/app/accounts?field.seats.gt=many&field.nope=1")
    page = unescape(answer.content.decode())

    assert answer.status_code == 422
    assert "seats is a number; “many” isn't one." in page
    assert "There is no field nope." in page
    assert page.count('class="chip-x"') == 2


def test_an_order_that_no_heading_shows_is_said_and_can_be_taken_away(three: World, member: Browser) -> None:
    def said(query: str) -> list[str]:
        page = member.get(f"/app/accounts{query}").content.decode()
        return re.findall(r'<li class="chip"><span>(.*?)</span>', page)

    assert said("?sort=-seats") == []
    assert said("?sort=-seats&columns=planTier") == ["Sorted by Seats, descending"]
    assert said("?sort=-seats&columns=planTier&field.seats.gte=3") == [
        "Seats is at least 3",
        "Sorted by Seats, descending",
    ]


def test_an_owner_is_looked_for_by_name_and_a_boolean_by_yes_and_no(three: World, member: Browser) -> None:
    from ropewalk.engine.clock import SystemClock
    from ropewalk.store import fields, people

    fields.learn(three.organization, {"isPartner": ("new", "boolean")}, now=SystemClock().now())
    owner = people.team(three.organization)[0]

    def asked(field: str, value: str) -> tuple[str, list[str]]:
        query = urlencode({"add_field": field, "add_operator": "eq", "add_value": value})
        to = member.get(f"/app/accounts?{query}")["Location"]
        chips = re.findall(r'<li class="chip"><span>(.*?)</span>', member.get(to).content.decode())
        return parse_qs(urlsplit(to).query)[f"field.{field}"][0], chips

    email = owner.user.email
    assert asked("accountOwnerId", email.upper()) == (str(owner.id), [f"Owner is {owner.user.name or email}"])
    assert asked("isPartner", "Yes") == ("true", ["Is partner is yes"])
    assert asked("planTier", "Yes") == ("Yes", ["Plan tier is Yes"])


def test_numbers_of_a_column_have_their_points_below_each_other(world: World, member: Browser) -> None:
    from ropewalk.core.actors import Actor
    from ropewalk.engine import accounts
    from ropewalk.engine.clock import SystemClock

    def shown(*values: float) -> list[str]:
        for value in values:
            body = {"companyName": str(value), "fields": {"revenue": value}}
            accounts.create_account(world.organization, Actor("cli", "", "root"), body, SystemClock())
        page = member.get("/app/accounts?columns=revenue&field.revenue.empty=false").content.decode()
        return re.findall(r'<td class="right">(.*?)</td>', page)

    assert shown(2**60, 60.5, 0.25) == ["0.25", "60.50", "1,152,921,504,606,846,976.00"]
    assert shown(1 / 3)[1:] == ["0.25", "60.5", "1,152,921,504,606,846,976"]


def test_pages_of_the_list(three: World, member: Browser) -> None:
    from ropewalk.store.ids import new_id
    from ropewalk.store.models import Account

    [one] = Account.objects.filter(company_name="Acme")
    Account.objects.bulk_create(
        Account(
            id=new_id(),
            organization_id=one.organization_id,
            company_name=f"Many {number:02}",
            created_at=one.created_at,
            updated_at=one.updated_at,
        )
        for number in range(48)
    )

    first = member.get("/app/accounts?sort=companyName").content.decode()
    [href] = re.findall(r'href="([^"]+)" rel="next"', first)
    second = member.get("/app/accounts" + href.replace("&amp;", "&")).content.decode()

    assert (len(names(first)), names(second)) == (50, ["Many 47"])
    assert ("First page" in first, "First page" in second) == (False, True)
    assert 'rel="next"' not in second


def test_nothing_here_yet_and_nothing_that_fits(world: World, member: Browser) -> None:
    from ropewalk.store.models import Account

    narrowed = member.get("/app/accounts?q=nobody").content.decode()
    Account.objects.all().delete()
    none = member.get("/app/accounts").content.decode()

    assert ("No account fits" in narrowed, "Show all accounts" in narrowed) == (True, True)
    assert "No accounts yet" in none


def test_another_organization_s_accounts_stay_theirs(world: World, elsewhere: World) -> None:
    from ropewalk.store.models import Account

    Account.objects.filter(organization_id=elsewhere.organization).update(company_name="Theirs")

    assert listed(Browser("owner@acme.example")) == ["Acme"]


# What is asked for, and by how many queries: three of them are for who asks.
QUERIES = {
    "": 10,
    "?sort=companyName": 11,
    "?sort=-updated_at": 10,
    "?q=zzz": 9,
    "?q=e": 11,
    "?field.planTier=gold": 12,
    "?field.planTier=gold&sort=companyName": 13,
    "?field.seats.gte=1&field.planTier=gold": 12,
    "?sort=-seats": 12,
}


@pytest.mark.parametrize("query", QUERIES)
def test_as_many_queries_for_many_rows_as_for_two(
    three: World, member: Browser, django_assert_num_queries: Any, query: str
) -> None:
    from ropewalk.core.actors import Actor
    from ropewalk.engine import accounts
    from ropewalk.engine.clock import SystemClock

    with django_assert_num_queries(QUERIES[query]):
        listed(member, query)
    for number in range(7):
        values = {"companyName": f"Elm {number}", "fields": {"planTier": "gold", "seats": number}}
        accounts.create_account(three.organization, Actor("cli", "", "root"), values, SystemClock())
    with django_assert_num_queries(QUERIES[query]):
        listed(member, query)
