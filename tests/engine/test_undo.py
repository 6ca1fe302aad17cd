"""An undo takes back what a run changed, and nothing else (product.md §5.5)."""

from __future__ import annotations

import itertools
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.django import TestCase

from ropewalk.core.actors import SYSTEM
from ropewalk.core.errors import Conflict
from ropewalk.engine import accounts, configure, people, requests, schedule
from ropewalk.store import changes, reversal
from ropewalk.store.models import Account, AuditEntry, Change, Contact, Run, TrackedField
from tests.engine import cases
from tests.engine.cases import PEOPLE, RECORDS, STREAM, Vendor
from tests.engine.conftest import Serving
from tests.engine.test_dryrun import Source, brief
from tests.engine.world import Flags, World, complete, values_of

A = {
    "id": "1",
    "site": "a.example",
    "name": "A",
    "tier": "free",
    "mail": "ann@a.example",
    "users": ["al@a.example"],
}
B = {"id": "2", "site": "b.example", "name": "B", "tier": "team"}
SINCE = {"changed_since": 1}


def edit(world: World, account_id: UUID, **values: Any) -> None:
    accounts.edit_account(world.org, world.owner, account_id, values, world.clock)


def state(world: World) -> Any:
    """Accounts with their contacts, whatever their ids."""
    answer = []
    for account in world.account_rows():
        contacts = Contact.objects.filter(account=account).order_by("email")
        columns = ("email", "name", "source", "is_primary")
        answer.append(
            (values_of(account), account.external_id_connector, list(contacts.values_list(*columns)))
        )
    return answer


def test_fields_go_back_and_what_was_created_goes_away(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    source.sync(A)
    before = state(world)
    run = source.sync({"id": "1", "name": "AA", "tier": None, "mail": "abe@a.example"}, B)
    assert brief(run) == complete(created=1, updated=1, contacts={"created": 1, "updated": 1})

    undo = world.undo(run)

    assert state(world) == before
    assert brief(undo) == complete(updated=4)
    assert (undo["trigger"], undo["of_run"], undo["expected_total"]) == ("undo", run["run_id"], 4)
    gone = "The run had created this {}; it is gone again."
    assert [(row.message, row.record["name"], row.changes) for row in world.rows(undo)] == [
        (gone.format("contact"), "AA", {
            "email": {"old": "abe@a.example", "new": None},
            "source": {"old": "sync", "new": None},
            "isPrimary": {"old": True, "new": None},
        }),
        ("", "AA", {"isPrimary": {"old": False, "new": True}}),
        (gone.format("account"), "B", {
            "externalCustomerId": {"old": "2", "new": None},
            "companyDomain": {"old": "b.example", "new": None},
            "companyName": {"old": "B", "new": None},
            "planTier": {"old": "team", "new": None},
        }),
        ("", "A", {
            "companyName": {"old": "AA", "new": "A"},
            "planTier": {"old": None, "new": "free"},
        }),
    ]  # fmt: skip


def test_a_later_hand_stays_and_is_listed(world: World, serving: Serving) -> None:
    source = Source(world, serving, mapping=[{"from": "id", "to": "externalCustomerId"}, {"from": "name", "to": "companyName"}, {"from": "tier", "to": "planTier"}])  # fmt: skip
    source.sync({"id": "1", "name": "A", "tier": 1})
    run = source.sync({"id": "1", "name": "AA", "tier": 2}, {"id": "2", "name": "B"})
    one, two = world.account_rows()
    edit(world, one.id, companyName="By hand")
    edit(world, two.id, fields={"note": "ours"})

    undo = world.undo(run)

    assert world.accounts() == [
        {"externalCustomerId": "1", "companyName": "By hand", "planTier": 1},
        {"externalCustomerId": "2", "companyName": "B", "note": "ours"},
    ]
    assert brief(undo) == complete(updated=1, skipped=1, reasons={"changed_since": 2})
    assert [(row.outcome, row.reason, row.message, row.changes) for row in world.rows(undo)] == [
        ("skipped", "changed_since", "The run had created this account, which has been used since, by hand; it stays.", None),
        ("updated", "changed_since", "companyName changed since, by hand: kept as it is.", {"planTier": {"old": 2, "new": 1}}),
    ]  # fmt: skip


def test_a_later_run_stays_until_it_is_undone_itself(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    source.sync({"id": "1", "name": "A"})
    second = source.sync({"id": "1", "name": "B"}, {"id": "2", "name": "X"})
    third = source.sync({"id": "1", "name": "C"}, {"id": "2", "name": "Y"})

    first_try = world.undo(second)
    assert brief(first_try) == complete(skipped=2, reasons={"changed_since": 2})
    assert {row.message for row in world.rows(first_try)} == {
        f"companyName changed since, by run {third['run_id']}: kept as it is.",
        f"The run had created this account, which has been used since, by run {third['run_id']}; it stays.",
    }
    world.undo(third)
    assert [each["companyName"] for each in world.accounts()] == ["B", "X"]


def test_what_was_undone_meanwhile_counts_as_if_it_had_never_been(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    source.sync({"id": "1", "name": "A"})
    before = state(world)
    second = source.sync({"id": "1", "name": "B"}, {"id": "2", "name": "X"})
    third = source.sync({"id": "1", "name": "C"}, {"id": "2", "name": "Y"})

    assert brief(world.undo(third)) == complete(updated=2)
    assert brief(world.undo(second)) == complete(updated=2)

    assert state(world) == before


def test_what_another_source_knows_too_stays(world: World, serving: Serving) -> None:
    crm, billing = Source(world, serving), Source(world, serving, name="Billing")
    run = crm.sync({"id": "1", "name": "A"}, {"id": "2", "name": "B"})
    assert brief(billing.sync({"id": "1", "name": "A"})) == complete(unchanged=1)

    undo = world.undo(run)

    assert world.accounts() == [{"externalCustomerId": "1", "companyName": "A"}]
    assert brief(undo) == complete(updated=1, skipped=1, reasons=SINCE)


def test_what_was_deleted_by_hand_stays_deleted(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    run = source.sync({"id": "1", "name": "A"})
    accounts.delete_account(world.org, world.owner, world.account_rows()[0].id, world.clock)

    assert brief(world.undo(run)) == complete(skipped=1, reasons=SINCE)

    assert brief(source.sync({"id": "1", "name": "A"}, {"id": "2"})) == complete(
        created=1, skipped=1, reasons={"deleted_here": 1}
    )


def test_contacts_that_somebody_has_worked_on_stay(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    source.sync({"id": "1", "name": "A"})
    run = source.sync({"id": "1", "name": "A", "mail": "ann@a.example", "users": "al@a.example"})
    contact = Contact.objects.get(email="ann@a.example")
    accounts.edit_contact(world.org, world.owner, contact.id, {"phone": "1"}, world.clock)

    undo = world.undo(run)

    assert [contact.email for contact in Contact.objects.all()] == ["ann@a.example"]
    assert brief(undo) == complete(updated=1, skipped=1, reasons=SINCE)
    assert [row.message for row in world.rows(undo) if row.reason] == [
        "The run had created this contact, which has been used since, by hand; it stays."
    ]


def test_one_contact_stays_the_primary(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    source.sync({"id": "1", "mail": "old@a.example"})
    run = source.sync({"id": "1", "mail": "new@a.example"})
    contact = Contact.objects.get(email="new@a.example")
    accounts.edit_contact(world.org, world.owner, contact.id, {"phone": "1"}, world.clock)

    undo = world.undo(run)

    primaries = Contact.objects.filter(is_primary=True).values_list("email", flat=True)
    assert list(primaries) == ["new@a.example"]
    assert brief(undo) == complete(skipped=2, reasons={"changed_since": 2})


def test_the_next_run_by_hand_is_a_full_one_that_brings_everything_back(
    world: World, serving: Serving
) -> None:
    source = Source(
        world, serving, incremental={"param": "since"}, schedule={"periodic": True, "every_minutes": 5}
    )
    source.sync(A)
    world.clock.advance(minutes=1)
    run = source.sync({**A, "name": "AA"}, B)
    after = state(world)
    world.undo(run)
    stream = world.stream(source.connector)
    assert (stream.paused, stream.watermark, stream.needs_full) == ("undo", None, True)

    world.clock.advance(hours=1)
    schedule.start_due(world.clock)
    assert not Run.objects.filter(trigger="periodic").exists()

    again = world.sync(source.connector)
    assert (again["since"], brief(again)) == (None, complete(created=1, updated=1))
    assert state(world) == after
    # Somebody has done it again, and seen it through: the schedule goes on.
    assert world.stream(source.connector).paused == ""


def test_the_schedule_goes_on_when_it_is_turned_off_and_on(world: World, serving: Serving) -> None:
    on, off = ({"periodic": periodic, "every_minutes": 5} for periodic in (True, False))
    source = Source(world, serving, schedule=on)
    world.undo(source.sync(A))

    world.change(source.connector, schedule=on)
    assert world.stream(source.connector).paused == "undo"
    world.change(source.connector, schedule=off)
    world.change(source.connector, schedule=on)
    assert world.stream(source.connector).paused == ""


def test_types_and_custom_fields_stay(world: World, serving: Serving) -> None:
    source = Source(world, serving)

    world.undo(source.sync({"id": "1", "tier": 1}, {"id": "2", "tier": "x"}))

    assert (TrackedField.objects.get(name="planTier").type, world.accounts()) == ("text", [])


def test_fields_without_history_go_back_too(world: World, serving: Serving) -> None:
    from ropewalk.store import fields

    source = Source(world, serving)
    source.sync({"id": "1", "tier": 1})
    fields.switch(world.org, "planTier", history=False)

    world.undo(source.sync({"id": "1", "tier": 2}))

    assert world.accounts() == [{"externalCustomerId": "1", "planTier": 1}]


def test_history_says_who(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    source.sync({"id": "1", "name": "A"})
    undo = world.undo(source.sync({"id": "1", "name": "B"}))

    [last, *_] = changes.history(world.org, world.account_rows()[0].id).items

    assert (last.run, last.connector) == (UUID(str(undo["run_id"])), source.connector.id)
    assert last.fields == {"companyName": {"old": "B", "new": "A"}}


def test_an_owner_who_has_left_is_not_put_back(world: World, serving: Serving) -> None:
    added = people.add_user(world.org, world.owner, "eve@acme.example", "member", world.clock)
    source = Source(world, serving)
    source.sync({"id": "1", "owner": "eve@acme.example"})
    run = source.sync({"id": "1", "owner": "olga@acme.example"})
    people.remove_member(world.org, world.owner, added.member.id, world.clock)

    world.undo(run)

    assert world.accounts() == [{"externalCustomerId": "1"}]


# ---- what can be undone ----


def code(world: World, run: dict[str, Any]) -> str:
    with pytest.raises(Conflict) as refused:
        requests.undo(world.org, world.owner, run["run_id"], world.clock)
    return refused.value.message


def test_what_cannot_be_undone(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    run = source.sync(A)
    waiting = world.request(source.connector)

    assert code(world, world.run(waiting.id)).startswith("This run is still under way")
    assert code(world, run).startswith("A run of this stream is under way")
    requests.cancel(world.org, world.owner, waiting.id, world.clock)
    undo = world.undo(run)
    assert code(world, run) == "This run has been undone already."
    assert code(world, undo).startswith("An undo can't be undone.")


def test_thirty_days(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    run = source.sync(A)
    world.clock.advance(days=30)
    assert brief(world.undo(run)) == complete(updated=3)

    other = source.sync(A)
    world.clock.advance(days=30, seconds=1)
    assert code(world, other).startswith("A run can be undone within 30 days")


def test_nothing_else_runs_meanwhile(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    run = source.sync("no object", A)
    undo = requests.undo(world.org, world.owner, run["run_id"], world.clock)

    for verb in (
        lambda: world.request(source.connector),
        lambda: requests.retry_rows(world.org, world.owner, run["run_id"], None, world.clock),
        lambda: requests.undo(world.org, world.owner, run["run_id"], world.clock),
    ):
        with pytest.raises(Conflict):
            verb()
    dry = world.dry_run(source.connector)
    assert brief(dry)["verdict"] == "complete"
    assert brief(world.carry_out(undo)) == complete(updated=3)
    assert AuditEntry.objects.filter(verb="run.undone").count() == 1


def test_a_disabled_stream_can_be_undone(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    run = source.sync({"id": "1"})
    world.change(source.connector, enabled=False)

    assert brief(world.undo(run)) == complete(updated=1)


def test_a_deleted_streams_run_can_be_undone(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    run = source.sync({"id": "1"})
    configure.delete_stream(world.org, SYSTEM, source.connector.id, "accounts", world.clock)

    assert (brief(world.undo(run)), world.accounts()) == (complete(updated=1), [])


# ---- batches ----


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reversal, "BATCH_ROWS", 2)


def test_a_stopped_undo_goes_on_where_it_was(world: World, serving: Serving, small_batches: None) -> None:
    source = Source(world, serving)
    records = [{"id": str(n), "name": "x"} for n in range(7)]
    run = source.sync(*records)
    asked = requests.undo(world.org, world.owner, run["run_id"], world.clock)
    looks = itertools.count()

    world.carry_out(asked, Flags(stop=lambda: next(looks) > 1))
    assert (world.run(asked.id)["status"], Account.objects.count()) == ("running", 3)
    undo = world.carry_out(asked, worker="w-2")

    assert (brief(undo), Account.objects.count()) == (complete(updated=7), 0)
    assert [row.position for row in world.rows(undo)] == [1, 2, 3, 4, 5, 6, 7]


def test_a_cancelled_undo_can_be_taken_up_by_another(
    world: World, serving: Serving, small_batches: None
) -> None:
    source = Source(world, serving)
    source.sync(*({"id": str(n), "name": "x"} for n in range(4)))
    before = state(world)
    run = source.sync(*({"id": str(n), "name": "y"} for n in range(4)), {"id": "8"}, {"id": "9"})
    looks = itertools.count()
    cancelled = world.undo(run, flags=Flags(cancel=lambda: next(looks) > 1))
    assert cancelled["status"] == "cancelled"

    assert brief(world.undo(run)) == complete(updated=2, unchanged=4)

    assert state(world) == before


def test_two_rows_for_one_account(world: World, serving: Serving, small_batches: None) -> None:
    source = Source(world, serving, pagination={"type": "none"})
    run = source.sync({"id": "1", "name": "A"}, {"id": "1", "name": "B"}, {"id": "1", "name": "C"})
    assert brief(run)["notices"] == {"duplicate_in_run": 2}

    world.undo(run)

    assert world.accounts() == []


# ---- run, then undo ----


class TestStateBefore(TestCase):
    @pytest.fixture(autouse=True)
    def _set_up(self, loopback: Any, serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
        self.vendor = Vendor(serving)
        monkeypatch.setattr(reversal, "BATCH_ROWS", 3)

    @settings(max_examples=cases.examples(25))
    @given(
        case=st.tuples(STREAM, PEOPLE, RECORDS, RECORDS, RECORDS),
        hand=st.one_of(
            st.none(), st.tuples(st.integers(0, 5), st.sampled_from(["note", "planTier", "companyName"]))
        ),
    )
    def test_run_then_undo_gives_the_state_before(self, case: Any, hand: Any) -> None:
        stream, there, first, second, third = case
        world = World.new()
        connector = self.vendor.connect(world, **stream)

        def sync(records: list[Any]) -> dict[str, Any]:
            self.vendor.records = records
            return world.sync(connector)

        sync(first)
        cases.act(world, there)
        before = state(world)
        ids = {account.id for account in world.account_rows()}

        run = sync(second)
        later = sync(third)
        world.undo(later)
        edited = None
        if hand and hand[0] < len(world.account_rows()):
            edited = world.account_rows()[hand[0]]
            name = hand[1]
            body = {"companyName": "Edited"} if name == "companyName" else {"fields": {name: "Edited"}}
            accounts.edit_account(world.org, world.owner, edited.id, body, world.clock)
        undo = world.undo(run)

        if edited is None:
            assert state(world) == before
        else:
            left = {each.id: values_of(each) for each in world.account_rows()}
            assert left[edited.id][name] == "Edited"
            others = {key for key in left if key != edited.id}
            assert others == ids - {edited.id}
            expected = dict(zip(sorted(ids), before, strict=True))
            assert all(left[key] == expected[key][0] for key in others)
            told = {row.record["account_id"] for row in world.rows(undo) if row.reason == "changed_since"}
            assert told <= {str(edited.id)}
            assert edited.id in ids or told == {str(edited.id)}
        world.close()

    @settings(max_examples=cases.examples(25))
    @given(case=st.tuples(STREAM, PEOPLE, RECORDS, RECORDS, RECORDS))
    def test_a_later_run_in_between_stays(self, case: Any) -> None:
        stream, there, first, second, third = case
        world = World.new()
        connector = self.vendor.connect(world, **stream)

        def sync(records: list[Any]) -> dict[str, Any]:
            self.vendor.records = records
            return world.sync(connector)

        sync(first)
        cases.act(world, there)
        before = values(world)
        run = sync(second)
        between = values(world)
        later = sync(third)
        after = values(world)
        log = Change.objects.filter(run=later["run_id"])
        touched = {change.account_id for change in log}
        changed = {(change.account_id, name) for change in log.filter(contact=None) for name in change.fields}

        undo = world.undo(run)

        expected: dict[UUID, dict[str, Any]] = {}
        for account_id, now in after.items():
            if account_id in before:
                old = before[account_id]
                expected[account_id] = {
                    name: value
                    for name in old | now
                    if (value := (now if (account_id, name) in changed else old).get(name)) is not None
                }
            elif account_id in touched:
                expected[account_id] = now
        assert values(world) == expected
        listed = {row.record["account_id"] for row in world.rows(undo) if row.reason == "changed_since"}
        assert listed >= {str(one) for one in (between.keys() - before.keys()) & touched}
        assert listed <= {str(one) for one in touched}
        world.close()


def values(world: World) -> dict[UUID, dict[str, Any]]:
    return {account.id: values_of(account) for account in world.account_rows()}
