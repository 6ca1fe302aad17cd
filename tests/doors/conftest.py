"""An organization with a little of everything, a stranger beside it, and keys to both.

Imports of the store stand inside: this file is read before the database is chosen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.calls import Api

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SCOPES = ("read", "write", "ingest", "admin")


@dataclass
class World:
    """`ids` by the names that paths use."""

    organization: UUID
    ids: dict[str, Any]

    def path(self, template: str) -> str:
        return template.format(**self.ids)


def key_of(organization: UUID, *scopes: str, expires_at: datetime | None = None, name: str = "Script") -> str:
    from ropewalk.store import keys

    _, text = keys.create(
        organization,
        name=name,
        scopes=scopes or SCOPES,
        created_by_type="cli",
        created_by_id="root",
        now=NOW,
        expires_at=expires_at,
    )
    return text


STREAM = {
    "url": "http://127.0.0.1:9/v1/accounts",
    "headers": {"X-Team": "blue", "Accept-Version": "2"},
    "plain_headers": ["Accept-Version"],
    "records_path": "data",
    "mapping": [{"from": "name", "to": "companyName"}, {"from": "website", "to": "companyDomain"}],
}


def push_event(
    organization: UUID, connector_id: UUID, external_id: str, at: datetime = NOW, **given: Any
) -> None:
    """As the ingest door would leave it in the store."""
    from ropewalk.store.events.base import Batch, Draft, micros
    from ropewalk.store.events.installed import events

    item = given.pop("item", {"data": {"amount": 12}})
    values = {"kind": "custom", "name": "custom", "arrived": micros(NOW), **given}
    content = json.dumps({"external_id": external_id, **item}).encode()
    draft = Draft(external_id=external_id, at=micros(at), content=content, **values)
    events().append([Batch(organization, connector_id, [draft])])


def make_world(name: str) -> World:
    from ropewalk.core.actors import Actor
    from ropewalk.engine import accounts, imports, views
    from ropewalk.engine.clock import SystemClock
    from ropewalk.engine.connectors import configure
    from ropewalk.engine.connectors.frozen import Frozen
    from ropewalk.engine.events import pushing
    from ropewalk.engine.members import invitations, people
    from ropewalk.store import fields, ledger, runs, streams
    from ropewalk.store.ledger import Entry

    clock, actor = SystemClock(), Actor("cli", "root", "root")
    host = f"{name.lower()}.example"
    founded = people.create_organization(name, f"owner@{host}", "correct horse battery", actor, clock)
    organization = founded.organization.id
    added = people.add_user(organization, actor, f"member@{host}", "member", clock, name="Mia")
    invited, token = invitations.invite(organization, actor, f"guest@{host}", "member", clock)
    key, _ = people.create_key(organization, actor, "Old", ["read"], None, clock)
    connector = configure.create_connector(
        organization,
        actor,
        {
            "source": "custom_api",
            "name": "CRM",
            "settings": {"auth": {"type": "bearer"}},
            "secrets": {"token": f"planted-token-of-{name}"},
            "streams": {"accounts": STREAM},
        },
        clock,
    )
    pushed = pushing.create(organization, actor, {"name": "Product", "source_name": "product"}, clock)
    push_event(organization, pushed.id, f"order 7/{name}")
    stream = streams.get(organization, connector.id, "accounts")
    run, _ = runs.create(
        organization,
        connector_id=connector.id,
        stream_id=stream.id,
        kind="accounts",
        actor=actor.record(),
        settings=Frozen.record(connector, stream),
        now=NOW,
    )
    runs.cancel(organization, run.id, now=NOW + timedelta(minutes=1))
    ledger.write(
        organization,
        run.id,
        [
            Entry(0, "skipped", "no_match", "No account has this domain.", {"name": "Acme"}),
            Entry(
                3,
                "skipped",
                "ambiguous_match",
                "Two accounts have it.",
                {"name": "Twin", "website": "twin.com"},
                [{"account_id": "1"}],
            ),
        ],
    )
    account = accounts.create_account(
        organization,
        actor,
        {"companyName": "Acme", "companyDomain": "acme.com", "fields": {"planTier": "gold"}},
        clock,
    )
    view = views.create(
        organization, actor, {"name": "Gold", "list": {"field.planTier": "gold"}, "shared": True}, clock
    )
    contact = accounts.create_contact(organization, actor, account.id, {"email": "ada@acme.com"}, clock)
    file = b"name,website\nAcme,acme.com\n"
    handed = imports.upload(organization, actor, "customers.csv", [file], clock)
    field = next(each.field.name for each in fields.listing(organization) if each.field.name == "planTier")
    return World(
        organization,
        {
            "connector_id": connector.id,
            "push_connector_id": pushed.id,
            "source": "custom:product",
            "external_id": f"order 7/{name}",
            "kind": "accounts",
            "run_id": run.id,
            "position": 3,
            "account_id": account.id,
            "contact_id": contact.id,
            "name": field,
            "member_id": added.member.id,
            "invitation_id": invited.id,
            "token": token,
            "view_id": view.id,
            "key_id": key.id,
            "import_id": handed.connector.id,
        },
    )


@pytest.fixture(autouse=True)
def _one_minute_each() -> Iterator[None]:
    """No test spends another one's calls."""
    from ropewalk.api import auth
    from ropewalk.engine import rate

    before, auth.calls = auth.calls, rate.Counter()
    yield
    auth.calls = before


@pytest.fixture
def loopback(settings: Any) -> Iterator[None]:
    """Servers of this machine may be asked. The client of a process keeps the networks that it may reach."""
    from ropewalk.engine.connectors import connection
    from ropewalk.engine.operated import clock

    settings.ROPEWALK = settings.ROPEWALK.model_copy(update={"allow_networks": ("127.0.0.0/8",)})
    connection.client.cache_clear()
    yield
    connection.client(clock()).close()
    connection.client.cache_clear()


@pytest.fixture(scope="module")
def acme(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Once for a file, in a transaction around its tests: each is rolled back to here."""
    from django.db import transaction

    around = transaction.atomic()
    with django_db_blocker.unblock():
        around.__enter__()
        made = make_world("Acme")
    yield made
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        around.__exit__(None, None, None)


@pytest.fixture
def world(acme: World, db: None) -> World:
    """Where tests put events of their own into the store, a `world` for each: no transaction takes them back."""
    push_event(acme.organization, acme.ids["push_connector_id"], acme.ids["external_id"])
    return World(acme.organization, {**acme.ids})


@pytest.fixture
def elsewhere(db: None) -> World:
    return make_world("Elsewhere")


@pytest.fixture
def api(world: World) -> Api:
    return Api(key_of(world.organization))
