"""An account's timeline: all its sources asked at once, each for itself, and their events in one list (product.md §7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from ropewalk.core.errors import MustFix, Problem
from ropewalk.core.events import Event
from ropewalk.core.timeline import Cursor, Filter, page, place
from ropewalk.engine.answers import answers
from ropewalk.engine.clock import Clock
from ropewalk.engine.eventsource import Answered, EventSource, Query
from ropewalk.engine.fieldevents import FieldChanges
from ropewalk.engine.live import LiveStream
from ropewalk.store import byhand, pages, secrets, streams


@dataclass(frozen=True, slots=True)
class Item:
    time: datetime
    name: str
    source: str
    user_id: str | None
    properties: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What one source answered."""

    source: EventSource
    answer: Answered


@dataclass(frozen=True, slots=True)
class Timeline:
    """`days` counts all events, not only this page's; None on the pages after the first."""

    items: list[Item]
    sources: list[Told]
    days: Counter[date] | None
    next_cursor: str | None


def read(
    organization_id: UUID,
    account_id: UUID,
    clock: Clock,
    *,
    wanted: Filter | None = None,
    source: str = "",
    limit: int = pages.LIMIT,
    cursor: str | None = None,
) -> Timeline:
    """`source` is a connector's id, or a source's name. Not within a transaction: it waits for others."""
    wanted = wanted or Filter()
    _check(wanted)
    size = pages.bounded(limit)
    place_before = _cursor(cursor)
    account = byhand.get(organization_id, account_id)
    asked_at = clock.now() if place_before is None else place_before.asked_at
    query = Query(account, asked_at, wanted, place_before)
    asked = [(each, each.ask(query)) for each in _sources(organization_id, clock, source)]
    told = [Told(each, wait()) for each, wait in asked]
    lists = [each.answer.events for each in told]
    found = page(lists, place_before.after if place_before else None, size)
    names = {each.source.key: each.source.name for each in told}
    return Timeline(
        items=[_item(event, names[event.source]) for event in found.events],
        sources=told,
        days=sum((each.answer.days() for each in told), Counter()) if place_before is None else None,
        next_cursor=pages.write_cursor(Cursor(asked_at, place(found.events[-1])).to_json())
        if found.more
        else None,
    )


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


def _sources(organization_id: UUID, clock: Clock, wanted: str) -> Sequence[EventSource]:
    """Slow ones first: what is at hand is read while they are waited for."""
    live = streams.of_events(organization_id)
    stored = secrets.of_streams(organization_id, live)
    found: list[EventSource] = [
        LiveStream(each.connector, each, stored[each.id], answers(clock), clock) for each in live
    ]
    found.append(FieldChanges(clock))
    folded = wanted.strip().casefold()
    return [each for each in found if not folded or folded in (str(each.connector_id), each.name.casefold())]


def _item(event: Event, source: str) -> Item:
    return Item(event.at, event.name, source, event.user, msgspec.json.decode(event.properties))
