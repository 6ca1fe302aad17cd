"""Contact streams in generated cases: a dry run says what the run does, an undo gives the contacts of before, and who
had to wait for an account is there as if the account had been (product.md §2.4, §5.5)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given, settings, strategies as st
from hypothesis.extra.django import TestCase, TransactionTestCase

from ropewalk.engine.runs import batches, requests
from ropewalk.store import reversal
from ropewalk.store.models import Change, Contact
from tests.engine import cases
from tests.engine.cases import ABSENT, PEOPLE, SITES, Vendor
from tests.engine.conftest import Serving
from tests.engine.test_agreement import contents
from tests.engine.test_dryrun import everything, said
from tests.engine.world import World

KEYS = {
    "domain": {"from": "site", "to": "companyDomain"},
    "external_id": {"from": "account", "to": "externalCustomerId"},
}
TEXTS = ("name", "phone", "role")
REST = [{"from": name, "to": name} for name in ("email", *TEXTS)]
EMAILS = ["x@a.example", "X@A.example ", "y@a.example", "z@b.example"]
TEXT = st.sampled_from([None, "A", "B", " ", 7])
WHO = st.fixed_dictionaries(
    {
        "id": st.sampled_from([1, 2, 3, ABSENT]),
        "account": st.sampled_from(["1", "2", "1", "1", 2, " 2", "3", "9", None, ABSENT]),
        "site": st.sampled_from([*SITES, *SITES, "www.A.example", "gmail.com", "none.example", None, "no domain"]),
        "email": st.sampled_from([*EMAILS, *EMAILS, *EMAILS, *EMAILS, "bad", None, ABSENT]),
    }
).map(lambda who: {name: value for name, value in who.items() if value != ABSENT})  # fmt: skip
SAID = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(TEXTS, TEXT) | {"role": st.sampled_from(["C", "D", "C", "D", ["C"]])}
)
PERSON = st.builds(lambda who, said: who | said, WHO, SAID)
PERSONS = st.lists(st.one_of(PERSON, PERSON, PERSON, PERSON, st.just("no object")), min_size=1, max_size=9)
ACCOUNTS = [
    ("create", {"externalCustomerId": "1", "companyDomain": "a.example"}),
    ("create", {"externalCustomerId": "2", "companyDomain": "b.example"}),
]
MATCH_BY = st.sampled_from(sorted(KEYS))
CASE = st.fixed_dictionaries(
    {
        "match_by": MATCH_BY,
        "before": PEOPLE,
        "first": PERSONS,
        "linked": st.booleans(),
        "meanwhile": PEOPLE,
        "second": PERSONS,
        "again": st.booleans(),
        "full": st.booleans(),
        "batch": st.integers(1, 4),
    }
)


def connect(vendor: Vendor, world: World, match_by: str) -> str:
    paging = {"type": "offset", "offset_param": "skip", "size_param": "size", "page_size": 2}
    mapping = [KEYS[match_by], *REST]
    stream = {"url": vendor.base, "match_by": match_by, "mapping": mapping, "pagination": paging}
    body = {"source": "custom_api", "name": "CRM", "streams": {"contacts": stream}}
    return str(world.post("connectors", body)["connector_id"])


def contacts(world: World) -> list[tuple[Any, ...]]:
    columns = ("account_id", "email", *TEXTS, "source", "is_primary")
    found = Contact.objects.filter(organization_id=world.org).order_by("account_id", "email")
    return list(found.values_list(*columns))


class TestContacts(TestCase):
    @pytest.fixture(autouse=True)
    def _set_up(self, loopback: Any, serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
        self.patch = monkeypatch
        self.vendor = Vendor(serving)

    def _world(self, case: Any) -> tuple[World, str]:
        world = World.new()
        self.patch.setattr(batches, "BATCH_ROWS", case["batch"])
        self.patch.setattr(reversal, "BATCH_ROWS", case["batch"])
        connector = connect(self.vendor, world, case["match_by"])
        mine = world.of("contacts")
        cases.act(world, [*ACCOUNTS, *case["before"]])
        self.vendor.records = case["first"]
        run = mine.sync(connector)
        if case["linked"]:
            cases.settle(mine, run)
        cases.act(world, case["meanwhile"])
        # A record that was there already may come again, in the same words.
        self.vendor.records = [*case["second"], *(case["first"] if case["again"] else ())]
        return mine, connector

    @settings(max_examples=cases.examples(8))
    @given(case=CASE)
    def test_dry_run_and_run_agree(self, case: Any) -> None:
        world, connector = self._world(case)
        there, accounts = everything(), contents(world)

        dry = world.dry_run(connector, full=case["full"])
        assert everything() == there
        run = world.apply(dry)

        for met in (*run["reasons"], *(name for name, count in run["counts"].items() if count)):
            event(met)
        assert (said(dry), run["preview"]["differs"]) == (said(run), {})
        rows = world.rows(dry)
        assert [row for row in rows if row["outcome"] in ("skipped", "rejected")] == world.rows(run)
        log = Change.objects.filter(run=run["run_id"]).order_by("id")
        made = {"source": {"old": None, "new": "sync"}, "isPrimary": {"old": None, "new": False}}
        assert [change.fields for change in log] == [
            row["changes"] | (made if row["outcome"] == "created" else {})
            for row in rows
            if row["outcome"] in ("created", "updated")
        ]
        assert contents(world) == accounts
        world.close()

    @settings(max_examples=cases.examples(8))
    @given(case=CASE, third=PERSONS)
    def test_run_then_undo_gives_the_state_before(self, case: Any, third: list[Any]) -> None:
        world, connector = self._world(case)
        before, accounts = contacts(world), contents(world)

        run = world.sync(connector, full=case["full"])
        between = contacts(world)
        self.vendor.records = third
        later = world.sync(connector)
        world.undo(later)
        assert contacts(world) == between
        undone = world.undo(run)

        event(f"undone: {bool(undone['counts']['updated'])}")
        assert contacts(world) == before
        assert contents(world) == accounts
        world.close()


class TestWaiting(TransactionTestCase):
    """They are read by another thread, which sees what has been committed."""

    @pytest.fixture(autouse=True)
    def _set_up(self, loopback: Any, serving: Serving) -> None:
        self.vendor = Vendor(serving)

    @settings(max_examples=cases.examples(4))
    @given(
        match_by=MATCH_BY,
        records=st.lists(st.builds(lambda who, said: who | said, WHO, st.fixed_dictionaries(dict.fromkeys(TEXTS, TEXT))), max_size=9),
        again=st.booleans(),
    )  # fmt: skip
    def test_who_waited_is_there_as_if_the_account_had_been(
        self, match_by: str, records: list[Any], again: bool
    ) -> None:
        found = []
        for late, name in enumerate(("Acme", "Beta")):
            world = World.new(name, f"olga@{name}.example")
            mine = world.of("contacts")
            connector = connect(self.vendor, world, match_by)
            self.vendor.records = records
            if late:
                for _ in range(1 + again):
                    mine.sync(connector)
            cases.act(world, ACCOUNTS)
            if late:
                taken = [
                    mine.carry_out({"run_id": str(run.id)}) for run in requests.take_waiting(world.clock)
                ]
                event(f"taken: {[run['counts']['created'] for run in taken]}")
            else:
                mine.sync(connector)
            names = {each["account_id"]: each["externalCustomerId"] for each in world.listed()}
            found.append(sorted((names[str(each[0])], *each[1:]) for each in contacts(world)))
            world.close()

        assert found[0] == found[1]
