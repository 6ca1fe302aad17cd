"""What becomes of stored events in the background, in small batches: those older than an organization keeps are deleted,
and those of connectors whose terms have changed are keyed anew."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, cast

from ropewalk.core.eventschema import EventKind
from ropewalk.core.itemreading import Reading, Schema, Terms, reread
from ropewalk.core.times import micros
from ropewalk.engine.clock import Clock
from ropewalk.store import people, pushing
from ropewalk.store.events.base import StoredEvent
from ropewalk.store.events.installed import events
from ropewalk.store.models import PushConnector
from ropewalk.store.uploads import uploads

SECONDS: Final = 0.5
"""About so long at a time: whoever looks after events has other things to do."""
SETTLED_AFTER: Final = timedelta(seconds=30)
"""By then no process takes events on the terms of before."""


def sweep(clock: Clock) -> int:
    """How many batches it dealt with; again until it answers 0."""
    ends, done = clock.monotonic() + SECONDS, 0
    while clock.monotonic() < ends and (_expire(clock) or _key_anew(clock)):
        done += 1
    return done


def _expire(clock: Clock) -> bool:
    for organization in people.keeping_events_for_a_time():
        before = clock.now() - timedelta(days=organization.keep_events_days or 0)
        removed = events().expire(organization.id, before)
        if removed.events:
            events().discard(organization.id, removed.uploads, uploads().delete)
            return True
    return False


def _key_anew(clock: Clock) -> bool:
    connector = pushing.next_to_key_anew()
    if connector is None:
        return False
    terms = _terms(connector)

    def read(event: StoredEvent) -> Reading:
        return reread(
            event.content, cast("EventKind", event.kind), event.metadata, terms, micros(event.arrived)
        )

    after = (connector.rekeying or {}).get("after", 0)
    following = events().rekey(connector.organization_id, connector.id, read, after)
    if following is not None:
        pushing.keyed_until(connector, {"after": following})
        return True
    if clock.now() - connector.updated_at < SETTLED_AFTER:
        return False
    pushing.keyed_until(connector, None)
    return True


def _terms(connector: PushConnector) -> Terms:
    own_domains = frozenset(people.organization(connector.organization_id).own_domains)
    return Terms(schema=Schema.of(connector.event_schema), own_domains=own_domains)
