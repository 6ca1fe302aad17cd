"""Data Management: the tracked fields with their switches, and what these do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.http import HttpResponseBase
from msgspec import Struct

from ropewalk.core.errors import MustFix
from ropewalk.core.mapping import BUILT_IN
from ropewalk.engine.members import people
from ropewalk.engine.operated import clock
from ropewalk.store import connectors, fields
from ropewalk.store.fields import FieldState
from ropewalk.store.models import TrackedField
from ropewalk.web import fieldtexts, pages
from ropewalk.web.access import Signed, open_to
from ropewalk.web.pages import Tone

SWITCHES: Final = ("periodic", "history", "indexed")
_EFFECTS: Final = {
    ("periodic", True): "Scheduled runs write {} again. The next run reads everything, so that nothing is missed.",
    ("periodic", False): "Scheduled runs leave {} alone from now on, also on new accounts. Runs by hand still write it.",
    ("history", True): "Every change of {} is kept from now on.",
    ("history", False): "Only the latest value of {} is kept from now on; its earlier changes are not shown any more.",
    ("indexed", True): "An index of {} is being built. Then accounts are filtered and sorted by it at once.",
    ("indexed", False): "{} has no index any more. Accounts can still be filtered by it.",
}  # fmt: skip


class Row(Struct, frozen=True):
    """`always`: why its Periodic has no switch; `no_index`: why its Indexed has none."""

    field: TrackedField
    label: str
    is_custom: bool
    fill_rate: float | None
    writers: Sequence[tuple[UUID, str]]
    always: str
    no_index: str
    is_building: bool


@open_to("member")
def page(request: Signed) -> HttpResponseBase:
    return _page(request)


def _page(request: Signed, told: str = "", tone: Tone = "success") -> HttpResponseBase:
    access = request.access
    named = connectors.names(access.organization_id)
    rows = [_row(each, named) for each in fields.listing(access.organization_id)]
    context = {"rows": rows, "told": told, "tone": tone, "may_not": access.why_not("admin")}
    return pages.render(request, "ropewalk/data.html", context)


@open_to("admin", "POST")
def switch(request: Signed) -> HttpResponseBase:
    access, sent = request.access, request.POST
    body = {name: sent[name] == "on" for name in SWITCHES if name in sent}
    tone: Tone = "success"
    try:
        found = people.set_field(access.organization_id, access.actor, sent.get("field", ""), body, clock())
    except MustFix as error:
        told, tone = error.message, "error"
    else:
        label = fieldtexts.label(found.name)
        told = " ".join(_EFFECTS[name, is_on].format(label) for name, is_on in body.items())
    if request.htmx:
        return _page(request, told, tone)
    pages.toast(request, told, tone)
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
        fields.why_no_index(state.field),
        state.field.indexed and not state.index_is_built,
    )
