"""Which secret may go where: each is bound to the origins of the streams that it was entered for (product.md §4.1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from msgspec import Struct, field

from ropewalk.core.errors import Problem
from ropewalk.sources.base import HEADER, Needs
from ropewalk.store import secrets
from ropewalk.store.secrets import Stored


class Bindings(Struct):
    """The secrets of a connector and one of its streams; `given` are those that the request enters anew and binds itself.

    `confirmed` are origins that somebody has said yes to; `agreed` those secrets of the connector that stand beside the
    stream in one request: whoever wrote both has said so."""

    connector: Mapping[str, Stored]
    stream: Mapping[str, Stored]
    given: Collection[str] = ()
    confirmed: Collection[str] = ()
    agreed: Collection[str] = ()
    to_bind: list[tuple[bool, str, str]] = field(default_factory=list)

    def problems(self, needed: Needs) -> list[Problem]:
        """What keeps the stream from sending its secrets; `to_bind` (of the stream, name, origin) collects what is granted:
        the first origin of a secret entered before there was any stream, and those that were confirmed."""
        found: list[Problem] = []
        for name, stored in self.connector.items():
            if not stored.origins:
                self.to_bind += [(False, name, target) for target in sorted(needed.origins)]
        for name in needed.names():
            if name in self.given:
                continue
            own = name in self.stream
            kept = self.stream.get(name) or self.connector.get(name)
            if kept is None:
                if name.startswith(HEADER):
                    found.append(_missing_header(name.removeprefix(HEADER)))
                continue
            for target in sorted(needed.origins - set(kept.origins)):
                agreed = not own and name in self.agreed
                if not kept.origins or agreed or target in self.confirmed:
                    self.to_bind.append((own, name, target))
                else:
                    found.append(_elsewhere(name, kept, target))
        return found

    def granted(self) -> Mapping[str, Stored]:
        """The connector's secrets with what `problems` granted."""
        after = dict(self.connector)
        for own, name, target in self.to_bind:
            if not own and target not in after[name].origins:
                after[name] = Stored(after[name].value, (*after[name].origins, target))
        return after

    def bind(self, organization_id: UUID, connector_id: UUID, stream_id: UUID, now: datetime) -> None:
        """Keeps what `problems` granted."""
        for own, name, target in self.to_bind:
            secrets.bind(
                organization_id,
                connector_id=connector_id,
                stream_id=stream_id if own else None,
                name=name,
                origin=target,
                now=now,
            )


def _missing_header(name: str) -> Problem:
    return Problem(f"headers.{name}", "No value is kept for this header; enter it, or leave the header out.")


def _elsewhere(name: str, stored: Stored, target: str) -> Problem:
    """Names the way out: entering it again, or saying so."""
    if name.startswith(HEADER):
        header = name.removeprefix(HEADER)
        return Problem(
            f"headers.{header}",
            f"Its value was entered for {', '.join(stored.origins)}. Enter it again to send it to {target}, or "
            f"confirm with send_secret_to={target}.",
        )
    return Problem(
        f"secrets.{name}",
        f"The saved {name.replace('_', ' ')} was entered for {', '.join(stored.origins)}. Enter it again to send it "
        f"to {target}, or confirm with send_secret_to={target}.",
    )
