"""Sources, connectors, and the test of a draft."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from ninja import Body, Router, Status

from ropewalk.api import schemas
from ropewalk.api.auth import Keyed, read, write
from ropewalk.api.reading import Cursor, DocumentedBy, Limit
from ropewalk.engine import choosing, configure, connector_saving, probe
from ropewalk.engine.operated import clock
from ropewalk.sources import REGISTRY
from ropewalk.store import connectors, models, pages, status

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
    organization_id = request.auth.organization_id
    found = connectors.listing(organization_id, limit=limit, cursor=cursor)
    listed = status.of_connectors(organization_id, found.items, now=clock().now())
    return {
        "items": [schemas.connector(each.connector, each.secrets, each.streams) for each in listed],
        "next_cursor": found.next_cursor,
    }


@router.get("/connectors/{connector_id}", auth=read, response=schemas.Connector)
def get_connector(request: Keyed, connector_id: UUID) -> Any:
    return _shown(connectors.get(request.auth.organization_id, connector_id))


@router.patch("/connectors/{connector_id}", auth=write, response=schemas.Connector)
def change_connector(request: Keyed, connector_id: UUID, body: Body[ConnectorChange]) -> Any:
    """What is left out stays; `settings` are replaced as a whole; a secret that is null is erased."""
    caller = request.auth
    return _shown(
        configure.update_connector(caller.organization_id, caller.actor, connector_id, body, clock())
    )


@router.delete("/connectors/{connector_id}", auth=write, response={204: None})
def delete_connector(request: Keyed, connector_id: UUID) -> Any:
    """Erases its secrets; accounts, history and runs stay under its name."""
    caller = request.auth
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


def _shown(row: models.Connector) -> schemas.Connector:
    found = status.of_connector(row.organization_id, row, now=clock().now())
    return schemas.connector(row, found.secrets, found.streams)
