"""A connector's way out: its credentials, its request budget and its secrets' redactor, bound to one `Fetch`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from ropewalk.core.auth import merge
from ropewalk.core.redact import Redactor
from ropewalk.engine import logs
from ropewalk.engine.bindings import HEADER
from ropewalk.engine.clock import Clock
from ropewalk.engine.forks import one_a_process
from ropewalk.engine.frozen import Frozen
from ropewalk.engine.operated import installation
from ropewalk.net.client import BoundFetch, Client
from ropewalk.net.credentials import Credentials
from ropewalk.net.guard import Guard
from ropewalk.sources.endpoint import Kept
from ropewalk.store import connectors, secrets, streams
from ropewalk.store.models import Connector
from ropewalk.store.secrets import Stored
from ropewalk.store.transactions import own_connection


@dataclass(slots=True)
class Opened:
    fetch: BoundFetch
    _known: tuple[str, ...] = ()
    _redactor: Redactor = field(default_factory=Redactor)

    def redactor(self) -> Redactor:
        """Asked for anew each time: access tokens are fetched on the way."""
        secrets = self.fetch.secrets()
        if secrets != self._known:
            logs.know(secrets)
            self._known, self._redactor = secrets, Redactor(secrets)
        return self._redactor


@one_a_process
def client(clock: Clock) -> Client:
    """One a process, where the clock is the system's: it keeps connections and access tokens."""
    operated = installation()
    return Client(
        Guard(operated.allow_networks),
        proxy=operated.proxy.get_secret_value() if operated.proxy else None,
        ca_bundle=str(operated.ca_bundle) if operated.ca_bundle else None,
        clock=clock.monotonic,
        now=lambda: clock.now().timestamp(),
        sleep=clock.sleep,
        random=clock.jitter,
        learned=logs.know,
    )


@contextmanager
def open_fetch(
    connector: Connector, kind: str, frozen: Frozen, clock: Clock, *, stop: Callable[[], bool]
) -> Iterator[Opened]:
    """For a run: waits and retries as long as product.md §5.4 lets it."""
    stored = saved_secrets(connector.organization_id, connector.id, kind)
    credentials = credentials_for(frozen.connector, frozen.stream, stored)
    with client(clock).bind(
        credentials, budget=budget(connector.id, frozen.connector, clock), cancelled=stop
    ) as fetch:
        opened = Opened(fetch)
        opened.redactor()
        yield opened


def saved_secrets(organization_id: UUID, connector_id: UUID, kind: str) -> dict[str, Stored]:
    """The connector's, and over them the stream's own."""
    found = secrets.read(organization_id, connector_id=connector_id)
    for stream in streams.of_connector(organization_id, connector_id):
        if stream.kind == kind:
            found |= secrets.read(organization_id, connector_id=connector_id, stream_id=stream.id)
    return found


def saved_redactor(organization_id: UUID, connector_id: UUID, kind: str, frozen: Frozen) -> Redactor:
    """For what is shown of a stream without asking it anything."""
    stored = saved_secrets(organization_id, connector_id, kind)
    return Redactor(credentials_for(frozen.connector, frozen.stream, stored).values())


def credentials_for(connector: Any, stream: Any, stored: Mapping[str, Stored]) -> Credentials:
    """Each secret goes to the origins it was entered for; together they go only where all of them may."""
    auth = merge(connector.auth, stream.auth)
    headers = {HEADER + name for name, value in stream.headers.items() if isinstance(value, Kept)}
    needed = {name: one for name, one in stored.items() if name == auth.secret or name in headers}
    bound = [frozenset(one.origins) for one in needed.values()]
    credentials = Credentials(
        auth=auth,
        secrets={name: one.value for name, one in needed.items() if name not in headers},
        origins=frozenset.intersection(*bound) if bound else frozenset(),
        headers={name.removeprefix(HEADER): one.value for name, one in needed.items() if name in headers},
    )
    logs.know(credentials.values())
    return credentials


def budget(connector_id: UUID, settings: Any, clock: Clock) -> Callable[[], float] | None:
    """What a connector's settings allow, over all its streams and all workers."""
    per_minute = getattr(settings, "requests_per_minute", None)
    if not per_minute:
        return None

    def reserve() -> float:
        with own_connection():
            return connectors.reserve(connector_id, per_minute=per_minute, now=clock.now().timestamp())

    return reserve
