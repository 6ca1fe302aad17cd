"""What a dry run says is what the run does, whatever there is (product.md §5.5)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import event, given, settings, strategies as st
from hypothesis.extra.django import TestCase

from ropewalk.engine.runs import batches
from ropewalk.store import byhand
from ropewalk.store.models import Change
from tests.engine import cases
from tests.engine.cases import PEOPLE, RECORDS, STREAM, SWITCHES, Vendor
from tests.engine.conftest import Serving
from tests.engine.test_dryrun import everything, said
from tests.engine.world import World

CASE = st.fixed_dictionaries(
    {
        "stream": STREAM,
        "other": STREAM,
        "switches": SWITCHES,
        "before": RECORDS,
        "people": PEOPLE,
        "first": RECORDS,
        "scheduled": st.booleans(),
        "linked": st.booleans(),
        "meanwhile": PEOPLE,
        "second": RECORDS,
        "again": st.booleans(),
        "full": st.booleans(),
        "most": st.sampled_from([None, None, 3]),
        "batch": st.integers(1, 4),
    }
)


class TestAgreement(TestCase):
    @pytest.fixture(autouse=True)
    def _set_up(self, loopback: Any, serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
        self.patch = monkeypatch
        self.vendor = Vendor(serving)

    @settings(max_examples=cases.examples(12))
    @given(case=CASE)
    def test_dry_run_and_run_agree(self, case: Any) -> None:
        world = World.new()
        self.patch.setattr(batches, "BATCH_ROWS", case["batch"])
        connector = self._history(world, case)
        # A record that was there already may come again, in the same words.
        self.vendor.records = [*case["second"], *(case["first"] if case["again"] else ())]
        there, before = everything(), contents(world)

        dry = world.dry_run(connector, full=case["full"])
        assert everything() == there
        run = world.apply(dry)

        for met in (
            *run["reasons"],
            *run["notices"],
            *(name for name, count in run["counts"].items() if count),
        ):
            event(met)
        assert said(dry) == said(run)
        assert run["preview"]["differs"] == {}
        rows = world.rows(dry)
        left_out = [row for row in rows if row["outcome"] in ("skipped", "rejected")]
        assert left_out == world.rows(run)
        log = Change.objects.filter(run=run["run_id"]).order_by("id")
        of_accounts = [change for change in log if change.contact is None]
        written = [
            row.get("changes") or {} for row in rows if row.get("changes") or row["outcome"] == "created"
        ]
        assert [change.fields for change in of_accounts] == written
        assert contents(world) == replayed(before, of_accounts)
        made = [change.fields["email"]["new"] for change in log if change.contact and change.created]
        assert sorted(made) == sorted(email for row in rows for email in promised(row["message"]))
        world.close()

    def _history(self, world: World, case: Any) -> str:
        """Another connector, people, runs by hand and by the clock, and links have been there before."""
        self.vendor.records = case["before"]
        world.sync(self.vendor.connect(world, "Billing", **case["other"]))
        cases.act(world, case["people"])
        connector = self.vendor.connect(
            world, max_records=case["most"] or 10_000, schedule={"periodic": True, "every_minutes": 5}, **case["stream"]
        )  # fmt: skip
        self.vendor.records = case["first"]
        cases.switch_off(world, case["switches"])
        run = cases.scheduled(world) if case["scheduled"] else world.sync(connector)
        if run is not None and case["linked"]:
            cases.settle(world, run)
        cases.act(world, case["meanwhile"])
        return connector


def contents(world: World) -> dict[UUID, dict[str, Any]]:
    """Deleted accounts as well."""
    return {account.id: byhand.values_of(account) for account in cases.accounts_of(world)}


def replayed(before: dict[UUID, dict[str, Any]], log: list[Change]) -> dict[UUID, dict[str, Any]]:
    """The accounts as they are once a log has been written over what there was."""
    after = {account: dict(values) for account, values in before.items()}
    for change in log:
        values = after.setdefault(change.account_id, {})
        assert change.created == (change.account_id not in before and not values)
        for name, told in change.fields.items():
            assert told["old"] == values.get(name)
            values[name] = told["new"]
    return {
        account: {name: value for name, value in values.items() if value is not None}
        for account, values in after.items()
    }


def promised(message: str | None) -> list[str]:
    made = "Contacts it would make: "
    return (
        (message or "").removeprefix(made).removesuffix(".").split(", ")
        if (message or "").startswith(made)
        else []
    )
