"""What a timeline asks, and what it is told: the one interface of live streams, field changes, and whatever joins them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Literal, Protocol
from uuid import UUID

from msgspec import Struct, field

from ropewalk.core.events import Event
from ropewalk.core.redact import Redactor
from ropewalk.core.timeline import Cursor, Filter, days
from ropewalk.engine.clock import Clock
from ropewalk.store.models import Account

Status = Literal["ok", "failed", "timed_out", "not_asked", "disabled"]


class Query(Struct, frozen=True):
    """`asked_at` is when the first page was; of what is found, only what stands after `cursor` is shown. `anew`: whoever
    has failed a moment ago is asked again."""

    account: Account
    asked_at: datetime
    filter: Filter
    cursor: Cursor | None = None
    anew: bool = False


class Failure(Struct, frozen=True):
    """`about`: which of the settings (url, credential, records_path) it is about."""

    code: str
    message: str
    about: str


class Answered(Struct):
    """`events` are in the order of a timeline, and those that the filter keeps. `read` is how many records were read for
    them; `since` from when on they were asked for; `truncated`: there may be more. `notes` are for whoever looks;
    `redactor` knows what an event must not show, whoever has put it there."""

    status: Status = "ok"
    events: Sequence[Event] = ()
    milliseconds: int = 0
    read: int = 0
    since: datetime | None = None
    filtered_at_source: bool = False
    truncated: bool = False
    error: Failure | None = None
    notes: list[str] = field(default_factory=list)
    redactor: Redactor = field(default_factory=Redactor)

    @property
    def count(self) -> int:
        return len(self.events)

    def days(self) -> Counter[date]:
        return days([self.events])


class EventSource(Protocol):
    """`key` tells its events apart from others', in cursors too: it stays the same."""

    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def connector_id(self) -> UUID | None: ...

    def ask(self, query: Query) -> Callable[[], Answered]:
        """Begins at once, and gives back what waits for the answer: no longer than the source's own deadline, and
        without raising."""


Provider = Callable[[UUID, Clock], Sequence[EventSource]]
"""The sources of one kind that an organization has."""
