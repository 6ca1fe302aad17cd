from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pyroaring import BitMap

from ropewalk.core.errors import MustFix
from ropewalk.core.limits import SOUGHT_CHARS
from ropewalk.core.values import JSON
from ropewalk.store import audit, byhand, contacts, people, records, search
from ropewalk.store.filters import Filter
from ropewalk.store.models import Account
from ropewalk.store.records import Remembered

ROWS: list[dict[str, JSON]] = [
    {
        "companyName": "Beta",
        "companyDomain": "beta.example",
        "seats": 10,
        "since": "2026-01-01",
        "tags": ["a", "b"],
    },
    {"companyName": "alpha", "seats": 9.5, "active": True, "since": "2026-01-01T12:00:00+02:00"},
    {"companyName": "Gamma_1", "externalCustomerId": "G-1", "active": False, "tags": ["b"], "mixed": 5},
    {"companyName": "gammaX1", "seats": 100, "since": "2025-12-31T23:00:00Z", "mixed": "text"},
    {"companyDomain": "nameless.example", "nested": {"a": 1}, "tags": [], "mixed": True},
]


@pytest.fixture
def rows(org: UUID, stranger: UUID, now: datetime) -> list[UUID]:
    made = []
    for number, values in enumerate(ROWS):
        at = now + timedelta(minutes=-number)
        made.append(byhand.create(org, values, actor={}, now=at).id)
    byhand.create(stranger, ROWS[0], actor={}, now=now)
    return made


def numbers(rows: list[UUID], found: list[Account]) -> list[int]:
    return [rows.index(account.id) for account in found]


SORTS = {
    "created_at": [0, 1, 2, 3, 4],
    "-created_at": [4, 3, 2, 1, 0],
    "updated_at": [4, 3, 2, 1, 0],
    "companyName": [1, 0, 2, 3, 4],
    "-companyName": [3, 2, 0, 1, 4],
    "companyDomain": [0, 4, 1, 2, 3],
    "seats": [1, 0, 3, 2, 4],
    "-seats": [3, 0, 1, 4, 2],
    "since": [3, 0, 1, 2, 4],
    "active": [2, 1, 0, 3, 4],
}


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_follow_each_other_in_any_order(org: UUID, rows: list[UUID], sort: str, limit: int) -> None:
    found: list[Account] = []
    cursor = None
    while True:
        page = search.accounts(org, sort=sort, limit=limit, cursor=cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break

    assert numbers(rows, found) == SORTS[sort]


FILTERS: list[tuple[str, str, list[int]]] = [
    ("field.companyName", "Beta", [0]),
    ("field.companyName.ne", "Beta", [1, 2, 3, 4]),
    ("field.companyName.contains", "gamma_", [2]),
    ("field.companyName.contains", "%", []),
    ("field.companyName.gte", "a", [1, 3]),
    ("field.companyName.empty", "true", [4]),
    ("field.companyDomain.empty", "false", [0, 4]),
    ("field.externalCustomerId", "G-1", [2]),
    ("field.seats", "10.0", [0]),
    ("field.seats.gt", "9.5", [0, 3]),
    ("field.seats.gte", "9.5", [0, 1, 3]),
    ("field.seats.lt", "10", [1]),
    ("field.seats.lte", "10", [0, 1]),
    ("field.seats.ne", "10", [1, 2, 3, 4]),
    ("field.seats.empty", "true", [2, 4]),
    ("field.active", "true", [1]),
    ("field.active", "false", [2]),
    ("field.since", "2026-01-01T00:00:00Z", [0]),
    ("field.since.gte", "2026-01-01", [0, 1]),
    ("field.since.lt", "2026-01-01T11:00:00+01:00", [0, 3]),
    ("field.since.gt", "2026-01-01T09:59:59.999Z", [1]),
    ("field.tags", "b", [0, 2]),
    ("field.tags.contains", "a", [0]),
    ("field.tags.empty", "true", [1, 3]),
    ("field.mixed", "5", [2]),
    ("field.mixed", "true", [4]),
    ("field.nested.empty", "false", [4]),
]


@pytest.mark.parametrize(("key", "value", "expected"), FILTERS)
def test_filters_know_the_type_of_a_field(
    org: UUID, rows: list[UUID], key: str, value: str, expected: list[int]
) -> None:
    found = search.accounts(org, sort="created_at", where=[Filter.parse(key, value)])

    assert numbers(rows, found.items) == expected


def test_filters_join(org: UUID, rows: list[UUID]) -> None:
    where = [Filter("seats", "gte", "9"), Filter("since", "gte", "2026-01-01")]

    assert numbers(rows, search.accounts(org, q="LPH", where=where).items) == [1]


@pytest.mark.parametrize(
    ("q", "expected"), [("gamma", [2, 3]), ("EXAMPLE", [0, 4]), ("g-1", [2]), ("_1", [2]), ("nobody", [])]
)
def test_search(org: UUID, rows: list[UUID], q: str, expected: list[int]) -> None:
    assert numbers(rows, search.accounts(org, q=q, sort="created_at").items) == expected


@pytest.mark.parametrize("q", ["größe[1]* & söhne", "GRÖßE[1]* & SÖHNE", "Öß"])
def test_text_is_sought_in_any_case_of_any_alphabet(org: UUID, q: str, now: datetime) -> None:
    """As it is everywhere that text is sought."""
    for name in ("Größe[1]* & Söhne", "Große1 & Sohne"):
        made = byhand.create(org, {"companyName": name, "city": name}, actor={}, now=now)
        contacts.create(org, made.id, {"email": f"{made.id}@x.example", "name": name}, actor={}, now=now)
    there = ["Größe[1]* & Söhne"]

    assert [each.company_name for each in search.accounts(org, q=q).items] == there
    assert [
        each.company_name for each in search.accounts(org, where=[Filter("city", "contains", q)]).items
    ] == there
    assert [each.name for each in contacts.listing(org, q=q).items] == there
    assert [each.company_name for each in search.named(org, "GRÖßE[1]* & SÖHNE", limit=2)] == there


@pytest.mark.parametrize("letter", ["a", "ü"])
def test_a_text_that_is_sought_has_a_limit(org: UUID, rows: list[UUID], letter: str) -> None:
    most, more = letter * SOUGHT_CHARS, letter * (SOUGHT_CHARS + 1)
    where = [Filter("companyName", "contains", more)]

    assert search.accounts(org, q=most, where=[Filter("companyName", "contains", most)]).items == []
    assert contacts.listing(org, q=most).items == audit.listing(org, actor=most).items == []
    with pytest.raises(MustFix) as refused:
        search.accounts(org, q=more, where=where)
    assert [one.path for one in refused.value.problems] == ["q", "field.companyName.contains"]
    with pytest.raises(MustFix, match="can't be made"):
        contacts.listing(org, q=more)
    with pytest.raises(MustFix, match="can't be made"):
        audit.listing(org, actor=more)


def test_the_owner_is_a_field(org: UUID, rows: list[UUID], now: datetime) -> None:
    member, _ = people.add_member(org, email="m@acme.example", role="member", now=now)
    byhand.edit(org, rows[3], {"accountOwnerId": str(member.id)}, actor={}, now=now)

    found = search.accounts(
        org, where=[Filter("accountOwnerId", "eq", str(member.id))], sort="accountOwnerId"
    )
    assert numbers(rows, found.items) == [3]


def test_gone_at_the_source(org: UUID, stream: UUID, rows: list[UUID], now: datetime) -> None:
    numbers_of = records.remember(
        org, stream, [Remembered(account, None, None) for account in rows[:3]], periodic=False
    )
    records.mark_gone(org, stream, seen=BitMap(numbers_of[:1]), now=now)

    assert numbers(rows, search.accounts(org, sort="created_at", gone_at_source=True).items) == [1, 2]
    assert numbers(rows, search.accounts(org, sort="created_at", gone_at_source=False).items) == [0, 3, 4]


def test_the_deleted_are_found_as_such(org: UUID, rows: list[UUID], now: datetime) -> None:
    byhand.delete(org, rows[1], actor={}, now=now)

    assert numbers(rows, search.accounts(org, sort="created_at").items) == [0, 2, 3, 4]
    assert numbers(rows, search.accounts(org, deleted=True).items) == [1]


def test_all_problems_at_once(org: UUID, rows: list[UUID]) -> None:
    where = [
        Filter.parse("field.seat", "1"),
        Filter.parse("field.seats.near", "1"),
        Filter.parse("field.seats.gt", "many"),
        Filter.parse("field.since", "yesterday"),
        Filter.parse("field.active", "yes"),
        Filter.parse("field.active.gt", "true"),
        Filter.parse("field.nested", "1"),
        Filter.parse("field.tags.gt", "1"),
        Filter.parse("field.tags.empty", "maybe"),
    ]
    with pytest.raises(MustFix) as caught:
        search.accounts(org, sort="-companyname", where=where)
    assert [(problem.path, problem.message) for problem in caught.value.problems] == [
        ("sort", "There is no field companyname. Did you mean companyName or companyDomain?"),
        ("field.seat", "There is no field seat. Did you mean seats?"),
        ("field.seats.near", "There is no near; there are eq, ne, gt, gte, lt, lte, contains, empty."),
        ("field.seats.gt", "seats is a number; “many” isn't one."),
        ("field.since", "since is a time such as 2026-01-31T12:00:00Z or 2026-01-31."),
        ("field.active", "active is true or false."),
        ("field.active.gt", "active is true or false."),
        ("field.nested", "nested is a object; it can only be asked whether it is empty."),
        ("field.tags.gt", "tags is a list; it can only be asked whether it is empty."),
        ("field.tags.empty", "empty is true or false."),
    ]


def test_a_cursor_of_another_order_is_refused(org: UUID, rows: list[UUID]) -> None:
    cursor = search.accounts(org, sort="seats", limit=1).next_cursor
    for sort in ("-seats", "created_at", "updated_at"):
        with pytest.raises(MustFix) as caught:
            search.accounts(org, sort=sort, cursor=cursor)
        assert caught.value.code == "invalid_cursor"


@pytest.mark.parametrize("count", [1, 3])
def test_a_page_of_accounts_is_two_queries(org: UUID, now: datetime, count: int) -> None:
    for number in range(count):
        byhand.create(org, {"companyName": str(number)}, actor={}, now=now)
    with CaptureQueriesContext(connection) as queries:
        page = search.accounts(org)

    assert len(queries) == 2
    assert len(page.items) == count


def test_an_exact_name_is_found_whatever_else_holds_it(org: UUID, stranger: UUID, now: datetime) -> None:
    def made(of: UUID, **values: JSON) -> UUID:
        return byhand.create(of, values, actor={}, now=now).id

    id_1 = made(org, externalCustomerId="1", companyName="First")
    upper, lower = (made(org, externalCustomerId=each) for each in ("X-1", "x-1"))
    acme = made(org, companyName="Acme", companyDomain="acme.example")
    twins = [made(org, companyName=name, companyDomain="twins.example") for name in ("One", "Two")]
    called_like_a_domain = made(org, companyName="twins.example")
    for number in range(12):
        made(org, externalCustomerId=f"1{number}", companyName=f"Acme {number}")
    made(stranger, externalCustomerId="1")

    def found(text: str) -> list[UUID]:
        return [each.id for each in search.named(org, text, limit=10)]

    assert [found(text) for text in (" 1 ", "X-1", "x-1", "ACME", "https://www.Acme.example/x")] == [
        [id_1], [upper], [lower], [acme], [acme],
    ]  # fmt: skip
    assert found("twins.example") == twins[::-1]
    assert found("Acm") == []
    assert called_like_a_domain not in found("twins.example")
