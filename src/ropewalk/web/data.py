"""Data Management: the tracked fields with their two switches, and what these do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.http import HttpResponseBase

from ropewalk.core.mapping import BUILT_IN
from ropewalk.engine.members import people
from ropewalk.engine.operated import clock
from ropewalk.store import connectors, fields
from ropewalk.store.fields import FieldState
from ropewalk.store.models import TrackedField
from ropewalk.web import fieldtexts, pages
from ropewalk.web.access import Signed, open_to

SWITCHES: Final = ("periodic", "history")
_EFFECTS: Final = {
    ("periodic", True): "Scheduled runs write {} again. The next run reads everything, so that nothing is missed.",
    ("periodic", False): "Scheduled runs leave {} alone from now on, also on new accounts. Runs by hand still write it.",
    ("history", True): "Every change of {} is kept from now on.",
    ("history", False): "Only the latest value of {} is kept from now on; its earlier changes are not shown any more.",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """`always`: why its Periodic has no switch."""

    field: TrackedField
    label: str
    is_custom: bool
    fill_rate: float | None
    writers: Sequence[tuple[UUID, str]]
    always: str


@open_to("member")
def page(request: Signed) -> HttpResponseBase:
    return _page(request)


def _page(request: Signed, switched: str = "") -> HttpResponseBase:
    access = request.access
    named = connectors.names(access.organization_id)
    rows = [_row(each, named) for each in fields.listing(access.organization_id)]
    context = {"rows": rows, "switched": switched, "may_not": access.why_not("admin")}
    return pages.render(request, "ropewalk/data.html", context)


@open_to("admin", "POST")
def switch(request: Signed) -> HttpResponseBase:
    access, sent = request.access, request.POST
    body = {name: sent[name] == "on" for name in SWITCHES if name in sent}
    found = people.set_field(access.organization_id, access.actor, sent.get("field", ""), body, clock())
    label = fieldtexts.label(found.name)
    told = " ".join(_EFFECTS[name, is_on].format(label) for name, is_on in body.items())
    if request.htmx:
        return _page(request, told)
    pages.toast(request, told)
    return pages.to(request, "data")


def _row(state: FieldState, named: dict[UUID, str]) -> Row:
    # Where every connector that writes it tells accounts by it, no run leaves it out.
    matched = bool(state.connectors) and {*state.matched_by} == {*state.connectors}
    always = "Accounts are matched by it, so every run writes it." if matched else ""
    return Row(
        state.field,
        fieldtexts.label(state.field.name),
        state.field.name not in BUILT_IN,
        state.fill_rate,
        [(each, named[each]) for each in state.connectors],
        always,
    )
