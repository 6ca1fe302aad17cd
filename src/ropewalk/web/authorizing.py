"""Connecting with a vendor by somebody's yes: off to the vendor's page, back from it, and the end of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from msgspec import Struct

from ropewalk.core.errors import MustFix, RopewalkError
from ropewalk.engine.connectors import authorizing, oauthapps
from ropewalk.engine.operated import clock, installation
from ropewalk.sources.base import Source
from ropewalk.store import grants
from ropewalk.store.models import Connector
from ropewalk.web import pages
from ropewalk.web.access import Signed, open_to

_PENDING: Final = "authorizing"
_MOST_PENDING: Final = 5


class Standing(Struct, frozen=True):
    """`off`: why the installation's own app can't be used. `is_chosen`: the connector says that this is its way."""

    name: str
    way: str
    off: str
    callback_url: str
    is_public: bool
    is_chosen: bool
    granted_at: datetime | None


def standing(source: Source, connector: Connector | None) -> Standing | None:
    """None: its vendor asks nobody."""
    if source.oauth is None:
        return None
    chosen, since = False, None
    if connector is not None:
        settings = source.settings.model_validate(connector.settings)
        chosen = oauthapps.is_chosen(source, settings)
        since = grants.granted(connector.organization_id, connector.id)
    return Standing(
        source.name,
        source.oauth.way,
        oauthapps.why_off(source),
        oauthapps.callback_url(),
        installation().public_url is not None,
        chosen,
        since,
    )


@open_to("admin")
def go(request: Signed, connector_id: UUID) -> HttpResponseBase:
    try:
        asked = authorizing.ask(request.access.organization_id, connector_id)
    except MustFix as error:
        pages.toast(request, error.message, "error")
        return pages.to(request, "connection", connector_id=connector_id)
    pending: dict[str, Any] = request.session.get(_PENDING, {})
    kept = dict([*pending.items()][-(_MOST_PENDING - 1) :])
    kept[asked.state] = {
        "connector": str(connector_id),
        "organization": str(request.access.organization_id),
        "verifier": asked.verifier,
        "until": (clock().now() + authorizing.GOOD_FOR).isoformat(),
        "kind": request.GET.get("kind", ""),
    }
    request.session[_PENDING] = kept
    return HttpResponseRedirect(asked.url)


@open_to("admin")
def come_back(request: Signed) -> HttpResponseBase:
    """What the vendor sends somebody back with is good once, soon, and in the session that it was asked from."""
    pending = request.session.get(_PENDING, {})
    asked = pending.pop(request.GET.get("state", ""), None)
    request.session[_PENDING] = pending
    if asked is None or datetime.fromisoformat(asked["until"]) < clock().now():
        pages.toast(request, _UNASKED, "error")
        return pages.to(request, "connectors")
    if asked["organization"] != str(request.access.organization_id):
        pages.toast(request, _ELSEWHERE, "error")
        return pages.to(request, "connectors")
    return _answered(request, asked)


def _answered(request: Signed, asked: Mapping[str, str]) -> HttpResponse:
    access, code = request.access, request.GET.get("code", "")
    where = {"connector_id": UUID(asked["connector"])}
    if not code:
        pages.toast(request, _NO.format(request.GET.get("error", "access_denied")[:80]), "error")
        return pages.to(request, "connection", **where)
    try:
        connector = authorizing.take(
            access.organization_id, access.actor, where["connector_id"], code, asked["verifier"], clock()
        )
    except RopewalkError as error:
        pages.toast(request, error.message, "error")
        return pages.to(request, "connection", **where)
    pages.toast(request, f"{connector.name} is connected.")
    if asked["kind"]:
        return pages.to(request, "stream", kind=asked["kind"], **where)
    return pages.to(request, "connection", **where)


@open_to("admin", "POST")
def end(request: Signed, connector_id: UUID) -> HttpResponseBase:
    access = request.access
    connector = authorizing.take_back(access.organization_id, access.actor, connector_id, clock())
    pages.toast(request, f"{connector.name} is disconnected: its tokens are erased here.")
    return pages.to(request, "connection", connector_id=connector_id)


_UNASKED: Final = "This wasn’t asked for in this session, or it took too long. Connect again."
_ELSEWHERE: Final = "You have changed to another organization meanwhile. Change back, and connect again."
_NO: Final = "The vendor didn’t let us in ({}). Nothing has changed."
