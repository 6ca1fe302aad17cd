"""What tests of timelines begin with: an account, connectors with event streams, and the timeline itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from ropewalk.core.actors import Actor
from ropewalk.core.timeline import Filter
from ropewalk.engine import accounts
from ropewalk.engine.clock import Clock
from ropewalk.engine.connectors import configure, connection
from ropewalk.engine.events import timeline
from ropewalk.engine.events.answers import answers
from ropewalk.engine.events.eventsource import Answered
from ropewalk.engine.events.timeline import Timeline
from ropewalk.store.models import Account, Connector

MAPPING = [
    {"from": "at", "to": "eventTime"},
    {"from": "event", "to": "eventName"},
    {"from": "account", "to": "accountKey"},
    {"from": "user", "to": "userId"},
]


@dataclass
class Book:
    """An organization's accounts and connectors, and a clock."""

    org: UUID
    owner: Actor
    clock: Clock
    account: Account = field(init=False)

    def __post_init__(self) -> None:
        self.account = self.add(externalCustomerId="c-1", companyDomain="acme.example")

    def add(self, **values: Any) -> Account:
        return accounts.create_account(self.org, self.owner, {"companyName": "Acme"} | values, self.clock)

    def stream(
        self,
        url: str,
        name: str = "App",
        *,
        settings: dict[str, Any] | None = None,
        secrets: dict[str, str] | None = None,
        **stream: Any,
    ) -> Connector:
        body = {
            "source": "custom_api",
            "name": name,
            "settings": settings or {},
            "secrets": secrets or {},
            "streams": {"events": stream_body(url, **stream)},
        }
        return configure.create_connector(self.org, self.owner, body, self.clock)

    def timeline(self, account: Account | None = None, **options: Any) -> Timeline:
        """Live events alone, unless a `source` is named."""
        wanted = Filter(**{name: options.pop(name) for name in Filter.__slots__ if name in options})
        account_id = (account or self.account).id
        return timeline.read(self.org, account_id, self.clock, wanted=wanted, **options)

    def close(self) -> None:
        answers(self.clock).close()
        answers.cache_clear()
        connection.client(self.clock).close()
        connection.client.cache_clear()


def stream_body(url: str, path: str = "/events", **settings: Any) -> dict[str, Any]:
    return {
        "url": f"{url}{path}",
        "records_path": "data",
        "match_by": "external_id",
        "mapping": MAPPING,
    } | settings


def happened(
    now: datetime, count: int, *, account: str = "c-1", every: float = 60.0, first: int = 1
) -> list[dict[str, Any]]:
    """Records of events, the newest first, so many seconds apart, the newest that long ago."""
    return [
        {
            "id": f"e-{number}",
            "at": (now - timedelta(seconds=every * number)).astimezone(UTC).isoformat(),
            "event": "opened" if number % 2 else "closed",
            "account": account,
            "user": f"u-{number % 3}",
            "page": number,
        }
        for number in range(first, first + count)
    ]


def told(found: Timeline) -> dict[str, Answered]:
    return {each.source.name: each.answer for each in found.sources}


def ids(found: Timeline) -> list[str]:
    return [item.properties["id"] for item in found.items if "id" in item.properties]
