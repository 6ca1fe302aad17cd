"""The change log read back: the history of an account's fields, and who set each value."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from ropewalk.store import byhand, pages
from ropewalk.store.models import Account, Change, TrackedField
from ropewalk.store.pages import Listing

_LOOKED_THROUGH: Final = 2_000


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
    """By field that has a value, the change that set it; a field whose change was dropped, or lies far back, is not in
    it."""
    account = Account.objects.filter(organization_id=organization_id, id=account_id).first()
    wanted = set() if account is None else set(byhand.values_of(account))
    answer: dict[str, Change] = {}
    found = Change.objects.filter(organization_id=organization_id, account_id=account_id, contact=None)
    for change in found.order_by("-id")[:_LOOKED_THROUGH].iterator(chunk_size=100):
        for name in wanted & change.fields.keys():
            answer[name] = change
        wanted -= change.fields.keys()
        if not wanted:
            break
    return answer
