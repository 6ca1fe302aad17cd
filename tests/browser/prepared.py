"""An organization with a month behind it, for a browser to look at: accounts that came day by day, streams that stand in
every way, and texts as vendors write them, hostile ones too.

python -m tests.browser.prepared URL  prints the ids that addresses of pages want, by the names in their routes; at the
                                      URL there is an API with events
"""

from __future__ import annotations

import json
import random
import sys
from datetime import timedelta
from typing import Any
from uuid import UUID

import django

PASSWORD = "three strands, one rope"
OWNER = "nora.lindqvist@northwind.example"
PLANTED = "<img src=x onerror=\"document.title='planted'\"><script>document.title='planted'</script>"
LONG = "Vereinigte Seilwerke und Tauwerksfabrikation Norddeutschland Aktiengesellschaft & Co. KGaA"
ACCOUNTS = 160
PEOPLE = ("ada@seilwerke.example", "bo@seilwerke.example", "cem@seilwerke.example")


def main() -> None:
    django.setup()

    from ropewalk.core.actors import Actor
    from ropewalk.engine import accounts
    from ropewalk.engine.clock import SystemClock
    from ropewalk.engine.members import people
    from ropewalk.store import schema, secrets

    clock, actor = SystemClock(), Actor("cli", "0", "root")
    schema.migrate()
    secrets.settle_key()
    made = people.create_organization("Northwind Rope & Rigging", OWNER, PASSWORD, actor, clock)
    organization = made.organization.id
    for role in ("admin", "member"):
        people.add_user(organization, actor, f"{role}@northwind.example", role, clock, password=PASSWORD)
    people.create_organization("Zenith Holdings", OWNER, None, actor, clock)
    ids: dict[str, Any] = _connectors(organization, actor, clock, sys.argv[1])
    _accounts(organization, clock.now())
    values = {
        "companyName": LONG,
        "companyDomain": "seilwerke.example",
        "fields": {"planTier": PLANTED, "seats": 12, "website": "https://www.seilwerke.example/ueber-uns"},
    }
    account = accounts.create_account(organization, actor, values, clock)
    ada = {"email": "ada@seilwerke.example", "name": "Ada Seiler", "role": "Head of IT", "isPrimary": True}
    contact = accounts.create_contact(organization, actor, account.id, ada, clock)
    accounts.create_contact(organization, actor, account.id, {"email": PEOPLE[1], "name": PLANTED}, clock)
    _history(organization, account.id, ids, clock.now())
    ids["import_id"] = _import(organization, actor, clock)
    ids |= _people(organization, made.owner, actor, clock)
    ids["push_connector_id"] = _pushed(organization, actor, clock)
    ids |= {
        "account_id": account.id,
        "contact_id": contact.id,
        "name": "planTier",
    }
    print(json.dumps({name: str(value) for name, value in ids.items()}))


def _history(organization: UUID, account_id: UUID, ids: dict[str, Any], now: Any) -> None:
    """What syncs have made of its seats in a month."""
    from ropewalk.core.actors import SYSTEM
    from ropewalk.store import byhand
    from ropewalk.store.models import Account, Change

    chance = random.Random(3)
    Account.objects.filter(id=account_id).update(created_at=now - timedelta(days=34))
    Change.objects.filter(account=account_id).update(at=now - timedelta(days=34))
    for days in (30, 27, 22, 16, 9, 4, 1):
        at = now - timedelta(days=days, minutes=19)
        seats = 12 + (30 - days) * 2 + chance.randrange(9)
        byhand.edit(organization, account_id, {"seats": seats}, actor=SYSTEM.record(), now=at)
    synced = Change.objects.filter(account=account_id, created=False, contact=None)
    synced.update(run=ids["run_id"], connector=ids["connector_id"], actor=None)


def _pushed(organization: UUID, actor: Any, clock: Any) -> UUID:
    """A connector that was sent a little of everything lately, some of which it refused."""
    from ropewalk.engine.events import pushing
    from ropewalk.store.events.base import Batch, Draft, Refusal, micros
    from ropewalk.store.events.installed import events

    body = {
        "name": "Webshop",
        "source_name": "webshop",
        "accepted_kinds": ["custom", "email"],
        "metadata": {"region": "eu"},
        "event_schema": {"name": "type", "account": "customer.domain", "match_by": "domain"},
    }
    made = pushing.create(organization, actor, body, clock)
    chance, now = random.Random(5), clock.now()
    drafts = [
        Draft(
            external_id=f"order-{1000 + place}",
            at=micros(now - timedelta(minutes=place * 31)),
            arrived=micros(now - timedelta(minutes=place * 31)),
            kind="custom",
            name=PLANTED if place == 4 else chance.choice(("Order placed", "Order paid", "Invoice sent")),
            content=json.dumps({"data": {"amount": place * 12, "note": PLANTED}}).encode(),
            keys=("domain:seilwerke.example",),
            user=chance.choice(PEOPLE),
        )
        for place in range(40, -1, -1)
    ]
    refused = [
        ("order-1041", "data.customer: This is required."),
        (PLANTED[:80], f"timestamp: {PLANTED} is no time such as 2026-03-01T12:00:00Z."),
    ]
    events().append(
        [Batch(organization, made.id, drafts)],
        [Refusal(organization, made.id, micros(now), external_id, [error]) for external_id, error in refused],
    )
    return made.id


def _import(organization: UUID, actor: Any, clock: Any) -> UUID:
    """A file as spreadsheets write it, with what people paste into them."""
    from ropewalk.engine import imports

    rows = [
        ["Company", "Website", "Customer no.", "Plan", "Seats", "Partner", "Renewal", "Remarks about the account that nobody has read yet"],
        *([f"Rope Works {number}", f"https://rope-{number}.example/", f"C-{number:04}", "gold" if number % 3 else "", str(number * 3), "true", "2027-03-01", PLANTED if number == 2 else "=SUM(A1:A9)"] for number in range(1, 60)),
    ]  # fmt: skip
    text = "".join(";".join('"' + value.replace('"', '""') + '"' for value in row) + "\r\n" for row in rows)
    return imports.upload(
        organization, actor, "Kundenliste Süd 2026.csv", [text.encode("cp1252")], clock
    ).connector.id


def _people(organization: UUID, owner: Any, actor: Any, clock: Any) -> dict[str, Any]:
    """Named as hostile people name themselves; one invitation is over."""
    from ropewalk.engine import views
    from ropewalk.engine.members import invitations, passwords, people, signin
    from ropewalk.store.models import Invitation, User

    nora = signin.actor(owner.user, "192.0.2.7")
    people.rename(nora, "Nora Lindqvist", clock)
    member = people.add_user(organization, nora, "planted@northwind.example", "member", clock).member
    User.objects.filter(id=member.user_id).update(name=PLANTED, last_login=clock.now() - timedelta(days=3))
    old, _ = invitations.invite(
        organization, nora, "edda.long-in-the-tooth@northwind.example", "admin", clock
    )
    Invitation.objects.filter(id=old.id).update(expires_at=clock.now() - timedelta(days=2))
    invited, token = invitations.invite(organization, nora, "ivo@northwind.example", "member", clock)
    reset = passwords.make_reset_link(organization, nora, member.id, clock)
    people.create_key(organization, nora, PLANTED, ["read", "write", "ingest", "admin"], None, clock)
    revoked, _ = people.create_key(organization, actor, "Old script", ["read"], None, clock)
    people.revoke_key(organization, nora, revoked.id, clock)
    expires = clock.now() + timedelta(days=90)
    key, _ = people.create_key(organization, nora, "Nightly export", ["read"], expires, clock)
    for name, shared in (("Gold partners", True), (f"My own {PLANTED}"[:100], False)):
        body = {"name": name, "list": {"q": "a", "sort": "-updated_at"}, "shared": shared}
        view = views.create(organization, nora, body, clock)
    return {
        "member_id": member.id,
        "invitation_id": invited.id,
        "token": token,
        "reset_token": reset.token,
        "key_id": key.id,
        "view_id": view.id,
    }


def _accounts(organization: UUID, now: Any) -> None:
    from uuid_utils.compat import uuid7

    from ropewalk.core.fieldtypes import FieldType
    from ropewalk.demo.companies import Book
    from ropewalk.store import fields
    from ropewalk.store.models import Account

    chance = random.Random(7)
    types: dict[str, FieldType] = {
        "planTier": "text", "seats": "number", "monthlyRevenue": "number", "renewsAt": "date-time", "isPartner": "boolean",
        "tags": "list",
    }  # fmt: skip
    fields.learn(organization, {name: ("new", type_) for name, type_ in types.items()}, now=now)
    rows = []
    for place, company in enumerate(Book(ACCOUNTS).companies):
        made = now - timedelta(days=45 * (1 - place / ACCOUNTS) ** 1.4, minutes=1)
        rows.append(
            Account(
                id=uuid7(nanoseconds=int(made.timestamp() * 1e9)),
                organization_id=organization,
                company_name=company["name"],
                company_domain=f"{company['id']}.example" if place % 9 else None,
                external_customer_id=company["id"],
                fields={
                    "planTier": company["plan"]["tier"],
                    "seats": company["plan"]["seats"],
                    "monthlyRevenue": company["mrr"],
                    "renewsAt": (now + timedelta(days=chance.randrange(300))).strftime("%Y-%m-%dT00:00:00Z"),
                    "isPartner": place % 5 == 0,
                    "tags": company["tags"],
                },
                created_at=made,
                updated_at=now - timedelta(hours=chance.randrange(400)),
            )
        )
    Account.objects.bulk_create(rows)


def _connectors(organization: UUID, actor: Any, clock: Any, events_url: str) -> dict[str, Any]:
    from ropewalk.engine.connectors import configure
    from ropewalk.store import ledger
    from ropewalk.store.ledger import Entry
    from ropewalk.store.models import Stream

    mapping = [{"from": "name", "to": "companyName"}, {"from": "website", "to": "companyDomain"}]
    contact_mapping = [{"from": "domain", "to": "companyDomain"}, {"from": "email", "to": "email"}]
    event_mapping = [{"from": one, "to": to} for one, to in (("at", "eventTime"), ("name", "eventName"), ("domain", "accountKey"), ("user", "userId"))]  # fmt: skip
    url = "http://127.0.0.1:9/v1"
    made = {}
    for name, streams in {
        "CRM": {
            "accounts": {"url": f"{url}/accounts", "mapping": mapping},
            "contacts": {"url": f"{url}/people", "mapping": contact_mapping, "match_by": "domain"},
        },
        "Billing": {"accounts": {"url": f"{url}/customers", "mapping": mapping}},
        "Product events": {"events": {"url": f"{url}/events", "mapping": event_mapping, "match_by": "domain", "start_param": "from", "end_param": "to"}},
        "App": {"events": {"url": f"{events_url}/events", "records_path": "data", "mapping": event_mapping, "match_by": "domain", "account_param": "domain"}},
    }.items():  # fmt: skip
        body = {
            "source": "custom_api",
            "name": name,
            "settings": {"auth": {"type": "none"}},
            "streams": streams,
        }
        made[name] = configure.create_connector(organization, actor, body, clock)
    now = clock.now()
    Stream.objects.update(tested_at=now)
    for_crm = Stream.objects.filter(connector=made["CRM"], kind="accounts")
    for_crm.update(
        periodic=True, next_run_at=now + timedelta(minutes=41), last_completed_at=now - timedelta(minutes=18)
    )
    chance = random.Random(11)
    for days in range(29, -1, -1):
        at = now - timedelta(days=days, minutes=19)
        rows = 400 + chance.randrange(900)
        counts = {"created": rows // 9, "updated": rows // 5, "skipped": rows // 40, "rejected": 0}
        run = _run(organization, for_crm.get(), at, rows, counts, verdict="complete")
    people_stream = Stream.objects.get(connector=made["CRM"], kind="contacts")
    suspicious = _run(organization, people_stream, now - timedelta(hours=5), 320, {"skipped": 320},
                      verdict="suspicious", verdict_reasons=["all_skipped"])  # fmt: skip
    error = {"code": "not_json", "message": f"GET {url}/customers answered with 200 and text/html, which isn't JSON. It begins with {PLANTED}"}  # fmt: skip
    failed = _run(organization, Stream.objects.get(connector=made["Billing"]), now - timedelta(minutes=3), 0, {},
                  status="failed", error=error)  # fmt: skip
    ledger.write(
        organization,
        run.id,
        [Entry(place, "skipped", "no_match", "No account has this domain.", {"name": PLANTED, "website": f"shop-{place}.example"}) for place in range(counts["skipped"])],
    )  # fmt: skip
    return {
        "connector_id": made["CRM"].id, "kind": "accounts", "run_id": run.id, "position": 3, "failed_run_id": failed.id,
        "suspicious_run_id": suspicious.id,
    }  # fmt: skip


def _run(organization: UUID, stream: Any, at: Any, rows: int, counts: dict[str, int], **values: Any) -> Any:
    from uuid_utils.compat import uuid7

    from ropewalk.engine.connectors.frozen import Frozen
    from ropewalk.store import runs
    from ropewalk.store.models import Run

    run, _ = runs.create(
        organization,
        connector_id=stream.connector_id,
        stream_id=stream.id,
        kind=stream.kind,
        actor={"type": "system", "id": "", "label": "Ropewalk"},
        settings=Frozen.record(stream.connector, stream),
        now=at,
        trigger="schedule",
        run_id=uuid7(nanoseconds=int(at.timestamp() * 1e9)),
    )
    counted = {"processed": rows, "unchanged": rows - sum(counts.values()), **counts}
    reasons = {"no_match": counts["skipped"]} if counts.get("skipped") else {}
    values = {"status": "succeeded", "counts": counted, "reasons": reasons, "started_at": at, **values}
    Run.objects.filter(id=run.id).update(
        finished_at=at + timedelta(seconds=74), pages=rows // 100 + 1, **values
    )
    return run


if __name__ == "__main__":
    main()
