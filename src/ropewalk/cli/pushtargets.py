"""Where pushed items go: into this installation, or over HTTP to another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

from msgspec import Struct

from ropewalk.cli.opening import Called, WrongUsage, listed
from ropewalk.client import Accepted, Call, Client, Refused, Result, Unreachable
from ropewalk.core.errors import GiveUp, MustFix, Problem, Refused as NotAllowed, RetryLater, RopewalkError

if TYPE_CHECKING:
    from ropewalk.core.pushed import Draft
    from ropewalk.store.events.base import Outcome


class Target(Protocol):
    """`name` tells it from others, in the note of the place that was reached."""

    @property
    def name(self) -> str: ...

    def take(self, items: Sequence[bytes], call: Call, *, partial: bool) -> Accepted:
        """Once it is durable. Raises `MustFix` where nothing of it is taken, its problems below `items.N`."""

    def close(self) -> None: ...


# ---- over HTTP ----


class OverHttp(Struct):
    client: Client
    connector_id: str
    name: str

    def take(self, items: Sequence[bytes], call: Call, *, partial: bool) -> Accepted:
        with _as_ours():
            return self.client.send(self.connector_id, items, call=call, partial=partial)

    def close(self) -> None:
        self.client.close()


def over_http(url: str, key: str, connector: str) -> OverHttp:
    if not key:
        raise WrongUsage("Pushing to an address needs a key: --key, or ROPEWALK_KEY.")
    try:
        client = Client(url, key)
    except ValueError as error:
        raise WrongUsage(f"--url: {error}") from None
    try:
        with _as_ours():
            connector_id = _identified(client, connector)
    except RopewalkError:
        client.close()
        raise
    return OverHttp(client, connector_id, f"{url.rstrip('/')} {connector_id}")


def _identified(client: Client, connector: str) -> str:
    try:
        return str(UUID(connector))
    except ValueError:
        pass
    try:
        there = client.connectors()
    except Refused as error:
        if error.status != 403:
            raise
        raise WrongUsage(
            "This key can't look connectors up by name, which takes the scope read. Give the id."
        ) from None
    named = [each for each in there if _is_called(connector, each["source_name"], each["name"])]
    if len(named) != 1:
        raise _unknown(connector, [each["source_name"] for each in there])
    return str(named[0]["connector_id"])


@contextmanager
def _as_ours() -> Iterator[None]:
    """What the server refused, as an error of this house."""
    try:
        yield
    except Unreachable as error:
        raise RetryLater("unreachable", str(error)) from None
    except Refused as error:
        problems = [Problem(each["path"], each["message"]) for each in error.problems]
        if problems:
            raise MustFix(error.code, error.message, problems) from None
        if error.status in (429, 503):
            raise RetryLater(error.code, error.message, after=error.retry_after) from None
        raise GiveUp(error.code, error.message) from None


# ---- directly ----

_TRIES: Final = 6
_PAUSE_SECONDS: Final = 0.5


class Direct(Struct):
    """On the terms of the ingest door, without the door: whoever has the installation's shell needs no key."""

    called: Called
    organization_id: UUID
    connector_id: UUID

    @property
    def name(self) -> str:
        return f"{self.organization_id} {self.connector_id}"

    def take(self, items: Sequence[bytes], call: Call, *, partial: bool) -> Accepted:
        from ropewalk.core.times import micros
        from ropewalk.ingest import batch, refusals
        from ropewalk.ingest.callers import terms
        from ropewalk.store import admission

        connector = admission.connector(self.organization_id, self.connector_id)
        if connector is None or not connector.is_active:
            raise NotAllowed("inactive", "This push connector isn't active: it takes nothing.")
        forms = {"ingest": "data", "ingest/text": "text", "ingest/typed": "typed"}
        arrived = micros(self.called.clock.now())
        prepared = batch.checked(items, forms[call], terms(connector), arrived)  # type: ignore[arg-type]
        if prepared.wrong and not partial:
            problems = [
                each
                for place, wrong in prepared.wrong.items()
                for each in refusals.under(f"items.{place}", wrong.problems)
            ]
            raise MustFix("unprocessable_entity", "Some of this can't be taken as it is.", problems)
        told = batch.accepted(prepared, self._kept(prepared.drafts))
        results = [Result(each.external_id, each.outcome, each.error) for each in told.results]
        return Accepted(told.events, results)

    def _kept(self, drafts: Sequence[Draft]) -> Sequence[Outcome]:
        from ropewalk.store.events.base import Batch, Busy
        from ropewalk.store.events.installed import events

        for tried in range(_TRIES):
            try:
                return (
                    events().append([Batch(self.organization_id, self.connector_id, drafts)])[0]
                    if drafts
                    else ()
                )
            except Busy:
                self.called.clock.sleep(_PAUSE_SECONDS * 2**tried)
        raise RetryLater("unavailable", "Storage can't take this now. The same command goes on from here.")

    def close(self) -> None:
        from ropewalk.store.events.installed import events

        events().close()


def directly(called: Called, connector: str) -> Direct:
    organization_id = called.organization_id()
    from ropewalk.store import pushing

    there = pushing.listing(organization_id, include_inactive=True)
    named = [
        each
        for each in there
        if str(each.id) == connector.strip().lower() or _is_called(connector, each.source_name, each.name)
    ]
    if len(named) != 1:
        raise _unknown(connector, [each.source_name for each in there])
    return Direct(called, organization_id, named[0].id)


def _is_called(wanted: str, source_name: str, name: str) -> bool:
    return wanted.strip().casefold() in (source_name, f"custom:{source_name}", name.casefold())


def _unknown(connector: str, there: Sequence[str]) -> WrongUsage:
    if not there:
        return WrongUsage(
            "There is no push connector yet. Make one in Settings → Connectors, or with POST /v1/custom-connectors."
        )
    return WrongUsage(f"There is no push connector {connector}, or several; there is {listed(there)}.")
