"""A connector's way out: its credentials, its request budget and its secrets' redactor, bound to the client that its
source reads with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Protocol, Self, cast
from uuid import UUID

from msgspec import Struct, field

from ropewalk.core import limits
from ropewalk.core.errors import MustFix
from ropewalk.core.redact import Redactor
from ropewalk.engine import logs
from ropewalk.engine.clock import Clock
from ropewalk.engine.connectors import warehouses
from ropewalk.engine.connectors.budgets import Budget
from ropewalk.engine.connectors.frozen import Frozen
from ropewalk.engine.connectors.granting import Granted
from ropewalk.engine.forks import one_a_process
from ropewalk.engine.operated import installation
from ropewalk.net.client import Client
from ropewalk.net.credentials import Credentials
from ropewalk.net.guard import Guard
from ropewalk.sources.base import HEADER, Needs, Source
from ropewalk.store import imported, secrets, streams
from ropewalk.store.models import Connector
from ropewalk.store.secrets import Stored


def _never() -> bool:
    return False


class Terms(Struct, frozen=True):
    """`connector`: ids of organization and connector; None: of one that isn't there yet. `deadline` is a time of `clock.monotonic`."""

    clock: Clock
    connector: tuple[UUID, UUID] | None = None
    deadline: float | None = None
    cancelled: Callable[[], bool] = _never
    retries: int = limits.RETRIES


class Bound(Protocol):
    """What a reader receives, bound to one connector's credentials. For HTTP it is a `core.exchange.Fetch`; any other
    also has `exchanged()`, which answers what a test shows of it: request and response, as dictionaries or None."""

    def secrets(self) -> tuple[str, ...]:
        """Every value that must not be written down."""

    def close(self) -> None:
        """Also from another thread: it ends what is under way."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


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


def _http(source: Source, settings: Any, credentials: Credentials, terms: Terms) -> Bound:
    wire, at = client(terms.clock), terms.connector
    if at is not None and credentials.auth.type == "oauth2_authorization_code":
        granted = Granted(source, settings, *at, terms.clock, wire.exchange, terms.cancelled)
        credentials = replace(credentials, granted=granted)
    budgets = source.budgets(settings)
    return wire.bind(
        credentials,
        budget=None if at is None or not budgets else Budget(at[1], budgets, terms.clock),
        deadline=terms.deadline,
        cancelled=terms.cancelled,
        retries=terms.retries,
        wait_header=source.wait_header,
    )


class _File:
    """What somebody has handed over: it has no secrets, and nothing of it is waited for."""

    def __init__(self, data_dir: Path, import_id: UUID) -> None:
        self._opened = imported.opened(data_dir, import_id)
        self.file: BinaryIO

    def __enter__(self) -> Self:
        self.file = self._opened.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    def secrets(self) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        """Reading goes on for a page at the most."""


def _file(source: Source, settings: Any, credentials: Credentials, terms: Terms) -> Bound:  # noqa: ARG001
    return _File(installation().data_dir, cast(tuple[UUID, UUID], terms.connector)[1])


CLIENTS: Final[Mapping[str, Callable[[Source, Any, Credentials, Terms], Bound]]] = {
    "http": _http,
    "file": _file,
    "bigquery_jobs": warehouses.bigquery,
    "snowflake_sql": warehouses.snowflake,
}
"""By the name that a declaration gives: (source, connector settings, credentials, terms) -> what its readers receive."""


def bind(source: Source, settings: Any, credentials: Credentials, terms: Terms) -> Bound:
    """The one place where a source's client is opened. Raises `MustFix` (extra_missing)."""
    if command := to_install(source):
        message = f"{source.name} needs what this installation doesn't have yet: {command}"
        raise MustFix("extra_missing", message)
    return CLIENTS[source.client](source, settings, credentials, terms)


def load(source: Source) -> None:
    """A vendor's client takes a second or two to be imported, once: before there is a deadline."""
    if source.client in warehouses.MODULES and not to_install(source):
        import_module(warehouses.MODULES[source.client])


def to_install(source: Source) -> str:
    """The command that brings what the source needs; empty where it is there."""
    if source.extra is None or _is_there(source.extra.module):
        return ""
    return f"pip install 'ropewalk[{source.extra.name}]'"


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


class Opened(Struct):
    fetch: Bound
    _known: tuple[str, ...] = ()
    _redactor: Redactor = field(default_factory=Redactor)

    def redactor(self) -> Redactor:
        """Asked for anew each time: access tokens are fetched on the way."""
        secrets = self.fetch.secrets()
        if secrets != self._known:
            logs.know(secrets)
            self._known, self._redactor = secrets, Redactor(secrets)
        return self._redactor


@contextmanager
def open_fetch(
    connector: Connector, kind: str, frozen: Frozen, clock: Clock, *, stop: Callable[[], bool]
) -> Iterator[Opened]:
    """For a run: waits and retries as long as product.md §5.4 lets it."""
    stored = saved_secrets(connector.organization_id, connector.id, kind)
    credentials = credentials_for(frozen.needs(), stored)
    terms = Terms(clock, (connector.organization_id, connector.id), cancelled=stop)
    with bind(frozen.source, frozen.connector, credentials, terms) as fetch:
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
    return Redactor(credentials_for(frozen.needs(), stored).values())


def credentials_for(needs: Needs, stored: Mapping[str, Stored]) -> Credentials:
    """Each secret goes to the origins it was entered for; together they go only where all of them may."""
    named = {name: stored[name] for name in needs.names() if name in stored}
    bound = [frozenset(one.origins) for one in named.values()]
    if needs.auth.type == "oauth2_authorization_code":
        # What somebody has let us have is good for where its source goes, and nowhere else.
        bound.append(needs.origins)
    credentials = Credentials(
        auth=needs.auth,
        secrets={name: one.value for name, one in named.items() if not name.startswith(HEADER)},
        origins=frozenset.intersection(*bound) if bound else frozenset(),
        headers={
            name.removeprefix(HEADER): one.value for name, one in named.items() if name.startswith(HEADER)
        },
    )
    logs.know(credentials.values())
    return credentials
