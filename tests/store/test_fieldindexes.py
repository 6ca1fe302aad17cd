"""Lists of accounts with indexes: the same as without them, and by way of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ropewalk.core import limits
from ropewalk.core.errors import MustFix
from ropewalk.store import byhand, fieldindexes, fields, filters, people, search
from ropewalk.store.database import on_postgres, rows_of
from ropewalk.store.fieldindexes import called
from ropewalk.store.filters import Filter
from ropewalk.store.ids import new_id
from ropewalk.store.models import Account, Organization, TrackedField
from tests.store.test_search import FILTERS, ROWS, SORTS, numbers

INDEXED = {"seats": "number", "since": "date-time", "active": "boolean", "mixed": "text"}


@pytest.fixture
def rows(transactional_db: None, org: UUID, now: datetime) -> Iterator[list[UUID]]:
    """With all their fields indexed that can be."""
    made = []
    for number, values in enumerate(ROWS):
        made.append(byhand.create(org, values, actor={}, now=now - timedelta(minutes=number)).id)
    for name in INDEXED:
        fields.switch(org, name, indexed=True)
    assert fieldindexes.settle() == len(INDEXED)
    yield made
    TrackedField.objects.all().delete()
    fieldindexes.settle()


@pytest.mark.parametrize("few", [0, search.FEW])
def test_lists_are_the_same_as_without(
    org: UUID, rows: list[UUID], monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(search, "FEW", few)
    for sort, expected in SORTS.items():
        first = search.accounts(org, sort=sort, limit=3)
        rest = search.accounts(org, sort=sort, limit=3, cursor=first.next_cursor)
        assert numbers(rows, first.items + rest.items) == expected, sort
    for key, value, among in FILTERS:
        where = [Filter.parse(key, value)]
        for sort in ("created_at", "companyName", where[0].name if "tags" not in key else "seats"):
            found = search.accounts(org, sort=sort, where=where)
            assert sorted(numbers(rows, found.items)) == among, (key, value, sort)
    two = [Filter("seats", "gte", "9"), Filter("active", "eq", "true")]
    assert numbers(rows, search.accounts(org, where=two).items) == [1]


def many(org: UUID, now: datetime) -> Iterator[Account]:
    for number in range(1_000):
        at = now + timedelta(hours=number)
        yield Account(
            id=new_id(),
            organization_id=org,
            company_name=f"Company {number}",
            company_domain=f"{number}.example",
            fields={
                "seats": number,
                "since": at.isoformat(),
                "active": number % 2 == 0,
                "mixed": f"m{number}",
            },
            created_at=at,
            updated_at=at,
        )


@contextmanager
def kept_from_scanning() -> Iterator[None]:
    """For as long: the tests that follow have the same connection."""
    with transaction.atomic():
        if on_postgres():
            for setting in ("seqscan", "bitmapscan", "sort"):
                connection.cursor().execute(f"SET LOCAL enable_{setting} = off")
        yield


def test_the_keys_are_those_of_the_indexes(org: UUID, rows: list[UUID], now: datetime) -> None:
    """As the databases themselves say, when they are kept from reading tables as a whole."""
    mine = Account.objects.filter(organization_id=org, deleted_at=None)
    types = {**INDEXED, "companyName": "text", "companyDomain": "text", "accountOwnerId": "text"}
    names = {name: called(name, kind) for name, kind in INDEXED.items()}
    names |= {
        "companyName": "account_name",
        "companyDomain": "account_domain",
        "accountOwnerId": "account_owner",
    }
    values = {"seats": "9", "since": "2026-01-01", "active": "true", "accountOwnerId": str(rows[0])}
    if on_postgres():
        # Of a handful of accounts it takes any index: one is as good as another.
        Account.objects.bulk_create(many(org, now))
        connection.cursor().execute("ANALYZE ropewalk_account")
    with kept_from_scanning():
        for name, index in names.items():
            reach = filters.reach(Filter(name, "eq", values.get(name, "x")), types)
            assert reach is not None
            assert index in mine.filter(reach.condition).explain(), name
        for name in (*INDEXED, "companyName", "updated_at"):
            with CaptureQueriesContext(connection) as queries:
                search.accounts(org, sort=name)
            parts = [query["sql"] for query in queries.captured_queries if " ORDER BY " in query["sql"]]
            assert parts
            for part in parts:
                explained = rows_of(
                    f"EXPLAIN {'' if on_postgres() else 'QUERY PLAN '}{part.replace('%', '%%')}"
                )
                assert names.get(name, "account_changed") in str(explained), part


def test_an_index_goes_with_the_last_that_wants_it(org: UUID, rows: list[UUID], now: datetime) -> None:
    other = Organization.objects.create(name="Elsewhere", created_at=now).id
    byhand.create(other, {"seats": "ten", "mixed": "x"}, actor={}, now=now)
    for name in ("seats", "mixed"):
        fields.switch(other, name, indexed=True)
    assert fieldindexes.settle() == 1
    for name in INDEXED:
        fields.switch(org, name, indexed=False)

    assert fieldindexes.settle() == 3
    assert fieldindexes.built() == {called("seats", "text"), called("mixed", "text")}
    assert fieldindexes.settle() == 0
    TrackedField.objects.all().delete()
    assert fieldindexes.settle() == 2
    assert fieldindexes.built() == frozenset()


def test_a_field_that_has_become_text_is_indexed_as_such(org: UUID, rows: list[UUID], now: datetime) -> None:
    byhand.create(org, {"seats": "ten"}, actor={}, now=now)

    assert [one.index_is_built for one in fields.listing(org) if one.field.name == "seats"] == [False]
    assert fieldindexes.settle() == 2
    assert called("seats", "text") in fieldindexes.built()
    assert called("seats", "number") not in fieldindexes.built()


def test_what_can_have_no_index(org: UUID, now: datetime) -> None:
    byhand.create(org, {"companyName": "Acme", "tags": ["a"], "nested": {"a": 1}}, actor={}, now=now)
    fields.seen(org, ["companyName"], now=now)

    def refused(name: str) -> str:
        with pytest.raises(MustFix) as caught:
            fields.switch(org, name, indexed=True)
        [problem] = caught.value.problems
        assert problem.path == "indexed"
        return problem.message

    assert [refused(name) for name in ("companyName", "tags", "nested")] == [
        "Built-in fields are found fast without it.",
        "A list has no order to be found by.",
        "A object has no order to be found by.",
    ]
    names = [f"f{number}" for number in range(limits.INDEXED_FIELDS + 1)]
    byhand.create(org, dict.fromkeys(names, 1), actor={}, now=now)
    for name in names[:-1]:
        fields.switch(org, name, indexed=True)
    assert refused(names[-1]) == "At most 10 fields are indexed; switch another off first."
    fields.switch(org, names[0], indexed=True)


def test_texts_of_any_length_have_a_place_in_an_index(org: UUID, rows: list[UUID], now: datetime) -> None:
    # Of what can't be compressed.
    long = "".join(chr(0x4E00 + number * 7_919 % 20_000) for number in range(6_000))
    made = byhand.create(org, {"companyName": long, "mixed": long}, actor={}, now=now).id
    twin = byhand.create(org, {"companyName": long[:300], "mixed": long[:300]}, actor={}, now=now).id

    def having(name: str, value: str, **options: str) -> list[UUID]:
        return [one.id for one in search.accounts(org, where=[Filter(name, "eq", value)], **options).items]

    for name in ("companyName", "mixed"):
        assert having(name, long) == [made]
        assert having(name, long[:300], sort=name) == [twin]
        assert [one.id for one in search.accounts(org, sort=f"-{name}", limit=2).items] == [twin, made]


def test_the_owner_is_found_by_the_index(org: UUID, rows: list[UUID], now: datetime) -> None:
    member, _ = people.add_member(org, email="m@acme.example", role="member", now=now)
    byhand.edit(org, rows[3], {"accountOwnerId": str(member.id)}, actor={}, now=now)

    def owned(by: str) -> list[int]:
        return numbers(rows, search.accounts(org, where=[Filter("accountOwnerId", "eq", by)]).items)

    assert owned(str(member.id)) == owned(str(member.id).upper()) == [3]
    assert owned("nobody") == owned(str(rows[0])) == []
