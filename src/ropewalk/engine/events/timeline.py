"""An account's timeline: all its sources asked at once, each for itself, and their events in one list (product.md §7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from ropewalk.core.errors import MustFix, Problem
from ropewalk.core.events import Event
from ropewalk.core.timeline import Cursor, Filter, page, place
from ropewalk.engine.clock import Clock
from ropewalk.engine.events import fieldevents, live, pushedevents
from ropewalk.engine.events.eventsource import Answered, EventSource, Provider, Query
from ropewalk.store import byhand, pages


class Item(msgspec.Struct, frozen=True):
    time: datetime
    name: str
    source: str
    user_id: str | None
    properties: dict[str, Any]


class Told(msgspec.Struct, frozen=True):
    """What one source answered."""

    source: EventSource
    answer: Answered


class Timeline(msgspec.Struct, frozen=True):
    """`days` counts all events, not only this page's; None on the pages after the first."""

    items: list[Item]
    sources: list[Told]
    days: Counter[date] | None
    next_cursor: str | None


PROVIDERS: Final[Sequence[Provider]] = (
    live.of_organization,
    pushedevents.of_organization,
    fieldevents.of_organization,
)
"""Whatever else has events is one more of these. Slow ones first: what is at hand is read while they are waited for."""


def read(
    organization_id: UUID,
    account_id: UUID,
    clock: Clock,
    *,
    wanted: Filter | None = None,
    source: str = "",
    limit: int = pages.LIMIT,
    cursor: str | None = None,
    anew: bool = False,
    providers: Sequence[Provider] = PROVIDERS,
) -> Timeline:
    """`source` is a connector's id, or a source's name; `anew`: who has failed is asked again. Not within a transaction:
    it waits for others."""
    wanted = wanted or Filter()
    _check(wanted)
    size = pages.bounded(limit)
    place_before = _cursor(cursor)
    account = byhand.get(organization_id, account_id)
    asked_at = clock.now() if place_before is None else place_before.asked_at
    query = Query(account, asked_at, wanted, place_before, anew)
    there = [each for each in sources(organization_id, clock, providers) if _named(each, source)]
    asked = [(each, each.ask(query)) for each in there]
    told = [Told(each, wait()) for each, wait in asked]
    lists = [each.answer.events for each in told]
    found = page(lists, place_before.after if place_before else None, size)
    by_key = {each.source.key: each for each in told}
    return Timeline(
        items=[_item(event, by_key[event.source]) for event in found.events],
        sources=told,
        days=sum((each.answer.days() for each in told), Counter()) if place_before is None else None,
        next_cursor=pages.write_cursor(Cursor(asked_at, place(found.events[-1])).to_json())
        if found.more
        else None,
    )


def sources(
    organization_id: UUID, clock: Clock, providers: Sequence[Provider] = PROVIDERS
) -> list[EventSource]:
    """Whom a timeline asks."""
    return [each for provider in providers for each in provider(organization_id, clock)]


def _check(wanted: Filter) -> None:
    if wanted.start is not None and wanted.end is not None and wanted.start >= wanted.end:
        message = "The time range ends before it begins."
        raise MustFix("invalid_range", message, [Problem("to", message)])


def _cursor(text: str | None) -> Cursor | None:
    if text is None:
        return None
    try:
        return Cursor.from_json(pages.read_cursor(text))
    except ValueError:
        raise pages.bad_cursor() from None


def _named(source: EventSource, wanted: str) -> bool:
    folded = wanted.strip().casefold()
    return not folded or folded in (str(source.connector_id), source.name.casefold())


def _item(event: Event, told: Told) -> Item:
    shown = told.answer.redactor.values
    properties = shown(msgspec.json.decode(event.properties))
    return Item(event.at, shown(event.name), told.source.name, shown(event.user), properties)
