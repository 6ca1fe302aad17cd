"""Tracked fields: Periodic and History on and off, types, and how many there may be (product.md §2.1, §2.2)."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ropewalk.engine import schedule
from ropewalk.store import retention
from ropewalk.store.models import Change
from tests.engine.conftest import Serving
from tests.engine.world import INCREMENTAL, Flags, Refused, World, brief, complete, suspicious
from tests.fakes import Fake

ID = {"from": "id", "to": "externalCustomerId"}
TIER = {"from": "tier", "to": "planTier"}
NAME = {"from": "name", "to": "companyName"}
ONE = {"id": "1", "tier": "gold", "name": "One"}


class Feed:
    def __init__(self, world: World, serving: Serving, *mapping: dict[str, Any], **settings: Any) -> None:
        self.world = world
        self.records: list[Any] = []
        self.fake = Fake(lambda asked: list(self.records))
        self.connector = world.connect(
            serving(self.fake),
            {"records_path": ""},
            mapping=list(mapping or (ID, TIER, NAME)),
            incremental=INCREMENTAL,
            schedule={"periodic": True, "every_minutes": 5},
            **settings,
        )

    def by_hand(self, *records: Any, **options: Any) -> dict[str, Any]:
        self.records = list(records)
        return brief(self.world.sync(self.connector, **options))

    def scheduled(self, *records: Any, flags: Flags | None = None) -> dict[str, Any]:
        self.records = list(records)
        self.world.clock.advance(minutes=5)
        schedule.start_due(self.world.clock)
        (run,) = self.world.every("runs", status="queued")
        return brief(self.world.carry_out(run, flags))


def switch(world: World, name: str, **switches: bool) -> None:
    world.patch(f"fields/{name}", switches)


# ---- Periodic ----


def test_with_periodic_on_every_run_writes(world: World, serving: Serving) -> None:
    feed = Feed(world, serving)

    runs = [
        feed.by_hand(ONE),
        feed.scheduled({**ONE, "tier": "silver"}),
        feed.by_hand({**ONE, "tier": "tin"}),
    ]

    assert runs == [complete(created=1), complete(updated=1), complete(updated=1)]
    assert [asked.params.get("updated_since") for asked in feed.fake.seen] == [
        None,
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:05:00Z",
    ]


def test_with_periodic_off_scheduled_runs_leave_it_out(world: World, serving: Serving) -> None:
    feed = Feed(world, serving)
    feed.by_hand(ONE)
    switch(world, "planTier", periodic=False)
    two = {"id": "2", "tier": "gold", "name": "Two"}

    changed = feed.scheduled({**ONE, "tier": "silver"}, two)
    after = world.accounts()

    # Also not on create; and to a run that doesn't look at the field its change is none.
    assert changed == complete(created=1, unchanged=1)
    assert after == [
        {"externalCustomerId": "1", "companyName": "One", "planTier": "gold"},
        {"externalCustomerId": "2", "companyName": "Two"},
    ]


def test_while_it_is_off_a_run_by_hand_is_full_and_writes_it(world: World, serving: Serving) -> None:
    feed = Feed(world, serving)
    feed.by_hand(ONE)
    switch(world, "planTier", periodic=False)
    feed.scheduled({**ONE, "tier": "silver"})

    run = feed.by_hand({**ONE, "tier": "silver"})

    assert (run, world.accounts()[0]["planTier"]) == (complete(updated=1), "silver")
    assert [asked.params.get("updated_since") for asked in feed.fake.seen] == [
        None,
        "2026-03-01T12:00:00Z",
        None,
    ]


def test_by_hand_and_scheduled_take_turns_without_flip_flop(world: World, serving: Serving) -> None:
    feed = Feed(world, serving)
    feed.by_hand(ONE)
    switch(world, "planTier", periodic=False)
    other = {**ONE, "tier": "silver", "name": "Uno"}

    runs = [feed.scheduled(other), feed.by_hand(other), feed.scheduled(other), feed.by_hand(other)]

    assert runs == [
        complete(updated=1),
        complete(updated=1),
        complete(unchanged=1),
        complete(unchanged=1),
    ]
    assert world.accounts() == [{"externalCustomerId": "1", "companyName": "Uno", "planTier": "silver"}]


def test_switched_on_again_scheduled_runs_write_it(world: World, serving: Serving) -> None:
    feed = Feed(world, serving)
    feed.by_hand(ONE)
    switch(world, "planTier", periodic=False)
    feed.scheduled({**ONE, "tier": "silver"})
    switch(world, "planTier", periodic=True)

    run = feed.scheduled({**ONE, "tier": "silver"})

    assert (run, world.accounts()[0]["planTier"]) == (complete(updated=1), "silver")


def test_switched_on_again_the_next_run_reads_what_was_passed_over(world: World, serving: Serving) -> None:
    feed = Feed(world, serving)
    feed.by_hand(ONE)
    switch(world, "planTier", periodic=False)
    feed.scheduled({**ONE, "tier": "silver"})

    switch(world, "planTier", periodic=True)
    needed = world.state(feed.connector)["needs_full"]
    feed.scheduled({**ONE, "tier": "silver"})
    feed.scheduled({**ONE, "tier": "silver"})

    assert (needed, world.accounts()[0]["planTier"]) == (True, "silver")
    assert [asked.params.get("updated_since") for asked in feed.fake.seen] == [
        None,
        "2026-03-01T12:00:00Z",
        None,
        "2026-03-01T12:10:00Z",
    ]


def test_switched_on_while_a_scheduled_run_goes(world: World, serving: Serving) -> None:
    """The run goes on as it began; what it passed over is read next."""
    feed = Feed(world, serving)
    feed.by_hand({**ONE, "id": "2"})
    switch(world, "planTier", periodic=False)
    here = threading.current_thread()

    def switched() -> bool:
        # Asked before each batch; and, while a request is out, by the thread that waits for it.
        if threading.current_thread() is here:
            switch(world, "planTier", periodic=True)
        return False

    run = feed.scheduled(ONE, flags=Flags(cancel=switched))

    assert run == complete(created=1)
    assert world.accounts()[1] == {"externalCustomerId": "1", "companyName": "One"}
    assert world.state(feed.connector)["needs_full"] is True


def test_streams_that_spell_a_field_in_two_ways_write_one(world: World, serving: Serving) -> None:
    """Both were saved before any run had made the field."""
    one = Feed(world, serving, name="One")
    other = Feed(world, serving, ID, NAME, {"from": "tier", "to": "plantier"}, name="Other")

    one.by_hand(ONE)
    other.by_hand({**ONE, "tier": "silver"})

    assert world.accounts() == [{"companyName": "One", "externalCustomerId": "1", "planTier": "silver"}]
    assert [name for name in types(world) if name.lower() == "plantier"] == ["planTier"]


def test_match_fields_have_no_such_switch(world: World, serving: Serving) -> None:
    feed = Feed(world, serving)
    feed.by_hand()
    switch(world, "externalCustomerId", periodic=False)

    feed.by_hand(ONE)
    run = feed.scheduled({"id": "2", "tier": "gold", "name": "Two"})

    assert run == complete(created=1)
    assert [account["externalCustomerId"] for account in world.accounts()] == ["1", "2"]
    assert [asked.params.get("updated_since") for asked in feed.fake.seen][1] == "2026-03-01T12:00:00Z"


def test_a_built_in_field_may_be_off(world: World, serving: Serving) -> None:
    feed = Feed(world, serving)
    feed.by_hand(ONE)
    switch(world, "companyName", periodic=False)

    run = feed.scheduled({**ONE, "name": "Uno"})

    assert (run, world.accounts()[0]["companyName"]) == (complete(unchanged=1), "One")


def test_the_owner_may_be_off_however_it_is_mapped(world: World, serving: Serving) -> None:
    feed = Feed(
        world,
        serving,
        ID,
        {"from": "owner", "to": "accountOwnerEmail"},
        {"from": "o", "to": "accountOwnerId"},
    )
    feed.by_hand({"id": "1"})
    switch(world, "accountOwnerId", periodic=False)
    record = {"id": "1", "owner": "olga@acme.example"}

    scheduled = feed.scheduled(record), world.accounts()
    by_hand = feed.by_hand(record)

    assert scheduled == (complete(unchanged=1), [{"externalCustomerId": "1"}])
    assert (by_hand["updated"], world.accounts()[0]["accountOwnerId"]) == (1, world.member_id)


# ---- History ----


def history(world: World, field: str) -> list[tuple[Any, Any]]:
    return [
        (each["changes"][field]["old"], each["changes"][field]["new"]) for each in changes(world, field=field)
    ]


def changes(world: World, **query: str) -> list[dict[str, Any]]:
    """Of the first account, newest first."""
    return world.every(f"accounts/{world.listed()[0]['account_id']}/history", **query)


def types(world: World) -> dict[str, str]:
    return {field["name"]: field["type"] for field in world.get("fields")["items"]}


def test_history_is_kept_with_time_run_and_source(world: World, serving: Serving) -> None:
    feed = Feed(world, serving)
    feed.by_hand(ONE)
    world.clock.advance(hours=1)
    feed.by_hand({**ONE, "tier": "silver"})
    feed.by_hand({**ONE, "tier": None})

    assert history(world, "planTier") == [("silver", None), ("gold", "silver"), (None, "gold")]
    change, run = changes(world)[1], world.every("runs")[1]
    assert [change[name] for name in ("run_id", "connector_id", "at", "action")] == [
        run["run_id"], feed.connector, run["started_at"], "updated",
    ]  # fmt: skip


def test_with_history_off_there_is_only_the_latest_value(world: World, serving: Serving) -> None:
    feed = Feed(world, serving)
    feed.by_hand(ONE)
    switch(world, "planTier", history=False)
    feed.by_hand({**ONE, "tier": "silver", "name": "Uno"})
    shown = history(world, "planTier"), history(world, "companyName")

    world.clock.advance(days=32)
    while retention.sweep(world.clock.now()):
        pass

    assert shown == ([], [("One", "Uno"), (None, "One")])
    assert [sorted(change.fields) for change in Change.objects.order_by("id")] == [
        ["companyName", "externalCustomerId"],
        ["companyName"],
    ]
    assert world.accounts()[0]["planTier"] == "silver"


# ---- types ----


def test_types_are_inferred_and_widen_with_a_notice(world: World, serving: Serving) -> None:
    mapping = [ID, *({"from": name, "to": name} for name in ("t", "n", "b", "d", "l", "o"))]
    feed = Feed(world, serving, *mapping)
    record = {"id": "1", "t": "x", "n": 1.5, "b": True, "d": "2026-03-01T10:00:00Z", "l": [1], "o": {"a": 1}}

    feed.by_hand(record)
    first = types(world)
    run = feed.by_hand({**record, "n": "many", "b": 3, "t": 7})

    assert {name: first[name] for name in "tnbdlo"} == {
        "t": "text", "n": "number", "b": "boolean", "d": "date-time", "l": "list", "o": "object",
    }  # fmt: skip
    assert run == complete(updated=1, notices={"type_widened": 2})
    assert types(world) == first | {"n": "text", "b": "text"}
    assert {name: world.accounts()[0][name] for name in "tnb"} == {"t": 7, "n": "many", "b": 3}


def test_a_value_of_64_kib_is_stored_and_one_beyond_is_not(world: World, serving: Serving) -> None:
    feed = Feed(world, serving)

    run = feed.by_hand({**ONE, "tier": "t" * 65_536}, {"id": "2", "tier": "t" * 65_537, "name": "Two"})

    assert run == complete(created=1, rejected=1, reasons={"invalid_value": 1})


def test_a_record_of_1_mib_is_taken_and_one_beyond_is_not(world: World, serving: Serving) -> None:
    def record(number: int, size: int) -> dict[str, Any]:
        bare = {"id": str(number), "tier": "gold", "name": "x", "note": ""}
        return bare | {"note": "n" * (size - len(str(bare)))}

    feed = Feed(world, serving)

    run = feed.by_hand(record(1, 1_048_576), record(2, 1_048_577))

    assert run == complete(created=1, rejected=1, reasons={"invalid_value": 1})


@pytest.mark.parametrize(("there", "outcome"), [(499, complete(created=1)), (500, None)])
def test_500_custom_fields(
    there: int, outcome: dict[str, Any] | None, world: World, serving: Serving
) -> None:
    mapping = [ID, *({"from": f"f{number}", "to": f"f{number}"} for number in range(there))]
    feed = Feed(world, serving, *mapping)
    feed.by_hand({"id": "1", **{f"f{number}": number for number in range(there)}})
    assert len(types(world)) == there + 1

    if outcome is None:
        with pytest.raises(Refused, match=r"422: .*An organization has at most 500 custom fields"):
            Feed(world, serving, ID, TIER, name="Second")
    else:
        second = Feed(world, serving, ID, TIER, name="Second")
        assert second.by_hand({"id": "2", "tier": "gold"}) == outcome


def test_nothing_is_created_by_a_run_that_only_rejects(world: World, serving: Serving) -> None:
    feed = Feed(world, serving)

    run = feed.by_hand({**ONE, "id": None})

    assert run == suspicious("all_skipped", rejected=1, reasons={"missing_match_value": 1})
    assert sorted(types(world)) == ["companyName", "externalCustomerId"]
