"""An account's contacts, and each by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from django.urls import reverse
from msgspec import Struct

from ropewalk.core.errors import Conflict, MustFix, Problem, RopewalkError
from ropewalk.engine import accounts
from ropewalk.engine.events import activity, timeline
from ropewalk.engine.events.activity import Last
from ropewalk.engine.operated import clock
from ropewalk.store import byhand, contacts, pushing, streams
from ropewalk.store.models import Account, Contact
from ropewalk.web import confirming, pages
from ropewalk.web.access import Signed, open_to
from ropewalk.web.account import around, opened
from ropewalk.web.confirming import Confirmation
from ropewalk.web.forms import NOT_YET, Field, Form
from ropewalk.web.lists import Address
from ropewalk.web.overtaking import Opened

_TEMPLATE = "ropewalk/contact_form.html"
_FIELDS = (
    Field("email", "Email", "email", required=True, autocomplete="off"),
    Field("name", "Name", autocomplete="off"),
    Field("phone", "Phone", autocomplete="off"),
    Field("role", "Role", help="What they do there, such as Head of IT.", autocomplete="off"),
    Field(
        "isPrimary",
        "Primary contact",
        "checkbox",
        help="Each account has one: whoever it was before no longer is.",
    ),
)


class Row(Struct, frozen=True):
    contact: Contact
    last: Last | None


@open_to("member")
def listing(request: Signed, account_id: UUID) -> HttpResponseBase:
    """First without their last events, which are then asked of the sources (`seen`)."""
    account = opened(request, account_id)
    if account.deleted_at is not None:
        return pages.to(request, "account", account_id=account_id)
    address = Address.of(request.GET, ("cursor", "seen"))
    cursor = address.get("cursor") or None
    found = contacts.listing(account.organization_id, account_id=account_id, cursor=cursor)
    asks = bool(found.items) and _has_events(account.organization_id)
    seen = _seen(account) if asks and address.get("seen") else None
    return pages.render(
        request,
        "ropewalk/account_contacts.html",
        {
            **around(request, account, "account-contacts"),
            "rows": [Row(each, (seen or {}).get(each.email.casefold())) for each in found.items],
            "asks": asks,
            "seen": seen is not None,
            "ask": address.to(cursor=cursor, seen="1"),
            "next": address.to(cursor=found.next_cursor) if found.next_cursor else "",
            "first": address.to() if cursor else "",
        },
    )


def _has_events(organization_id: UUID) -> bool:
    return pushing.is_any(organization_id) or bool(streams.of_events(organization_id))


def _seen(account: Account) -> Mapping[str, Last]:
    return activity.last_by_user(timeline.read(account.organization_id, account.id, clock(), limit=1))


@open_to("admin", "GET", "POST")
def new(request: Signed, account_id: UUID) -> HttpResponseBase:
    access = request.access
    account = byhand.get(access.organization_id, account_id)
    form = Form(*_FIELDS)
    if request.method == "POST":
        try:
            made = accounts.create_contact(
                access.organization_id, access.actor, account_id, form.read(request.POST), clock()
            )
        except (MustFix, Conflict) as error:
            _refuse(form, error)
        else:
            pages.toast(request, f"{made} is a contact now.")
            return pages.to(request, "account-contacts", account_id=account_id)
    return pages.with_form(request, _TEMPLATE, form, _around(account))


@open_to("admin", "GET", "POST")
def edit(request: Signed, contact_id: UUID) -> HttpResponseBase:
    access = request.access
    contact = contacts.get(access.organization_id, contact_id)
    form = Form(*_FIELDS, values=_values(contact))
    opened = Opened(request.POST, _values(contact))
    body = form.read(request.POST) if request.method == "POST" else {}
    if body and not opened.overtaken():
        try:
            edited = accounts.edit_contact(access.organization_id, access.actor, contact_id, body, clock())
        except (MustFix, Conflict) as error:
            _refuse(form, error)
        else:
            pages.toast(request, f"{edited} is saved.")
            return pages.to(request, "account-contacts", account_id=contact.account_id)
    account = byhand.get(access.organization_id, contact.account_id)
    return pages.with_form(
        request, _TEMPLATE, form, {**_around(account), "contact": contact, "opened": opened}
    )


@open_to("admin", "POST")
def make_primary(request: Signed, contact_id: UUID) -> HttpResponseBase:
    access = request.access
    edited = accounts.edit_contact(
        access.organization_id, access.actor, contact_id, {"isPrimary": True}, clock()
    )
    pages.toast(request, f"{edited} is the primary contact now.")
    return pages.to(request, "account-contacts", account_id=edited.account_id)


@open_to("admin", "GET", "POST")
def delete(request: Signed, contact_id: UUID) -> HttpResponseBase:
    access = request.access
    contact = contacts.get(access.organization_id, contact_id)
    if request.method != "POST":
        return confirming.page(request, _deletion(contact))
    accounts.delete_contact(access.organization_id, access.actor, contact_id, clock())
    pages.toast(request, f"{contact} is deleted.")
    return pages.to(request, "account-contacts", account_id=contact.account_id)


def _deletion(contact: Contact) -> Confirmation:
    return Confirmation(
        name="delete",
        label="Delete",
        title=f"Delete {contact}?",
        text="A sync makes this contact again only when its record changes.",
        verb="Delete contact",
        path=reverse("contact-delete", args=[contact.id]),
        back=reverse("account-contacts", args=[contact.account_id]),
    )


def _values(contact: Contact) -> dict[str, Any]:
    names = ("email", "name", "phone", "role")
    return {**{name: getattr(contact, name) for name in names}, "isPrimary": contact.is_primary}


def _around(account: Account) -> dict[str, Any]:
    return {"account_name": str(account), "back": reverse("account-contacts", args=[account.id])}


def _refuse(form: Form, error: RopewalkError) -> None:
    """What the email is in the way of stands there."""
    if isinstance(error, Conflict):
        form.refuse(RopewalkError(error.code, NOT_YET), [Problem("email", error.message)])
    else:
        form.refuse(error)
