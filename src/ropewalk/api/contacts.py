"""Contacts, by hand."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from ninja import Body, Query, Router, Status

from ropewalk.api import schemas
from ropewalk.api.auth import Keyed, read, write
from ropewalk.api.reading import Cursor, DocumentedBy, Limit
from ropewalk.core.checking import check
from ropewalk.engine import accounts
from ropewalk.engine.operated import clock
from ropewalk.store import contacts, pages

router = Router(tags=["contacts"])


class NewContact(accounts.ContactBody):
    account_id: UUID


@router.get("/contacts", auth=read, response=schemas.Items[schemas.Contact])
def list_contacts(
    request: Keyed,
    account_id: UUID | None = None,
    q: Annotated[str, Query(description="In the email or the name.")] = "",
    limit: Limit = pages.LIMIT,
    cursor: Cursor = None,
) -> Any:
    """Newest first."""
    found = contacts.listing(
        request.auth.organization_id, account_id=account_id, q=q, limit=limit, cursor=cursor
    )
    return {"items": [schemas.contact(each) for each in found.items], "next_cursor": found.next_cursor}


@router.post("/contacts", auth=write, response={201: schemas.Contact})
def create_contact(request: Keyed, body: Body[Annotated[dict[str, Any], DocumentedBy(NewContact)]]) -> Any:
    """Its email is required, and unique within the account."""
    caller = request.auth
    account_id = check(NewContact, body).account_id
    own = {name: value for name, value in body.items() if name != "account_id"}
    made = accounts.create_contact(caller.organization_id, caller.actor, account_id, own, clock())
    return Status(201, schemas.contact(made))


@router.get("/contacts/{contact_id}", auth=read, response=schemas.Contact)
def get_contact(request: Keyed, contact_id: UUID) -> Any:
    return schemas.contact(contacts.get(request.auth.organization_id, contact_id))


@router.patch("/contacts/{contact_id}", auth=write, response=schemas.Contact)
def edit_contact(
    request: Keyed,
    contact_id: UUID,
    body: Body[Annotated[dict[str, Any], DocumentedBy(accounts.ContactBody)]],
) -> Any:
    """Sets what is given, null clears, what is left out stays."""
    caller = request.auth
    edited = accounts.edit_contact(caller.organization_id, caller.actor, contact_id, body, clock())
    return schemas.contact(edited)


@router.delete("/contacts/{contact_id}", auth=write, response={204: None})
def delete_contact(request: Keyed, contact_id: UUID) -> Any:
    caller = request.auth
    accounts.delete_contact(caller.organization_id, caller.actor, contact_id, clock())
    return Status(204, None)
