"""Field changes as a source of a timeline: what the change log says of an account (product.md §7)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from ropewalk.core import limits
from ropewalk.core.events import Event
from ropewalk.core.timeline import ordered
from ropewalk.engine.clock import Clock
from ropewalk.engine.events.eventsource import Answered, EventSource, Query
from ropewalk.store import changes
from ropewalk.store.byhand import DELETED
from ropewalk.store.models import Change

KEY = "fields"
_LAST = 2**63


class FieldChanges(msgspec.Struct, frozen=True):
    clock: Clock
    key: str = KEY
    name: str = "Field changes"
    connector_id: UUID | None = None

    def ask(self, query: Query) -> Callable[[], Answered]:
        began = self.clock.monotonic()
        start = query.filter.start or query.asked_at - timedelta(days=limits.DEFAULT_LOOKBACK_DAYS)
        account = query.account
        found = changes.within(
            account.organization_id,
            account.id,
            start=start,
            end=query.filter.end,
            limit=limits.EVENTS_READ + 1,
        )
        answer = Answered(since=start, filtered_at_source=True)
        events: list[Event] = []
        weight = 0
        for change in found:
            if answer.read >= limits.EVENTS_READ or weight >= limits.LIVE_BYTES:
                answer.truncated = True
                break
            answer.read += 1
            event = _event(change)
            if query.filter.keeps(event):
                events.append(event)
                weight += event.weight
        answer.events = ordered(events)
        answer.milliseconds = round((self.clock.monotonic() - began) * 1_000)
        return lambda: answer


def of_organization(_: UUID, clock: Clock) -> list[EventSource]:
    return [FieldChanges(clock)]


def _event(change: Change) -> Event:
    fields = dict(change.fields)
    name = "Account created" if change.created else "Fields changed"
    if (gone := fields.pop(DELETED, None)) is not None:
        name = "Account deleted" if gone["new"] else "Account restored"
    properties: dict[str, Any] = {"changes": fields}
    if change.run is not None:
        properties["run_id"] = str(change.run)
    if change.connector is not None:
        properties["connector_id"] = str(change.connector)
    return Event(
        at=change.at,
        source=KEY,
        # Of changes at one moment the last is the newest.
        identity=f"{_LAST - change.id:019}",
        name=name,
        user=str((change.actor or {}).get("label") or "") or None,
        keys=(),
        properties=msgspec.json.encode(properties),
    )
