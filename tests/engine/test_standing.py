"""Syncs, people and undos in any order: what stands is what a simple model of it says (product.md §2.1, §2.3, §5.5).

The model knows of each field who has set it, one upon the other; whoever is undone is taken off the top, and only off
the top.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import event, given, note, settings, strategies as st
from hypothesis.extra.django import TestCase

from ropewalk.store import byhand
from ropewalk.store.models import Account, StreamRecord
from tests.engine import cases
from tests.engine.cases import Vendor
from tests.engine.conftest import Serving
from tests.engine.world import Refused, World

IDS = ("1", "2", "3")
FIELDS = {"name": "companyName", "tier": "planTier"}
MAPPING = [
    {"from": "id", "to": "externalCustomerId"},
    *({"from": one, "to": to} for one, to in FIELDS.items()),
]
SAID = st.fixed_dictionaries({}, optional={name: st.sampled_from([None, "a", "b", "c"]) for name in FIELDS})
CONNECTORS = st.integers(0, 1)
FEED = st.dictionaries(st.sampled_from(IDS), SAID, max_size=3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("sync"), CONNECTORS, FEED, st.booleans()),
        st.tuples(st.just("sync"), CONNECTORS, FEED, st.just(False)),
        st.tuples(st.just("again"), CONNECTORS),
        st.tuples(st.just("edit"), st.sampled_from(IDS), SAID),
        st.tuples(st.just("delete"), st.sampled_from(IDS)),
        st.tuples(st.just("restore"), st.sampled_from(IDS)),
        st.tuples(st.just("undo"), st.integers(0, 6)),
        st.tuples(st.just("undo"), st.just(0)),
        st.tuples(st.just("accept"), CONNECTORS),
    ),
    min_size=2,
    max_size=12,
)  # fmt: skip
HAND = "by hand"
DELETED = "deleted"


@dataclass
class Known:
    """An account: by field who set it to what, the last on top."""

    maker: Any
    set_by: dict[str, list[tuple[Any, Any]]] = field(default_factory=dict)
    deleted: bool = False

    def value(self, name: str) -> Any:
        stack = self.set_by.get(name)
        return stack[-1][1] if stack else None

    def set(self, name: str, value: Any, by: Any) -> bool:
        if value == self.value(name):
            return False
        self.set_by.setdefault(name, []).append((by, value))
        return True

    @property
    def touched_by(self) -> set[Any]:
        return {by for stack in self.set_by.values() for by, _ in stack}


@dataclass
class Feed:
    """A connector: what it said last of each account, what of them it has met, and who is gone there; how many rows it had
    last, and when that was last believed."""

    said: dict[str, dict[str, Any]] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    rows: int = 0
    last_full_rows: int = 0
    missing: set[str] | None = None


@dataclass
class Model:
    accounts: dict[str, Known] = field(default_factory=dict)
    feeds: tuple[Feed, Feed] = field(default_factory=lambda: (Feed(), Feed()))
    runs: list[tuple[Any, int]] = field(default_factory=list)
    undone: set[Any] = field(default_factory=set)

    def sync(self, run: Any, number: int, records: dict[str, dict[str, Any]], *, full: bool) -> None:
        feed, taken, refused = self.feeds[number], set(), set()
        for key, said in records.items():
            account = self.accounts.get(key)
            if account is not None and account.deleted:
                refused.add(key)
                continue
            taken.add(key)
            if account is None:
                account = self.accounts[key] = Known(run)
                account.set("id", key, run)
            elif feed.said.get(key) == said and not full:
                continue
            feed.said[key] = said
            for name, value in said.items():
                account.set(name, value, run)
        feed.met |= taken
        feed.gone -= taken | refused
        feed.missing, feed.rows = None, len(records)
        self.runs.append((run, number))
        if (records and not taken) or (not records and feed.last_full_rows):
            feed.missing = feed.met - taken - refused
            return
        feed.last_full_rows = feed.rows
        feed.gone |= feed.met - taken - refused

    def accept(self, number: int) -> None:
        feed = self.feeds[number]
        if feed.missing is not None:
            feed.gone |= feed.missing
            feed.missing, feed.last_full_rows = None, feed.rows

    def edit(self, key: str, said: dict[str, Any]) -> None:
        for name, value in said.items():
            self.accounts[key].set(name, value, HAND)

    def delete(self, key: str, *, deleted: bool) -> None:
        account = self.accounts[key]
        account.deleted = deleted
        account.set(DELETED, deleted, HAND)
        if deleted:
            for feed in self.feeds:
                feed.said.pop(key, None)

    def undo(self, run: Any, number: int) -> set[str]:
        """The accounts of which something stays that the run did."""
        kept = set()
        self.undone.add(run)
        for key, account in list(self.accounts.items()):
            if run not in account.touched_by:
                continue
            if account.maker == run:
                if account.touched_by == {run} and key not in self.feeds[1 - number].met:
                    del self.accounts[key]
                    self._forget(key)
                else:
                    kept.add(key)
                continue
            for stack in account.set_by.values():
                if stack and stack[-1][0] == run:
                    stack.pop()
                elif any(by == run for by, _ in stack):
                    kept.add(key)
        feed = self.feeds[number]
        feed.said, feed.last_full_rows, feed.missing = {}, 0, None
        return kept

    def _forget(self, key: str) -> None:
        for feed in self.feeds:
            feed.said.pop(key, None)
            feed.met.discard(key)
            feed.gone.discard(key)


class TestStanding(TestCase):
    @pytest.fixture(autouse=True)
    def _set_up(self, loopback: Any, serving: Serving) -> None:
        self.vendors = Vendor(serving), Vendor(serving)

    @settings(max_examples=cases.examples(10))
    @given(steps=STEPS)
    def test_what_stands_is_what_the_model_says(self, steps: Any) -> None:
        note(str(steps))
        self.world, self.model = World.new(), Model()
        self.connectors = [
            vendor.connect(self.world, name, matching="external_id", mapping=MAPPING)
            for vendor, name in zip(self.vendors, ("CRM", "Billing"), strict=True)
        ]
        for vendor in self.vendors:
            vendor.records = []
        self.suspicious: list[Any] = [None, None]
        for verb, *given_ in steps:
            getattr(self, verb)(*given_)
            assert self._found() == self._expected()
        self.world.close()

    # Steps

    def sync(self, number: int, records: dict[str, dict[str, Any]], full: bool) -> None:
        self.world.clock.advance(minutes=1)
        self.vendors[number].records = [{"id": key, **said} for key, said in records.items()]
        run = self.world.sync(self.connectors[number], full=full)
        self.model.sync(run["run_id"], number, records, full=full)
        self.suspicious[number] = run if run["verdict"] == "suspicious" else None
        assert (run["verdict"] == "suspicious") == (self.model.feeds[number].missing is not None)

    def again(self, number: int) -> None:
        """What the source says has not changed."""
        said = {record["id"]: {**record} for record in self.vendors[number].records}
        self.sync(number, {key: {name: one[name] for name in one if name != "id"} for key, one in said.items()}, False)  # fmt: skip

    def edit(self, key: str, said: dict[str, Any]) -> None:
        account = self._account(key, deleted=False)
        if account is not None:
            custom = {"fields": {"planTier": said["tier"]}} if "tier" in said else {}
            body = {"companyName": said["name"]} if "name" in said else {}
            self.world.patch(f"accounts/{account.id}", body | custom)
            self.model.edit(key, said)

    def delete(self, key: str) -> None:
        account = self._account(key, deleted=False)
        if account is not None:
            self.world.delete(f"accounts/{account.id}")
            self.model.delete(key, deleted=True)

    def restore(self, key: str) -> None:
        account = self._account(key, deleted=True)
        if account is not None:
            self.world.post(f"accounts/{account.id}/restore")
            self.model.delete(key, deleted=False)

    def undo(self, back: int) -> None:
        if back >= len(self.model.runs):
            return
        run, number = self.model.runs[-1 - back]
        if run in self.model.undone:
            with pytest.raises(Refused, match="409: "):
                self.world.then("undo", {"run_id": run})
            return
        kept = self.model.undo(run, number)
        ids = {str(account.id): account.external_customer_id for account in cases.accounts_of(self.world)}
        done = self.world.undo({"run_id": run})
        event("undone, kept something" if kept else "undone")
        listed = {
            ids[row["record"]["account_id"]]
            for row in self.world.rows(done)
            if row["reason"] == "changed_since"
        }
        assert (done["verdict"], listed) == ("complete", kept)

    def accept(self, number: int) -> None:
        run, self.suspicious[number] = self.suspicious[number], None
        if run is not None and self.model.feeds[number].missing is not None:
            self.world.then("accept", run)
            self.model.accept(number)
            event("accepted")

    # Looking

    def _account(self, key: str, *, deleted: bool) -> Account | None:
        found = Account.objects.filter(organization_id=self.world.org, external_customer_id=key)
        return found.filter(deleted_at__isnull=not deleted).first()

    def _found(self) -> Any:
        every = cases.accounts_of(self.world)
        keys = {account.id: account.external_customer_id for account in every}
        return {
            "accounts": {account.external_customer_id: byhand.values_of(account) for account in every},
            "deleted": {account.external_customer_id for account in every if account.deleted_at},
            "gone": [self._gone(connector, keys) for connector in self.connectors],
        }

    def _gone(self, connector: str, keys: dict[Any, Any]) -> set[Any]:
        found = StreamRecord.objects.filter(stream__connector_id=connector, gone_since__isnull=False)
        return {keys[subject] for subject in found.values_list("subject_id", flat=True)}

    def _expected(self) -> Any:
        names = {"id": "externalCustomerId", **FIELDS}
        return {
            "accounts": {
                key: {to: value for name, to in names.items() if (value := account.value(name)) is not None}
                for key, account in self.model.accounts.items()
            },
            "deleted": {key for key, account in self.model.accounts.items() if account.deleted},
            "gone": [feed.gone for feed in self.model.feeds],
        }
