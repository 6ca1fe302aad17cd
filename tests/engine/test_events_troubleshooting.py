"""Each symptom of troubleshooting.md (events), with the remedy in the message that people see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ropewalk.engine.connectors import configure
from ropewalk.engine.probing import probe
from ropewalk.store import status
from ropewalk.store.models import Connector
from tests.engine.conftest import Serving
from tests.engine.timelines import MAPPING, Book, happened, stream_body, told
from tests.engine.world import World, stream_body as accounts_body
from tests.fakes import Answer, Asked, Fake

pytestmark = pytest.mark.any_database


@pytest.fixture
def book(world: World) -> Iterator[Book]:
    made = Book(world.org, world.owner, world.clock)
    yield made
    made.close()


def tried(book: Book, connector: Connector) -> dict[str, Any]:
    return probe.test_stream(book.org, book.owner, connector.id, "events", book.clock)


def notes(book: Book) -> list[str]:
    return told(book.timeline(source="App"))["App"].notes


def gives(records: list[dict[str, Any]]) -> Fake:
    return Fake(lambda asked: {"data": records})


# ---- no events on account pages ----


def test_a_test_shows_real_events_and_how_many_are_of_an_account(book: Book, serving: Serving) -> None:
    now = book.clock.now()
    records = [
        *happened(now, 2),
        *happened(now, 1, account="C-1", first=3),
        *happened(now, 1, account="c-9", first=4),
        {"id": "e-5", "at": "soon", "event": "x", "account": "c-1"},
        {"id": "e-6", "at": "later", "event": "x", "account": "c-1"},
        {"id": "e-7", "at": "2026-03-01T11:00:00", "account": "c-1"},
        {"id": "e-8", "at": 1772361000, "event": "x", "account": "c-1"},
        {"id": "e-9", "at": "2026-03-01T11:00:00", "event": "x", "account": "c-1"},
    ]
    connector = book.stream(serving(gives(records)))

    found = tried(book, connector)

    preview = found["preview"]
    account = {"account_id": str(book.account.id), "name": "Acme"}
    assert found["ok"]
    assert preview["events"][0] == {
        "time": "2026-03-01T11:59:00.250000Z",
        "name": "opened",
        "account_key": "c-1",
        "account": account,
        "user_id": "u-1",
        "properties": {"id": "e-1", "page": 1},
    }
    assert [event["account"] for event in preview["events"]] == [
        account,
        account,
        account,
        None,
        account,
        account,
    ]
    assert (preview["sampled"], preview["readable"], preview["matched"]) == (9, 6, 5)
    assert preview["time_spellings"] == {"iso": 4, "epoch_s": 1, "no_zone": 1}
    assert preview["notes"] == [
        "6 of 9 records could be read as events, 5 of them are of an account.",
        '2 of 9 records have no eventTime that can be read, for example "soon".',
        "1 of 9 records have nothing at the path of eventName.",
        "Times without a zone were taken for UTC.",
        "No account stream maps externalCustomerId, by which this stream matches: map it, or match by the other value.",
    ]


def test_unreadable_records_are_counted_with_an_example_and_the_others_show(
    book: Book, serving: Serving
) -> None:
    now = book.clock.now()
    book.stream(serving(gives([*happened(now, 2), {"at": "soon", "event": "x", "account": "c-1"}])))

    answer = told(book.timeline())["App"]

    assert (answer.status, answer.count, answer.read) == ("ok", 2, 3)
    assert answer.notes == ['1 of 3 records have no eventTime that can be read, for example "soon".']


def test_nothing_could_be_read(book: Book, serving: Serving) -> None:
    book.stream(
        serving(gives(happened(book.clock.now(), 2))), mapping=[{**MAPPING[0], "from": "when"}, *MAPPING[1:]]
    )

    assert notes(book) == [
        "2 of 2 records have nothing at the path of eventTime.",
        "None of 2 records could be read: check the paths of time, name and account.",
    ]


def test_a_draft_without_a_mapping_has_no_preview(book: Book, serving: Serving) -> None:
    url = serving(gives(happened(book.clock.now(), 2)))
    stream = stream_body(url) | {"mapping": []}

    found = probe.test_draft(
        book.org, {"source": "custom_api", "kind": "events", "stream": stream}, book.clock
    )

    assert (found["ok"], "preview" in found, len(found["fields"])) == (True, False, 6)


# ---- events of the wrong account, or none for one ----


def test_none_for_one_shows_what_the_account_field_holds_beside_what_the_account_has(
    book: Book, serving: Serving
) -> None:
    now = book.clock.now()
    records = [*happened(now, 1, account="acme.example"), *happened(now, 1, account="b.example", first=2)]
    connector = book.stream(serving(gives(records)))

    assert notes(book) == [
        "None of 2 records is of this account: the account field holds “acme.example”, “b.example”, the account has "
        "“c-1”. Case makes no difference."
    ]
    assert tried(book, connector)["preview"]["notes"][0] == (
        "2 of 2 records could be read as events, 0 of them are of an account. The account field holds “acme.example”, "
        "“b.example”; as external customer id accounts have “c-1”."
    )


def test_alignment_is_warned_of_with_the_figures(book: Book, serving: Serving) -> None:
    url = serving(gives([]))
    connector = book.stream(url)
    for number in range(3):
        book.add(companyDomain=f"b-{number}.example")

    def warned() -> list[str]:
        found = status.of_connector(book.org, connector, now=book.clock.now())
        return [sentence for _, each in found.streams for sentence in each.warnings]

    both = warned()
    configure.create_connector(
        book.org,
        book.owner,
        {"source": "custom_api", "name": "CRM", "streams": {"accounts": accounts_body(url)}},
        book.clock,
    )
    one = warned()
    for number in range(8):
        book.add(externalCustomerId=f"d-{number}")
    few = warned()
    book.add(externalCustomerId="d-8")
    book.add(externalCustomerId="d-9")
    book.add(externalCustomerId="d-10")

    figures = "Only 1 of 4 accounts (25%) have an external customer id, by which this stream matches: the others get nothing from it."
    unmapped = "No account stream maps externalCustomerId, by which this stream matches: map it, or match by the other value."
    assert (both, one) == ([figures, unmapped], [figures])
    assert few == [figures.replace("1 of 4 accounts (25%)", "9 of 12 accounts (75%)")]
    assert warned() == []


# ---- the endpoint errors ----


@pytest.mark.parametrize(
    ("answer", "about", "message"),
    [
        (Answer("gone", 404), "url", "{url} answered 404: nothing is there; check the URL. It said: gone"),
        (
            Answer("who?", 401),
            "credential",
            "{url} answered 401: the API did not accept the credential. Check the auth type and enter the secret again. It "
            "said: who? The auth type is bearer.",
        ),
        (
            {"events": []},
            "records_path",
            "Page 1: {url} answered 200. The records path “data” leads to no array. The answer (application/json) is an "
            "object with the keys “events”; arrays in it: “events” (0). The records path is “data”.",
        ),
    ],
)  # fmt: skip
def test_an_error_names_the_status_the_auth_type_and_the_records_path(
    answer: Any, about: str, message: str, book: Book, serving: Serving
) -> None:
    url = serving(Fake(lambda asked: answer))
    book.stream(url, settings={"auth": {"type": "bearer"}}, secrets={"token": "t-oken"})

    error = told(book.timeline())["App"].error

    assert error is not None
    assert (error.about, error.message) == (about, message.format(url=f"{url}/events"))


# ---- stale or missing recent events ----


def ranged(asked: Asked, records: list[dict[str, Any]]) -> Any:
    start, end = asked.params.get("from", ""), asked.params.get("to", "9999")
    return {"data": [record for record in records if start <= record["at"] < end]}


@pytest.mark.parametrize(
    "named", [{"start_param": "from", "end_param": "to"}, {"start_param": "from"}, {"end_param": "to"}]
)
def test_the_test_says_whether_the_time_range_changes_the_answer(
    named: dict[str, str], book: Book, serving: Serving
) -> None:
    records = happened(book.clock.now(), 5)
    ignores, heeds = gives(records), Fake(lambda asked: ranged(asked, records))

    said = [
        tried(book, book.stream(serving(fake), name, **named))["preview"]["notes"][-1]
        for name, fake in (("A", ignores), ("B", heeds))
    ]

    parameters = " and ".join(named.values())
    assert said == [
        f"The time range changes nothing: the API ignores {parameters}. It may give old events for ever.",
        f"The time range ({parameters}) changes the answer, as it should.",
    ]


def test_events_of_the_last_day_of_the_calendar_can_be_tested(book: Book, serving: Serving) -> None:
    records = [*happened(book.clock.now(), 1), {"at": "9999-12-31", "event": "expires", "account": "c-1"}]
    connector = book.stream(serving(gives(records)), start_param="from")

    preview = tried(book, connector)["preview"]

    assert (preview["readable"], len(preview["events"])) == (2, 2)


def test_a_secret_that_an_api_echoes_is_not_shown(book: Book, serving: Serving) -> None:
    token = "planted-token-of-the-events"
    echo = f"Bearer {token}"
    echoing = {
        "at": book.clock.now().isoformat(),
        "event": echo,
        "account": "c-1",
        "user": token,
        "sent": [echo],
    }
    records = [echoing, echoing | {"at": echo}]
    settings = {"auth": {"type": "bearer"}}
    connector = book.stream(serving(gives(records)), settings=settings, secrets={"token": token})

    assert token not in str(tried(book, connector)["preview"])
    found = book.timeline(source="App")
    [item] = found.items
    assert (item.name, item.user_id, item.properties) == ("Bearer ***", "***", {"sent": ["Bearer ***"]})
    assert told(found)["App"].notes == [
        '1 of 2 records have no eventTime that can be read, for example "Bearer ***".'
    ]


def test_old_events_say_how_far_back_a_timeline_goes(book: Book, serving: Serving) -> None:
    url = serving(gives(happened(book.clock.now(), 3, every=40 * 86_400)))
    book.stream(url, lookback_days=30)
    without = notes(book)
    book.stream(url, "Other", lookback_days=30, start_param="from", end_param="to")

    asked = told(book.timeline(source="Other"))["Other"]

    goes_back = "3 events of this account are of another time than was asked for; a timeline goes back 30 days (lookback_days)."
    assert without == [goes_back]
    assert asked.notes == [
        "3 records are not of the time that was asked for: the API ignores from and to.",
        goes_back,
    ]


def test_no_records_at_all_names_the_lookback(book: Book, serving: Serving) -> None:
    book.stream(serving(gives([])), start_param="from")

    assert notes(book) == ["The API gave no records at all for the last 90 days (lookback_days)."]


# ---- slow Events tab ----


def test_many_records_for_few_events_name_the_account_parameter(book: Book, serving: Serving) -> None:
    now = book.clock.now()
    records = [*happened(now, 2), *happened(now, 598, account="c-2", first=3)]
    url = serving(gives(records))
    book.stream(url)
    book.stream(url, "Other", account_param="customer")

    assert notes(book) == [
        "600 records were read to show 2. Set an account parameter (account_param), so that the API filters by itself."
    ]
    other = told(book.timeline(source="Other"))["Other"]
    assert (other.filtered_at_source, other.notes) == (
        False,
        ["The API gave events of other accounts too: it ignores the account parameter customer."],
    )


def test_a_timeout_says_how_long_was_waited_and_what_helps(book: Book, serving: Serving) -> None:
    def drip() -> Iterator[bytes]:
        while True:
            yield b" "

    fake = Fake(lambda asked: Answer(drip(), pace=0.05))
    book.stream(serving(fake), timeout_ms=1_000)

    answer = told(book.timeline())["App"]

    assert answer.error is not None
    assert (answer.status, answer.error.message) == (
        "timed_out",
        "It gave no whole answer within 1 s. Set an account parameter (account_param), so that the API filters by itself "
        "and has less to send. Or raise the timeout (timeout_ms, 1,000 now); a timeline waits up to 8 s.",
    )


# ---- what is cut off ----


def test_newest_is_said_only_where_the_order_proves_it(book: Book, serving: Serving) -> None:
    newest = happened(book.clock.now(), 5_010, every=1)
    book.stream(serving(gives(newest)), "Newest")
    book.stream(serving(gives(newest[::-1])), "Oldest")

    found = told(book.timeline())

    assert [found[name].notes for name in ("Newest", "Oldest")] == [
        [
            "5,000 records were read, the most that one query reads: the newest, back to 2026-03-01T10:36:40.250000Z. What "
            "is older is not shown."
        ],
        [
            "5,000 records were read, the most that one query reads. There are more, and nothing proves that these are the "
            "newest: have the API give its newest first."
        ],
    ]


def test_pages_that_make_no_sense_are_named(book: Book, serving: Serving) -> None:
    records = happened(book.clock.now(), 100)
    book.stream(serving(gives(records)), pagination={"type": "page"})
    limited = Fake(
        lambda asked: {"data": happened(book.clock.now(), 100, first=int(asked.params["page"]) * 100)}
    )
    book.stream(serving(limited), "Other", pagination={"type": "page", "max_pages": 2})

    found = told(book.timeline())

    assert found["App"].notes == [
        "100 records were read, and pages that made no sense ended it (page_repeated): check the pagination settings."
    ]
    assert (
        found["Other"]
        .notes[0]
        .startswith("200 records were read, on as many pages as the stream allows (max_pages): ")
    )


def test_an_api_that_insists_on_an_account_can_be_tested(book: Book, serving: Serving) -> None:
    def insists(asked: Asked) -> Any:
        account = asked.params.get("customer")
        return {"data": happened(book.clock.now(), 2, account=account)} if account else Answer("which?", 400)

    connector = book.stream(serving(fake := Fake(insists)), account_param="customer")

    found = tried(book, connector)

    assert (found["ok"], found["preview"]["matched"], len(fake.seen)) == (True, 2, 2)
