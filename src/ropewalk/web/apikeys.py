"""Settings → API keys: what scripts come in with."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.http import HttpResponseBase
from django.urls import reverse
from django.utils import timezone

from ropewalk.core.errors import MustFix
from ropewalk.engine.members import people
from ropewalk.engine.operated import clock
from ropewalk.store import keys, people as kept
from ropewalk.store.models import ApiKey
from ropewalk.web import pages
from ropewalk.web.access import Signed, open_to
from ropewalk.web.confirming import Confirmation, page as confirmation_page
from ropewalk.web.forms import Choice, Field, Form
from ropewalk.web.lists import Address

SCOPES: Final = {
    "read": "Reads accounts, contacts, events, fields, connectors and runs.",
    "write": "Changes them, and starts runs.",
    "ingest": "Pushes events.",
    "admin": "Members, invitations, keys and the audit log.",
}
EXPIRIES: Final = (("", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year"))
_MADE_BY: Final = {"api_key": "Another key", "cli": "The command line", "system": "Ropewalk"}


@open_to("admin")
def listing(request: Signed) -> HttpResponseBase:
    address = Address.of(request.GET, ("cursor",))
    found = keys.listing(request.access.organization_id, cursor=address.get("cursor") or None)
    users = kept.users({each.created_by_id for each in found.items if each.created_by_type == "user"})
    return pages.render(
        request,
        "ropewalk/api_keys.html",
        {
            "keys": [
                (
                    each,
                    *_standing(each, clock().now()),
                    users.get(each.created_by_id) or _MADE_BY.get(each.created_by_type, "Somebody"),
                    None if each.revoked_at else _revoke(each),
                )
                for each in found.items
            ],
            "next": address.to(cursor=found.next_cursor) if found.next_cursor else "",
            "first": address.to() if address.get("cursor") else "",
        },
    )


def _standing(key: ApiKey, now: datetime) -> tuple[str, str]:
    if key.revoked_at:
        return "quiet", "Revoked"
    if key.expires_at and key.expires_at <= now:
        return "warn", "Expired"
    return "good", "Active"


@open_to("admin", "GET", "POST")
def new(request: Signed) -> HttpResponseBase:
    form = Form(
        Field("name", "Name", required=True, help="What uses it, such as “Nightly export”."),
        Field(
            "scopes",
            "Scopes",
            "checks",
            required=True,
            choices=[Choice(scope, scope, text) for scope, text in SCOPES.items()],
            help="As few as it needs.",
        ),
        Field("expires_at", "Expires", "select", choices=[Choice(*each) for each in EXPIRIES]),
        values={"scopes": ["read"], "expires_at": "90"},
    )
    if request.method == "POST":
        form.read(request.POST)
        mine = request.access
        try:
            key, text = people.create_key(
                mine.organization_id,
                mine.actor,
                form.text("name"),
                form["scopes"].value,
                _expiry(form.text("expires_at")),
                clock(),
            )
        except MustFix as error:
            form.refuse(error)
        else:
            return pages.render(request, "ropewalk/new_key.html", {"key": key, "text": text})
    return pages.with_form(request, "ropewalk/api_key.html", form)


def _expiry(days: str) -> datetime | None:
    """At the end of that day."""
    if not days:
        return None
    if days not in dict(EXPIRIES):
        raise MustFix("invalid_key", "Choose when the key expires from the list.")
    day = timezone.localtime(clock().now()) + timedelta(days=int(days) + 1)
    return day.replace(hour=0, minute=0, second=0, microsecond=0)


def _revoke(key: ApiKey) -> Confirmation:
    return Confirmation(
        name=f"revoke-{key.id}",
        label="Revoke",
        about=f"the key {key.name}",
        title=f"Revoke the key {key.name}?",
        text=f"Whatever uses {key.prefix}… is refused from now on. This can't be taken back.",
        verb="Revoke the key",
        path=reverse("api-key-revoke", kwargs={"key_id": key.id}),
        back=reverse("api-keys"),
        why_not="This key is revoked already." if key.revoked_at else "",
    )


@open_to("admin", "GET", "POST")
def revoke(request: Signed, key_id: UUID) -> HttpResponseBase:
    mine = request.access
    if request.method != "POST":
        return confirmation_page(request, _revoke(keys.get(mine.organization_id, key_id)))
    key = people.revoke_key(mine.organization_id, mine.actor, key_id, clock())
    pages.toast(request, f"The key {key.name} is revoked.")
    return pages.to(request, "api-keys")
