"""Event streams of servers that are not ours: Kinto filters by any field, Django REST Framework pages by number."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ropewalk.engine.probing import probe
from tests.engine.timelines import Book, happened, ids, told
from tests.engine.world import World
from tests.fakes import customers
from tests.fakes.drf import STREAMS, drf
from tests.fakes.kinto import STREAM, kinto

pytestmark = pytest.mark.any_database


@pytest.fixture
def book(world: World) -> Iterator[Book]:
    made = Book(world.org, world.owner, world.clock)
    yield made
    made.close()


def test_kinto_filters_by_account_and_time_and_pages_by_a_header(book: Book) -> None:
    now = book.clock.now().replace(microsecond=0)
    old = happened(now, 1, every=200 * 86_400, first=900)
    records = [*happened(now, 30), *happened(now, 30, account="c-2", first=101), *old]
    for record in records:
        record["at"] = record["at"].replace("+00:00", "Z")
    with kinto(records) as log:
        connector = book.stream(
            log.url,
            path="?_sort=-at&_limit=10",
            settings={"auth": {"type": "basic", "username": log.user}},
            secrets={"password": log.password},
            records_path=STREAM["records_path"],
            pagination=STREAM["pagination"],
            start_param="min_at",
            end_param="lt_at",
            account_param="account",
        )
        test = probe.test_stream(book.org, book.owner, connector.id, "events", book.clock)
        first = book.timeline(source="App", limit=20)
        book.clock.advance(seconds=61)  # type: ignore[attr-defined]
        second = book.timeline(source="App", limit=20, cursor=first.next_cursor)

    answer = told(first)["App"]
    assert ids(first) + ids(second) == [record["id"] for record in records[:30]]
    assert (answer.status, answer.read, answer.filtered_at_source, answer.notes) == ("ok", 30, True, [])
    assert (
        test["preview"]["notes"][-1] == "The time range (min_at and lt_at) changes the answer, as it should."
    )


def test_django_rest_framework_gives_everybodys_page_by_page(book: Book) -> None:
    with drf(customers(250)) as crm:
        book.stream(
            crm.url("page"),
            path="",
            settings={"auth": {"type": "api_key", "in": "header", "name": "Authorization"}},
            secrets={"token": f"Token {crm.token}"},
            **STREAMS["page"],
            start_param="updated_since",
            lookback_days=365,
            mapping=[
                {"from": "updated_at", "to": "eventTime"},
                {"from": "", "to": "eventName", "transforms": [{"constant": "touched"}]},
                {"from": "id", "to": "accountKey"},
            ],
        )
        found = book.timeline(book.add(externalCustomerId="C-00077"), source="App")

    answer = told(found)["App"]
    assert [item.properties["name"] for item in found.items] == ["Company 77"]
    assert (answer.status, answer.read, answer.filtered_at_source, answer.truncated) == (
        "ok",
        250,
        False,
        False,
    )
