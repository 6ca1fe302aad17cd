"""Timelines over event streams: real servers, some of them slow, wrong or silent."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from ropewalk.core import limits
from ropewalk.core.errors import MustFix, NotFound
from ropewalk.core.events import Event
from ropewalk.core.timeline import Filter
from ropewalk.engine import accounts
from ropewalk.engine.clock import SystemClock
from ropewalk.engine.connectors import configure
from ropewalk.engine.events import live
from ropewalk.engine.events.answers import FAILED_SECONDS, answers
from ropewalk.engine.events.eventsource import Answered, Query
from ropewalk.engine.events.timeline import PROVIDERS
from ropewalk.engine.members import people
from ropewalk.store import pages, search
from ropewalk.store.models import Connector, Secret, Stream
from tests.engine.conftest import Serving
from tests.engine.timelines import Book, happened, ids, stream_body, told
from tests.engine.world import World
from tests.fakes import Answer, Asked, Fake


@pytest.fixture
def book(world: World) -> Iterator[Book]:
    made = Book(world.org, world.owner, world.clock)
    yield made
    made.close()


class Running(SystemClock):
    """The real clock, but not that of other tests."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


@pytest.fixture
def running(world: World) -> Iterator[Book]:
    made = Book(world.org, world.owner, Running())
    yield made
    made.close()


def of(records: list[dict[str, Any]]) -> Fake:
    """An API that knows `from`, `to` and `customer`, gives its newest first, and 1,000 records at most."""

    def answer(asked: Asked) -> Any:
        given = asked.params
        start, end = given.get("from", ""), given.get("to", "9999")
        return {
            "data": [
                record
                for record in records
                if start <= record["at"] < end
                and given.get("customer", record["account"]) == record["account"]
            ][:1_000]
        }

    return Fake(answer)


RANGE = {"start_param": "from", "end_param": "to"}


# ---- one slow, one wrong, one silent ----


def test_six_streams_of_which_some_are_slow_or_wrong(running: Book, serving: Serving) -> None:
    now = running.clock.now()
    hangs, end = threading.Event(), threading.Event()
    everybody = json.dumps(
        {
            "data": [
                {
                    "at": now.timestamp() - number,
                    "event": "seen",
                    "account": f"c-{number % 1_000}",
                    "n": number,
                }
                for number in range(100_000)
            ]
        }
    ).encode()

    def slow(asked: Asked) -> Any:
        assert hangs.wait(5)
        return {"data": happened(now, 3, first=100)}

    def hang(asked: Asked) -> Any:
        hangs.set()
        end.wait(30)
        return {"data": []}

    filtered = Fake(lambda asked: {"data": happened(now, 4, account=asked.params["customer"], first=200)})
    served = {
        "At once": Fake(lambda asked: {"data": happened(now, 5)}),
        "Slow": slow,
        "Hangs": hang,
        "Fails": Fake(lambda asked: Answer("no", 501)),
        "Everybody": Fake(lambda asked: Answer(everybody)),
        "Filtered": filtered,
    }
    for name, fake in served.items():
        own = {"account_param": "customer"} if name == "Filtered" else {}
        running.stream(serving(fake), name, timeout_ms=5_000, **own)

    began = time.monotonic()
    found = running.timeline(limit=500)
    took = time.monotonic() - began
    end.set()

    # That nobody waits for the one that hangs; how soon after the deadline is told by `bench.timeline`.
    assert took < 15
    shown = {
        name: (answer.status, answer.count, answer.read, answer.truncated, answer.filtered_at_source)
        for name, answer in told(found).items()
    }
    assert shown == {
        "At once": ("ok", 5, 5, False, False),
        "Slow": ("ok", 3, 3, False, False),
        "Hangs": ("timed_out", 0, 0, False, False),
        "Fails": ("failed", 0, 0, False, False),
        "Everybody": ("ok", 5, limits.EVENTS_READ, True, False),
        "Filtered": ("ok", 4, 4, False, True),
        "Field changes": ("ok", 1, 1, False, True),
    }
    assert len(found.items) == 18
    assert found.items == sorted(found.items, key=lambda item: item.time, reverse=True)
    assert answers(running.clock).weight < limits.EVENTS_READ * 1_000
    assert filtered.seen[0].params == {"customer": "c-1"}


def test_what_came_before_a_source_failed_is_shown(book: Book, serving: Serving) -> None:
    now = book.clock.now()
    pages = {"1": {"data": happened(now, 100)}, "2": Answer("no", 501)}
    book.stream(serving(Fake(lambda asked: pages[asked.params["page"]])), pagination={"type": "page"})

    found = book.timeline(source="App", limit=500)

    answer = told(found)["App"]
    assert (answer.status, answer.count, answer.truncated) == ("failed", 100, True)
    assert answer.error is not None
    assert answer.error.code == "unexpected_status"
    assert len(found.items) == 100


def test_what_was_saved_and_cant_be_read_any_more_is_one_streams_trouble(
    book: Book, serving: Serving
) -> None:
    fine = of(happened(book.clock.now(), 2))
    url = serving(fine)
    bearer = {"settings": {"auth": {"type": "bearer"}}, "secrets": {"token": "t-oken"}}
    names = ("Fine", "Secret", "Settings", "Source")
    made = {name: book.stream(url, name, **bearer) for name in names}
    Secret.objects.filter(connector=made["Secret"]).update(ciphertext=b"of another key")
    Stream.objects.filter(connector=made["Settings"]).update(settings={"url": "x", "lookback": 3})
    Connector.objects.filter(id=made["Source"].id).update(source="newer")

    found = book.timeline(limit=500)

    answers_of = told(found)
    failures = {name: answer.error for name, answer in answers_of.items() if answer.status == "failed"}
    assert {name: (one.code, one.about) for name, one in failures.items() if one} == {
        "Secret": ("wrong_key", "credential"),
        "Settings": ("invalid_settings", ""),
        "Source": ("unknown_source", ""),
    }
    assert [one.message.partition(". ")[0] for one in failures.values() if one] == [
        "The stored credentials can't be read with this installation's key",
        "The saved settings can't be used any more; save them again",
        "This version of Ropewalk can't read events from a source called newer.",
    ]
    assert (answers_of["Fine"].status, ids(found)) == ("ok", ["e-1", "e-2"])
    assert len(fine.seen) == 1


def test_where_a_streams_turn_does_not_come_in_time_it_is_not_asked_and_says_so(
    book: Book, serving: Serving
) -> None:
    end, fake = threading.Event(), of([])

    class Hanging:
        failed, weight = False, 0

        def run(self) -> None:
            end.wait(10)

    book.stream(serving(fake))
    [source] = live.of_organization(book.org, book.clock)
    for number in range(limits.LIVE_THREADS):
        answers(book.clock).ask(book.org, number, Hanging)
    query = Query(book.account, book.clock.now(), Filter())
    wait = source.ask(query)
    book.clock.advance(seconds=limits.LIVE_SECONDS + 1)  # type: ignore[attr-defined]

    early = wait()
    end.set()
    late = source.ask(query)()

    for answer in (early, late):
        assert (answer.status, answer.error and answer.error.message) == (
            "timed_out",
            "It was not asked: within 8 s other queries of this organization did not end, and only so many run at once. "
            "Their sources are the slow ones.",
        )
    assert fake.seen == []


def test_a_source_is_told_of_as_disabled_or_as_not_asked(book: Book, serving: Serving) -> None:
    fake = of([])
    url = serving(fake)
    book.stream(url, "Off", enabled=False)
    book.stream(url, "By domain", match_by="domain")
    nameless = book.add(externalCustomerId="c-2")

    answers_of = told(book.timeline(nameless))

    assert {name: answer.status for name, answer in answers_of.items()} == {
        "Off": "disabled",
        "By domain": "not_asked",
        "Field changes": "ok",
    }
    assert answers_of["By domain"].notes == [
        "This account has no company domain, by which this stream finds its events; it was not asked."
    ]
    assert fake.seen == []


# ---- what is asked ----


def test_time_range_and_account_go_into_the_request(book: Book, serving: Serving) -> None:
    fake = of([])
    book.stream(serving(fake), account_param="customer", lookback_days=30, **RANGE)

    book.timeline()
    book.timeline(start=datetime(2026, 2, 20, tzinfo=UTC), end=datetime(2026, 2, 21, tzinfo=UTC))
    book.timeline(start=datetime(2020, 1, 1, tzinfo=UTC))

    assert [asked.params for asked in fake.seen] == [
        {"from": "2026-01-30T12:00:00Z", "to": "2026-03-01T12:00:01Z", "customer": "c-1"},
        {"from": "2026-02-20T00:00:00Z", "to": "2026-02-21T00:00:01Z", "customer": "c-1"},
        {"from": "2026-01-30T12:00:00Z", "to": "2026-03-01T12:00:01Z", "customer": "c-1"},
    ]


def test_parameters_in_the_body(book: Book, serving: Serving) -> None:
    fake = Fake(lambda asked: {"data": []})
    paging = {"type": "offset", "params_in": "body"}
    book.stream(
        serving(fake),
        method="POST",
        body={"q": {"x": 1}},
        start_param="q.from",
        account_param="q.of",
        pagination=paging,
    )

    book.timeline()

    assert fake.seen[0].json == {
        "q": {"x": 1, "from": "2025-12-01T12:00:00Z", "of": "c-1"},
        "offset": 0,
        "limit": 100,
    }


def test_all_pages_are_read_up_to_the_cap(book: Book, serving: Serving) -> None:
    now = book.clock.now()
    records = happened(now, 6_000, every=1)

    def page(asked: Asked) -> Any:
        at = int(asked.params["offset"])
        return {"data": records[at : at + 1_000]}

    fake = Fake(page)
    paging = {"type": "offset", "page_size": 1_000}
    book.stream(serving(fake), pagination=paging)

    answer = told(book.timeline())["App"]

    assert (answer.read, answer.count, answer.truncated, len(fake.seen)) == (5_000, 5_000, True, 5)


def test_events_are_matched_whatever_their_case_but_an_exact_id_is_its_own_accounts(
    book: Book, serving: Serving
) -> None:
    now = book.clock.now()
    keys = ["c-1", "C-1", "c-1 ", "c-2", "Ç-1"]
    records = [{"id": key, "at": now.isoformat(), "event": "opened", "account": key} for key in keys]
    book.stream(serving(of(records)))

    alone = ids(book.timeline())
    twin = book.add(externalCustomerId="C-1")

    assert sorted(alone) == ["C-1", "c-1", "c-1 "]
    assert sorted(ids(book.timeline())) == ["c-1", "c-1 "]
    assert ids(book.timeline(twin)) == ["C-1"]


def test_domains_are_matched_in_normal_form(book: Book, serving: Serving) -> None:
    now = book.clock.now()
    keys = ["ACME.example", "https://www.acme.example/x", "ada@acme.example", "acme.example.com"]
    records = [{"id": key, "at": now.isoformat(), "event": "opened", "account": key} for key in keys]
    book.stream(serving(of(records)), match_by="domain")

    assert sorted(ids(book.timeline())) == sorted(keys[:3])


def test_nothing_is_created_and_a_timeline_costs_the_same_queries_for_one_stream_and_three(
    book: Book, serving: Serving
) -> None:
    url = serving(of(happened(book.clock.now(), 3, account="unknown")))
    counts = []
    for name in ("A", "B", "C"):
        book.stream(url, name)
        if name != "B":
            with CaptureQueriesContext(
                database,
            ) as asked:
                book.timeline()
            counts.append(len(asked))

    assert counts == [6, 6]
    assert [each.id for each in accounts_of(book)] == [book.account.id]


def accounts_of(book: Book) -> list[Any]:
    return search.accounts(book.org).items


# ---- the cache ----


def test_fifty_clients_at_once_make_one_request_of_each_stream(book: Book, serving: Serving) -> None:
    """Also those who look at other accounts, where the API doesn't filter: the query is the same."""
    now = book.clock.now()
    arrived = threading.Barrier(50)
    fakes = [of(happened(now, 3)), of(happened(now, 3, account="c-1", first=10))]
    book.stream(serving(fakes[0]), "A")
    book.stream(serving(fakes[1]), "B", account_param="customer")
    sources = [each.source for each in book.timeline().sources if each.source.connector_id]
    for fake in fakes:
        fake.seen.clear()
    book.clock.advance(seconds=limits.KEPT_SECONDS)  # type: ignore[attr-defined]
    query = Query(book.account, book.clock.now(), Filter())

    def client(_: int) -> list[int]:
        arrived.wait(10)
        return [wait().count for wait in [source.ask(query) for source in sources]]

    with ThreadPoolExecutor(50) as clients:
        found = list(clients.map(client, range(50)))

    assert found == [[3, 3]] * 50
    assert [len(fake.seen) for fake in fakes] == [1, 1]


def test_an_answer_is_kept_for_a_minute_and_a_failure_for_a_moment(book: Book, serving: Serving) -> None:
    fine, wrong = of([]), Fake(lambda asked: Answer("no", 501))
    book.stream(serving(fine), "Fine")
    book.stream(serving(wrong), "Wrong")
    clock: Any = book.clock
    asked = []
    for seconds in (0, FAILED_SECONDS - 1, 1, limits.KEPT_SECONDS - FAILED_SECONDS - 1, 1):
        clock.advance(seconds=seconds)
        book.timeline()
        asked.append((len(fine.seen), len(wrong.seen)))

    assert asked == [(1, 1), (1, 1), (1, 2), (1, 3), (2, 3)]


def test_whoever_asks_anew_waits_for_no_failure_of_before(book: Book, serving: Serving) -> None:
    fine, mended = of([]), [False]
    wrong = Fake(lambda asked: Answer({"data": []}) if mended[0] else Answer("no", 501))
    book.stream(serving(fine), "Fine")
    book.stream(serving(wrong), "Wrong")

    def statuses(**options: bool) -> list[str]:
        return [each.answer.status for each in book.timeline(**options).sources[:2]]

    first, again = statuses(), statuses(anew=True)
    mended[0] = True
    kept, anew = statuses(), statuses(anew=True)

    assert (first, again, kept, anew) == (["ok", "failed"], ["ok", "failed"], ["ok", "failed"], ["ok", "ok"])
    assert (len(fine.seen), len(wrong.seen)) == (1, 3)


def test_a_saved_stream_is_asked_anew_and_accounts_share_what_the_api_doesnt_filter(
    book: Book, serving: Serving
) -> None:
    fake = of([])
    connector = book.stream(url := serving(fake))
    other = book.add(externalCustomerId="c-2")
    asked = []
    for change in ({}, {"lookback_days": 10}, {"account_param": "customer"}):
        book.clock.advance(seconds=1)  # type: ignore[attr-defined]
        configure.save_stream(
            book.org, book.owner, connector.id, "events", stream_body(url, **change), book.clock
        )
        book.timeline()
        book.timeline(other)
        book.timeline()
        asked.append(len(fake.seen))

    assert asked == [1, 2, 4]


def test_a_query_keeps_no_more_than_its_share(book: Book, serving: Serving) -> None:
    now = book.clock.now()
    pages = [
        json.dumps(
            {"data": [each | {"text": "x" * 900_000} for each in happened(now, 5, first=1 + at)]}
        ).encode()
        for at in range(0, 25, 5)
    ]
    fake = Fake(lambda asked: Answer(pages[int(asked.params["page"]) - 1]))
    book.stream(serving(fake), pagination={"type": "page"})

    answer = told(book.timeline(source="App", limit=1))["App"]

    assert (answer.read, answer.count, answer.truncated, len(fake.seen)) == (19, 19, True, 4)
    assert limits.LIVE_BYTES <= answers(book.clock).weight < limits.LIVE_BYTES + limits.RECORD_BYTES


# ---- pages ----


@pytest.mark.parametrize("lapse", [0, limits.KEPT_SECONDS])
def test_pages_fit_together_also_where_the_answers_ended_in_between(
    lapse: float, book: Book, serving: Serving
) -> None:
    now = book.clock.now()
    # Whole seconds shared by both, so that pages end in the middle of an instant.
    first, second = happened(now, 40, every=1), happened(now, 40, every=2, first=101)
    for number, record in enumerate(second):
        record["at"] = first[number]["at"]
    served = [of(first), of(second)]
    book.stream(serving(served[0]), "A", **RANGE)
    book.stream(serving(served[1]), "B", start_param="from")
    whole = book.timeline(limit=500)
    book.clock.advance(seconds=limits.KEPT_SECONDS)  # type: ignore[attr-defined]
    pages, cursor = [], None
    while True:
        found = book.timeline(limit=7, cursor=cursor)
        pages.append(found)
        cursor = found.next_cursor
        book.clock.advance(seconds=lapse)  # type: ignore[attr-defined]
        # What happens from then on is none of this list's.
        first[:0] = happened(book.clock.now(), 1, every=0, first=1_000 + len(pages))
        if cursor is None:
            break

    assert [item for page in pages for item in page.items] == whole.items
    assert len(whole.items) == 81
    assert [page.days is None for page in pages] == [False] + [True] * (len(pages) - 1)
    requests = [len(fake.seen) for fake in served]
    assert requests == ([2, 2] if lapse == 0 else [1 + len(pages)] * 2)


def test_once_expired_the_query_repeats_with_its_end_at_the_cursor(book: Book, serving: Serving) -> None:
    fake = of(happened(book.clock.now(), 10, every=60))
    book.stream(serving(fake), **RANGE)
    found = book.timeline(source="App", limit=2)
    book.clock.advance(seconds=61)  # type: ignore[attr-defined]
    for _ in range(3):
        found = book.timeline(source="App", limit=2, cursor=found.next_cursor)

    assert [asked.params["to"] for asked in fake.seen] == ["2026-03-01T12:00:01Z", "2026-03-01T11:58:01Z"]
    assert {asked.params["from"] for asked in fake.seen} == {"2025-12-01T12:00:00Z"}


FIRST_DAY, LAST_DAY = -62_135_596_800_000_000, 253_402_300_799_000_000


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "W10",
        "WyJldmVudHMiLDEsMiwzLDRd",
        *(pages.write_cursor(["events", asked_at, 0, "a", "1"]) for asked_at in (FIRST_DAY, 0, LAST_DAY)),
    ],
)
def test_a_cursor_of_somewhere_else_is_refused(cursor: str, book: Book) -> None:
    with pytest.raises(MustFix) as caught:
        book.timeline(cursor=cursor)

    assert caught.value.code == "invalid_cursor"


# ---- filters, days, field changes ----


def test_filters(book: Book, serving: Serving) -> None:
    now = book.clock.now()
    book.stream(serving(of(happened(now, 12))), "App")

    def found(**wanted: Any) -> list[str]:
        return ids(book.timeline(**wanted))

    assert found(name="OPENED") == [f"e-{number}" for number in (1, 3, 5, 7, 9, 11)]
    assert found(user="u-0") == ["e-3", "e-6", "e-9", "e-12"]
    assert found(text="e-1", name="closed") == ["e-10", "e-12"]
    assert found(start=now - timedelta(minutes=3), end=now - timedelta(minutes=1)) == ["e-2", "e-3"]
    assert found(source="field changes") == []
    assert found(source="app", limit=1) == ["e-1"]
    with pytest.raises(MustFix) as caught:
        found(start=now, end=now)
    assert [(each.path, each.message) for each in caught.value.problems] == [
        ("to", "The time range ends before it begins.")
    ]


def test_a_stream_is_not_asked_for_a_time_that_it_does_not_reach(book: Book, serving: Serving) -> None:
    now = book.clock.now()
    fake = of(happened(now, 3))
    book.stream(serving(fake), lookback_days=30, **RANGE)

    for wanted in ({"end": now - timedelta(days=31)}, {"start": now + timedelta(days=1)}):
        answer = told(book.timeline(source="App", **wanted))["App"]
        assert (answer.status, answer.notes) == (
            "not_asked",
            [
                "The time that was asked for is not within the last 30 days (lookback_days), as far as this "
                "stream's timeline goes back; it was not asked."
            ],
        )
    assert fake.seen == []


def test_days_count_all_events_of_all_sources(book: Book, serving: Serving) -> None:
    book.stream(serving(of(happened(book.clock.now(), 30, every=3_600))))

    found = book.timeline(limit=5)

    assert found.days == {date(2026, 2, 28): 18, date(2026, 3, 1): 13}
    assert len(found.items) == 5


def test_field_changes_are_events_but_for_fields_without_history(book: Book) -> None:
    clock: Any = book.clock
    for number, body in enumerate(
        (
            {"fields": {"tier": "a", "quiet": 1}},
            {"fields": {"tier": "b", "quiet": 2}},
            {"fields": {"quiet": 3}},
        )
    ):
        clock.advance(minutes=1 + number)
        accounts.edit_account(book.org, book.owner, book.account.id, body, clock)
    people.set_field(book.org, book.owner, "quiet", {"history": False}, clock)

    found = book.timeline()

    assert [(item.name, item.source, item.user_id) for item in found.items] == [
        ("Fields changed", "Field changes", "olga@acme.example"),
        ("Fields changed", "Field changes", "olga@acme.example"),
        ("Account created", "Field changes", "olga@acme.example"),
    ]
    assert found.items[0].properties == {"changes": {"tier": {"old": "a", "new": "b"}}}
    assert found.items[0].time > found.items[1].time > found.items[2].time


def test_any_other_source_of_events_joins_by_the_same_interface(book: Book, serving: Serving) -> None:
    now = book.clock.now()
    book.stream(serving(of(happened(now, 5, every=60))))
    pushed = [
        Event(
            now - timedelta(seconds=60 * number + 30),
            "pushed",
            f"{number}",
            "pushed",
            None,
            (),
            b'{"id":"p-%d"}' % number,
        )
        for number in range(5)
    ]

    class Pushed:
        key, name, connector_id = "pushed", "Push", None

        def ask(self, query: Query) -> Callable[[], Answered]:
            return lambda: Answered(events=[event for event in pushed if query.filter.keeps(event)])

    providers = (*PROVIDERS, lambda organization_id, clock: [Pushed()])
    pages, cursor = [], None
    while not pages or cursor is not None:
        pages.append(book.timeline(limit=3, cursor=cursor, providers=providers))
        cursor = pages[-1].next_cursor

    assert [identity for found in pages for identity in ids(found)] == [
        "p-0", "e-1", "p-1", "e-2", "p-2", "e-3", "p-3", "e-4", "p-4", "e-5"
    ]  # fmt: skip
    assert told(pages[0])["Push"].count == 5


def test_another_organizations_account_is_not_there(book: Book) -> None:
    other = World.new("Beta", "bo@beta.example")
    theirs = accounts.create_account(other.org, other.owner, {"companyName": "B"}, book.clock)

    with pytest.raises(NotFound):
        book.timeline(theirs)


def test_an_access_token_is_not_in_what_is_shown_while_the_next_page_hangs(
    book: Book, serving: Serving
) -> None:
    hangs, end, token = threading.Event(), threading.Event(), "planted-access-t-oken"

    def answer(asked: Asked) -> Any:
        if asked.path == "/token":
            return {"access_token": token, "expires_in": 3_600}
        if asked.params["page"] != "1":
            hangs.set()
            end.wait(10)
        return {"data": [each | {"echo": asked.headers["authorization"]} for each in happened(now, 100)]}

    now = book.clock.now()
    url = serving(Fake(answer))
    auth = {"type": "oauth2_client_credentials", "token_url": f"{url}/token", "client_id": "ropewalk"}
    secrets = {"client_secret": "planted-s-ecret"}
    book.stream(url, settings={"auth": auth}, secrets=secrets, pagination={"type": "page"})
    [source] = live.of_organization(book.org, book.clock)

    wait = source.ask(Query(book.account, now, Filter()))
    assert hangs.wait(10)
    book.clock.advance(seconds=limits.LIVE_SECONDS + 1)  # type: ignore[attr-defined]
    found = wait()
    end.set()

    assert (found.status, found.count, found.truncated) == ("timed_out", 100, True)
    assert {found.redactor.text(event.properties.decode()).count(token) for event in found.events} == {0}
    assert {event.properties.decode().count(token) for event in found.events} == {1}


def test_no_secret_is_in_what_a_failing_source_says(book: Book, serving: Serving) -> None:
    fake = Fake(lambda asked: Answer({"echo": asked.headers.get("authorization")}, 418))
    body = {
        "source": "custom_api",
        "name": "App",
        "settings": {"auth": {"type": "bearer"}},
        "secrets": {"token": "planted-t-oken"},
        "streams": {"events": stream_body(serving(fake))},
    }
    configure.create_connector(book.org, book.owner, body, book.clock)

    error = told(book.timeline())["App"].error

    assert error is not None
    assert "418" in error.message
    assert "planted" not in error.message
    assert fake.seen[0].headers["authorization"] == "Bearer planted-t-oken"
