"""Generated cases: what vendors may say, what people do meanwhile, and how a stream may be set.

`make cases` (TRY_CASES) tries as many as are promised on each database; `make test` does with a few, and on PostgreSQL
with half of them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from ropewalk.engine import schedule
from ropewalk.store.models import Account
from tests.engine.conftest import Serving
from tests.engine.world import Refused, World
from tests.fakes import Asked, Fake

CASES = int(os.environ.get("TRY_CASES", "0"))


def examples(few: int) -> int:
    return CASES or (few // 2 if "ROPEWALK_DATABASE_URL" in os.environ else few)


MAPPING = [
    {"from": "id", "to": "externalCustomerId"},
    {"from": "site", "to": "companyDomain"},
    {"from": "name", "to": "companyName"},
    {"from": "tier", "to": "planTier"},
    {"from": "mail", "to": "contactEmail"},
    {"from": "users", "to": "endUsers"},
    {"from": "owner", "to": "accountOwnerEmail"},
]
SITES = ["a.example", "b.example"]
VALUES = st.sampled_from([None, "x", "y", 1, True, 2.5, "2026-01-01T00:00:00Z", ["x"], {"k": 1}])
ABSENT = "absent"
KEYS = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["1", "2", 3, "3", "1", "2", None, ABSENT, [1]]),
        "site": st.sampled_from([*SITES, *SITES, "www.A.example", "gmail.com", None, ABSENT, "no domain"]),
    }
).map(lambda keys: {name: value for name, value in keys.items() if value != ABSENT})
REST = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from([None, "A", "B", 7]),
        "tier": VALUES,
        "mail": st.sampled_from([None, "x@a.example", "y@a.example", "bad"]),
        "users": st.sampled_from([None, "x@a.example,z@a.example", ["y@a.example"], "bad"]),
        "owner": st.sampled_from([None, "olga@acme.example", "nobody@acme.example"]),
    },
)
RECORD = st.builds(lambda keys, rest: keys | rest, KEYS, REST)
RECORDS = st.lists(st.one_of(RECORD, RECORD, RECORD, RECORD, st.just("no object")), max_size=9)
PEOPLE = st.lists(
    st.one_of(
        st.tuples(
            st.just("create"),
            st.fixed_dictionaries(
                {"companyName": st.just("By hand")},
                optional={
                    "companyDomain": st.sampled_from([*SITES, SITES[0]]),
                    "externalCustomerId": st.sampled_from(["1", "2"]),
                },
            ),
        ),
        st.tuples(st.just("delete"), st.integers(0, 3)),
        st.tuples(st.just("restore"), st.integers(0, 3)),
        st.tuples(st.just("rename"), st.integers(0, 3)),
        st.tuples(st.just("contact"), st.integers(0, 3)),
    ),
    max_size=4,
)  # fmt: skip
STREAM = st.fixed_dictionaries(
    {
        "matching": st.sampled_from(["domain", "external_id", "domain_and_external_id"]),
        "create_missing": st.sampled_from([True, True, False]),
    }
)
SWITCHES = st.lists(
    st.tuples(
        st.sampled_from(["companyName", "planTier", "accountOwnerId"]), st.sampled_from(["periodic", "history"])
    ),
    max_size=2,
    unique=True,
)  # fmt: skip


@dataclass
class Vendor:
    """One server for all cases of a test: a list of records in pages of two."""

    serving: Serving
    records: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.base = self.serving(Fake(self._page))

    def _page(self, asked: Asked) -> Any:
        start = int(asked.params["skip"])
        return self.records[start : start + 2]

    def connect(self, world: World, name: str = "CRM", **given: Any) -> str:
        paging = {"type": "offset", "offset_param": "skip", "size_param": "size", "page_size": 2}
        options = {"records_path": "", "mapping": MAPPING, "pagination": paging}
        return world.connect(self.base, options, name=name, **given)


def act(world: World, done: list[Any]) -> None:
    """What people do; what is refused is not done."""
    for verb, what in done:
        if verb == "create":
            _tried(world, "POST", "accounts", what)
            continue
        every = sorted(accounts_of(world), key=lambda one: one.id)
        if what < len(every):
            account = every[what].id
            asked = {
                "delete": ("DELETE", f"accounts/{account}"),
                "restore": ("POST", f"accounts/{account}/restore"),
                "rename": ("PATCH", f"accounts/{account}", {"companyName": "Edited"}),
                "contact": (
                    "POST", "contacts", {"account_id": str(account), "email": "x@a.example", "name": "X"}
                ),
            }  # fmt: skip
            _tried(world, *asked[verb])


def _tried(world: World, method: str, path: str, body: Any = None) -> None:
    try:
        world.call(method, path, body)
    except Refused as refused:
        if refused.status not in (404, 409):
            raise


def accounts_of(world: World) -> list[Account]:
    """Tombstones too."""
    return list(Account.objects.filter(organization_id=world.org))


def settle(world: World, run: dict[str, Any]) -> None:
    """Every ambiguous row means its last candidate."""
    for row in world.rows(run):
        if row["reason"] == "ambiguous_match":
            chosen = row["candidates"][-1]["account_id"]
            world.then(f"rows/{row['position']}/link", run, {"account_id": chosen})


def switch_off(world: World, switches: list[tuple[str, str]]) -> None:
    for name, switch in switches:
        _tried(world, "PATCH", f"fields/{name}", {switch: False})


def scheduled(world: World) -> dict[str, Any] | None:
    """The run that the clock starts; None where there is none."""
    world.clock.advance(minutes=5)
    schedule.start_due(world.clock)
    queued = [run for run in world.every("runs", status="queued") if run["trigger"] == "periodic"]
    return world.carry_out(queued[0]) if queued else None
