"""Imports of the store stand inside: this file is read before the database is chosen."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


def _organization(name: str) -> UUID:
    from ropewalk.store.models import Organization

    return Organization.objects.create(name=name, created_at=NOW).id


@pytest.fixture
def org(db: None) -> UUID:
    return _organization("Acme")


@pytest.fixture
def stranger(db: None) -> UUID:
    """Another organization: it finds nothing of `org`."""
    return _organization("Elsewhere")


@pytest.fixture
def connector(org: UUID) -> UUID:
    from ropewalk.store.models import Connector

    made = Connector.objects.create(
        organization_id=org, source="custom_api", name="CRM", created_at=NOW, updated_at=NOW
    )
    return made.id


@pytest.fixture
def stream(org: UUID, connector: UUID) -> UUID:
    from ropewalk.store.models import Stream

    made = Stream.objects.create(
        organization_id=org, connector_id=connector, kind="accounts", created_at=NOW, updated_at=NOW
    )
    return made.id


@pytest.fixture
def run(org: UUID, connector: UUID, stream: UUID) -> UUID:
    from ropewalk.store import runs

    made, _ = runs.create(
        org,
        connector_id=connector,
        stream_id=stream,
        kind="accounts",
        actor={"type": "system"},
        settings={},
        now=NOW,
    )
    return made.id
