"""Saved views of the list of accounts. A key sees and makes those of the organization; each member's own are theirs."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from ninja import Body, Router, Status

from ropewalk.api import schemas
from ropewalk.api.auth import Keyed, read, write
from ropewalk.api.reading import DocumentedBy
from ropewalk.engine import views
from ropewalk.engine.operated import clock

router = Router(tags=["accounts"])

ViewBody = Annotated[dict[str, Any], DocumentedBy(views.ViewBody)]


@router.get("/account-views", auth=read, response=schemas.Items[schemas.View])
def list_views(request: Keyed) -> Any:
    """By name; all of them."""
    caller = request.auth
    found = views.visible(caller.organization_id, caller.actor)
    return {"items": [schemas.view(each) for each in found], "next_cursor": None}


@router.post("/account-views", auth=write, response={201: schemas.View})
def create_view(request: Keyed, body: Body[ViewBody]) -> Any:
    """`list` holds the parameters of `GET /v1/accounts`, and `columns` with commas between. Give `shared: true`."""
    caller = request.auth
    return Status(201, schemas.view(views.create(caller.organization_id, caller.actor, body, clock())))


@router.get("/account-views/{view_id}", auth=read, response=schemas.View)
def get_view(request: Keyed, view_id: UUID) -> Any:
    return schemas.view(views.get(request.auth.organization_id, request.auth.actor, view_id))


@router.put("/account-views/{view_id}", auth=write, response=schemas.View)
def change_view(request: Keyed, view_id: UUID, body: Body[ViewBody]) -> Any:
    """All of it anew."""
    caller = request.auth
    return schemas.view(views.change(caller.organization_id, caller.actor, view_id, body, clock()))


@router.delete("/account-views/{view_id}", auth=write, response={204: None})
def delete_view(request: Keyed, view_id: UUID) -> Any:
    caller = request.auth
    views.delete(caller.organization_id, caller.actor, view_id, clock())
    return Status(204, None)
