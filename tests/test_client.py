"""The client of other programs, against a server that plays the API's part; against Ropewalk itself: tests/e2e."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ropewalk.client import Client, Refused, Unreachable, batches, encoded
from tests.fakes import Answer, Asked, Fake, serve

UNAVAILABLE = {"error_code": "unavailable", "message": "Storage can't take this now."}


def items_of(asked: Asked) -> list[dict[str, Any]]:
    body = gzip.decompress(asked.body) if asked.headers.get("content-encoding") == "gzip" else asked.body
    return [json.loads(line) for line in body.splitlines()]


def taken(asked: Asked) -> Any:
    results = [{"external_id": each["external_id"], "outcome": "created"} for each in items_of(asked)]
    return Answer(
        {
            "status": "accepted",
            "events": len(results),
            "external_ids": [each["external_id"] for each in results],
            "results": results,
        },
        status=202,
    )


class Api(Fake):
    """Says what it is told to first, then takes everything."""

    def __init__(self, *first: Answer, then: Callable[[Asked], Any] = taken) -> None:
        super().__init__()
        self.first = list(first)
        self.then = then

    def answer(self, asked: Asked) -> Any:
        return self.first.pop(0) if self.first else self.then(asked)


class Waits(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def using(waits: Waits) -> Iterator[Callable[..., Client]]:
    closing = []

    def made(url: str, **options: Any) -> Client:
        client = Client(url, "pk_live_x", sleep=waits, **options)
        closing.append(client)
        return client

    yield made
    for client in closing:
        client.close()


def test_items_go_in_batches_compressed(using: Callable[..., Client]) -> None:
    api, after = Api(), []
    with serve(api) as url:
        pushed = using(url + "/crm/").push(
            "c1",
            ({"data": {"n": number}, "external_id": str(number)} for number in range(250)),
            batch_items=100,
            after_each=lambda accepted: after.append(accepted.events),
        )

    assert api.lines == ["POST /crm/v1/custom-connectors/c1/ingest"] * 3
    assert {
        name: api.seen[0].headers[name] for name in ("authorization", "content-type", "content-encoding")
    } == {
        "authorization": "Bearer pk_live_x",
        "content-type": "application/x-ndjson",
        "content-encoding": "gzip",
    }
    assert [len(items_of(each)) for each in api.seen] == [100, 100, 50] == after
    assert items_of(api.seen[2])[-1] == {"data": {"n": 249}, "external_id": "249"}
    assert (pushed.events, pushed.created, pushed.updated, pushed.duplicates, pushed.rejected) == (
        250,
        250,
        0,
        0,
        {},
    )


def test_what_may_work_in_a_while_is_tried_again_with_the_same_ids(
    using: Callable[..., Client], waits: Waits
) -> None:
    api = Api(
        Answer(UNAVAILABLE, status=503, headers={"Retry-After": "7"}),
        Answer(UNAVAILABLE, status=429, headers={"Retry-After": "2"}),
        Answer("<h1>Bad gateway</h1>", status=502),
    )
    with serve(api) as url:
        pushed = using(url).push("c1", [{"data": 1}, {"data": 2}])

    assert pushed.created == 2
    assert len({each.body for each in api.seen}) == 1
    ids = [each["external_id"] for each in items_of(api.seen[0])]
    assert len(set(ids)) == 2
    assert waits[:2] == [7.0, 2.0]
    assert len(waits) == 3


def test_a_connection_that_breaks_is_made_anew(using: Callable[..., Client], waits: Waits) -> None:
    api = Api(Answer(b"{", announced=5), Answer(b"{}", announced=9))
    with serve(api) as url:
        assert using(url).push("c1", [{"data": 1}]).created == 1

    assert len({each.body for each in api.seen}) == 1
    assert len(api.seen) == 3
    assert 0.125 <= waits[0] <= 0.375
    assert 0.25 <= waits[1] <= 0.75


def test_a_server_that_is_not_there(using: Callable[..., Client], waits: Waits) -> None:
    with serve(Api()) as url:
        pass

    with pytest.raises(Unreachable):
        using(url, retries=3).push("c1", [{"data": 1}])
    assert len(waits) == 3


def test_what_is_refused_is_told_with_its_problems(using: Callable[..., Client], waits: Waits) -> None:
    problem = {"path": "items.0.data", "message": "This is required."}
    refusal = {"error_code": "unprocessable_entity", "message": "No.", "details": {"errors": [problem]}}
    with serve(Api(Answer(refusal, status=422))) as url, pytest.raises(Refused) as refused:
        using(url).push("c1", [{}])

    assert (refused.value.status, refused.value.code, refused.value.problems) == (
        422,
        "unprocessable_entity",
        [problem],
    )
    assert waits == []


def test_it_waits_no_longer_than_five_minutes(using: Callable[..., Client], waits: Waits) -> None:
    with (
        serve(Api(Answer(UNAVAILABLE, status=503, headers={"Retry-After": "301"}))) as url,
        pytest.raises(Refused) as refused,
    ):
        using(url).push("c1", [{"data": 1}])

    assert (refused.value.retry_after, waits) == (301.0, [])


def test_rejected_items_are_told_by_their_place(using: Callable[..., Client]) -> None:
    def odd(asked: Asked) -> Any:
        results = [
            {"external_id": None, "outcome": "rejected", "error": {"message": "Odd."}}
            if each["data"] % 2
            else {"external_id": each["external_id"], "outcome": "duplicate"}
            for each in items_of(asked)
        ]
        events = sum(each["outcome"] == "duplicate" for each in results)
        return Answer(
            {"status": "accepted", "events": events, "external_ids": [], "results": results}, status=202
        )

    api = Api(then=odd)
    with serve(api) as url:
        pushed = using(url).push("c1", [{"data": n} for n in range(5)], partial=True, batch_items=2)

    assert api.lines == ["POST /v1/custom-connectors/c1/ingest?partial=true"] * 3
    assert (pushed.events, pushed.duplicates, sorted(pushed.rejected)) == (3, 3, [1, 3])
    assert pushed.rejected[3].error == {"message": "Odd."}


def test_all_pages_of_events(using: Callable[..., Client]) -> None:
    def page(asked: Asked) -> Any:
        last = "cursor" in asked.params
        return {"items": [{"n": 3}] if last else [{"n": 1}, {"n": 2}], "next_cursor": None if last else "c/2"}

    api = Api(then=page)
    with serve(api) as url:
        found = list(using(url).events(source="custom:web", from_="2026-01-01", **{"metadata.plan": "gold"}))

    assert found == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert [each.params for each in api.seen] == [
        {"source": "custom:web", "from": "2026-01-01", "metadata.plan": "gold"},
        {"source": "custom:web", "from": "2026-01-01", "metadata.plan": "gold", "cursor": "c/2"},
    ]


def test_ids_are_one_part_of_a_path(using: Callable[..., Client]) -> None:
    api = Api(then=lambda _: {"external_id": "a/b"})
    with serve(api) as url:
        using(url).event("custom:web", "a/b c?é", version=2)

    assert api.lines == ["GET /v1/events/custom%3Aweb/a%2Fb%20c%3F%C3%A9?version=2"]


def test_a_file_goes_as_a_form(using: Callable[..., Client]) -> None:
    def form(asked: Asked) -> Any:
        assert asked.headers["content-type"].startswith("multipart/form-data; boundary=")
        return Answer({"events": 1, "results": [{"external_id": "p1", "outcome": "created"}]}, status=202)

    api = Api(then=form)
    with serve(api) as url:
        accepted = using(url).upload(
            "c1",
            b"\x00PDF",
            filename='a"b.pdf',
            media_type="application/pdf",
            external_id="p1",
            payload={"title": "Ü"},
        )

    boundary = api.seen[0].headers["content-type"].partition("boundary=")[2].encode()
    parts = [part.strip(b"\r\n") for part in api.seen[0].body.split(b"--" + boundary)]
    assert parts == [
        b"",
        b'Content-Disposition: form-data; name="kind"\r\n\r\npage',
        b'Content-Disposition: form-data; name="external_id"\r\n\r\np1',
        b'Content-Disposition: form-data; name="payload"\r\n\r\n{"title": "\\u00dc"}',
        b'Content-Disposition: form-data; name="file"; filename="a%22b.pdf"\r\n'
        b"Content-Type: application/pdf\r\n\r\n\x00PDF",
        b"--",
    ]
    assert accepted.results[0].outcome == "created"


def test_times_are_sent_in_utc() -> None:
    at = datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1)))

    assert json.loads(encoded({"data": 1, "external_id": "1", "timestamp": at})) == {
        "data": 1,
        "external_id": "1",
        "timestamp": "2026-03-01T12:00:00+00:00",
    }
    with pytest.raises(ValueError, match="needs its zone"):
        encoded({"data": 1, "timestamp": at.replace(tzinfo=None)})


@pytest.mark.parametrize("value", [float("nan"), {1}, b"x", "\ud800"])
def test_what_json_can_not_hold_is_refused_here(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        encoded({"data": value})


def test_batches_are_bounded_by_number_and_weight() -> None:
    lines = [b"x" * 9] * 7

    assert [len(each) for each in batches(lines, items=3)] == [3, 3, 1]
    assert [len(each) for each in batches(lines, size=25)] == [2, 2, 2, 1]
    assert [len(each) for each in batches([b"y" * 99, b"z"], size=25)] == [1, 1]
    assert list(batches([])) == []
    with pytest.raises(ValueError, match="1 to 5000"):
        next(batches(lines, items=5_001))


@pytest.mark.parametrize("url", ["ropewalk.example.com", "ftp://x.example", "https://"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match=r"https://ropewalk\.example\.com"):
        Client(url, "pk_live_x")


def test_it_takes_nothing_along() -> None:
    """Whoever only pushes needs no framework in memory, nor the time to load one."""
    code = (
        "import sys, ropewalk.client;"
        "print(sorted({n.partition('.')[0] for n in sys.modules} - set(sys.stdlib_module_names)))"
    )
    found = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert set(json.loads(found.stdout.replace("'", '"'))) - {"__main__", "__mp_main__"} == {"ropewalk"}
