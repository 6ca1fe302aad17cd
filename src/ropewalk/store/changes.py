"""The change log read back: the history of an account's fields, and who set each value."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from ropewalk.store import byhand, pages
from ropewalk.store.database import id_column, on_postgres, rows_of
from ropewalk.store.models import Account, Change, TrackedField
from ropewalk.store.pages import Listing

_TABLE: Final = "ropewalk_change"


def history(
    organization_id: UUID,
    account_id: UUID,
    field: str | None = None,
    *,
    limit: int = pages.LIMIT,
    cursor: str | None = None,
) -> Listing[Change]:
    """Newest first, without contacts. Fields with History off have none, though undo still reads them."""
    byhand.get(organization_id, account_id)
    found = Change.objects.filter(organization_id=organization_id, account_id=account_id, contact=None)
    if field is not None:
        found = found.filter(fields__has_key=field)
    page = pages.newest_first(found, limit=limit, cursor=cursor)
    off = set(without_history(organization_id))
    for change in page.items:
        change.fields = {
            name: values
            for name, values in change.fields.items()
            if name not in off and (field is None or name == field)
        }
    return Listing([change for change in page.items if change.fields], page.next_cursor)


def within(
    organization_id: UUID, account_id: UUID, *, start: datetime, end: datetime | None, limit: int
) -> Iterator[Change]:
    """Newest first by time, without contacts and without fields with History off."""
    found = Change.objects.filter(
        organization_id=organization_id, account_id=account_id, contact=None, at__gte=start
    )
    if end is not None:
        found = found.filter(at__lt=end)
    off = set(without_history(organization_id))
    for change in found.order_by("-at", "-id")[:limit].iterator(chunk_size=200):
        change.fields = {name: values for name, values in change.fields.items() if name not in off}
        if change.fields:
            yield change


def of_run(organization_id: UUID, run_id: UUID, *, limit: int = pages.MAX_LIMIT) -> list[Change]:
    """What a run did to accounts, in its order."""
    found = Change.objects.filter(organization_id=organization_id, run=run_id, contact=None)
    return list(found.order_by("id")[:limit])


def without_history(organization_id: UUID) -> list[str]:
    found = TrackedField.objects.filter(organization_id=organization_id, history=False)
    return sorted(found.values_list("name", flat=True))


def provenance(organization_id: UUID, account_id: UUID) -> dict[str, Change]:
    """By field that has a value, the change that set it; a field whose change was dropped is not in it."""
    account = Account.objects.filter(organization_id=organization_id, id=account_id).first()
    if account is None:
        return {}
    keys = "jsonb_object_keys(fields) AS each(key)" if on_postgres() else "json_each(fields) AS each"
    # Told apart by the database: of an account with a long history only the changes that count are decoded.
    latest: dict[str, int] = dict(
        rows_of(
            f"SELECT each.key, MAX({_TABLE}.id) FROM {_TABLE} CROSS JOIN {keys}"
            " WHERE organization_id = %s AND account_id = %s AND contact IS NULL GROUP BY each.key",
            [id_column(organization_id), id_column(account_id)],
        )
    )
    wanted = {name: latest[name] for name in byhand.values_of(account) if name in latest}
    found = Change.objects.filter(organization_id=organization_id).in_bulk({*wanted.values()})
    return {name: found[place] for name, place in wanted.items() if place in found}
