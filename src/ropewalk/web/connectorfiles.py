"""Connectors as files: shown without secrets, and taken with their plan shown first. ${NAME} stands for a secret: its value
is typed here, or left as it is saved; the installation's own environment is nobody's business here."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.http import HttpResponseBase
from msgspec import Struct

from ropewalk.core.errors import MustFix, RopewalkError
from ropewalk.engine.connectors import documents, export, files
from ropewalk.engine.connectors.documents import Document
from ropewalk.engine.operated import clock
from ropewalk.store import connectors
from ropewalk.web import pages
from ropewalk.web.access import Signed, open_to
from ropewalk.web.forms import Field, Form

_NAME: Final = "file"
_WILL: Final = {"created": "New", "changed": "Changed", "unchanged": "As it is", "deleted": "Deleted"}
_TONES: Final = {"created": "good", "changed": "warn", "unchanged": "quiet", "deleted": "bad"}


@open_to("admin")
def shown(request: Signed, connector_id: UUID) -> HttpResponseBase:
    connector = connectors.get(request.access.organization_id, connector_id)
    exported = export.export(connector.organization_id, request.access.actor, clock(), {connector.id})
    return pages.render(
        request,
        "ropewalk/connector_file.html",
        {"connector": connector, "text": exported.text(), "variables": exported.variables},
    )


class Planned(Struct, frozen=True):
    outcome: files.Outcome
    tone: str
    words: str
    streams: list[tuple[str, str, str]]


@open_to("admin", "GET", "POST")
def paste(request: Signed) -> HttpResponseBase:
    """First what it would do; then it is done, if it is still wanted."""
    organization_id = request.access.organization_id
    form = Form(
        Field("text", "Connector file", "code", required=True, help="YAML: one connector, or a list of them.")
    )
    planned: list[Planned] | None = None
    names: list[str] = []
    if request.method == "GET" and (only := request.GET.get("of", "")):
        form["text"].value = _text_of(request, only)
    if request.method == "POST":
        form.read(request.POST)
        pasted = [Document(_NAME, form.text("text"))]
        try:
            names = documents.variables(pasted)
            typed = {name: value for name in names if (value := request.POST.get(f"secret.{name}", ""))}
            outcomes = files.plan(organization_id, pasted, typed, clock(), keep=True)
            planned = [_planned(each) for each in outcomes]
            if request.POST.get("do") == "apply":
                files.apply(organization_id, request.access.actor, pasted, typed, clock(), keep=True)
                pages.toast(request, "Applied: everything is as the file says.")
                return pages.to(request, "connectors")
        except MustFix as error:
            prefix = f"{_NAME}: "
            form.refuse(
                RopewalkError(error.code, error.message if error.problems else "This file can’t be read.")
            )
            form["text"].errors = [
                f"{each.path.removeprefix(prefix)}: {each.message}"
                if each.path.startswith(prefix)
                else each.message
                for each in error.problems
            ] or [error.message]
    return pages.render(
        request,
        "ropewalk/connector_paste.html",
        {
            "form": form,
            "planned": planned,
            "variables": names,
            "differs": planned is not None and any(each.outcome.action != "unchanged" for each in planned),
        },
        status=422 if form.is_refused else 200,
    )


def _text_of(request: Signed, connector_id: str) -> str:
    try:
        wanted = UUID(connector_id)
    except ValueError:
        return ""
    found = connectors.get(request.access.organization_id, wanted)
    return export.export(found.organization_id, request.access.actor, clock(), {found.id}).text()


def _planned(outcome: files.Outcome) -> Planned:
    of_streams = [
        (kind, _TONES[action], _WILL[action])
        for kind, action in outcome.streams.items()
        if action != "unchanged"
    ]
    return Planned(outcome, _TONES[outcome.action], _WILL[outcome.action], of_streams)
