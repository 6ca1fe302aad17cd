"""What a source has to choose from, such as its tables or its properties: asked of it, for a form or for the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from ropewalk.core.checking import Settings, check
from ropewalk.core.errors import MustFix, Problem
from ropewalk.engine import logs
from ropewalk.engine.clock import Clock
from ropewalk.engine.connectors import connection
from ropewalk.engine.connectors.connector_saving import source_named
from ropewalk.engine.connectors.saving import Secrets, collect, refuse, unknown_secrets
from ropewalk.sources.base import Option
from ropewalk.store import connectors, secrets
from ropewalk.store.secrets import Stored

DEADLINE_SECONDS = 30.0
RETRIES = 1


class Asked(Settings):
    """`choices` is a name that `GET /v1/sources` gives. A secret that is left out is the saved one of `connector_id`."""

    source: str
    choices: str
    settings: dict[str, Any] = {}
    secrets: Secrets = {}
    connector_id: UUID | None = None


def choose(organization_id: UUID, body: Mapping[str, Any], clock: Clock) -> Sequence[Option]:
    """Keeps nothing."""
    logs.know_named(body)
    asked = check(Asked, body)
    source = source_named(asked.source)
    trouble = unknown_secrets(source, asked.secrets)
    wanted = source.choices.get(asked.choices)
    if wanted is None:
        known = ", ".join(source.choices) or "none"
        trouble.append(Problem("choices", f"{source.name} has no such choices; there are {known}."))
    settings: Any = collect(trouble, "settings", lambda: check(source.settings, asked.settings))
    refuse(trouble)
    assert wanted is not None
    needs = source.needs(settings, None)
    given = {name: value for name, value in asked.secrets.items() if isinstance(value, str)}
    stored = _saved(organization_id, asked) | {
        name: Stored(value, tuple(needs.origins)) for name, value in given.items()
    }
    logs.know(given.values())
    at = (organization_id, asked.connector_id) if asked.connector_id else None
    terms = connection.Terms(clock, at, clock.monotonic() + DEADLINE_SECONDS, retries=RETRIES)
    credentials = connection.credentials_for(needs, stored)
    with connection.bind(source, settings, credentials, terms) as fetch:
        return wanted.fetch(settings, fetch)


def _saved(organization_id: UUID, asked: Asked) -> dict[str, Stored]:
    if asked.connector_id is None:
        return {}
    connector = connectors.get(organization_id, asked.connector_id)
    if connector.source != asked.source:
        raise MustFix(
            "other_source",
            f"{connector.name} is a {connector.source} connector.",
            [Problem("source", f"{connector.name} is a {connector.source} connector.")],
        )
    saved = secrets.read(organization_id, connector_id=asked.connector_id)
    return {name: one for name, one in saved.items() if asked.secrets.get(name, "") is not None}
