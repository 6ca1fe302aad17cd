"""A dry run says what a run would do, exactly, and does none of it (product.md §5.5)."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from ropewalk.store.models import (
    Account,
    Change,
    Contact,
    LedgerRow,
    Stream,
    StreamRecord,
    TrackedField,
    WaitingContact,
)
from tests.engine.cases import MAPPING
from tests.engine.conftest import Serving
from tests.engine.world import Flags, Refused, World, brief as whole, complete, iso
from tests.fakes import Fake

NOTHING_SAID = {"mode", "run_id", "created_at", "started_at", "finished_at", "of_run", "preview"}


class Source:
    """A list of records, served in pages of two."""

    def __init__(self, world: World, serving: Serving, name: str = "CRM", **given: Any) -> None:
        self.world = world
        self.records: list[Any] = []
        self.page_size = 2
        base = serving(Fake(self._page))
        options: dict[str, Any] = {
            "records_path": "",
            "mapping": MAPPING,
            "pagination": {
                "type": "offset", "offset_param": "skip", "size_param": "size", "page_size": 2,
            },
        }  # fmt: skip
        self.connector = world.connect(base, options, name=name, **given)

    def _page(self, asked: Any) -> Any:
        if "skip" not in asked.params:
            return self.records
        start = int(asked.params["skip"])
        return self.records[start : start + self.page_size]

    def dry_run(self, *records: Any, **options: Any) -> dict[str, Any]:
        self.records = list(records)
        return self.world.dry_run(self.connector, **options)

    def sync(self, *records: Any, **options: Any) -> dict[str, Any]:
        self.records = list(records)
        return self.world.sync(self.connector, **options)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page is a batch of its own, so that batches see what those before them would have done."""
    from ropewalk.engine.runs import batches

    monkeypatch.setattr(batches, "BATCH_ROWS", 2)


def everything() -> dict[str, Any]:
    """Whatever a run may write, but for runs and their ledgers."""
    tables = (Account, Change, Contact, Stream, StreamRecord, TrackedField, WaitingContact)
    return {table.__name__: list(table.objects.order_by("pk").values()) for table in tables}


A = {"id": "1", "site": "a.example", "name": "A", "tier": "free", "mail": "ann@a.example"}
B = {"id": "2", "site": "b.example", "name": "B", "tier": 3, "users": ["bob@b.example", "bea@b.example"]}


def brief(run: dict[str, Any]) -> dict[str, Any]:
    """Without the notice that few records have all that is mapped."""
    notices = {code: count for code, count in run["notices"].items() if code != "path_vanished"}
    return whole({**run, "notices": notices})


def said(run: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in run.items() if name not in NOTHING_SAID}


def told(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in names)


def test_it_writes_nothing(world: World, serving: Serving) -> None:
    source = Source(world, serving, incremental={"param": "since"})
    source.sync({**A, "tier": 1})
    world.clock.advance(hours=1)
    before = everything()

    dry = source.dry_run({**A, "tier": "team"}, B)

    assert brief(dry) == complete(created=1, updated=1, notices={"type_widened": 1}, contacts={"created": 2})
    assert everything() == before


def test_rows_show_what_they_would_change(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    source.sync(A, B)

    changed = {**A, "tier": "team", "mail": "abe@a.example"}
    dry = source.dry_run(changed, B, {"site": "gmail.com"}, {"id": "3", "name": "C"}, "no object")

    assert [told(row, "position", "outcome", "reason", "record", "changes") for row in world.rows(dry)] == [
        (1, "updated", None, changed, {"planTier": {"old": "free", "new": "team"}}),
        (2, "unchanged", None, B, None),
        (3, "rejected", "missing_match_value", {"site": "gmail.com"}, None),
        (4, "created", None, {"id": "3", "name": "C"}, {
            "externalCustomerId": {"old": None, "new": "3"}, "companyName": {"old": None, "new": "C"},
        }),
        (5, "rejected", "not_an_object", '"no object"', None),
    ]  # fmt: skip
    assert world.rows(dry)[0]["message"] == "Contacts it would make: abe@a.example."


def test_the_first_thousand_of_each_outcome_are_listed(world: World, serving: Serving) -> None:
    source = Source(world, serving, pagination={"type": "none"}, max_records=100_000)
    bad = itertools.cycle(["no object", {"name": "no id"}])
    records = [{"id": str(n), "name": "x"} for n in range(1_200)] + [next(bad) for _ in range(1_100)]

    dry = source.dry_run(*records)

    assert brief(dry)["created"] == 1_200
    assert brief(dry)["reasons"] == {"not_an_object": 550, "missing_match_value": 550}
    assert sorted(Counter((row["outcome"], row["reason"]) for row in world.rows(dry)).items()) == [
        (("created", None), 1_000),
        (("rejected", "missing_match_value"), 500),
        (("rejected", "not_an_object"), 500),
    ]


def test_batches_see_what_those_before_would_have_done(
    world: World, serving: Serving, small_batches: None
) -> None:
    source = Source(world, serving, matching="domain_and_external_id")
    moved = {"site": "b.example", "id": "9"}
    source.sync({"site": "a.example", "id": "1", "name": "A"})
    records = [
        {"site": "b.example", "name": "B"},
        {"site": "c.example", "name": "C"},
        moved,
        {"id": "9", "name": "B2", "site": "d.example"},
        {"site": "d.example", "mail": "x@d.example"},
        {"site": "d.example", "mail": "y@d.example"},
        moved,
        {"id": "1", "site": "e.example"},
        {"site": "e.example", "name": "E"},
        {"site": "e.example", "name": "E"},
    ]

    dry, run = source.dry_run(*records), source.sync(*records)

    assert brief(run)["notices"] == {"duplicate_in_run": 7}
    assert said(dry) == said(run)


def test_a_record_that_comes_back_in_a_later_batch_is_news(
    world: World, serving: Serving, small_batches: None
) -> None:
    source = Source(world, serving)
    source.sync(A, B)
    records = [{**A, "name": "AA"}, B, A, B]

    dry, run = source.dry_run(*records), source.sync(*records)

    assert (brief(run)["updated"], brief(run)["unchanged"]) == (2, 2)
    assert said(dry) == said(run)


def test_contacts_of_earlier_batches_are_not_made_twice(
    world: World, serving: Serving, small_batches: None
) -> None:
    source = Source(world, serving)
    source.sync({"id": "1", "mail": "old@a.example"})
    new = {"id": "1", "mail": "new@a.example", "users": "x@a.example"}
    records = [new, {"id": "2"}, {**new, "name": "A"}, {"id": "3"}, {"id": "1", "mail": "newer@a.example"}]

    dry, run = source.dry_run(*records), source.sync(*records)

    assert brief(run)["contacts"] == {"created": 3, "updated": 2}
    assert said(dry) == said(run)


def test_it_takes_the_place_of_no_run(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    dry = world.request(source.connector, mode="dry_run")
    assert world.ask(source.connector, mode="dry_run") == (dry, False)

    source.sync(A)

    assert brief(world.carry_out(dry)) == complete(unchanged=1)


def test_failures_dont_count(world: World, serving: Serving) -> None:
    from tests.fakes import Answer

    base = serving(Fake(lambda asked: Answer({}, status=401)))
    connector = world.connect(base)
    before = everything()

    outcomes = [brief(world.dry_run(connector)) for _ in range(3)]

    assert {(each["status"], each["error"]) for each in outcomes} == {("failed", "authentication_failed")}
    assert everything() == before


def test_whoever_takes_it_over_begins_again(world: World, serving: Serving, small_batches: None) -> None:
    source = Source(world, serving)
    source.records = [{"id": str(n), "name": "x"} for n in range(6)]
    run = world.request(source.connector, mode="dry_run")
    looks = itertools.count()
    here = threading.current_thread()
    world.carry_out(run, Flags(stop=lambda: threading.current_thread() is here and next(looks) > 0))
    assert (world.run(run)["status"], LedgerRow.objects.count()) == ("running", 2)

    dry = world.carry_out(run, worker="w-2")

    assert (brief(dry), dry["pages"]) == (complete(created=6), 4)
    assert [row["position"] for row in world.rows(dry)] == [1, 2, 3, 4, 5, 6]


def test_nothing_of_it_is_accepted_or_retried(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    dry = source.dry_run("x", "y")
    assert dry["verdict"] == "suspicious"

    for verb in ("accept", "retry-rows", "undo"):
        with pytest.raises(Refused, match="409: "):
            world.then(verb, dry)


@pytest.mark.django_db(transaction=True)
def test_it_holds_no_lock(world: World, serving: Serving) -> None:
    """Whenever it reads from the source, nothing is open; its reads take no transaction."""
    source = Source(world, serving)
    source.sync(A)
    seen: list[str] = []

    def watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if connection.in_atomic_block and not sql.startswith(("SAVEPOINT", "RELEASE")):
            seen.append(" ".join(sql.split()[:3]).replace('"', ""))
        return execute(sql, params, many, context)

    run = world.request(source.connector, mode="dry_run")
    source.records = [{**A, "name": "AA"}, B]
    with connection.execute_wrapper(watch):
        world.carry_out(run)

    written = {name for name in seen if name.split()[0] in ("INSERT", "UPDATE", "DELETE")}
    assert written <= {
        "UPDATE ropewalk_run SET", "UPDATE ropewalk_runstate SET", "INSERT INTO ropewalk_ledgerrow",
        "DELETE FROM ropewalk_ledgerrow", "DELETE FROM ropewalk_runstate",
    }  # fmt: skip
    assert not [sql for sql in seen if "ropewalk_account" in sql or "ropewalk_streamrecord" in sql]


# ---- applying ----


def test_apply_says_that_nothing_differs(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    source.sync(A)
    dry = source.dry_run({**A, "name": "AA"}, B)

    run = world.apply(dry)

    assert said(run) == said(dry)
    assert (run["of_run"], run["preview"]) == (dry["run_id"], {"run_id": dry["run_id"], "differs": {}})


def test_apply_says_what_differs(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    source.sync(A)
    dry = source.dry_run(A, B)
    source.records = [{**A, "name": "AA"}, B, {"id": "3"}]

    run = world.apply(dry)

    assert run["preview"] == {
        "run_id": dry["run_id"], "differs": {"created": 1, "updated": 1, "unchanged": -1},
    }  # fmt: skip


def test_apply_reads_the_window_of_the_dry_run(world: World, serving: Serving) -> None:
    source = Source(world, serving, incremental={"param": "since"})
    source.sync(A)
    since = world.watermark(source.connector)
    world.clock.advance(hours=1)
    dry = source.dry_run({**A, "name": "AA"})
    world.clock.advance(hours=1)
    source.sync()
    world.clock.advance(hours=1)
    source.records = [{**A, "name": "AA"}]

    run = world.apply(dry)

    assert since is not None
    assert (dry["since"], run["since"]) == (iso(since.replace(microsecond=0)),) * 2
    assert (brief(run), world.watermark(source.connector)) == (complete(updated=1), world.clock.now())


def test_apply_goes_on_where_the_dry_run_did(world: World, serving: Serving) -> None:
    source = Source(world, serving, max_records=2)
    records = [{"id": str(n), "name": "x"} for n in range(6)]
    source.sync(*records)
    dry = source.dry_run(*records)

    run = world.apply(dry)

    assert [row["position"] for row in world.rows(dry)] == [1, 2]
    assert said(run) == said(dry)
    assert len(world.accounts()) == 4


def test_what_can_be_applied(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    dry, run = source.dry_run(A), source.sync(B)
    for wrong in (run, world.request(source.connector, mode="dry_run")):
        with pytest.raises(Refused, match="409: "):
            world.apply(wrong)
    (new, first), (same, second) = [world.call("POST", f"runs/{dry['run_id']}/apply") for _ in range(2)]
    assert (new, same, first) == (202, 200, second)
    world.carry_out(first)

    world.change(source.connector, matching="domain")

    with pytest.raises(Refused) as refused:
        world.apply(dry)
    assert refused.value.reason == "settings_changed"
