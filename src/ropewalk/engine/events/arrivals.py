"""What comes in at a push connector, and what of it is refused: its figures, the last of it, and the rest as it comes."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct

from ropewalk.engine.clock import Clock
from ropewalk.store.events.base import Rejection, Statistics, StoredEvent
from ropewalk.store.events.installed import events
from ropewalk.store.models import PushConnector

RECENT_REJECTIONS: Final = 10
AT_ONCE: Final = 100


class Mark(Struct, frozen=True):
    """How far somebody has followed a connector: the last event, and the last rejection."""

    event: int
    rejection: int


def statistics(connector: PushConnector, clock: Clock) -> Statistics:
    return events().statistics(connector.organization_id, connector.id, clock.now())


def rejections(connector: PushConnector, limit: int = RECENT_REJECTIONS) -> list[Rejection]:
    """The newest first."""
    return events().rejections(connector.organization_id, connector.id, limit=limit)


def last(connector: PushConnector, *, limit: int) -> list[StoredEvent | Rejection]:
    """The latest first."""
    found: list[StoredEvent | Rejection] = [
        *events().latest(connector.organization_id, connector.id, limit),
        *rejections(connector, limit),
    ]
    return sorted(found, key=came, reverse=True)[:limit]


def now(connector: PushConnector) -> Mark:
    """For whoever wants what comes from now on."""
    store = events()
    refused = store.rejections(connector.organization_id, connector.id, limit=1)
    return Mark(store.last_number(), refused[0].number if refused else 0)


class News(Struct, frozen=True):
    """`mark`: where to go on; `more`: there is more already."""

    found: list[StoredEvent | Rejection]
    mark: Mark
    more: bool


def since(connector: PushConnector, mark: Mark) -> News:
    """What came after the mark, in its order; of events at most so many at once."""
    store, whose = events(), (connector.organization_id, connector.id)
    taken = store.arrivals(*whose, mark.event, AT_ONCE)
    refused = store.rejections(*whose, mark.rejection, AT_ONCE)
    after = Mark(taken.after, max([mark.rejection, *(each.number for each in refused)]))
    found: list[StoredEvent | Rejection] = [*taken.events, *refused]
    return News(sorted(found, key=came), after, len(taken.events) == AT_ONCE)


def came(each: StoredEvent | Rejection) -> datetime:
    return each.arrived if isinstance(each, StoredEvent) else each.at
