"""Sources, connectors, and the test of a draft."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from ninja import Body, Router, Status

from ropewalk.api import schemas
from ropewalk.api.auth import Keyed, read, write
from ropewalk.api.reading import Cursor, DocumentedBy, Limit
from ropewalk.core.errors import Refused
from ropewalk.engine.connectors import choosing, configure, connector_saving
from ropewalk.engine.operated import clock
from ropewalk.engine.probing import probe
from ropewalk.sources import REGISTRY
from ropewalk.store import connectors, models, pages, pushing, status

router = Router(tags=["connectors"])

NewConnector = Annotated[dict[str, Any], DocumentedBy(connector_saving.NewConnector)]
ConnectorChange = Annotated[dict[str, Any], DocumentedBy(connector_saving.ConnectorChange)]
Asked = Annotated[dict[str, Any], DocumentedBy(choosing.Asked)]
Draft = Annotated[dict[str, Any], DocumentedBy(probe.Draft)]


@router.get("/sources", auth=read, response=schemas.Items[schemas.SourceShape])
def list_sources(request: Keyed) -> Any:  # noqa: ARG001
    """What can be connected, with the JSON Schema of every setting."""
    return {"items": [schemas.source(each) for each in REGISTRY.values()], "next_cursor": None}


@router.post("/connectors", auth=write, response={201: schemas.Connector})
def create_connector(request: Keyed, body: Body[NewConnector]) -> Any:
    """Keeps the secrets encrypted; they never come back."""
    caller = request.auth
    made = configure.create_connector(caller.organization_id, caller.actor, body, clock())
    return Status(201, _shown(made))


@router.get("/connectors", auth=read, response=schemas.Items[schemas.Connector])
def list_connectors(request: Keyed, limit: Limit = pages.LIMIT, cursor: Cursor = None) -> Any:
    """Those that are asked, and those that are pushed to (`source: "push"`), which are made and changed at
    `/v1/custom-connectors`."""
    organization_id = request.auth.organization_id
    found = connectors.listing(organization_id, limit=limit, cursor=cursor)
    asked = [each for each in found.items if isinstance(each, models.Connector)]
    listed = status.of_connectors(organization_id, asked, now=clock().now())
    shown = {
        each.connector.id: schemas.connector(each.connector, each.secrets, each.streams) for each in listed
    }
    return {
        "items": [
            schemas.listed_connector(each) if isinstance(each, models.PushConnector) else shown[each.id]
            for each in found.items
        ],
        "next_cursor": found.next_cursor,
    }


@router.get("/connectors/{connector_id}", auth=read, response=schemas.Connector)
def get_connector(request: Keyed, connector_id: UUID) -> Any:
    organization_id = request.auth.organization_id
    if (pushed := pushing.found(organization_id, connector_id)) is not None:
        return schemas.listed_connector(pushed)
    return _shown(connectors.get(organization_id, connector_id))


@router.patch("/connectors/{connector_id}", auth=write, response=schemas.Connector)
def change_connector(request: Keyed, connector_id: UUID, body: Body[ConnectorChange]) -> Any:
    """What is left out stays; `settings` are replaced as a whole; a secret that is null is erased."""
    caller = request.auth
    _refuse_pushed(caller.organization_id, connector_id)
    return _shown(
        configure.update_connector(caller.organization_id, caller.actor, connector_id, body, clock())
    )


@router.delete("/connectors/{connector_id}", auth=write, response={204: None})
def delete_connector(request: Keyed, connector_id: UUID) -> Any:
    """Erases its secrets; accounts, history and runs stay under its name."""
    caller = request.auth
    _refuse_pushed(caller.organization_id, connector_id)
    configure.delete_connector(caller.organization_id, caller.actor, connector_id, clock())
    return Status(204, None)


@router.post("/test", auth=write, response=schemas.Test, by_alias=True)
def test_draft(request: Keyed, body: Body[Draft]) -> Any:
    """Tests settings that nothing keeps. A secret that is left out is the saved one of `connector_id`; a records path
    and a pagination that are left out are found."""
    return probe.test_draft(request.auth.organization_id, body, clock())


@router.post("/choices", auth=write, response=schemas.Choices)
def choices(request: Keyed, body: Body[Asked]) -> Any:
    """What a source has to choose from, such as tables or properties: asked of it now, and kept nowhere."""
    found = choosing.choose(request.auth.organization_id, body, clock())
    return {"items": [schemas.option(each) for each in found]}


def _refuse_pushed(organization_id: UUID, connector_id: UUID) -> None:
    if pushing.found(organization_id, connector_id) is not None:
        raise Refused(
            "read_only",
            f"A push connector is only read here; change it at /v1/custom-connectors/{connector_id}.",
        )


def _shown(row: models.Connector) -> schemas.Connector:
    found = status.of_connector(row.organization_id, row, now=clock().now())
    return schemas.connector(row, found.secrets, found.streams)
