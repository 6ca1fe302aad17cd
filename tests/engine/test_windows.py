"""From when each run reads, where it goes on, and when the watermark moves (product.md §4.4, §5.3)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ropewalk.engine.runs import batches
from ropewalk.store.models import Account, Stream, StreamRecord
from tests.engine.conftest import Serving
from tests.engine.world import (
    INCREMENTAL,
    MAPPING,
    START,
    Flags,
    Refused,
    World,
    brief,
    complete,
    failed,
    iso,
    suspicious,
    truncated,
)
from tests.fakes import Answer, Asked, Fake, customers
from tests.fakes.hostile import MovingRows
from tests.fakes.shapes import Cursors, Pages

pytestmark = pytest.mark.any_database

SECOND = "2026-03-01T12:00:00Z"
"""What a run asks for after one that began at START."""


def since(*asked: str | None) -> list[str]:
    """The requests of runs of one page each."""
    return [
        "GET /customers?"
        + ("" if at is None else f"updated_since={at.replace(':', '%3A')}&")
        + "page=1&limit=100"
        for at in asked
    ]


class Shop(Pages):
    """`wrong` answers in place of the list, once for each of its answers."""

    def __init__(self, count: int = 3, **knobs: Any) -> None:
        super().__init__(customers(count), **{"total_key": "total"} | knobs)
        self.wrong: list[Any] = []

    def answer(self, asked: Asked) -> Any:
        return self.wrong.pop(0) if self.wrong else super().answer(asked)


# ---- first and next ----


def test_the_first_run_is_full_and_the_next_reads_from_its_start(world: World, serving: Serving) -> None:
    shop = Shop()
    connector = world.connect(serving(shop), shop.stream, incremental=INCREMENTAL)

    first = world.sync(connector)
    world.clock.advance(hours=1)
    second = world.sync(connector)
    third = world.sync(connector)

    assert shop.lines == since(None, SECOND, "2026-03-01T13:00:00Z")
    assert [run["since"] for run in (first, second, third)] == [
        None,
        SECOND,
        "2026-03-01T13:00:00Z",
    ]
    assert world.watermark(connector) == START + timedelta(hours=1)


def test_the_watermark_is_the_runs_start_not_its_request_nor_its_end(world: World, serving: Serving) -> None:
    shop = Shop()
    shop.wrong = [Answer("", 503, {"Retry-After": "60"})]
    connector = world.connect(serving(shop), shop.stream, incremental=INCREMENTAL)

    requested = world.request(connector)
    started = world.clock.advance(minutes=5)
    run = world.carry_out(requested)

    assert (run["started_at"], run["finished_at"]) == (iso(started), iso(started + timedelta(seconds=60)))
    assert world.watermark(connector) == started


@pytest.mark.parametrize(
    ("incremental", "sent"),
    [
        ({"param": "since"}, "since=2026-03-01T12%3A00%3A00Z"),
        ({"param": "since", "format": "date"}, "since=2026-03-01"),
        ({"param": "since", "format": "epoch_s"}, "since=1772366400"),
        ({"param": "since", "format": "epoch_ms"}, "since=1772366400000"),
        ({"param": "since", "overlap_seconds": 90}, "since=2026-03-01T11%3A58%3A30Z"),
        (
            {"param": "$filter", "template": "updated_at ge '{since}'"},
            "%24filter=updated_at%20ge%20%272026-03-01T12%3A00%3A00Z%27",
        ),
        (
            {"param": "q", "format": "epoch_s", "template": '{"$gt": "{since}"}'},
            "q=%7B%22%24gt%22%3A%20%221772366400%22%7D",
        ),
    ],
)
def test_formats(incremental: dict[str, Any], sent: str, world: World, serving: Serving) -> None:
    shop = Shop()
    connector = world.connect(serving(shop), shop.stream, incremental=incremental)

    world.sync(connector)
    world.sync(connector)

    assert shop.lines == [
        "GET /customers?page=1&limit=100",
        f"GET /customers?{sent}&page=1&limit=100",
    ]


def test_the_parameter_may_go_in_the_body(world: World, serving: Serving) -> None:
    shop = Shop(in_body=True, page_param="paging.page", size_param="paging.size", since_param="filter.since")
    connector = world.connect(
        serving(shop),
        shop.stream,
        body={"filter": {"kind": "customer"}},
        incremental={"param": "filter.since"},
    )

    world.sync(connector)
    world.sync(connector)

    paging = {"page": 1, "size": 100}
    assert [asked.json for asked in shop.seen] == [
        {"filter": {"kind": "customer"}, "paging": paging},
        {"filter": {"kind": "customer", "since": SECOND}, "paging": paging},
    ]


def test_without_the_parameter_every_run_is_full(world: World, serving: Serving) -> None:
    shop = Shop()
    connector = world.connect(serving(shop), shop.stream)

    runs = [world.sync(connector) for _ in range(2)]

    assert shop.lines == since(None, None)
    assert [run["since"] for run in runs] == [None, None]


def test_full_by_hand_reads_everything_and_says_it_again(world: World, serving: Serving) -> None:
    shop = Shop()
    connector = world.connect(serving(shop), shop.stream, incremental=INCREMENTAL)
    world.sync(connector)
    Account.objects.update(company_name="Renamed by hand")

    again = world.sync(connector)
    full = world.sync(connector, full=True)

    assert (brief(again), brief(full)) == (complete(), complete(updated=3))
    assert shop.lines == since(None, SECOND, None)


# ---- failed, cancelled, suspicious ----


def test_after_a_failed_run_the_next_reads_the_same_window(world: World, serving: Serving) -> None:
    shop = Shop()
    connector = world.connect(serving(shop), shop.stream, incremental=INCREMENTAL)
    world.sync(connector)
    world.clock.advance(hours=1)
    shop.wrong = [Answer("gone fishing", 400)]

    broken = world.sync(connector)
    mended = world.sync(connector)

    assert (brief(broken), brief(mended)) == (failed("unexpected_status"), complete())
    assert shop.lines == since(None, SECOND, SECOND)
    assert world.watermark(connector) == START + timedelta(hours=1)


def test_what_a_failed_run_applied_stays(
    world: World, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_ROWS", 100)
    shop = Pages(customers(150))
    fake = Fake(lambda asked: Answer("", 404) if asked.params["page"] == "2" else shop(asked))
    connector = world.connect(serving(fake), shop.stream)

    run = world.sync(connector)

    assert brief(run) == failed("not_found_there", created=100)
    assert (len(world.accounts()), world.watermark(connector)) == (100, None)


def test_a_cancelled_run_leaves_the_watermark(world: World, serving: Serving) -> None:
    shop = Pages(customers(350))
    connector = world.connect(serving(shop), shop.stream, incremental=INCREMENTAL)
    run = world.request(connector)
    world.then("cancel", run)

    cancelled = world.carry_out(run)
    world.sync(connector, flags=Flags(cancel=lambda: True))

    assert brief(cancelled) == {"status": "cancelled", "verdict": None}
    assert (shop.lines[:1], world.watermark(connector)) == ([], None)


@pytest.mark.parametrize("when", ["queued", "running"])
def test_after_a_cancelled_run_the_next_reads_the_same_window(
    when: str, world: World, serving: Serving
) -> None:
    shop = Shop()
    connector = world.connect(serving(shop), shop.stream, incremental=INCREMENTAL)
    world.sync(connector)
    world.clock.advance(hours=1)
    run = world.request(connector)
    if when == "queued":
        world.then("cancel", run)

    cancelled = world.carry_out(run, Flags(cancel=lambda: len(shop.lines) > 1))
    mended = world.sync(connector)

    assert (cancelled["status"], brief(mended)) == ("cancelled", complete())
    assert shop.lines == since(*[None, SECOND, SECOND][: 2 if when == "queued" else 3])
    assert world.watermark(connector) == START + timedelta(hours=1)


def test_cancelled_on_the_way(world: World, serving: Serving) -> None:
    shop = Pages(customers(350))
    asked: list[int] = []

    def answer(request: Asked) -> Any:
        asked.append(int(request.params["page"]))
        world.clock.advance(seconds=2)
        return shop(request)

    connector = world.connect(serving(Fake(answer)), shop.stream, incremental=INCREMENTAL)

    run = world.sync(connector, flags=Flags(cancel=lambda: len(asked) > 2))

    assert (run["status"], run["error"], run["verdict"]) == ("cancelled", None, None)
    assert len(world.accounts()) == run["counts"]["created"]
    assert world.watermark(connector) is None
    assert brief(world.sync(connector))["verdict"] == "complete"


PAGED = {"records_path": "data", "pagination": {"type": "page"}}


def test_a_suspicious_run_leaves_the_watermark_until_it_is_accepted(world: World, serving: Serving) -> None:
    fake = Fake(lambda asked: {"data": customers(100)})
    connector = world.connect(serving(fake), PAGED, incremental=INCREMENTAL)

    run = world.sync(connector)
    before = world.watermark(connector)
    world.clock.advance(minutes=10)
    accepted = world.then("accept", run)
    world.sync(connector)

    assert (brief(run), before) == (suspicious("page_repeated", created=100), None)
    assert (accepted["verdict"], accepted["accepted_at"]) == (
        "suspicious",
        iso(START + timedelta(minutes=10)),
    )
    assert world.watermark(connector) == START
    assert [line.partition("&page")[0] for line in fake.lines] == [
        "GET /customers?page=1&limit=100",
        "GET /customers?page=2&limit=100",
        "GET /customers?updated_since=2026-03-01T12%3A00%3A00Z",
        "GET /customers?updated_since=2026-03-01T12%3A00%3A00Z",
    ]
    assert world.audited("run.accepted") == [{"reasons": ["page_repeated"], "connector_id": connector}]


def test_only_a_suspicious_run_is_accepted_and_only_once(world: World, serving: Serving) -> None:
    fake = Fake(lambda asked: {"data": customers(100 if len(fake.seen) < 3 else 3)})
    connector = world.connect(serving(fake), PAGED)
    run, good = world.sync(connector), world.sync(connector)
    world.then("accept", run)

    for each in (run, good):
        with pytest.raises(Refused, match=r"409: Only a suspicious run can be accepted, and only once\."):
            world.then("accept", each)


def test_accepting_an_old_run_does_not_move_the_watermark_back(world: World, serving: Serving) -> None:
    fake = Fake(lambda asked: {"data": customers(100 if len(fake.seen) < 3 else 3)})
    connector = world.connect(serving(fake), PAGED, incremental=INCREMENTAL)
    run = world.sync(connector)
    later = world.clock.advance(hours=1)
    world.sync(connector)

    world.then("accept", run)

    assert world.watermark(connector) == later


def test_a_run_of_other_settings_is_not_accepted(world: World, serving: Serving) -> None:
    fake = Fake(lambda asked: {"data": customers(100)})
    connector = world.connect(serving(fake), PAGED)
    run = world.sync(connector)
    world.change(connector, mapping=MAPPING[:2])

    with pytest.raises(Refused, match="settings have changed since this run"):
        world.then("accept", run)
    assert (world.watermark(connector), world.run(run)["accepted_at"]) == (None, None)


@pytest.mark.parametrize(
    ("reason", "make"),
    [
        ("page_repeated", lambda: Fake(lambda asked: {"data": customers(100)})),
        ("no_rows", lambda: Fake(lambda asked: {"data": []})),
        ("all_skipped", lambda: Fake(lambda asked: {"data": [{"id": None}]})),
        (
            "fewer_than_total",
            lambda: Fake(lambda asked: {"data": customers(3) * (asked.params["page"] == "1"), "n": 9}),
        ),
    ],
)
def test_a_reason_can_be_switched_off(
    reason: str, make: Callable[[], Fake], world: World, serving: Serving
) -> None:
    fake = make()
    ignored = [reason] if reason != "fewer_than_total" else [reason, "empty_page"]
    paging = {"type": "page", "total_path": "n"}
    connector = world.connect(
        serving(fake), {"records_path": "data", "pagination": paging}, incremental=INCREMENTAL
    )
    Stream.objects.update(last_full_rows=5)

    doubted = world.sync(connector)
    world.change(connector, ignore_reasons=ignored)
    trusted = world.sync(connector)

    assert (doubted["verdict"], reason in doubted["verdict_reasons"]) == ("suspicious", True)
    assert (trusted["verdict"], trusted["verdict_reasons"]) == ("complete", [])
    assert world.watermark(connector) == START


# ---- truncated ----


def test_25000_records_at_10000_a_run(world: World, serving: Serving) -> None:
    shop = Pages(customers(25_000))
    paging = shop.stream["pagination"] | {"page_size": 1_000}
    connector = world.connect(
        serving(shop),
        shop.stream,
        pagination=paging,
        incremental=INCREMENTAL,
        mapping=[{"from": "id", "to": "externalCustomerId"}],
    )

    runs, marks = [], []
    for _ in range(3):
        runs.append(brief(world.sync(connector)))
        marks.append(world.watermark(connector))
        world.clock.advance(hours=1)
    world.sync(connector)

    assert runs == [
        truncated("max_records", created=10_000),
        truncated("max_records", created=10_000),
        complete(created=5_000),
    ]
    assert marks == [None, None, START]
    numbers = [*range(1, 27)]
    assert shop.lines == [
        *(f"GET /customers?page={number}&limit=1000" for number in numbers),
        "GET /customers?updated_since=2026-03-01T12%3A00%3A00Z&page=1&limit=1000",
    ]
    assert len(world.accounts()) == 25_000


def test_a_page_that_the_limit_cuts_is_asked_for_again(world: World, serving: Serving) -> None:
    shop = Pages(customers(25))
    connector = world.connect(
        serving(shop), shop.stream, pagination=shop.stream["pagination"] | {"page_size": 10}, max_records=14
    )

    runs = [brief(world.sync(connector)) for _ in range(2)]

    assert runs == [truncated("max_records", created=14), complete(created=11)]
    assert shop.lines == [f"GET /customers?page={number}&limit=10" for number in (1, 2, 2, 3)]


def test_max_pages_truncates_too(world: World, serving: Serving) -> None:
    shop = Cursors(customers(45))
    paging = shop.stream["pagination"] | {"page_size": 10, "max_pages": 2}
    connector = world.connect(serving(shop), shop.stream, pagination=paging, incremental=INCREMENTAL)

    runs = [brief(world.sync(connector)) for _ in range(3)]

    assert runs == [
        truncated("max_pages", created=20),
        truncated("max_pages", created=20),
        complete(created=5),
    ]
    assert (len(shop.lines), world.watermark(connector)) == (5, START)


def test_total_and_rows_are_judged_over_the_chain(world: World, serving: Serving) -> None:
    shop = Pages(customers(30), total_key="total")
    paging = shop.stream["pagination"] | {"page_size": 10}
    connector = world.connect(serving(shop), shop.stream, pagination=paging, max_records=20)

    runs = [world.sync(connector) for _ in range(2)]

    assert [brief(run) for run in runs] == [truncated("max_records", created=20), complete(created=10)]
    assert world.kept(connector).last_full_rows == 30


def test_a_failed_run_of_a_chain_is_made_up_for_at_its_place(world: World, serving: Serving) -> None:
    shop = Shop(30)
    paging = shop.stream["pagination"] | {"page_size": 10}
    connector = world.connect(
        serving(shop), shop.stream, pagination=paging, max_records=20, incremental=INCREMENTAL
    )
    world.sync(connector)
    shop.wrong = [Answer("", 400)]
    world.clock.advance(hours=1)

    broken, mended = world.sync(connector), world.sync(connector)

    assert (brief(broken), brief(mended)) == (failed("unexpected_status"), complete(created=10))
    assert shop.lines == [f"GET /customers?page={number}&limit=10" for number in (1, 2, 3, 3)]
    assert world.watermark(connector) == START


def test_full_by_hand_begins_a_new_chain(world: World, serving: Serving) -> None:
    shop = Pages(customers(30))
    paging = shop.stream["pagination"] | {"page_size": 10}
    connector = world.connect(serving(shop), shop.stream, pagination=paging, max_records=20)
    world.sync(connector)

    world.sync(connector, full=True)

    assert shop.lines == [f"GET /customers?page={number}&limit=10" for number in (1, 2, 1, 2)]


@pytest.mark.parametrize(
    ("change", "goes_on"),
    [
        ({"page_size": 5}, False),
        ({"max_pages": 7}, True),
        ({"total_path": "total"}, False),
    ],
)
def test_a_changed_page_size_drops_the_place(
    change: dict[str, Any], goes_on: bool, world: World, serving: Serving
) -> None:
    shop = Pages(customers(30))
    paging = shop.stream["pagination"] | {"page_size": 10}
    connector = world.connect(serving(shop), shop.stream, pagination=paging, max_records=20)
    world.sync(connector)

    world.change(connector, pagination=paging | change)
    world.sync(connector)

    size = change.get("page_size", 10)
    assert shop.lines[2] == f"GET /customers?page={3 if goes_on else 1}&limit={size}"


def test_an_expired_cursor_starts_the_window_over(world: World, serving: Serving) -> None:
    shop = Cursors(customers(50))
    expired: list[int] = []

    def answer(asked: Asked) -> Any:
        if "cursor" in asked.params and not expired and len(fake.seen) > 3:
            expired.append(1)
            return Answer({"error": "cursor expired"}, 410)
        return shop(asked)

    fake = Fake(answer)
    paging = shop.stream["pagination"] | {"page_size": 10}
    connector = world.connect(serving(fake), shop.stream, pagination=paging, max_records=30)
    world.sync(connector)

    run = world.sync(connector)

    assert (run["restarts"], brief(run)) == (1, truncated("max_records", unchanged=30))
    assert fake.lines[4] == "GET /customers?limit=10"


# ---- settings ----

CHANGES: dict[str, tuple[dict[str, Any], bool]] = {
    "url": ({"url": "{base}/customers?active=1"}, True),
    "method": ({"method": "POST"}, True),
    "records_path": ({"records_path": "items"}, True),
    "pagination type": ({"pagination": {"type": "none"}}, True),
    "page parameter": ({"pagination": {"type": "page", "page_param": "p"}}, True),
    "size parameter": ({"pagination": {"type": "page", "size_param": "n"}}, True),
    "total path": ({"pagination": {"type": "page", "total_path": "total"}}, True),
    "has-more path": ({"pagination": {"type": "page", "has_more_path": "more"}}, True),
    "allowed origins": ({"pagination": {"type": "page", "allowed_origins": ["https://x.example"]}}, True),
    "incremental": ({"incremental": {"param": "changed_since"}}, True),
    "overlap": ({"incremental": {"param": "updated_since", "overlap_seconds": 60}}, True),
    "headers": ({"headers": {"X-A": "1"}, "plain_headers": ["X-A"]}, True),
    "auth": ({"auth": {"type": "basic", "username": "u"}}, True),
    "matching": ({"matching": "domain"}, True),
    "mapping": ({"mapping": MAPPING[:3]}, True),
    "order of the mapping": ({"mapping": MAPPING[::-1]}, True),
    "create_missing on": ({"create_missing": True}, True),
    "a reason switched on": ({"ignore_reasons": []}, True),
    "nothing": ({}, False),
    "enabled": ({"enabled": False}, False),
    "schedule": ({"schedule": {"periodic": True, "every_minutes": 5}}, False),
    "timeout": ({"timeout_ms": 1_000}, False),
    "page size": ({"pagination": {"type": "page", "page_size": 7}}, False),
    "max pages": ({"pagination": {"type": "page", "max_pages": 7}}, False),
    "max records": ({"max_records": 7}, False),
    "a secret": ({"secrets": {"token": "rotated-token"}}, False),
    "create_missing off": ({"create_missing": False}, False),
    "a reason switched off": ({"ignore_reasons": ["no_rows", "empty_page"]}, False),
}
BEFORE = {
    "create_missing on": {"create_missing": False},
    "a reason switched on": {"ignore_reasons": ["no_rows"]},
    "a reason switched off": {"ignore_reasons": ["no_rows"]},
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_resets_the_baseline(name: str, world: World, serving: Serving) -> None:
    change, resets = CHANGES[name]
    shop = Shop()
    base = serving(shop)
    connector = world.connect(base, PAGED, incremental=INCREMENTAL, **BEFORE.get(name, {}))
    run = world.sync(connector)
    if run["verdict"] == "suspicious":
        world.then("accept", run)
    body = world.stream(connector)
    body |= {
        key: value.format(base=base) if isinstance(value, str) else value for key, value in change.items()
    }

    checked = world.save(connector, body, validate=True)
    untouched = world.watermark(connector)
    saved = world.save(connector, body)
    after = world.state(connector)

    assert (checked, untouched) == ({"stream": None, "baseline_reset": resets}, START)
    assert (saved["baseline_reset"], after["needs_full"]) == (resets, resets)
    assert after["watermark"] == (None if resets else iso(START))
    assert after["tested"] is not resets


def test_the_connectors_name_and_budget_reset_nothing(world: World, serving: Serving) -> None:
    shop = Shop()
    connector = world.connect(serving(shop), PAGED, incremental=INCREMENTAL)
    world.sync(connector)

    world.reconfigure(
        connector,
        name="New",
        enabled=True,
        settings={"requests_per_minute": 1_000},
        secrets={"token": "x-token"},
    )

    assert (world.watermark(connector), world.state(connector)["needs_full"]) == (START, False)


def test_after_a_reset_the_next_run_is_full_and_compares_every_record(world: World, serving: Serving) -> None:
    shop = Shop()
    connector = world.connect(serving(shop), shop.stream, incremental=INCREMENTAL)
    world.sync(connector)
    world.sync(connector)

    world.change(connector, mapping=[*MAPPING, {"from": "updated_at", "to": "touched"}])
    run = world.sync(connector)

    assert (shop.lines, brief(run)) == (since(None, SECOND, None), complete(updated=3))


def test_settings_saved_while_a_run_goes_do_not_get_its_watermark(world: World, serving: Serving) -> None:
    connector = world.connect(serving(Fake(lambda asked: {"data": customers(3)})), incremental=INCREMENTAL)
    run = world.request(connector)
    world.change(connector, mapping=MAPPING[:3])

    done = world.carry_out(run)

    assert brief(done) == complete(created=3)
    assert sorted(world.accounts()[0]) == [
        "companyDomain", "companyName", "externalCustomerId", "planTier", "seats",
    ]  # fmt: skip
    assert (world.watermark(connector), world.state(connector)["needs_full"]) == (None, True)


def test_a_stream_deleted_under_its_run_ends_it(world: World, serving: Serving) -> None:
    connector = world.connect(serving(Fake(lambda asked: {"data": customers(3)})))
    run = world.request(connector)
    looks: list[int] = []

    def delete() -> bool:
        if not looks and threading.current_thread() is threading.main_thread():
            looks.append(1)
            world.delete(f"connectors/{connector}/streams/accounts")
        return False

    done = world.carry_out(run, Flags(stop=delete))

    assert (done["status"], done["counts"]["processed"]) == ("cancelled", 0)
    assert (world.accounts(), StreamRecord.objects.count()) == ([], 0)


def test_settings_saved_while_a_run_goes_are_not_tested_by_it(world: World, serving: Serving) -> None:
    connector = world.connect(serving(Fake(lambda asked: {"data": customers(3)})))
    world.sync(connector)
    run = world.request(connector)
    tested = world.state(connector)["tested"]
    world.change(connector, records_path="elsewhere")

    world.carry_out(run)

    assert (tested, world.state(connector)["tested"]) == (True, False)


# ---- gone and vanished ----


def gone(world: World) -> list[bool]:
    return [row.gone_since is not None for row in StreamRecord.objects.order_by("id")]


def test_gone_at_source_and_back(world: World, serving: Serving) -> None:
    shop = Shop()
    connector = world.connect(serving(shop), shop.stream, incremental=INCREMENTAL)
    world.sync(connector)
    removed = shop.records.pop()

    world.sync(connector)
    incremental = gone(world)
    world.sync(connector, full=True)
    full = gone(world)
    shop.records.append(removed | {"updated_at": "2026-05-01T00:00:00Z"})
    world.sync(connector)

    assert (incremental, full, gone(world)) == ([False] * 3, [False, False, True], [False] * 3)
    assert len(world.accounts()) == 3


def test_nothing_is_gone_after_a_run_that_is_not_complete(world: World, serving: Serving) -> None:
    shop = Shop(250, total_key="total")
    connector = world.connect(serving(shop), shop.stream)
    world.sync(connector)
    shop.wrong = [{"data": [], "total": 250}, {"data": [], "total": 250}]

    run = world.sync(connector)

    assert (run["verdict"], gone(world)) == ("suspicious", [False] * 250)


def test_gone_is_judged_over_the_whole_chain(world: World, serving: Serving) -> None:
    shop = Pages(customers(30))
    paging = shop.stream["pagination"] | {"page_size": 10}
    connector = world.connect(serving(shop), shop.stream, pagination=paging, max_records=20)
    for _ in range(2):
        world.sync(connector)
    shop.records.pop(5)

    half = world.sync(connector), gone(world)
    world.sync(connector)

    assert half[1] == [False] * 30
    assert [number for number, is_gone in enumerate(gone(world)) if is_gone] == [5]


def test_path_vanished(world: World, serving: Serving) -> None:
    shop = Shop()
    connector = world.connect(serving(shop), shop.stream, incremental=INCREMENTAL)
    runs = [world.sync(connector)]
    for record in shop.records:
        del record["plan"]

    runs += [world.sync(connector), world.sync(connector, full=True)]

    assert [run["notices"] for run in runs] == [{}, {}, {"path_vanished": 2}]


def test_a_row_that_moves_is_not_gone(world: World, serving: Serving) -> None:
    fake = MovingRows(250)
    connector = world.connect(serving(fake), fake.stream)

    run = world.sync(connector)

    assert (brief(run)["verdict"], any(gone(world))) == ("complete", False)
