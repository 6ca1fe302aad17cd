"""The event store as everybody else sees it. Two stand behind it: `sqlite` and `postgres`.

An event is told for ever by organization, connector and external id. Of one that was sent again with other content every
version is kept; lists show the latest. Every call is bound to an organization.

Removing comes in two kinds. What *expires* (the retention setting) leaves its identity behind: an id, a version and a
digest, so that the same content sent again stays a duplicate and other content is its next version. What is *erased*
leaves nothing: sent again, it starts anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple, Protocol
from uuid import UUID

import msgspec

from ropewalk.core.itemreading import Reading
from ropewalk.core.pushed import Draft
from ropewalk.core.times import micros

Outcome = Literal["created", "updated", "duplicate"]


class Batch(NamedTuple):
    """All of it becomes durable at once. Of what is in it twice, the later counts."""

    organization_id: UUID
    connector_id: UUID
    drafts: Sequence[Draft]


class Place(NamedTuple):
    """Where an event stands in a list, newest first: its time in microseconds, and its number."""

    at: int
    number: int


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """`number` grows with every arrival, also of a new version. `content` is the item as sent, as JSON."""

    number: int
    connector_id: UUID
    external_id: str
    version: int
    at: datetime
    arrived: datetime
    kind: str
    name: str
    user: str | None
    keys: tuple[str, ...]
    metadata: Mapping[str, str]
    content: bytes = field(repr=False)
    upload: str | None = None

    @property
    def place(self) -> Place:
        return Place(micros(self.at), self.number)


class Filters(msgspec.Struct, frozen=True):
    """`start` counts in, `end` doesn't. `keeps` is asked last."""

    kind: str | None = None
    name: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    metadata: Mapping[str, str] = msgspec.field(default_factory=dict)
    keeps: Callable[[StoredEvent], bool] | None = None


NO_FILTERS = Filters()


class Found(msgspec.Struct, frozen=True):
    """A page of a list, and where the next one begins; None at the end. What few events have is looked for in so many of
    them and no more, so that a page may be short, or empty, and others follow."""

    events: list[StoredEvent]
    next: Place | None


class Arrivals(msgspec.Struct, frozen=True):
    """`after`: the number to go on from."""

    events: list[StoredEvent]
    after: int


class Statistics(msgspec.Struct, frozen=True):
    """Of the events that arrived within the last hour and day, and of all that are there."""

    last_hour: int
    last_day: int
    total: int
    last_event_at: datetime | None


class Rejection(msgspec.Struct, frozen=True):
    """An item that was refused. `errors` are the sentences that its sender was given."""

    number: int
    at: datetime
    external_id: str | None
    errors: tuple[str, ...]


class Refusal(NamedTuple):
    """A rejection on its way in."""

    organization_id: UUID
    connector_id: UUID
    at: int
    external_id: str | None
    errors: Sequence[str]


class Removed(msgspec.Struct, frozen=True):
    """`uploads`: files that no event of the organization has any more."""

    events: int
    uploads: tuple[str, ...] = ()


class Busy(Exception):
    """Storage can't take this now; nothing was kept."""


class EventStore(Protocol):
    def append(self, batches: Sequence[Batch], refusals: Sequence[Refusal] = ()) -> list[list[Outcome]]:
        """One transaction, durable when this returns: for each batch, an outcome for each of its drafts.
        `Busy` where nothing could be kept."""

    def newest(
        self,
        organization_id: UUID,
        *,
        keys: Sequence[str] | None = None,
        exact_id: bool = False,
        connectors: Sequence[UUID] | None = None,
        filters: Filters = NO_FILTERS,
        before: Place | None = None,
        limit: int = 50,
    ) -> Found:
        """Newest first, after the event at `before`. `keys` are an account's (`core.pushed.keys_of_account`);
        `exact_id` where another account's external id differs only in case."""

    def get(
        self, organization_id: UUID, connector_id: UUID, external_id: str, version: int | None = None
    ) -> StoredEvent | None:
        """The latest version, or that one."""

    def versions(
        self, organization_id: UUID, connector_id: UUID, external_id: str, limit: int = 100
    ) -> list[StoredEvent]:
        """The latest first."""

    def statistics(self, organization_id: UUID, connector_id: UUID, now: datetime) -> Statistics: ...

    def last_number(self) -> int:
        """Where `arrivals` goes on from for whoever wants what comes from now on."""

    def arrivals(self, organization_id: UUID, connector_id: UUID, after: int, limit: int = 100) -> Arrivals:
        """In the order they came: those with a larger number."""

    def latest(self, organization_id: UUID, connector_id: UUID, limit: int = 20) -> list[StoredEvent]:
        """Those that came last, the latest first, of what this installation was sent lately."""

    def rejections(
        self, organization_id: UUID, connector_id: UUID, after: int = 0, limit: int = 100
    ) -> list[Rejection]:
        """The newest `limit` with a larger number, the newest first. About the last 100 of a connector are kept."""

    def erase_event(self, organization_id: UUID, connector_id: UUID, external_id: str) -> Removed: ...

    def erase_account(
        self, organization_id: UUID, keys: Sequence[str], *, exact_id: bool = False, limit: int = 500
    ) -> Removed:
        """At most `limit` of them, with all their versions: again until it answers 0."""

    def expire(self, organization_id: UUID, before: datetime, limit: int = 500) -> Removed:
        """At most `limit` events whose time is before that: again until it answers 0."""

    def discard(
        self, organization_id: UUID, uploads: Sequence[str], delete: Callable[[UUID, Sequence[str]], None]
    ) -> None:
        """Has files deleted that nobody has come to need meanwhile. Nothing is taken in until they are: whoever brings
        one of them again sees that it is gone."""

    def rekey(
        self,
        organization_id: UUID,
        connector_id: UUID,
        read: Callable[[StoredEvent], Reading],
        after: int = 0,
        limit: int = 500,
    ) -> int | None:
        """Reads the next `limit` events anew; the number to go on after, None at the end. Events that come meanwhile
        have been read under the new settings already."""

    def close(self) -> None:
        """This thread's connection."""

    def close_all(self) -> None:
        """Every thread's, when nothing is asked any more."""
