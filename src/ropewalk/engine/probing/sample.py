"""What a test says of a sample of events: how they will look, how many can be read, and whose they are (product.md §7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from ropewalk.core import eventnotes, times
from ropewalk.core.alignment import match_field, warnings
from ropewalk.core.errors import RopewalkError
from ropewalk.core.events import Event, EventPlan, Tally
from ropewalk.core.limits import TEST_PAGES
from ropewalk.core.redact import Redactor
from ropewalk.core.values import JSON, canonical
from ropewalk.engine.events import live
from ropewalk.sources.base import Page, StreamKind, Window
from ropewalk.store import alignment

SHOWN = 10


def windows(organization_id: UUID, kind: StreamKind, settings: Any, now: datetime) -> list[Window]:
    """What a test asks for, one after the other while the answer is a refusal. Events are asked for of all accounts, so
    that there is something to see, and of one where the API insists."""
    if not kind.live:
        return [Window(max_pages=TEST_PAGES, sample=True)]
    asked = replace(live.window(settings, now), max_pages=TEST_PAGES, sample=True)
    if settings.account_param is None:
        return [asked]
    there = alignment.examples(organization_id, match_field(settings.match_by), limit=1)
    return [asked, *(replace(asked, account=value) for value in there)]


class EventSample:
    """Of the records that a test has read from an event stream."""

    def __init__(self, organization_id: UUID, settings: Any, records: Sequence[Mapping[str, JSON]]) -> None:
        self._settings = settings
        self.tally = Tally()
        self._records = len(records)
        plan = EventPlan(settings.mapping, settings.match_by, "")
        read = [plan.read(canonical(dict(record)), self.tally) for record in records]
        self.events = [event for event in read if isinstance(event, Event)]
        keys = {key for event in self.events for key in event.keys}
        self._owners = alignment.owners(organization_id, settings.match_by, keys)
        field = match_field(settings.match_by)
        self._held = alignment.examples(organization_id, field)
        self._warnings = warnings(settings.match_by, alignment.carried(organization_id, field))

    def owner(self, event: Event) -> alignment.Owner | None:
        return next((found for key in event.keys if (found := self._owners.get(key.casefold()))), None)

    def told(self, redactor: Redactor) -> dict[str, Any]:
        """As the answer of a test has it."""
        matched = sum(self.owner(event) is not None for event in self.events)
        return {
            "events": [self._shown(event, redactor) for event in self.events[:SHOWN]],
            "sampled": self._records,
            "readable": len(self.events),
            "matched": matched,
            "time_spellings": dict(self.tally.spellings),
            "notes": redactor.values(
                [
                    eventnotes.resolved(
                        self._records,
                        len(self.events),
                        matched,
                        [*self.tally.keys],
                        self._held,
                        self._settings.match_by,
                    ),
                    *eventnotes.unreadable(self.tally),
                    *self._warnings,
                ]
            ),
        }

    def _shown(self, event: Event, redactor: Redactor) -> dict[str, Any]:
        owner = self.owner(event)
        shown = {
            "time": times.iso(event.at),
            "name": event.name,
            "account_key": event.keys[0],
            "account": None if owner is None else {"account_id": str(owner.account_id), "name": owner.name},
            "user_id": event.user,
            "properties": msgspec.json.decode(event.properties),
        }
        found: dict[str, Any] = redactor.values(shown)
        return found


def range_notes(
    kind: StreamKind,
    connector: Any,
    settings: Any,
    asked: Window,
    first: Page,
    events: Sequence[Event],
    fetch: Any,
) -> list[str]:
    """Whether the time range changes the answer: told by what came, or else by asking once more, for a time in which
    nothing of that happened."""
    named = " and ".join(name for name in (settings.start_param, settings.end_param) if name)
    if not named or not events:
        return []
    newest, oldest = max(event.at for event in events), min(event.at for event in events)
    ignored = f"The time range changes nothing: the API ignores {named}. It may give old events for ever."
    if settings.start_param and asked.since is not None and oldest < asked.since - timedelta(seconds=1):
        return [ignored]
    try:
        apart = _apart(settings, asked, newest, oldest)
    except OverflowError:
        # Beyond the first and the last day of the calendar there is nothing to ask for.
        return []
    try:
        second = next(iter(kind.read(connector, settings, apart, fetch, None)))
    except (RopewalkError, StopIteration):
        return []
    same = second.count == first.count and [bytes(raw) for raw in second.records] == [
        bytes(raw) for raw in first.records
    ]
    return [ignored if same else f"The time range ({named}) changes the answer, as it should."]


def _apart(settings: Any, asked: Window, newest: datetime, oldest: datetime) -> Window:
    if settings.start_param:
        since = newest + timedelta(seconds=1)
        return Window(since, since + timedelta(days=1), account=asked.account, max_pages=1)
    return Window(asked.since, oldest - timedelta(days=1), account=asked.account, max_pages=1)
