"""Against servers that are not ours, as an operator would do it: init, apply, test, sync, accounts; then what changed."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.e2e.installation import Api, Installation, until
from tests.fakes import customers
from tests.fakes.drf import STREAMS, RestFramework, drf
from tests.fakes.kinto import STREAM, Kinto, kinto
from tests.fakes.warehouses.listening import free_port

pytestmark = pytest.mark.any_database

MAPPING = [
    {"from": "id", "to": "externalCustomerId"},
    {"from": "name", "to": "companyName"},
    {"from": "website", "to": "companyDomain", "transforms": ["domain"]},
    {"from": "plan.seats", "to": "seats"},
]


def counts(processed: int, **outcomes: int) -> dict[str, int]:
    none = dict.fromkeys(("created", "updated", "unchanged", "skipped", "rejected"), 0)
    return {"processed": processed, **none, **outcomes}


def outcome(run: dict[str, Any]) -> tuple[str, str, dict[str, int], int]:
    return run["status"], run["verdict"], run["counts"], run["pages"]


def start(run: dict[str, Any]) -> datetime:
    """Windows begin at whole seconds."""
    return datetime.fromisoformat(run["started_at"]).replace(microsecond=0)


def account(record: dict[str, Any]) -> dict[str, Any]:
    number = int(record["id"].removeprefix("c-"))
    return {
        "companyName": record["name"],
        "companyDomain": f"company-{number}.example",
        "externalCustomerId": record["id"],
        "fields": {"seats": record["plan"]["seats"]},
    }


def accounts(of: Installation, query: str = "") -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    cursor: list[str] = []
    while True:
        page = of.json("accounts", query, "--limit", "500", *cursor)
        for each in page["items"]:
            found[each["externalCustomerId"]] = {name: each[name] for name in account(customers(1)[0])}
        if page["next_cursor"] is None:
            return found
        cursor = ["--cursor", page["next_cursor"]]


# ---- Kinto ----


def kinto_connector(crm: Kinto, name: str = "CRM", **incremental: Any) -> dict[str, Any]:
    return {
        "source": "custom_api",
        "name": name,
        "settings": {"auth": {"type": "basic", "username": crm.user}},
        "secrets": {"password": "${CRM_PASSWORD}"},
        "streams": {
            "accounts": {
                **STREAM,
                "url": f"{crm.url}?_limit=100",
                "incremental": {**STREAM["incremental"], **incremental},  # type: ignore[dict-item]
                "matching": "external_id",
                "mapping": [*MAPPING, {"from": "deleted", "to": "deletedThere"}],
            }
        },
    }


def test_kinto_pages_by_a_header_and_answers_what_changed(acme: Installation) -> None:
    records = customers(250)
    with kinto(records) as crm:
        # `_since="1700000000000"`, as its ETags are written.
        quoted = kinto_connector(crm, "quoted", template='"{since}"', overlap_seconds=3_600)
        acme.init()
        acme.apply(kinto_connector(crm), quoted, CRM_PASSWORD=crm.password)
        tested = acme.json("test", "CRM", "accounts")
        first = acme.json("sync", "CRM", "accounts")
        kept = accounts(acme)
        nothing_new = acme.json("sync", "CRM", "accounts")

        renamed = {**records[6], "name": "Renamed"}
        new = customers(1, 251)[0]
        crm.put(renamed, new)
        crm.delete("c-00009")
        second = acme.json("sync", "CRM", "accounts")
        kept_then = accounts(acme)

        over = acme.json("sync", "quoted", "accounts")
        crm.put(records[0] | {"name": "Renamed, too"})
        over_again = acme.json("sync", "quoted", "accounts")

        acme.apply(kinto_connector(crm), CRM_PASSWORD="not it")
        refused = acme.json("test", "CRM", "accounts", status=1)

    assert tested["ok"]
    assert tested["response"]["status"] == 200
    assert {field["path"] for field in tested["fields"]} == {
        "id", "name", "website", "plan.tier", "plan.seats", "updated_at", "last_modified",
    }  # fmt: skip
    assert outcome(first) == ("succeeded", "complete", counts(250, created=250), 3)
    assert kept == {record["id"]: account(record) for record in records}
    assert outcome(nothing_new) == ("succeeded", "complete", counts(0), 1)
    # A tombstone is a record with an id and no more: it leaves all fields alone but the one that says so.
    assert outcome(second) == ("succeeded", "complete", counts(3, created=1, updated=2), 1)
    gone = account(records[8])
    gone["fields"] |= {"deletedThere": True}
    assert kept_then == kept | {
        "c-00007": account(renamed),
        "c-00009": gone,
        "c-00251": account(new),
    }
    assert datetime.fromisoformat(second["since"]) == start(nothing_new)
    assert outcome(over) == ("succeeded", "complete", counts(250, unchanged=250), 3)
    # All of them were made within the hour that is read again, the tombstone too; what they said before is no change.
    assert outcome(over_again) == ("succeeded", "complete", counts(251, updated=1, unchanged=250), 3)
    assert datetime.fromisoformat(over_again["since"]) == start(over) - timedelta(hours=1)
    assert (refused["ok"], refused["error"]["about"]) == (False, "credential")


# ---- Django REST Framework ----


def drf_connector(crm: RestFramework, paging: str) -> dict[str, Any]:
    return {
        "source": "custom_api",
        "name": paging,
        "settings": {"auth": {"type": "api_key", "in": "header", "name": "Authorization"}},
        "secrets": {"token": "Token ${CRM_TOKEN}"},
        "streams": {
            "accounts": {
                **STREAMS[paging],
                "url": crm.url(paging),
                "incremental": {"param": "updated_since"},
                "matching": "external_id",
                "mapping": MAPPING,
            }
        },
    }


def test_rest_framework_pages_in_each_of_its_ways_and_is_given_the_time_it_asks_for(
    acme: Installation,
) -> None:
    records = customers(250)
    pagings = ("page", "offset", "cursor")
    port = free_port()
    with drf(records, throttle="3/sec") as crm:
        api = Api(port, acme.init())
        acme.apply(*(drf_connector(crm, paging) for paging in STREAMS), CRM_TOKEN=crm.token)
        with acme.started("serve", "--port", str(port)):
            until(api.is_up, "the server is up")
            ids = {each["name"]: each["connector_id"] for each in api.get("/v1/connectors")["items"]}

            def synced(paging: str) -> tuple[str, str, dict[str, int], int]:
                return outcome(api.ended(api.run(ids[paging])))

            tested = [
                api.call("POST", f"/v1/connectors/{ids[paging]}/streams/accounts/test")[1]["ok"]
                for paging in pagings
            ]
            first = {paging: synced(paging) for paging in pagings}
            renamed = {**records[6], "name": "Renamed"}
            new = customers(1, 251)[0]
            crm.change("c-00007", name="Renamed")
            crm.add([new])
            # Here the command line has the server's worker do it.
            second = {"page": outcome(acme.json("sync", "page", "accounts"))}
            second |= {paging: synced(paging) for paging in pagings[1:]}
            asked = crm.asked()
            throttled = synced("throttled")
            waited = crm.asked()[len(asked) :]
        kept = accounts(acme)

    assert tested == [True, True, True]
    assert first == {
        # Asked for 100 a page, and got them; by cursor it gives the 40 that it wants to.
        "page": ("succeeded", "complete", counts(250, created=250), 3),
        "offset": ("succeeded", "complete", counts(250, unchanged=250), 3),
        "cursor": ("succeeded", "complete", counts(250, unchanged=250), 7),
    }
    assert second == {
        "page": ("succeeded", "complete", counts(2, created=1, updated=1), 1),
        "offset": ("succeeded", "complete", counts(2, unchanged=2), 1),
        "cursor": ("succeeded", "complete", counts(2, unchanged=2), 1),
    }
    assert kept == {record["id"]: account(record) for record in [*records, renamed, new]}
    assert {status for _, _, status, _ in asked} == {200}, (
        "a page past the end is a 404 here: nobody asked for one"
    )
    assert throttled == ("succeeded", "complete", counts(251, unchanged=251), 7)
    early = [
        (earlier, later)
        for earlier, later in itertools.pairwise(waited)
        if earlier[2] == 429 and later[0] - earlier[0] < int(earlier[3] or 0)
    ]
    assert [status for _, _, status, _ in waited].count(200) == 7
    assert {429} < {status for _, _, status, _ in waited}
    assert early == []


# ---- contacts of both ----


def with_contact(record: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A customer whose record holds the person to talk to."""
    person = {"email": f"Ada@{record['id']}.example", "full_name": f"Ada of {record['name']}", **more}
    return {**record, "plan": {**record["plan"], "contact": person}}


CONTACTS = {
    "match_by": "external_id",
    "mapping": [
        {"from": "id", "to": "externalCustomerId"},
        {"from": "plan.contact.email", "to": "email"},
        {"from": "plan.contact.full_name", "to": "name"},
    ],
}


def contact(record: dict[str, Any]) -> tuple[str, str, str]:
    person = record["plan"]["contact"]
    return person["email"].lower(), person["full_name"], "sync"


def contacts(of: Installation) -> list[tuple[str, str, str]]:
    found = of.json("contacts", "--limit", "500")["items"]
    return sorted((each["email"], each["name"], each["source"]) for each in found)


def test_kinto_gives_contacts_beside_its_accounts(acme: Installation) -> None:
    records = [with_contact(record) for record in customers(120)]
    with kinto(records) as crm:
        connector = kinto_connector(crm)
        shared = {name: connector["streams"]["accounts"][name] for name in (*STREAM, "url")}
        connector["streams"]["contacts"] = shared | CONTACTS
        acme.init()
        acme.apply(connector, CRM_PASSWORD=crm.password)
        tested = acme.json("test", "CRM", "contacts")
        first = acme.json("sync", "CRM")["items"]
        kept = contacts(acme)

        renamed, new = with_contact(records[6], full_name="Countess"), with_contact(customers(1, 121)[0])
        crm.put(renamed, new)
        crm.delete("c-00009")
        dry = acme.json("dry-run", "CRM", "contacts")
        second = acme.json("sync", "CRM")["items"]
        kept_then = contacts(acme)
        undone = acme.json("undo", second[1]["run_id"])

    assert tested["ok"]
    assert {"plan.contact.email", "plan.contact.full_name"} < {field["path"] for field in tested["fields"]}
    assert [outcome(run) for run in first] == [("succeeded", "complete", counts(120, created=120), 2)] * 2
    assert kept == sorted(map(contact, records))
    # A tombstone has no email: it says nothing of a contact.
    told = counts(3, created=1, updated=1, rejected=1)
    assert outcome(second[1]) == ("succeeded", "complete", told, 1)
    # The new one has no account before the accounts are synced.
    assert dry["counts"] == counts(3, updated=1, skipped=1, rejected=1)
    assert datetime.fromisoformat(second[1]["since"]) == start(first[1])
    assert kept_then == sorted(map(contact, [*records[:6], renamed, *records[7:], new]))
    assert (undone["counts"], contacts(acme)) == (counts(2, updated=2), kept)


def test_rest_framework_gives_contacts_that_wait_for_their_accounts(acme: Installation) -> None:
    records = [with_contact(record) for record in customers(120)]
    with drf(records) as crm:
        connectors = [drf_connector(crm, paging) for paging in ("page", "cursor")]
        for connector in connectors:
            shared = {
                name: value
                for name, value in connector["streams"]["accounts"].items()
                if name not in ("matching", "mapping")
            }
            connector["streams"]["contacts"] = shared | CONTACTS
        acme.init()
        acme.apply(*connectors, CRM_TOKEN=crm.token)

        early = acme.json("sync", "page", "contacts", status=3)
        waiting = acme.json("sync", "page", "accounts")
        taken = acme.json("runs", "--kind", "contacts")["items"][0]
        kept = contacts(acme)
        by_cursor = acme.json("sync", "cursor", "contacts")

    assert early["verdict_reasons"] == ["all_skipped"]
    assert outcome(waiting)[:3] == ("succeeded", "complete", counts(120, created=120))
    assert (taken["trigger"], *outcome(taken)[:3]) == (
        "retry",
        "succeeded",
        "complete",
        counts(120, created=120),
    )
    assert kept == sorted(map(contact, records))
    assert outcome(by_cursor) == ("succeeded", "complete", counts(120, unchanged=120), 3)
