from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from ropewalk.core.actors import Actor
from ropewalk.core.errors import Conflict, NotFound
from ropewalk.store import pushing
from ropewalk.store.models import PushConnector

ADA = Actor("user", "ada", "ada@example.com", "203.0.113.1")


def make(organization_id: UUID, now: datetime, source_name: str = "product", **given: Any) -> PushConnector:
    values: dict[str, Any] = {
        "name": "Product",
        "accepted_kinds": [],
        "metadata": {},
        "event_schema": None,
        "created_by": ADA,
    }
    return pushing.create(organization_id, now=now, source_name=source_name, **values | given)


def test_a_connector_is_found_in_its_organization_alone(org: UUID, stranger: UUID, now: datetime) -> None:
    made = make(org, now)

    assert pushing.connector(org, made.id) == made
    assert pushing.sourced(org, "product") == made
    assert made.source == "custom:product"
    assert made.created_by == {"type": "user", "id": "ada", "label": "ada@example.com"}
    with pytest.raises(NotFound):
        pushing.connector(stranger, made.id)
    assert pushing.sourced(stranger, "product") is None
    assert pushing.listing(stranger) == []


def test_a_source_name_is_one_connectors_for_ever(org: UUID, stranger: UUID, now: datetime) -> None:
    made = make(org, now)
    pushing.change(org, made.id, now=now, is_active=False)

    with pytest.raises(Conflict):
        make(org, now)
    assert make(stranger, now).source_name == "product"


def test_the_newest_are_listed_first(org: UUID, now: datetime) -> None:
    first, second, third = (make(org, now, name) for name in ("one", "two", "three"))
    pushing.change(org, second.id, now=now, is_active=False)

    assert pushing.listing(org) == [third, first]
    assert pushing.listing(org, include_inactive=True) == [third, second, first]


def test_the_version_grows_with_what_changes(org: UUID, now: datetime) -> None:
    made = make(org, now)
    later = now + timedelta(hours=1)

    changed = pushing.change(org, made.id, now=later, name="Web", metadata={"region": "eu"})

    assert (changed.version, changed.name, changed.metadata, changed.updated_at) == (
        made.version + 1,
        "Web",
        {"region": "eu"},
        later,
    )
    same = pushing.change(org, made.id, now=later + timedelta(hours=1), name="Web")
    assert (same.version, same.updated_at) == (changed.version, later)
