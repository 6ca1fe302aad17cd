"""Pushed events as they are read back: lists of them, one of them, and each connector's as a source of a timeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from ropewalk.core import eventschema, limits
from ropewalk.core.errors import NotFound
from ropewalk.core.events import Event
from ropewalk.core.eventschema import SOURCE_PREFIX
from ropewalk.core.pushed import EXTERNAL_ID, keys_of_account
from ropewalk.core.records import decode_value
from ropewalk.core.timeline import ordered
from ropewalk.engine.clock import Clock
from ropewalk.engine.events.eventsource import Answered, EventSource, Failure, Query
from ropewalk.store import alignment, byhand, pushing
from ropewalk.store.events.base import NO_FILTERS, Busy, Filters, Found, Place, StoredEvent
from ropewalk.store.events.installed import events
from ropewalk.store.models import Account, PushConnector

_PAGE: Final = 1_000
_LAST: Final = 2**63
_MICROSECOND: Final = timedelta(microseconds=1)
_END_OF_DAYS: Final = datetime.max.replace(tzinfo=UTC)


class Wanted(msgspec.Struct, frozen=True):
    """`source`: `custom:` and a source name."""

    account_id: UUID | None = None
    source: str = ""
    filters: Filters = NO_FILTERS


def newest(organization_id: UUID, wanted: Wanted, *, before: Place | None, limit: int) -> Found:
    connectors = None
    if wanted.source:
        named = _sourced(organization_id, wanted.source)
        if named is None:
            return Found([], None)
        connectors = [named.id]
    if wanted.account_id is None:
        return events().newest(
            organization_id, connectors=connectors, filters=wanted.filters, before=before, limit=limit
        )
    account = byhand.get(organization_id, wanted.account_id)
    return of_account(account, connectors, wanted.filters, before, limit)


def of_account(
    account: Account,
    connectors: Sequence[UUID] | None,
    filters: Filters,
    before: Place | None,
    limit: int,
) -> Found:
    keys = keys_of_account(account.company_domain, account.external_customer_id)
    if not keys:
        return Found([], None)
    found = events().newest(
        account.organization_id,
        keys=keys,
        connectors=connectors,
        filters=filters,
        before=before,
        limit=limit,
    )
    return Found(_not_claimed(account, keys, found.events), found.next)


def _not_claimed(account: Account, keys: Sequence[str], found: list[StoredEvent]) -> list[StoredEvent]:
    """Without those whose id is, to the letter, another account's (product.md §7)."""
    folded = {key.casefold() for key in keys}
    mine = [[key for key in event.keys if key.casefold() in folded] for event in found]
    variants = {key for of_event in mine for key in of_event} - {*keys}
    if not variants:
        return found
    ids = {key.removeprefix(EXTERNAL_ID) for key in variants if key.startswith(EXTERNAL_ID)}
    taken = {EXTERNAL_ID + each for each in alignment.external_ids_of_others(account.organization_id, ids)}
    return [event for event, named in zip(found, mine, strict=True) if any(key not in taken for key in named)]


def one(organization_id: UUID, source: str, external_id: str, version: int | None = None) -> StoredEvent:
    connector = _sourced(organization_id, source)
    found = connector and events().get(organization_id, connector.id, external_id, version)
    if not found:
        raise NotFound("event")
    return found


def sourced(organization_id: UUID, source: str) -> PushConnector:
    found = _sourced(organization_id, source)
    if found is None:
        raise NotFound("event")
    return found


def _sourced(organization_id: UUID, source: str) -> PushConnector | None:
    prefix, name = source[: len(SOURCE_PREFIX)], source[len(SOURCE_PREFIX) :]
    return pushing.sourced(organization_id, name) if prefix == SOURCE_PREFIX else None


def content(event: StoredEvent) -> dict[str, Any]:
    """The item as it was sent."""
    item = decode_value(event.content)
    return item if isinstance(item, dict) else {}


# ---- a timeline's sources ----


class Look(msgspec.Struct):
    """One look at what is stored of an account, for all connectors that a timeline asks."""

    account: Account
    clock: Clock
    asked: dict[UUID, PushConnector] = msgspec.field(default_factory=dict)
    answers: dict[UUID, Answered] = msgspec.field(default_factory=dict)

    def answer(self, connector: PushConnector, query: Query) -> Answered:
        if not self.answers:
            try:
                self._look(query)
            except Busy:
                failed = Failure("unavailable", "The event store can't be read at the moment.", "")
                self.answers = {each: Answered("failed", error=failed) for each in self.asked}
        return self.answers[connector.id]

    def _look(self, query: Query) -> None:
        began = self.clock.monotonic()
        found: dict[UUID, list[Event]] = {each: [] for each in self.asked}
        read, weight, before, more = 0, 0, None, True
        filters = _range(query)
        while more and read < limits.EVENTS_READ and weight < limits.LIVE_BYTES:
            page = of_account(self.account, [*self.asked], filters, before, _PAGE)
            before, more = page.next, page.next is not None
            for each in page.events:
                event = _event(each, self.asked[each.connector_id])
                read += 1
                if query.filter.keeps(event):
                    found[each.connector_id].append(event)
                    weight += event.weight
        milliseconds = round((self.clock.monotonic() - began) * 1_000)
        for connector_id, of_it in found.items():
            self.answers[connector_id] = Answered(
                events=ordered(of_it),
                milliseconds=milliseconds,
                read=len(of_it),
                filtered_at_source=True,
                truncated=more,
            )


def _range(query: Query) -> Filters:
    """A later page begins where the one before ended, however far back that is."""
    ends = [query.filter.end] if query.filter.end else []
    if query.cursor is not None and query.cursor.time < _END_OF_DAYS:
        ends.append(query.cursor.time + _MICROSECOND)
    return Filters(start=query.filter.start, end=min(ends, default=None))


class Pushed(msgspec.Struct):
    """The events of one push connector."""

    connector: PushConnector
    clock: Clock
    looks: dict[UUID, Look]

    @property
    def key(self) -> str:
        return self.connector.id.hex

    @property
    def name(self) -> str:
        return self.connector.name

    @property
    def connector_id(self) -> UUID:
        return self.connector.id

    def ask(self, query: Query) -> Callable[[], Answered]:
        account = query.account
        if not keys_of_account(account.company_domain, account.external_customer_id):
            note = "This account has neither a domain nor an external id, so that no pushed event names it."
            return lambda: Answered("not_asked", notes=[note])
        look = self.looks.setdefault(account.id, Look(account, self.clock))
        look.asked[self.connector.id] = self.connector
        return lambda: look.answer(self.connector, query)


def of_organization(organization_id: UUID, clock: Clock) -> list[EventSource]:
    """Inactive ones too: their events stay."""
    looks: dict[UUID, Look] = {}
    there = pushing.listing(organization_id, include_inactive=True)
    return [Pushed(each, clock, looks) for each in there]


def _event(event: StoredEvent, connector: PushConnector) -> Event:
    return Event(
        at=event.at,
        source=connector.id.hex,
        # Of events at one moment the last to arrive is the newest.
        identity=f"{_LAST - event.number:019}",
        name=event.name,
        user=event.user,
        keys=event.keys,
        properties=msgspec.json.encode(eventschema.properties(content(event), connector.event_schema)),
    )
