"""Settings → Audit log: who did what, when, from where."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Final

from django.http import HttpResponseBase
from django.utils import timezone
from msgspec import Struct

from ropewalk.core.errors import MustFix, Problem
from ropewalk.store import audit
from ropewalk.store.models import AuditEntry
from ropewalk.store.pages import Listing
from ropewalk.web import audittexts, pages
from ropewalk.web.access import Signed, open_to
from ropewalk.web.forms import Field, Form
from ropewalk.web.lists import Address

_ACTORS: Final = {"api_key": "API key", "cli": "Command line", "system": "By itself"}
_FILTERS: Final = ("actor", "action", "from", "to")


class Row(Struct, frozen=True):
    entry: AuditEntry
    what: str
    told: str
    who: str
    by: str


@open_to("admin")
def listing(request: Signed) -> HttpResponseBase:
    address = Address.of(request.GET, (*_FILTERS, "cursor"))
    form = Form(
        Field("actor", "Who", placeholder="Email or key"),
        Field("from", "From", "date"),
        Field("to", "To", "date"),
        values=dict(address.given),
    )
    found: Listing[AuditEntry] = Listing([], None)
    try:
        found = _found(request, address)
    except MustFix as error:
        form.refuse(error)
    is_narrowed = any(address.get(name) for name in _FILTERS)
    context = {
        "action": address.get("action"),
        "actions": _actions(),
        "rows": _rows(found.items),
        "is_narrowed": is_narrowed,
        "everything": request.path,
        "next": address.to(cursor=found.next_cursor) if found.next_cursor else "",
        "first": address.to() if address.get("cursor") else "",
    }
    return pages.with_form(request, "ropewalk/audit_log.html", form, context)


def _found(request: Signed, address: Address) -> Listing[AuditEntry]:
    problems: list[Problem] = []
    since, until = (_day(address, name, problems) for name in ("from", "to"))
    if problems:
        raise MustFix("invalid_list", "There can't be such a list.", problems)
    return audit.listing(
        request.access.organization_id,
        actor=address.get("actor").strip(),
        action=address.get("action"),
        since=_begins(since) if since else None,
        until=_begins(until + timedelta(days=1)) if until else None,
        cursor=address.get("cursor") or None,
    )


def _day(address: Address, name: str, problems: list[Problem]) -> date | None:
    text = address.get(name)
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or not 1970 <= day.year <= 9000:
        problems.append(Problem(name, f"{text} is not a day such as 2026-05-31."))
        return None
    return day


def _begins(day: date) -> datetime:
    """In the organization's time zone."""
    return timezone.make_aware(datetime.combine(day, time.min))


def _actions() -> list[tuple[str, str, list[tuple[str, str]]]]:
    return [
        (
            kind,
            label,
            [(verb, audittexts.label(verb)) for verb in audittexts.VERBS if verb.startswith(f"{kind}.")],
        )
        for kind, label in audittexts.KINDS.items()
    ]


def _rows(found: Sequence[AuditEntry]) -> list[Row]:
    return [
        Row(
            each,
            audittexts.label(each.verb),
            audittexts.told(each.verb, each.object_id, each.detail),
            str(each.actor.get("label") or "Somebody"),
            _ACTORS.get(str(each.actor.get("type")), ""),
        )
        for each in found
    ]
