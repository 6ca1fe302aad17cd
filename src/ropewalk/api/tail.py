"""Following a push connector: what arrives and what is refused, as server-sent events (push-api.md §5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from django.http import HttpRequest

from ropewalk.api import schemas
from ropewalk.api.auth import Caller
from ropewalk.api.refusals import Unauthenticated
from ropewalk.core.values import JSON, canonical
from ropewalk.engine.events import arrivals
from ropewalk.engine.events.arrivals import Mark
from ropewalk.engine.operated import clock
from ropewalk.store import keys, pushing
from ropewalk.store.events.base import Rejection, StoredEvent
from ropewalk.store.models import PushConnector

HANDED_OVER: Final = "ropewalk.listeners"
"""In the ASGI scope: where whoever keeps the connection open finds who listens."""
RETRY_MILLISECONDS: Final = 1_000
LOOKS_AT_ONCE: Final = 10
"""Whoever falls further behind than so many looks find goes on from now."""
_MARK: Final = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


Heard = tuple[type[StoredEvent] | type[Rejection], int]


@dataclass(slots=True)
class Listener:
    """Somebody who follows one connector. Numbers are given out before what has them is committed, and PostgreSQL may
    commit a later one first: so each look begins where the one before the last ended, and what was heard is not told
    again."""

    organization_id: UUID
    key_id: UUID
    connector_id: UUID
    mark: Mark
    _before: Mark = field(init=False)
    _heard: set[Heard] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._before = self.mark

    def look(self) -> str:
        """What has come since the last look. Raises as a call would where the key is revoked by now."""
        if not keys.is_live(self.organization_id, self.key_id, clock().now()):
            raise Unauthenticated
        connector = pushing.connector(self.organization_id, self.connector_id)
        return "".join(self._told(connector))

    def _told(self, connector: PushConnector) -> Iterator[str]:
        begun, self._before = self._before, self.mark
        for _ in range(LOOKS_AT_ONCE):
            news = arrivals.since(connector, begun)
            begun = self.mark = news.mark
            for each in news.found:
                heard = (type(each), each.number)
                if heard not in self._heard:
                    self._heard.add(heard)
                    yield self._event(each, connector)
            if not news.more:
                self._heard = {heard for heard in self._heard if self._may_come_again(heard)}
                return
        self.mark = self._before = arrivals.now(connector)
        self._heard.clear()
        yield self._written("skipped", {"message": "More came than can be followed; this goes on from now."})

    def _may_come_again(self, heard: Heard) -> bool:
        kind, number = heard
        return number > (self._before.event if kind is StoredEvent else self._before.rejection)

    def _event(self, each: StoredEvent | Rejection, connector: PushConnector) -> str:
        if isinstance(each, StoredEvent):
            return self._written("arrival", schemas.pushed_event(each, connector).model_dump(mode="json"))
        return self._written("rejection", schemas.rejected_item(each).model_dump(mode="json"))

    def _written(self, name: str, data: JSON) -> str:
        # All of one look go under its end: a reader that is cut off in between sees some of them twice.
        mark = f"{self.mark.event}-{self.mark.rejection}"
        return f"event: {name}\nid: {mark}\ndata: {canonical(data).decode()}\n\n"


def listener(request: HttpRequest, caller: Caller, connector_id: UUID) -> Listener:
    """From where `Last-Event-ID` says on, or from now."""
    connector = pushing.connector(caller.organization_id, connector_id)
    given = _MARK.fullmatch(request.headers.get("Last-Event-ID", ""))
    mark = Mark(int(given[1]), int(given[2])) if given else arrivals.now(connector)
    return Listener(caller.organization_id, UUID(caller.actor.id), connector.id, mark)


def hand_over(request: HttpRequest, following: Listener) -> None:
    scope = request.META.get("asgi.scope") or {}
    if HANDED_OVER in scope:
        scope[HANDED_OVER].append(following)


def greeting(following: Listener) -> str:
    """So that whoever comes back knows from where, though nothing has come yet."""
    return f"retry: {RETRY_MILLISECONDS}\nid: {following.mark.event}-{following.mark.rejection}\ndata:\n\n"
