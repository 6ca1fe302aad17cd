"""Connectors: the list of them with how they stand, what can be connected, and each one's connection: its name, how it
is asked, whether it is on, and its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponseBase
from msgspec import Struct

from ropewalk.core.errors import Conflict, MustFix, NotFound, Problem, RopewalkError
from ropewalk.engine import overview
from ropewalk.engine.connectors import configure
from ropewalk.engine.connectors.connection import to_install
from ropewalk.engine.operated import clock
from ropewalk.engine.probing import probe
from ropewalk.sources import REGISTRY
from ropewalk.sources.base import Source
from ropewalk.store import connectors, pushing, status, streams
from ropewalk.store.models import Connector
from ropewalk.web import authorizing, pages, sample, standings
from ropewalk.web.access import Signed, open_to
from ropewalk.web.forms import NOT_YET, Field
from ropewalk.web.overtaking import Opened
from ropewalk.web.settingfields import drawn
from ropewalk.web.settingsform import SettingsForm
from ropewalk.web.setup import KINDS

MEMBERS_MAY_NOT: Final = "Only admins and owners connect sources. Ask one of them."
_FOLDED: Final = ("scope", "requests_per_minute")


class Card(Struct, frozen=True):
    """`to_install`: the command that brings what the source needs, if that is missing."""

    source: Source
    kinds: list[str]
    to_install: str


class Standing(Struct, frozen=True):
    kind: str
    label: str
    tone: str
    words: str
    of: overview.Standing


class Listed(Struct, frozen=True):
    """`open_kinds` are streams that nobody has set up yet."""

    connector: Connector
    source: str
    standings: list[Standing]
    open_kinds: list[tuple[str, str]]


@open_to("member")
def listing(request: Signed) -> HttpResponseBase:
    organization_id = request.access.organization_id
    found = status.of_connectors(organization_id, connectors.every(organization_id), now=clock().now())
    return pages.render(
        request,
        "ropewalk/connectors.html",
        {
            "listed": [_listed(each) for each in found],
            "pushed": pushing.listing(organization_id, include_inactive=True),
            "members_may_not": "" if request.access.is_admin else MEMBERS_MAY_NOT,
        },
    )


def _listed(found: status.ConnectorStatus) -> Listed:
    source = REGISTRY.get(found.connector.source)
    shown = []
    for stream, of in found.streams:
        standing = overview.Standing(found.connector, stream, of, overview.state(found.connector, stream, of))
        shown.append(
            Standing(stream.kind, KINDS.get(stream.kind, stream.kind), *standings.badge(standing), standing)
        )
    there = {each.kind for each in shown}
    return Listed(
        found.connector,
        source.name if source else found.connector.source.capitalize(),
        sorted(shown, key=lambda each: list(KINDS).index(each.kind)),
        [(kind, KINDS[kind]) for kind in (source.kinds if source else ()) if kind not in there],
    )


@open_to("admin")
def gallery(request: Signed) -> HttpResponseBase:
    cards = [
        Card(source, [KINDS[kind] for kind in source.kinds], to_install(source))
        for source in REGISTRY.values()
    ]
    return pages.render(request, "ropewalk/gallery.html", {"cards": cards})


@open_to("admin", "GET", "POST")
def connection(request: Signed, connector_id: UUID) -> HttpResponseBase:
    """How a connector is asked: its name and its credentials, which are written and never read."""
    connector, source = _mine(request, connector_id)
    found = status.of_connector(connector.organization_id, connector, now=clock().now())
    form = SettingsForm(
        Field("name", "Name", required=True, empty="text"),
        *drawn(source.settings, at="settings.", saved=found.secrets, folded=_FOLDED, secrets=source.secrets),
        values={"name": connector.name, "settings": connector.settings},
    )
    opened = Opened(request.POST, {"name": connector.name, "settings": connector.settings})
    named = [f"settings.{name}" for name in source.settings.model_fields]
    tested: dict[str, Any] = {}
    if request.method == "POST":
        body = form.read(request.POST)
        try:
            if request.POST.get("do") == "test":
                tested = _tested(connector, body, found)
            elif not opened.overtaken():
                configure.update_connector(
                    connector.organization_id, request.access.actor, connector_id, body, clock()
                )
                pages.toast(request, "Saved.")
                return pages.to(request, "connection", connector_id=connector_id)
        except Conflict as error:
            form.refuse(RopewalkError(error.code, NOT_YET), [Problem("name", error.message)])
        except MustFix as error:
            form.refuse(
                RopewalkError(error.code, NOT_YET if error.problems else error.message), error.problems
            )
    return pages.render(
        request,
        "ropewalk/connection.html",
        {
            "connector": connector,
            "source": source,
            "form": form,
            "opened": opened,
            "parts": form.parts("name", *named, "secrets"),
            "folded": form.parts(*named, folded=True),
            "tested": tested,
            "authorizing": authorizing.standing(source, connector),
            "curl": sample.curl(tested),
            "first_kind": found.streams[0][0].kind if found.streams else "",
        },
        status=422 if form.is_refused else 200,
    )


def _tested(connector: Connector, body: Mapping[str, Any], found: status.ConnectorStatus) -> dict[str, Any]:
    """With what has been typed, and otherwise as it is saved."""
    if not found.streams:
        raise MustFix(
            "no_stream", "There is no endpoint to ask yet. Set up accounts, contacts or events first."
        )
    stream = found.streams[0][0]
    settings = {name: value for name, value in streams.settings_now(stream).items() if name != "mapping"}
    draft = {
        "source": connector.source,
        "kind": stream.kind,
        "settings": body.get("settings", {}),
        "secrets": body.get("secrets", {}),
        "stream": settings,
        "connector_id": str(connector.id),
    }
    auth = body.get("settings", {}).get("auth", {})
    return sample.kept(probe.test_draft(connector.organization_id, draft, clock())) | {"auth": auth}


@open_to("admin", "GET", "POST")
def delete(request: Signed, connector_id: UUID) -> HttpResponseBase:
    connector, _ = _mine(request, connector_id)
    if "sure" in request.POST:
        configure.delete_connector(connector.organization_id, request.access.actor, connector_id, clock())
        pages.toast(
            request, f"{connector.name} is deleted. Its accounts, their history and its runs are still here."
        )
        return pages.to(request, "connectors")
    return pages.render(
        request,
        "ropewalk/connector_delete.html",
        {
            "connector": connector,
            "kind": "",
            "title": f"Delete {connector.name}",
            "verb": f"Delete {connector.name}",
        },
    )


@open_to("admin", "GET", "POST")
def delete_stream(request: Signed, connector_id: UUID, kind: str) -> HttpResponseBase:
    connector, _ = _mine(request, connector_id)
    streams.get(connector.organization_id, connector_id, kind)
    if "sure" in request.POST:
        configure.delete_stream(connector.organization_id, request.access.actor, connector_id, kind, clock())
        pages.toast(
            request, f"{connector.name} has no {kind} stream any more. What it has brought is still here."
        )
        return pages.to(request, "connectors")
    return pages.render(
        request,
        "ropewalk/connector_delete.html",
        {
            "connector": connector,
            "kind": kind,
            "title": f"Stop reading {kind} from {connector.name}",
            "verb": "Delete these settings",
        },
    )


def _mine(request: Signed, connector_id: UUID) -> tuple[Connector, Source]:
    connector = connectors.get(request.access.organization_id, connector_id)
    source = REGISTRY.get(connector.source)
    if source is None:
        raise NotFound("connector")
    return connector, source
