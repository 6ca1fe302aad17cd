"""An account's page: its fields and who set them, a field's history, and all changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponseBase
from django.urls import reverse
from django.utils.safestring import SafeString
from msgspec import Struct

from ropewalk.core.errors import NotFound
from ropewalk.core.mapping import BUILT_IN
from ropewalk.engine.operated import clock
from ropewalk.store import byhand, changes, connectors, fields, people, records
from ropewalk.store.models import Account
from ropewalk.web import fieldhistory, fieldtexts, pages
from ropewalk.web.access import Signed, open_to
from ropewalk.web.confirming import Confirmation
from ropewalk.web.lists import Address
from ropewalk.web.provenance import Author, Tellers

WHY_NOT: Final = "Members read. Admins and owners can change accounts and contacts."

_VALUES: Final = 200
_TABS: Final = (
    ("account", "Details"),
    ("account-contacts", "Contacts"),
    ("account-events", "Events"),
    ("account-history", "History"),
)


class Row(Struct, frozen=True):
    name: str
    label: str
    value: SafeString
    author: Author | None


def opened(request: Signed, account_id: UUID) -> Account:
    """A deleted one too: it can be looked at, and restored."""
    return byhand.get(request.access.organization_id, account_id, deleted=None)


def around(
    request: Signed, account: Account, tab: str, names: Mapping[UUID, str] | None = None
) -> dict[str, Any]:
    """What every page of an account shows: its head, its tabs, and what can be done with it."""
    organization_id = account.organization_id
    if names is None:
        names = connectors.names(organization_id)
    gone = records.gone(organization_id, [account.id]).get(account.id, [])
    owner = people.names(organization_id, [account.owner_id] if account.owner_id else [])
    tabs = [(label, reverse(name, args=[account.id]), name == tab) for name, label in _TABS]
    return {
        "account": account,
        "name": str(account),
        "owner": owner.get(account.owner_id, "") if account.owner_id else "",
        "gone": [(names.get(connector_id, "a connector"), since) for connector_id, since in gone],
        "tabs": tabs if account.deleted_at is None else tabs[:1],
        "why_not": "" if request.access.is_admin else WHY_NOT,
        "delete": deletion(request, account),
    }


def deletion(request: Signed, account: Account) -> Confirmation:
    return Confirmation(
        name="delete",
        label="Delete",
        title=f"Delete {account}?",
        text="It leaves all lists, with its contacts, and syncs don’t bring it back. Nothing of it is lost: you find it under"
        " Accounts, Deleted, and can restore it there.",
        verb="Delete account",
        path=reverse("account-delete", args=[account.id]),
        back=reverse("account", args=[account.id]),
        why_not="" if request.access.is_admin else WHY_NOT,
    )


@open_to("member")
def details(request: Signed, account_id: UUID) -> HttpResponseBase:
    account = opened(request, account_id)
    organization_id = account.organization_id
    kinds = {each.name: each.type for each in fields.registry(organization_id)}
    set_by = changes.provenance(organization_id, account_id)
    tellers = Tellers(organization_id, (), kinds)
    context = around(request, account, "account", tellers.connectors)
    values = byhand.values_of(account)

    def row(name: str) -> Row:
        value = context["owner"] if name == "accountOwnerId" else values.get(name)
        change = set_by.get(name)
        return Row(
            name,
            fieldtexts.label(name),
            fieldtexts.whole(value, kinds.get(name, "text")),
            tellers.author(change) if change is not None else None,
        )

    custom = sorted({*kinds, *values} - {*BUILT_IN}, key=str.casefold)
    return pages.render(
        request,
        "ropewalk/account.html",
        {
            **context,
            "rows": [row(name) for name in (*BUILT_IN, *(each for each in custom if each in values))],
            "empty_fields": [fieldtexts.label(each) for each in custom if each not in values],
        },
    )


@open_to("member")
def history(request: Signed, account_id: UUID) -> HttpResponseBase:
    account = opened(request, account_id)
    if account.deleted_at is not None:
        return pages.to(request, "account", account_id=account_id)
    organization_id = account.organization_id
    address = Address.of(request.GET, ("cursor",))
    found = changes.history(organization_id, account_id, cursor=address.get("cursor") or None)
    kinds = {each.name: each.type for each in fields.registry(organization_id)}
    tellers = Tellers(organization_id, found.items, kinds)
    return pages.render(
        request,
        "ropewalk/account_history.html",
        {
            **around(request, account, "account-history", tellers.connectors),
            "changes": [tellers.told(each) for each in found.items],
            "next": address.to(cursor=found.next_cursor) if found.next_cursor else "",
            "first": address.to() if address.get("cursor") else "",
        },
    )


@open_to("member")
def field(request: Signed, account_id: UUID, name: str) -> HttpResponseBase:
    """What a field has been: a number as a line, and each as the values one after the other."""
    account = opened(request, account_id)
    if account.deleted_at is not None:
        return pages.to(request, "account", account_id=account_id)
    organization_id = account.organization_id
    tracked = {each.name: each for each in fields.registry(organization_id)}
    if name not in tracked and name not in BUILT_IN:
        raise NotFound("field")
    kind = tracked[name].type if name in tracked else "text"
    address = Address.of(request.GET, ("cursor",))
    found = changes.history(
        organization_id, account_id, name, limit=_VALUES, cursor=address.get("cursor") or None
    )
    tellers = Tellers(organization_id, found.items, {name: kind})
    return pages.render(
        request,
        "ropewalk/account_field.html",
        {
            **around(request, account, "account", tellers.connectors),
            "label": fieldtexts.label(name),
            "values": _values(tellers, found.items, name),
            "chart": fieldhistory.chart(fieldtexts.label(name), name, found.items, clock().now())
            if kind == "number"
            else None,
            "is_off": name in tracked and not tracked[name].history,
            "next": address.to(cursor=found.next_cursor) if found.next_cursor else "",
            "first": address.to() if address.get("cursor") else "",
        },
    )


def _values(tellers: Tellers, found: Sequence[Any], name: str) -> list[tuple[SafeString, Author]]:
    return [(tellers.value(name, each.fields[name].get("new")), tellers.author(each)) for each in found]
