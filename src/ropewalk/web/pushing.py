"""Push connectors: made, looked at while something comes in, changed, switched off and on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from msgspec import Struct

from ropewalk.core.errors import Conflict, MustFix, Problem, RopewalkError
from ropewalk.engine.events import arrivals, pushing as verbs
from ropewalk.engine.operated import clock, installation
from ropewalk.store import pushing
from ropewalk.store.events.base import Rejection, StoredEvent
from ropewalk.store.models import PushConnector
from ropewalk.web import pages, pushsamples
from ropewalk.web.access import Signed, open_to
from ropewalk.web.confirming import Confirmation, page as confirmation_page
from ropewalk.web.forms import NOT_YET
from ropewalk.web.overtaking import Opened
from ropewalk.web.pushform import PushForm, told

_EDITED: Final = ("name", "accepted_kinds", "metadata", "event_schema")
_SHOWN: Final = 12
"""Of what came last."""


@open_to("admin", "GET", "POST")
def new(request: Signed) -> HttpResponseBase:
    form = PushForm()
    if request.method == "POST":
        try:
            body = form.read(request.POST)
            mine = request.access
            made = verbs.create(mine.organization_id, mine.actor, body, clock(), unread=form.unread)
        except (MustFix, Conflict) as error:
            _refuse(form, error)
        else:
            pages.toast(request, f"{made.name} takes what is pushed to it.")
            return pages.to(request, "push-connector", push_connector_id=made.id)
    return pages.with_form(request, "ropewalk/push_form.html", form)


@open_to("admin", "GET", "POST")
def edit(request: Signed, push_connector_id: UUID) -> HttpResponseBase:
    connector = pushing.connector(request.access.organization_id, push_connector_id)
    form = PushForm(connector)
    opened = Opened(request.POST, {name: getattr(connector, name) for name in _EDITED})
    body = form.read(request.POST) if request.method == "POST" else {}
    if body and not opened.overtaken():
        try:
            mine = request.access
            verbs.change(mine.organization_id, mine.actor, connector.id, body, clock(), unread=form.unread)
        except MustFix as error:
            _refuse(form, error)
        else:
            pages.toast(request, "Saved.")
            return pages.to(request, "push-connector", push_connector_id=connector.id)
    return pages.with_form(
        request, "ropewalk/push_form.html", form, {"connector": connector, "opened": opened}
    )


def _refuse(form: PushForm, error: MustFix | Conflict) -> None:
    taken = [Problem("source_name", error.message)] if isinstance(error, Conflict) else error.problems
    form.refuse(RopewalkError(error.code, NOT_YET), taken)


@open_to("member")
def page(request: Signed, push_connector_id: UUID) -> HttpResponseBase:
    connector = pushing.connector(request.access.organization_id, push_connector_id)
    address = installation().public_url or f"{request.scheme}://{request.get_host()}"
    return pages.render(
        request,
        "ropewalk/push_connector.html",
        {
            **_arrived(connector),
            "may_not": request.access.why_not("admin"),
            "curl": pushsamples.curl(connector, address),
            "python": pushsamples.python(connector, address),
            "off": _deactivation(request, connector),
            "schema": told(connector.event_schema),
        },
    )


@open_to("member")
def tail(request: Signed, push_connector_id: UUID) -> HttpResponseBase:
    """What came last, for the page above, which asks for it again and again."""
    connector = pushing.connector(request.access.organization_id, push_connector_id)
    if not request.htmx:
        return redirect("push-connector", connector.id)
    return pages.render(request, "ropewalk/parts/push_tail.html", _arrived(connector))


class Arrival(Struct, frozen=True):
    tone: str
    words: str
    name: str
    external_id: str
    at: datetime
    sentences: Sequence[str]


def _arrival(each: StoredEvent | Rejection) -> Arrival:
    if isinstance(each, Rejection):
        return Arrival("bad", "Refused", "", each.external_id or "", each.at, each.errors)
    words = "Kept" if each.version == 1 else "Updated"
    return Arrival("good", words, each.name, each.external_id, each.arrived, ())


def _arrived(connector: PushConnector) -> dict[str, Any]:
    return {
        "connector": connector,
        "statistics": arrivals.statistics(connector, clock()),
        "arrived": [_arrival(each) for each in arrivals.last(connector, limit=_SHOWN)],
    }


@open_to("admin", "GET", "POST")
def deactivate(request: Signed, push_connector_id: UUID) -> HttpResponseBase:
    connector = pushing.connector(request.access.organization_id, push_connector_id)
    if request.method != "POST":
        return confirmation_page(request, _deactivation(request, connector))
    verbs.deactivate(connector.organization_id, request.access.actor, connector.id, clock())
    pages.toast(request, f"{connector.name} takes nothing any more. Its events are still here.")
    return pages.to(request, "push-connector", push_connector_id=connector.id)


@open_to("admin", "POST")
def activate(request: Signed, push_connector_id: UUID) -> HttpResponseBase:
    mine = request.access
    changed = verbs.change(mine.organization_id, mine.actor, push_connector_id, {"is_active": True}, clock())
    pages.toast(request, f"{changed.name} takes what is pushed to it again.")
    return pages.to(request, "push-connector", push_connector_id=push_connector_id)


def _deactivation(request: Signed, connector: PushConnector) -> Confirmation:
    why_not = request.access.why_not("admin") or ("" if connector.is_active else "It is inactive already.")
    return Confirmation(
        name="deactivate",
        label="Deactivate",
        title=f"Deactivate {connector.name}?",
        text="Whatever is pushed to it is refused from then on. Its events stay, and it can be activated again.",
        verb=f"Deactivate {connector.name}",
        path=reverse("push-connector-deactivate", args=[connector.id]),
        back=reverse("push-connector", args=[connector.id]),
        why_not=why_not,
    )
