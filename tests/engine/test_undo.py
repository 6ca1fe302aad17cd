"""An undo takes back what a run changed, and nothing else (product.md §5.5)."""

from __future__ import annotations

import itertools
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.django import TestCase

from ropewalk.engine import schedule
from ropewalk.store import reversal
from ropewalk.store.models import Account, Change, Contact, Run
from tests.engine import cases
from tests.engine.cases import PEOPLE, RECORDS, STREAM, Vendor
from tests.engine.conftest import Serving
from tests.engine.test_dryrun import Source, brief, told
from tests.engine.world import Flags, Refused, World, complete, values_of

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


def edit(world: World, account: dict[str, Any], **values: Any) -> None:
    world.patch(f"accounts/{account['account_id']}", values)


def state(world: World) -> Any:
    """Accounts with their contacts, whatever their ids."""
    answer = []
    setters = dict(Account.objects.values_list("id", "external_id_connector"))
    for account in world.listed():
        account_id = account["account_id"]
        contacts = Contact.objects.filter(account=account_id).order_by("email")
        columns = ("email", "name", "source", "is_primary")
        answer.append((values_of(account), setters[UUID(account_id)], list(contacts.values_list(*columns))))
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
    assert [(row["message"], row["record"]["name"], row["changes"]) for row in world.rows(undo)] == [
        (gone.format("contact"), "AA", {
            "email": {"old": "abe@a.example", "new": None},
            "source": {"old": "sync", "new": None},
            "isPrimary": {"old": True, "new": None},
        }),
        (None, "AA", {"isPrimary": {"old": False, "new": True}}),
        (gone.format("account"), "B", {
            "externalCustomerId": {"old": "2", "new": None},
            "companyDomain": {"old": "b.example", "new": None},
            "companyName": {"old": "B", "new": None},
            "planTier": {"old": "team", "new": None},
        }),
        (None, "A", {
            "companyName": {"old": "AA", "new": "A"},
            "planTier": {"old": None, "new": "free"},
        }),
    ]  # fmt: skip


def test_a_later_hand_stays_and_is_listed(world: World, serving: Serving) -> None:
    source = Source(world, serving, mapping=[{"from": "id", "to": "externalCustomerId"}, {"from": "name", "to": "companyName"}, {"from": "tier", "to": "planTier"}])  # fmt: skip
    source.sync({"id": "1", "name": "A", "tier": 1})
    run = source.sync({"id": "1", "name": "AA", "tier": 2}, {"id": "2", "name": "B"})
    one, two = world.listed()
    edit(world, one, companyName="By hand")
    edit(world, two, fields={"note": "ours"})

    undo = world.undo(run)

    assert world.accounts() == [
        {"externalCustomerId": "1", "companyName": "By hand", "planTier": 1},
        {"externalCustomerId": "2", "companyName": "B", "note": "ours"},
    ]
    assert brief(undo) == complete(updated=1, skipped=1, reasons={"changed_since": 2})
    assert [told(row, "outcome", "reason", "message", "changes") for row in world.rows(undo)] == [
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
    assert {row["message"] for row in world.rows(first_try)} == {
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
    world.delete(f"accounts/{world.listed()[0]['account_id']}")

    assert brief(world.undo(run)) == complete(skipped=1, reasons=SINCE)

    assert brief(source.sync({"id": "1", "name": "A"}, {"id": "2"})) == complete(
        created=1, skipped=1, reasons={"deleted_here": 1}
    )


def test_contacts_that_somebody_has_worked_on_stay(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    source.sync({"id": "1", "name": "A"})
    run = source.sync({"id": "1", "name": "A", "mail": "ann@a.example", "users": "al@a.example"})
    contact = Contact.objects.get(email="ann@a.example")
    world.patch(f"contacts/{contact.id}", {"phone": "1"})

    undo = world.undo(run)

    assert [contact.email for contact in Contact.objects.all()] == ["ann@a.example"]
    assert brief(undo) == complete(updated=1, skipped=1, reasons=SINCE)
    assert [row["message"] for row in world.rows(undo) if row["reason"]] == [
        "The run had created this contact, which has been used since, by hand; it stays."
    ]


def test_one_contact_stays_the_primary(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    source.sync({"id": "1", "mail": "old@a.example"})
    run = source.sync({"id": "1", "mail": "new@a.example"})
    contact = Contact.objects.get(email="new@a.example")
    world.patch(f"contacts/{contact.id}", {"phone": "1"})

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
    state_of_stream = world.state(source.connector)
    assert told(state_of_stream, "paused", "watermark", "needs_full") == ("undo", None, True)

    world.clock.advance(hours=1)
    schedule.start_due(world.clock)
    assert not Run.objects.filter(trigger="periodic").exists()

    again = world.sync(source.connector)
    assert (again["since"], brief(again)) == (None, complete(created=1, updated=1))
    assert state(world) == after
    # Somebody has done it again, and seen it through: the schedule goes on.
    assert world.state(source.connector)["paused"] is None


def test_the_schedule_goes_on_when_it_is_turned_off_and_on(world: World, serving: Serving) -> None:
    on, off = ({"periodic": periodic, "every_minutes": 5} for periodic in (True, False))
    source = Source(world, serving, schedule=on)
    world.undo(source.sync(A))

    world.change(source.connector, schedule=on)
    assert world.state(source.connector)["paused"] == "undo"
    world.change(source.connector, schedule=off)
    world.change(source.connector, schedule=on)
    assert world.state(source.connector)["paused"] is None


def test_types_and_custom_fields_stay(world: World, serving: Serving) -> None:
    source = Source(world, serving)

    world.undo(source.sync({"id": "1", "tier": 1}, {"id": "2", "tier": "x"}))

    types = {field["name"]: field["type"] for field in world.get("fields")["items"]}
    assert (types["planTier"], world.accounts()) == ("text", [])


def test_fields_without_history_go_back_too(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    source.sync({"id": "1", "tier": 1})
    world.patch("fields/planTier", {"history": False})

    world.undo(source.sync({"id": "1", "tier": 2}))

    assert world.accounts() == [{"externalCustomerId": "1", "planTier": 1}]


def test_history_says_who(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    source.sync({"id": "1", "name": "A"})
    undo = world.undo(source.sync({"id": "1", "name": "B"}))

    account = world.listed()[0]["account_id"]
    [last, *_] = world.every(f"accounts/{account}/history")

    assert (last["run_id"], last["connector_id"]) == (undo["run_id"], source.connector)
    assert last["changes"] == {"companyName": {"old": "B", "new": "A"}}


def test_an_owner_who_has_left_is_not_put_back(world: World, serving: Serving) -> None:
    added = world.post("members", {"email": "eve@acme.example", "role": "member"})
    source = Source(world, serving)
    source.sync({"id": "1", "owner": "eve@acme.example"})
    run = source.sync({"id": "1", "owner": "olga@acme.example"})
    world.delete(f"members/{added['member_id']}")

    world.undo(run)

    assert world.accounts() == [{"externalCustomerId": "1"}]


# ---- what can be undone ----


def code(world: World, run: dict[str, Any]) -> str:
    with pytest.raises(Refused) as refused:
        world.then("undo", run)
    assert refused.value.status == 409
    return refused.value.message


def test_what_cannot_be_undone(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    run = source.sync(A)
    waiting = world.request(source.connector)

    assert code(world, world.run(waiting)).startswith("This run is still under way")
    assert code(world, run).startswith("A run of this stream is under way")
    world.then("cancel", waiting)
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
    undo = world.then("undo", run)

    for verb in (
        lambda: world.request(source.connector),
        lambda: world.then("retry-rows", run),
        lambda: world.then("undo", run),
    ):
        with pytest.raises(Refused, match="409: "):
            verb()
    dry = world.dry_run(source.connector)
    assert brief(dry)["verdict"] == "complete"
    assert brief(world.carry_out(undo)) == complete(updated=3)
    assert len(world.audited("run.undone")) == 1


def test_a_disabled_stream_can_be_undone(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    run = source.sync({"id": "1"})
    world.change(source.connector, enabled=False)

    assert brief(world.undo(run)) == complete(updated=1)


def test_a_deleted_streams_run_can_be_undone(world: World, serving: Serving) -> None:
    source = Source(world, serving)
    run = source.sync({"id": "1"})
    world.delete(f"connectors/{source.connector}/streams/accounts")

    assert (brief(world.undo(run)), world.accounts()) == (complete(updated=1), [])


# ---- batches ----


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reversal, "BATCH_ROWS", 2)


def test_a_stopped_undo_goes_on_where_it_was(world: World, serving: Serving, small_batches: None) -> None:
    source = Source(world, serving)
    records = [{"id": str(n), "name": "x"} for n in range(7)]
    run = source.sync(*records)
    asked = world.then("undo", run)
    looks = itertools.count()

    world.carry_out(asked, Flags(stop=lambda: next(looks) > 1))
    assert (world.run(asked)["status"], Account.objects.count()) == ("running", 3)
    undo = world.carry_out(asked, worker="w-2")

    assert (brief(undo), Account.objects.count()) == (complete(updated=7), 0)
    assert [row["position"] for row in world.rows(undo)] == [1, 2, 3, 4, 5, 6, 7]


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

    @settings(max_examples=cases.examples(6))
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
        ids = [account["account_id"] for account in world.listed()]

        run = sync(second)
        later = sync(third)
        world.undo(later)
        edited = None
        here = world.listed()
        if hand and hand[0] < len(here):
            edited, name = here[hand[0]]["account_id"], hand[1]
            body = {"companyName": "Edited"} if name == "companyName" else {"fields": {name: "Edited"}}
            world.patch(f"accounts/{edited}", body)
        undo = world.undo(run)

        if edited is None:
            assert state(world) == before
        else:
            left = values(world)
            assert left[edited][name] == "Edited"
            others = {key for key in left if key != edited}
            assert others == set(ids) - {edited}
            expected = dict(zip(ids, before, strict=True))
            assert all(left[key] == expected[key][0] for key in others)
            kept = {
                row["record"]["account_id"] for row in world.rows(undo) if row["reason"] == "changed_since"
            }
            assert kept <= {edited}
            assert edited in ids or kept == {edited}
        world.close()

    @settings(max_examples=cases.examples(6))
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
        touched = {str(change.account_id) for change in log}
        changed = {
            (str(change.account_id), name) for change in log.filter(contact=None) for name in change.fields
        }

        undo = world.undo(run)

        expected: dict[str, dict[str, Any]] = {}
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
        listed = {row["record"]["account_id"] for row in world.rows(undo) if row["reason"] == "changed_since"}
        assert listed >= (between.keys() - before.keys()) & touched
        assert listed <= touched
        world.close()


def values(world: World) -> dict[str, dict[str, Any]]:
    return {account["account_id"]: values_of(account) for account in world.listed()}
