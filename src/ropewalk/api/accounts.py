"""Accounts: found, made and changed by hand, their history and their events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from ninja import Body, Query, Router, Status

from ropewalk.api import schemas
from ropewalk.api.auth import Keyed, read, write
from ropewalk.api.reading import Cursor, DocumentedBy, Limit, also_reads, utc
from ropewalk.core.timeline import Filter
from ropewalk.engine import accounts
from ropewalk.engine.events import timeline
from ropewalk.engine.operated import clock
from ropewalk.store import byhand, changes, contacts, models, pages, records, search
from ropewalk.store.filters import Filter as FieldFilter

router = Router(tags=["accounts"])

_FIELD = "field."

AccountBody = Annotated[dict[str, Any], DocumentedBy(accounts.AccountBody)]


@router.get("/accounts", auth=read, response=schemas.Items[schemas.Account])
@also_reads(_FIELD)
def list_accounts(
    request: Keyed,
    q: Annotated[str, Query(description="In the name, the domain or the external id.")] = "",
    sort: Annotated[
        str, Query(description="A field, `created_at` or `updated_at`; with `-` before it from the highest.")
    ] = search.DEFAULT_SORT,
    gone_at_source: bool | None = None,
    deleted: Annotated[bool, Query(description="The deleted ones, which can be restored.")] = False,
    limit: Limit = pages.LIMIT,
    cursor: Cursor = None,
) -> Any:
    """Also takes `field.<name>=…`, and with an operator `field.<name>.gte=…`: eq, ne, gt, gte, lt, lte, contains, empty."""
    organization_id = request.auth.organization_id
    where = [
        FieldFilter.parse(name, str(text)) for name, text in request.GET.items() if name.startswith(_FIELD)
    ]
    found = search.accounts(
        organization_id,
        q=q,
        sort=sort,
        where=where,
        gone_at_source=gone_at_source,
        deleted=deleted,
        limit=limit,
        cursor=cursor,
    )
    gone = records.gone(organization_id, [each.id for each in found.items])
    return {
        "items": [schemas.account(each, gone.get(each.id, ())) for each in found.items],
        "next_cursor": found.next_cursor,
    }


@router.post("/accounts", auth=write, response={201: schemas.Account})
def create_account(request: Keyed, body: Body[AccountBody]) -> Any:
    """By hand, and recorded in its history as such. Custom fields lie in `fields`."""
    caller = request.auth
    made = accounts.create_account(caller.organization_id, caller.actor, body, clock())
    return Status(201, schemas.account(made))


@router.get("/accounts/{account_id}", auth=read, response=schemas.Account)
def get_account(request: Keyed, account_id: UUID) -> Any:
    return _shown(byhand.get(request.auth.organization_id, account_id))


@router.patch("/accounts/{account_id}", auth=write, response=schemas.Account)
def edit_account(request: Keyed, account_id: UUID, body: Body[AccountBody]) -> Any:
    """Sets what is given, null clears, what is left out stays; in `fields` likewise."""
    caller = request.auth
    return _shown(accounts.edit_account(caller.organization_id, caller.actor, account_id, body, clock()))


@router.delete("/accounts/{account_id}", auth=write, response={204: None})
def delete_account(request: Keyed, account_id: UUID) -> Any:
    """Leaves a tombstone with its keys: syncs skip it as `deleted_here` until it is restored."""
    caller = request.auth
    accounts.delete_account(caller.organization_id, caller.actor, account_id, clock())
    return Status(204, None)


@router.post("/accounts/{account_id}/restore", auth=write, response=schemas.Account)
def restore_account(request: Keyed, account_id: UUID) -> Any:
    caller = request.auth
    return _shown(accounts.restore_account(caller.organization_id, caller.actor, account_id, clock()))


@router.get("/accounts/{account_id}/contacts", auth=read, response=schemas.Items[schemas.Contact])
def list_contacts_of_account(
    request: Keyed, account_id: UUID, limit: Limit = pages.LIMIT, cursor: Cursor = None
) -> Any:
    found = contacts.listing(request.auth.organization_id, account_id=account_id, limit=limit, cursor=cursor)
    return {"items": [schemas.contact(each) for each in found.items], "next_cursor": found.next_cursor}


@router.get("/accounts/{account_id}/history", auth=read, response=schemas.Items[schemas.Change])
def list_history(
    request: Keyed,
    account_id: UUID,
    field: Annotated[str | None, Query(description="Only the changes of this field.")] = None,
    limit: Limit = pages.LIMIT,
    cursor: Cursor = None,
) -> Any:
    """Newest first: old and new value, when, and by which run or whose hand."""
    found = changes.history(request.auth.organization_id, account_id, field, limit=limit, cursor=cursor)
    return {"items": [schemas.change(each) for each in found.items], "next_cursor": found.next_cursor}


@router.get("/accounts/{account_id}/events", auth=read, response=schemas.Timeline)
def list_events(
    request: Keyed,
    account_id: UUID,
    start: Annotated[datetime | None, Query(alias="from", description="Only events from then on.")] = None,
    end: Annotated[datetime | None, Query(alias="to", description="Only events before then.")] = None,
    source: Annotated[str, Query(description="A connector’s id, or the name of a source.")] = "",
    name: Annotated[str, Query(description="Only events of this name, whatever its case.")] = "",
    user_id: Annotated[str, Query(description="Only events of this user.")] = "",
    q: Annotated[str, Query(description="Anywhere in the name, the user or the properties.")] = "",
    limit: Limit = pages.LIMIT,
    cursor: Cursor = None,
) -> Any:
    """Newest first. Event streams are asked at this moment, each within its deadline; one that fails says so under
    `sources`, and the others' events are there."""
    wanted = Filter(utc(start), utc(end), name=name, user=user_id, text=q)
    organization_id = request.auth.organization_id
    return schemas.timeline(
        timeline.read(
            organization_id, account_id, clock(), wanted=wanted, source=source, limit=limit, cursor=cursor
        )
    )


def _shown(row: models.Account) -> schemas.Account:
    return schemas.account(row, records.gone(row.organization_id, [row.id]).get(row.id, ()))
