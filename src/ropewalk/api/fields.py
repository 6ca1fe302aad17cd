"""Tracked fields and their switches."""

from __future__ import annotations

from typing import Annotated, Any

from ninja import Body, Router

from ropewalk.api import schemas
from ropewalk.api.auth import Keyed, read, write
from ropewalk.api.reading import DocumentedBy
from ropewalk.engine.members import people
from ropewalk.engine.operated import clock
from ropewalk.store import fields

router = Router(tags=["fields"])


@router.get("/fields", auth=read, response=schemas.Items[schemas.TrackedField])
def list_fields(request: Keyed) -> Any:
    """By name, all of them: an organization has at most 500."""
    found = fields.listing(request.auth.organization_id)
    return {"items": [schemas.field(each) for each in found], "next_cursor": None}


@router.patch("/fields/{name}", auth=write, response=schemas.TrackedField)
def switch_field(
    request: Keyed, name: str, body: Body[Annotated[dict[str, Any], DocumentedBy(people.FieldBody)]]
) -> Any:
    """Periodic off: scheduled runs don't write it. History off: only its latest value is kept. Indexed on: among any
    number of accounts, lists are filtered and sorted by it fast; for a custom field, but no list or object."""
    caller = request.auth
    switched = people.set_field(caller.organization_id, caller.actor, name, body, clock())
    found = fields.listing(caller.organization_id)
    return schemas.field(next(each for each in found if each.field.id == switched.id))
