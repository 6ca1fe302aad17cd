"""Connectors, and how often each may ask."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import chain, count
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from ropewalk.core import csvfiles
from ropewalk.core.errors import Conflict, NotFound
from ropewalk.core.values import JSON
from ropewalk.store import pages, secrets
from ropewalk.store.database import id_column, on_postgres, rows_of
from ropewalk.store.ids import new_id
from ropewalk.store.models import Connector, Grant, PushConnector, Stream, WaitingContact
from ropewalk.store.pages import Listing
from ropewalk.store.transactions import transaction


def create(
    organization_id: UUID,
    *,
    source: str,
    name: str,
    settings: Mapping[str, JSON],
    now: datetime,
    enabled: bool = True,
    connector_id: UUID | None = None,
) -> Connector:
    """Raises `Conflict` where another connector has that name, whatever its case."""
    with transaction(organization_id):
        _require_free(organization_id, name)
        return Connector.objects.create(
            id=connector_id or new_id(),
            organization_id=organization_id,
            source=source,
            name=name,
            settings=dict(settings),
            enabled=enabled,
            created_at=now,
            updated_at=now,
        )


def _require_free(organization_id: UUID, name: str, but: UUID | None = None) -> None:
    taken = _living(organization_id).filter(name__iexact=name)
    if (taken.exclude(id=but) if but else taken).exists():
        raise Conflict(f"There is a connector with the name {name} already. Choose another name.")


def get(organization_id: UUID, connector_id: UUID) -> Connector:
    return _one(_connected(organization_id), connector_id, "connector")


def get_import(organization_id: UUID, import_id: UUID) -> Connector:
    return _one(_living(organization_id).filter(source=csvfiles.SLUG), import_id, "import")


def of_run(organization_id: UUID, connector_id: UUID) -> Connector:
    """An import, too."""
    return _one(_living(organization_id), connector_id, "connector")


def _one(found: QuerySet[Connector, Connector], connector_id: UUID, what: str) -> Connector:
    one = found.filter(id=connector_id).first()
    if one is None:
        raise NotFound(what)
    return one


def named(organization_id: UUID, name: str) -> Connector | None:
    return _connected(organization_id).filter(name__iexact=name).first()


def listing(
    organization_id: UUID, *, limit: int = pages.LIMIT, cursor: str | None = None
) -> Listing[Connector | PushConnector]:
    """Those that are pushed to, too, active or not."""
    pushed = PushConnector.objects.filter(organization_id=organization_id)
    return pages.oldest_first_of(_connected(organization_id), pushed, limit=limit, cursor=cursor)


def every(organization_id: UUID) -> list[Connector]:
    """For connector files, which name them all."""
    return list(_connected(organization_id).order_by("id"))


def imports(
    organization_id: UUID, *, limit: int = pages.LIMIT, cursor: str | None = None
) -> Listing[Connector]:
    found = _living(organization_id).filter(source=csvfiles.SLUG)
    return pages.newest_first(found, limit=limit, cursor=cursor)


def names(organization_id: UUID) -> dict[UUID, str]:
    """Deleted ones too: history and runs go under their names."""
    return dict(Connector.objects.filter(organization_id=organization_id).values_list("id", "name"))


def update(
    organization_id: UUID,
    connector_id: UUID,
    *,
    now: datetime,
    name: str | None = None,
    settings: Mapping[str, JSON] | None = None,
    enabled: bool | None = None,
) -> Connector:
    with transaction(organization_id):
        found = of_run(organization_id, connector_id)
        if name is not None and name != found.name:
            _require_free(organization_id, name, but=connector_id)
            found.name = name
        if settings is not None:
            found.settings = dict(settings)
        if enabled is not None:
            found.enabled = enabled
        found.updated_at = now
        found.save()
    return found


def delete(organization_id: UUID, connector_id: UUID, *, now: datetime) -> None:
    """Its secrets, and contacts that wait, are gone at once; accounts, history and runs stay under its name. Runs are
    the engine's to cancel."""
    with transaction(organization_id):
        found = of_run(organization_id, connector_id)
        found.deleted_at = found.updated_at = now
        found.enabled = False
        found.save()
        Stream.objects.filter(organization_id=organization_id, connector_id=connector_id).update(
            enabled=False, periodic=False, next_run_at=None, updated_at=now
        )
        secrets.erase(organization_id, connector_id=connector_id)
        Grant.objects.filter(connector_id=connector_id).delete()
        WaitingContact.objects.filter(
            organization_id=organization_id, stream__connector_id=connector_id
        ).delete()


def free_name(organization_id: UUID, name: str) -> str:
    """The name, or where it is taken the next that isn't."""
    taken = {each.casefold() for each in _living(organization_id).values_list("name", flat=True)}
    numbered = (f"{name} ({number})" for number in count(2))
    return next(each for each in chain([name], numbered) if each.casefold() not in taken)


def _connected(organization_id: UUID) -> QuerySet[Connector, Connector]:
    """Without imports, which nobody sets up and nothing polls."""
    return _living(organization_id).exclude(source=csvfiles.SLUG)


def _living(organization_id: UUID) -> QuerySet[Connector, Connector]:
    return Connector.objects.filter(organization_id=organization_id, deleted_at=None)


def reserve(connector_id: UUID, *, per_minute: float, now: float, lane: str = "", slots: int = 1) -> float:
    """Takes the next free moment of a connector's request budget, or several that follow each other; answers the seconds
    to wait until the first. `lane` names the budget, where requests of one sort have one of their own.

    One statement, so that all its streams and workers share the budget. Never inside a transaction."""
    slot = 60.0 / per_minute * slots
    later = "greatest" if on_postgres() else "max"
    parameters: list[Any] = [id_column(connector_id), lane, now + slot, now, slot]
    free = rows_of(
        "INSERT INTO ropewalk_budget (connector_id, lane, next_at) VALUES (%s, %s, %s)"
        f" ON CONFLICT (connector_id, lane) DO UPDATE SET next_at = {later}(ropewalk_budget.next_at, %s) + %s"
        " RETURNING next_at",
        parameters,
    )[0][0]
    return max(0.0, float(free) - slot - now)
