"""HubSpot, against a server that is held to HubSpot's own contract."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from ropewalk.sources import REGISTRY, hubspot
from tests.engine.conftest import Serving
from tests.engine.world import START, Refused, World, brief, complete
from tests.fakes import Asked, Fake
from tests.fakes.hubspot import HubSpot, limited

pytestmark = pytest.mark.django_db(transaction=True)

MAPPING = [
    {"from": "properties.name", "to": "companyName"},
    {"from": "id", "to": "externalCustomerId"},
    {"from": "properties.annualrevenue", "to": "revenue", "transforms": ["number"]},
]
LONG_AGO = START - timedelta(days=100)


class Hub(HubSpot):
    """`url` is where it is."""

    url: str

    @property
    def searches(self) -> list[Any]:
        return [each.json for each in self.seen if each.path.endswith("/search")]

    @property
    def paths(self) -> list[str]:
        return [each.path for each in self.seen]


@pytest.fixture
def hub(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    made = Hub()
    made.url = serving(made)
    monkeypatch.setitem(REGISTRY, "hubspot", hubspot.declared(made.url, made.url))  # type: ignore[arg-type]
    yield made
    assert made.wrong == []


def connect(world: World, kind: str = "accounts", **stream: Any) -> str:
    settings = {"matching": "external_id", "mapping": MAPPING} if kind == "accounts" else {}
    body = {
        "source": "hubspot",
        "name": "HubSpot",
        "secrets": {"token": "pat-eu1-private"},
        "streams": {kind: settings | stream},
    }
    return str(world.post("connectors", body)["connector_id"])


def names(world: World) -> list[str]:
    return [each["companyName"] for each in world.accounts()]


def test_the_first_run_reads_the_list_and_the_next_what_has_changed(world: World, hub: Hub) -> None:
    for number in range(1, 251):
        hub.company(number, LONG_AGO + timedelta(hours=number), annualrevenue=str(number))
    connector = connect(world)
    first = world.sync(connector)
    world.clock.advance(hours=1)
    hub.company(7, world.clock.now() - timedelta(minutes=2), name="Seven", annualrevenue="7")
    hub.company(251, world.clock.now(), name=None)
    hub.seen.clear()
    second = world.sync(connector)

    assert brief(first) == complete(created=250)
    assert brief(second) == complete(created=1, updated=1)
    assert [each.path for each in hub.seen] == [
        "/crm/v3/objects/companies",
        "/crm/v3/objects/companies/search",
    ]
    [search] = hub.searches
    since = START.replace(microsecond=0) - timedelta(minutes=5)
    assert search["filterGroups"] == [
        {
            "filters": [
                {
                    "propertyName": "hs_lastmodifieddate",
                    "operator": "GTE",
                    "value": str(round(since.timestamp() * 1_000)),
                }
            ]
        }
    ]
    assert search["properties"] == ["name", "annualrevenue", "hs_lastmodifieddate"]
    assert world.accounts()[6] == {"companyName": "Seven", "externalCustomerId": "7", "revenue": 7}


def test_nothing_new_is_a_complete_run(world: World, hub: Hub) -> None:
    hub.company(1, LONG_AGO)
    connector = connect(world)
    world.sync(connector)
    world.clock.advance(hours=1)

    assert brief(world.sync(connector)) == complete()


def test_25_000_have_changed_and_12_000_of_them_at_one_instant(world: World, hub: Hub) -> None:
    """More than a search gives, and more than it gives of one instant; and some move while they are read."""
    connector = connect(world)
    hub.company(999_999, LONG_AGO)
    assert brief(world.sync(connector)) == complete(created=1)
    now = world.clock.advance(hours=1)
    for number in range(1, 25_001):
        tied = 5_000 < number <= 17_000
        hub.company(number, now + timedelta(milliseconds=5_000 if tied else number))
    hub.before = Moving(hub, now)
    run = world.sync(connector)

    assert brief(run)["created"] == 25_000
    assert (run["verdict"], run["verdict_reasons"], run["error"]) == ("complete", [], None)
    # Two that were moved had been read, and were read again.
    assert run["counts"]["processed"] == 25_002
    assert all("after" not in each for each in hub.searches)
    # 125 are the least there can be.
    assert len(hub.searches) <= 130

    whole = world.sync(connector, full=True)

    assert brief(whole) == complete(unchanged=25_001)
    # Its list, in pages of a hundred.
    assert whole["pages"] == 251


class Moving:
    """Somebody edits two companies that have been read, while the search goes on."""

    def __init__(self, hub: Hub, now: Any) -> None:
        self.hub, self.now, self.left = hub, now, [3, 6_000]

    def __call__(self, asked: Asked) -> None:
        if asked.path.endswith("/search") and len(self.hub.searches) in (20, 100) and self.left:
            number = self.left.pop(0)
            self.hub.company(number, self.now + timedelta(hours=1 + number))


def test_rules_filter_full_and_incremental_runs_alike(world: World, hub: Hub) -> None:
    for number in range(1, 9):
        stage, revenue = ("customer", "lead")[number % 2], str(number * 100)
        hub.company(number, LONG_AGO, lifecyclestage=stage, annualrevenue=revenue)
    rules = [
        {"property": "lifecyclestage", "operator": "EQ", "value": "customer"},
        {"property": "annualrevenue", "operator": "GTE", "value": "600"},
        {"group": 2, "property": "annualrevenue", "operator": "BETWEEN", "value": "90", "high_value": "110"},
        {"group": 3, "property": "domain", "operator": "IN", "value": "c5.example, c99.example"},
    ]
    connector = connect(world, filters=rules)
    first = world.sync(connector)
    world.clock.advance(hours=1)
    hub.company(2, world.clock.now(), lifecyclestage="customer", annualrevenue="1000", name="Two")
    hub.company(3, world.clock.now(), lifecyclestage="lead", annualrevenue="1000")
    second = world.sync(connector)

    assert (brief(first), brief(second)) == (complete(created=4), complete(created=1))
    assert sorted(names(world)) == ["Company 1", "Company 5", "Company 6", "Company 8", "Two"]


def test_what_was_deleted_at_hubspot_is_reported(world: World, hub: Hub) -> None:
    for number in (1, 2, 3):
        hub.company(number, LONG_AGO)
    connector = connect(world)
    world.sync(connector)
    hub.company(2, LONG_AGO, archived=True)
    run = world.sync(connector, full=True)

    assert brief(run) == complete(unchanged=2)
    assert run["filtered"] == {"archived": 1}
    assert [bool(each["gone_at_source"]) for each in world.listed()] == [False, True, False]


def test_owners_are_told_by_their_email(world: World, hub: Hub) -> None:
    hub.owner(71, "olga@acme.example")
    for number in range(100, 700):
        hub.owner(number, f"o{number}@acme.example", archived=number % 2 == 0)
    hub.company(1, LONG_AGO, hubspot_owner_id="71")
    hub.company(2, LONG_AGO, hubspot_owner_id="599")
    hub.company(3, LONG_AGO)
    mapping = [*MAPPING, {"from": "__derived.owner_email", "to": "accountOwnerEmail"}]
    connector = connect(world, mapping=mapping)
    run = world.sync(connector)

    assert brief(run) == complete(created=3, notices={"owner_not_found": 1})
    assert [each["accountOwnerId"] for each in world.listed()] == [world.member_id, None, None]


def test_a_contact_with_three_companies_belongs_to_its_primary_one(world: World, hub: Hub) -> None:
    for number in (1, 2, 3, 4):
        hub.company(number, LONG_AGO)
    hub.contact(11, LONG_AGO, email="ada@c.example", firstname="Ada", lastname="Byron", jobtitle="CTO")
    hub.contact(12, LONG_AGO, email="bob@c.example", firstname=None, lastname="Moss", phone="1")
    hub.contact(13, LONG_AGO, email="eve@c.example")
    for company in (1, 2, 3):
        hub.associate(11, company, primary=company == 3)
    hub.associate(12, 4)
    by_id = [
        {"from": "properties.email", "to": "email"},
        {"from": "__derived.name", "to": "name"},
        {"from": "properties.jobtitle", "to": "role"},
        {"from": "__derived.company_id", "to": "externalCustomerId"},
    ]
    connector = connect(world)
    world.sync(connector)
    contacts = world.of("contacts")
    contacts.save(connector, {"match_by": "external_id", "mapping": by_id})
    first = contacts.sync(connector)
    found = {
        account["externalCustomerId"]: [
            (each["email"], each["name"], each["role"])
            for each in world.every(f"accounts/{account['account_id']}/contacts")
        ]
        for account in world.listed()
    }
    by_domain = [*by_id[:3], {"from": "__derived.company_domain", "to": "companyDomain"}]
    contacts.save(connector, {"match_by": "domain", "mapping": by_domain})
    hub.seen.clear()
    second = contacts.sync(connector)

    assert brief(first) == complete(created=2, rejected=1, reasons={"missing_match_value": 1})
    assert found["3"] == [("ada@c.example", "Ada Byron", "CTO")]
    assert found["4"] == [("bob@c.example", "Moss", None)]
    assert brief(second)["reasons"]["no_match"] == 2
    assert hub.paths.count("/crm/v3/objects/companies/batch/read") == 1


def test_a_429_is_waited_for_as_its_header_says(world: World, hub: Hub) -> None:
    hub.company(1, LONG_AGO)
    refused = [limited(7), limited(4)]

    def busy(_: Asked) -> None:
        if refused:
            raise refused.pop(0)

    hub.before = busy
    connector = connect(world)
    waited = world.clock.waited
    run = world.sync(connector)

    assert brief(run) == complete(created=1)
    assert world.clock.waited - waited >= 11


def test_searches_keep_to_their_own_budget(world: World, hub: Hub) -> None:
    connector = connect(world, filters=[{"property": "name", "operator": "HAS_PROPERTY"}])
    for number in range(1, 1_001):
        hub.company(number, LONG_AGO + timedelta(seconds=number))
    waited = world.clock.waited
    run = world.sync(connector)

    assert brief(run) == complete(created=1_000)
    # Six searches, five a second.
    assert len(hub.searches) == 6
    assert world.clock.waited - waited == pytest.approx(1.0, abs=0.11)


def test_a_refused_token_fails_the_run_and_says_so(world: World, hub: Hub) -> None:
    connector = connect(world)
    hub.end("pat-eu1-private")

    assert brief(world.sync(connector))["error"] == "authentication_failed"


def test_a_test_shows_every_property_under_its_label(world: World, hub: Hub) -> None:
    hub.owner(71, "olga@acme.example")
    hub.company(1, LONG_AGO, hubspot_owner_id="71", annualrevenue="12")
    body = {"source": "hubspot", "kind": "accounts", "secrets": {"token": "pat-eu1-private"}}
    tested = world.post("test", body)

    assert tested["ok"]
    labels = {each["path"]: (each["label"], each["type"]) for each in tested["fields"]}
    assert labels["properties.annualrevenue"] == ("Annual revenue", "number")
    assert labels["__derived.owner_email"] == ("Company owner’s email", "text")
    assert [(each["from"], each["to"]) for each in tested["suggestions"][:4]] == [
        ("id", "externalCustomerId"),
        ("properties.name", "companyName"),
        ("properties.domain", "companyDomain"),
        ("__derived.owner_email", "accountOwnerEmail"),
    ]
    asked = {"source": "hubspot", "choices": "company_properties", "secrets": {"token": "pat-eu1-private"}}
    offered = world.post("choices", asked)["items"]
    assert {
        "value": "annualrevenue",
        "label": "Annual revenue",
        "group": "companyinformation",
        "about": "number",
    } in offered


@pytest.mark.parametrize(
    ("rules", "at"),
    [
        ([{"property": "name", "operator": "EQ"}], "filters.0.value"),
        ([{"property": "name", "operator": "HAS_PROPERTY", "value": "x"}], "filters.0.value"),
        ([{"property": "name", "operator": "BETWEEN", "value": "1"}], "filters.0.high_value"),
        ([{"property": "name", "operator": "IS", "value": "1"}], "filters.0.operator"),
        ([{"property": "name", "value": "1", "group": 6}], "filters.0.group"),
        ([{"property": "name", "value": "1"}] * 5, "filters.4"),
        ([{"property": "name", "value": "1", "group": n} for n in (1, 2, 3, 4, 5) for _ in (1, 2)], "filters"),
    ],
)  # fmt: skip
def test_rules_that_hubspot_would_not_take_are_refused(
    world: World, hub: Hub, rules: list[dict[str, Any]], at: str
) -> None:
    with pytest.raises(Refused) as refused:
        connect(world, filters=rules)

    assert [path for path, _ in refused.value.problems] == [f"streams.accounts.{at}"]


class Odd(Hub):
    """Says everything that its description allows: keys that nobody knows, nulls, and no more than is required."""

    def answer(self, asked: Asked) -> Any:
        said = super().answer(asked)
        if isinstance(said, dict) and "results" in said:
            said = {**said, "unknown": {"deep": [None]}, "paging": said.get("paging")}
            said["results"] = [self._odd(each, asked.path) for each in said["results"]]
        return said

    def _odd(self, one: dict[str, Any], path: str) -> dict[str, Any]:
        odd = {**one, "more": None}
        if "/objects/" in path:
            left = {"id", "properties", "createdAt", "updatedAt"}
            known = {name: value for name, value in one["properties"].items() if value is not None}
            odd = {name: one[name] for name in left} | {"properties": known | {"strange": None}, "traceId": 7}
        return odd


def test_whatever_the_description_allows_is_taken(
    world: World, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Odd()
    url = serving(hub)
    monkeypatch.setitem(REGISTRY, "hubspot", hubspot.declared(url, url))  # type: ignore[arg-type]
    hub.owner(71, "olga@acme.example")
    hub.company(1, LONG_AGO, hubspot_owner_id="71")
    hub.company(2, LONG_AGO, name=None, domain=None)
    hub.contact(11, LONG_AGO, email="ada@c.example")
    hub.associate(11, 1)
    mapping = [*MAPPING, {"from": "__derived.owner_email", "to": "accountOwnerEmail"}]
    connector = connect(world, mapping=mapping)
    first = world.sync(connector)
    world.clock.advance(hours=1)
    hub.company(2, world.clock.now(), name="Two")
    second = world.sync(connector)
    contacts = world.of("contacts")
    people = [
        {"from": "properties.email", "to": "email"},
        {"from": "__derived.company_id", "to": "externalCustomerId"},
    ]
    contacts.save(connector, {"match_by": "external_id", "mapping": people})

    # Nobody's revenue is known, and the notice says so.
    assert brief(first) == complete(created=2, notices={"path_vanished": 1})
    assert brief(second) == complete(updated=1)
    assert brief(contacts.sync(connector)) == complete(created=1)
    assert hub.wrong == []


def test_hubspot_s_own_sdk_reads_the_same_server(hub: Hub) -> None:
    """What we are tested against is what HubSpot's clients take for HubSpot."""
    sdk = pytest.importorskip("hubspot", reason="needs hubspot-api-client")
    from hubspot.crm.companies import Filter, FilterGroup, PublicObjectSearchRequest

    for number in range(1, 251):
        hub.company(number, LONG_AGO + timedelta(seconds=number))
    hub.owner(71, "olga@acme.example")
    client = sdk.Client.create(access_token="pat-eu1-private")
    client.config["host"] = hub.url
    companies = client.crm.companies
    listed = companies.get_all(properties=["name"])
    rule = Filter(property_name="name", operator="EQ", value="Company 7")
    searched = companies.search_api.do_search(
        public_object_search_request=PublicObjectSearchRequest(
            filter_groups=[FilterGroup(filters=[rule])], properties=["name"], limit=5
        )
    )

    assert [each.properties["name"] for each in listed] == [f"Company {number}" for number in range(1, 251)]
    assert [each.id for each in searched.results] == ["7"]
    assert [each.email for each in client.crm.owners.owners_api.get_page(limit=10).results] == [
        "olga@acme.example"
    ]


def test_a_row_that_is_no_object_is_rejected_and_the_others_are_taken(
    world: World, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(asked: Asked) -> Any:
        if asked.path == "/crm/v3/owners/":
            return {"results": [{"id": "71", "email": "olga@acme.example"}]}
        archived = asked.params.get("archived") == "true"
        row = {"id": "1", "properties": {"name": "One", "hubspot_owner_id": "71", "annualrevenue": "5"}}
        return {"results": [] if archived else [None, 7, row, {"id": None}]}

    url = serving(Fake(answer))
    monkeypatch.setitem(REGISTRY, "hubspot", hubspot.declared(url, url))  # type: ignore[arg-type]
    mapping = [*MAPPING, {"from": "__derived.owner_email", "to": "accountOwnerEmail"}]
    run = world.sync(connect(world, mapping=mapping))

    assert brief(run) == complete(
        created=1, rejected=3, reasons={"not_an_object": 2, "missing_match_value": 1}
    )
