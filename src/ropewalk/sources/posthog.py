"""PostHog: events, read live through HogQL; nothing is copied (sources.md §5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ropewalk.core.auth import Bearer
from ropewalk.sources import posthog_reading
from ropewalk.sources.base import Choices, KnownField, Needs, Secret, Source, StreamKind
from ropewalk.sources.posthog_settings import Connector, EventStream

_FIELDS: Final = (
    KnownField("timestamp", "Time", "date-time", "eventTime"),
    KnownField("event", "Name", "text", "eventName"),
    KnownField("account", "Account key", "text", "accountKey"),
    KnownField("user", "User", "text", "userId"),
    KnownField("properties", "Properties", "object", "properties"),
)


def needs(connector: Connector, stream: EventStream | None) -> Needs:  # noqa: ARG001 - one project, one place
    return Needs(Bearer(), frozenset({connector.host}))


def fields(connector: Any, stream: Any, fetch: Any) -> Sequence[KnownField]:  # noqa: ARG001 - our own query names them
    return _FIELDS


SOURCE = Source(
    slug="posthog",
    name="PostHog",
    about="Product events, shown on accounts as they happen; nothing is copied.",
    settings=Connector,
    kinds={
        "events": StreamKind(
            EventStream,
            posthog_reading.read,
            live=True,
            fields=fields,
            tested=("account", "user", "events", "where"),
        )
    },
    needs=needs,
    secrets={"token": Secret("Personal API key", "Begins with phx_; the scope query:read is enough.")},
    choices={
        "events": Choices("Fetch events", posthog_reading.events),
        "keys": Choices("Fetch properties and groups", posthog_reading.keys),
    },
)
