"""Pushed events read back, and erased (push-api.md §5)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from ninja import Query, Router

from ropewalk.api import schemas
from ropewalk.api.auth import Keyed, admin, read
from ropewalk.api.reading import Cursor, Limit, also_reads, utc
from ropewalk.core.errors import MustFix, Problem
from ropewalk.core.eventschema import EventKind
from ropewalk.engine.events import erasing, pushedevents
from ropewalk.engine.operated import clock
from ropewalk.store import pages, pushing
from ropewalk.store.events.base import Filters, Place

router = Router(tags=["pushed events"])

_METADATA = "metadata."
_LIST = "pushed"

Source = Annotated[str, Query(description="`custom:<source_name>`")]


@router.get("/events", auth=read, response=schemas.Items[schemas.PushedEvent])
@also_reads(_METADATA)
def list_pushed_events(
    request: Keyed,
    account_id: Annotated[UUID | None, Query(description="Those that name this account.")] = None,
    source: Source = "",
    kind: EventKind | None = None,
    name: Annotated[str | None, Query(description="Only events of this name, to the letter.")] = None,
    start: Annotated[datetime | None, Query(alias="from", description="Only events from then on.")] = None,
    end: Annotated[datetime | None, Query(alias="to", description="Only events before then.")] = None,
    limit: Limit = pages.LIMIT,
    cursor: Cursor = None,
) -> Any:
    """Newest first, the latest version of each. Also takes `metadata.<key>=…`. What few events have is looked for in
    so many of them and no more: a page may be short, and yet others follow."""
    start, end = utc(start), utc(end)
    if start is not None and end is not None and start >= end:
        message = "The time range ends before it begins."
        raise MustFix("invalid_range", message, [Problem("to", message)])
    metadata = {
        key.removeprefix(_METADATA): str(value)
        for key, value in request.GET.items()
        if key.startswith(_METADATA)
    }
    organization_id = request.auth.organization_id
    found = pushedevents.newest(
        organization_id,
        pushedevents.Wanted(account_id, source, Filters(kind, name, start, end, metadata)),
        before=None if cursor is None else _place(cursor),
        limit=limit,
    )
    connectors = {each.id: each for each in pushing.listing(organization_id, include_inactive=True)}
    return {
        "items": [schemas.pushed_event(each, connectors[each.connector_id]) for each in found.events],
        "next_cursor": None if found.next is None else pages.write_cursor([_LIST, *found.next]),
    }


def _place(cursor: str) -> Place:
    match pages.read_cursor(cursor):
        case [str(of), int(at), int(number)] if (
            of == _LIST and {type(at), type(number)} == {int} and max(abs(at), abs(number)) < 2**63
        ):
            return Place(at, number)
    raise pages.bad_cursor()


@router.get("/events/{source}/{path:external_id}", auth=read, response=schemas.PushedEvent)
def get_pushed_event(
    request: Keyed,
    source: str,
    external_id: str,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Left out: the latest.")] = None,
) -> Any:
    organization_id = request.auth.organization_id
    found = pushedevents.one(organization_id, source, external_id, version)
    return schemas.pushed_event(found, pushedevents.sourced(organization_id, source))


@router.delete("/events", auth=admin, response=schemas.Erased)
def erase_pushed_events(
    request: Keyed,
    account_id: Annotated[UUID | None, Query(description="All that name this account.")] = None,
    source: Source = "",
    external_id: Annotated[str, Query(description="Together with `source`: this one.")] = "",
) -> Any:
    """For good, with all their versions and the files that no other event has. Pushed again, one starts anew."""
    caller = request.auth
    if account_id is not None and not (source or external_id):
        erased = erasing.of_account(caller.organization_id, caller.actor, account_id, clock())
    elif account_id is None and source and external_id:
        erased = erasing.one(caller.organization_id, caller.actor, source, external_id, clock())
    else:
        message = "Give account_id alone, or source and external_id."
        raise MustFix("invalid", message, [Problem("", message)])
    return schemas.Erased(events=erased)
