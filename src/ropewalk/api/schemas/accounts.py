"""Accounts, contacts, their history, and tracked fields."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from ropewalk.api.schemas.base import ActorShape, OldNew, Shape, Time, actor
from ropewalk.store import models
from ropewalk.store.byhand import DELETED
from ropewalk.store.fields import FieldState


class GoneAtSource(Shape):
    connector_id: UUID
    since: Time


class Account(Shape):
    account_id: UUID
    companyName: str | None
    companyDomain: str | None
    externalCustomerId: str | None
    accountOwnerId: UUID | None
    fields: dict[str, Any]
    gone_at_source: list[GoneAtSource]
    created_at: Time
    updated_at: Time


def account(row: models.Account, gone: Sequence[tuple[UUID, datetime]] = ()) -> Account:
    return Account(
        account_id=row.id,
        companyName=row.company_name,
        companyDomain=row.company_domain,
        externalCustomerId=row.external_customer_id,
        accountOwnerId=row.owner_id,
        fields=row.fields,
        gone_at_source=[GoneAtSource(connector_id=connector_id, since=since) for connector_id, since in gone],
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


class View(Shape):
    view_id: UUID
    name: str
    shared: bool
    list: dict[str, str]
    created_at: Time
    updated_at: Time


def view(row: models.SavedView) -> View:
    return View(
        view_id=row.id,
        name=row.name,
        shared=row.member_id is None,
        list=row.parts,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


class Contact(Shape):
    contact_id: UUID
    account_id: UUID
    email: str
    name: str | None
    phone: str | None
    role: str | None
    source: Literal["sync", "manual"]
    isPrimary: bool


def contact(row: models.Contact) -> Contact:
    return Contact(
        contact_id=row.id,
        account_id=row.account_id,
        email=row.email,
        name=row.name,
        phone=row.phone,
        role=row.role,
        source=row.source,
        isPrimary=row.is_primary,
    )


class Change(Shape):
    at: Time
    action: Literal["created", "updated", "deleted", "restored"]
    changes: dict[str, OldNew]
    run_id: UUID | None
    connector_id: UUID | None
    actor: ActorShape | None


def change(row: models.Change) -> Change:
    fields = dict(row.fields)
    action: Literal["created", "updated", "deleted", "restored"] = "created" if row.created else "updated"
    if (gone := fields.pop(DELETED, None)) is not None:
        action = "deleted" if gone["new"] else "restored"
    return Change(
        at=row.at,
        action=action,
        changes=fields,
        run_id=row.run,
        connector_id=row.connector,
        actor=actor(row.actor) if row.actor else None,
    )


class TrackedField(Shape):
    name: str
    type: str
    periodic: bool
    history: bool
    indexed: bool
    index_is_built: bool = Field(
        description="Whether lists are filtered and sorted by it fast. A worker builds an index within seconds to minutes."
    )
    fill_rate: float | None
    last_changed_at: Time | None
    connectors: list[UUID] = Field(description="Those that have a stream which maps to it.")


def field(state: FieldState) -> TrackedField:
    row = state.field
    return TrackedField(
        name=row.name,
        type=row.type,
        periodic=row.periodic,
        history=row.history,
        indexed=row.indexed,
        index_is_built=row.indexed and state.index_is_built,
        fill_rate=state.fill_rate,
        last_changed_at=row.last_changed_at,
        connectors=list(state.connectors),
    )
