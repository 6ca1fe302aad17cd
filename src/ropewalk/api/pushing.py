"""Push connectors (push-api.md §2). What is sent to them comes in by the ingest door, before Django."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpResponse
from ninja import Body, Query, Router, Status

from ropewalk.api import schemas, tail
from ropewalk.api.auth import Keyed, read, write
from ropewalk.api.reading import DocumentedBy
from ropewalk.engine.events import arrivals, pushing as verbs
from ropewalk.engine.operated import clock
from ropewalk.store import pushing

router = Router(tags=["push connectors"])

NewPushConnector = Annotated[dict[str, Any], DocumentedBy(verbs.NewPushConnector)]
PushConnectorChange = Annotated[dict[str, Any], DocumentedBy(verbs.PushConnectorChange)]


@router.post("/custom-connectors", auth=write, response={201: schemas.PushConnector})
def create_push_connector(request: Keyed, body: Body[NewPushConnector]) -> Any:
    """A source that sends. Its events come from `custom:<source_name>`."""
    caller = request.auth
    return Status(
        201, schemas.push_connector(verbs.create(caller.organization_id, caller.actor, body, clock()))
    )


@router.get("/custom-connectors", auth=read, response=list[schemas.PushConnector])
def list_push_connectors(
    request: Keyed,
    include_inactive: Annotated[bool, Query(description="Those that were deactivated, too.")] = False,
) -> Any:
    """An array, newest first; all of them."""
    found = pushing.listing(request.auth.organization_id, include_inactive=include_inactive)
    return [schemas.push_connector(each) for each in found]


@router.get("/custom-connectors/{push_connector_id}", auth=read, response=schemas.PushConnectorWithStatistics)
def get_push_connector(request: Keyed, push_connector_id: UUID) -> Any:
    """With its figures, and what was refused lately."""
    found = pushing.connector(request.auth.organization_id, push_connector_id)
    return schemas.with_statistics(found, arrivals.statistics(found, clock()), arrivals.rejections(found))


@router.patch("/custom-connectors/{push_connector_id}", auth=write, response=schemas.PushConnector)
def change_push_connector(request: Keyed, push_connector_id: UUID, body: Body[PushConnectorChange]) -> Any:
    """What is left out stays. A new event schema keys earlier events anew, in the background."""
    caller = request.auth
    return schemas.push_connector(
        verbs.change(caller.organization_id, caller.actor, push_connector_id, body, clock())
    )


@router.delete("/custom-connectors/{push_connector_id}", auth=write, response={204: None})
def deactivate_push_connector(request: Keyed, push_connector_id: UUID) -> Any:
    """It takes nothing from now on; its events stay. `is_active: true` brings it back."""
    caller = request.auth
    verbs.deactivate(caller.organization_id, caller.actor, push_connector_id, clock())
    return Status(204, None)


@router.get("/custom-connectors/{push_connector_id}/tail", auth=read, response=str)
def tail_push_connector(request: Keyed, push_connector_id: UUID) -> HttpResponse:
    """Server-sent events, for as long as somebody listens: `arrival` with the event, `rejection` with what its sender was
    told. `Last-Event-ID` goes on from there; without it, from now."""
    # One look: who keeps the connection open is the root, before Django.
    following = tail.listener(request, request.auth, push_connector_id)
    answer = tail.greeting(following) + following.look()
    tail.hand_over(request, following)
    return HttpResponse(answer, content_type="text/event-stream")
