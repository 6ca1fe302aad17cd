"""The streams of a connector: their settings, their test, and what starts their runs."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from ninja import Body, Query, Router, Status
from pydantic import BaseModel, create_model

from ropewalk.api import schemas
from ropewalk.api.auth import Keyed, read, write
from ropewalk.api.reading import DocumentedBy
from ropewalk.core.checking import check
from ropewalk.engine.connectors import configure, saving
from ropewalk.engine.operated import clock
from ropewalk.engine.probing import probe
from ropewalk.engine.runs import requests
from ropewalk.sources import REGISTRY
from ropewalk.store import connectors, models, status, streams

router = Router(tags=["streams"])

_READ_ONLY = ("kind", "status")


def _bodies() -> list[type[BaseModel]]:
    """A stream's settings with its own secrets beside them, for each kind of each source."""
    return [
        create_model(f"{source.slug}_{name}", __base__=kind.settings, secrets=(saving.Secrets, {}))
        for source in REGISTRY.values()
        for name, kind in source.kinds.items()
    ]


StreamBody = Annotated[dict[str, Any], DocumentedBy(*_bodies())]


@router.get("/connectors/{connector_id}/streams/{kind}", auth=read, response=schemas.Stream)
def get_stream(request: Keyed, connector_id: UUID, kind: schemas.Kind) -> Any:
    organization_id = request.auth.organization_id
    connectors.get(organization_id, connector_id)
    return _shown(streams.get(organization_id, connector_id, kind))


@router.put("/connectors/{connector_id}/streams/{kind}", auth=write, response=schemas.SavedStream)
def save_stream(
    request: Keyed,
    connector_id: UUID,
    kind: schemas.Kind,
    body: Body[StreamBody],
    send_secret_to: Annotated[
        str, Query(description="An origin that the saved secret may be sent to as well.")
    ] = "",
    only_validate: Annotated[
        bool, Query(alias="validate", description="Only checks, and saves nothing.")
    ] = False,
) -> Any:
    """Replaces the settings. A stream can be sent back as it was read: what only the server says is left alone."""
    caller = request.auth
    saved = configure.save_stream(
        caller.organization_id,
        caller.actor,
        connector_id,
        kind,
        {name: value for name, value in body.items() if name not in _READ_ONLY},
        clock(),
        send_secret_to=[send_secret_to] if send_secret_to else [],
        validate=only_validate,
    )
    return {
        "stream": _shown(saved.stream) if saved.stream is not None else None,
        "baseline_reset": saved.baseline_reset,
    }


@router.delete("/connectors/{connector_id}/streams/{kind}", auth=write, response={204: None})
def delete_stream(request: Keyed, connector_id: UUID, kind: schemas.Kind) -> Any:
    caller = request.auth
    configure.delete_stream(caller.organization_id, caller.actor, connector_id, kind, clock())
    return Status(204, None)


@router.post(
    "/connectors/{connector_id}/streams/{kind}/test", auth=write, response=schemas.Test, by_alias=True
)
def test_stream(request: Keyed, connector_id: UUID, kind: schemas.Kind) -> Any:
    """Reads two pages, says what their records could be mapped to, and proposes how to set the stream up; for that it
    asks for more, 40 requests at the most."""
    caller = request.auth
    return probe.test_stream(caller.organization_id, caller.actor, connector_id, kind, clock())


@router.post(
    "/connectors/{connector_id}/streams/{kind}/runs",
    auth=write,
    response={202: schemas.Run, 200: schemas.Run},
)
def request_run(
    request: Keyed,
    connector_id: UUID,
    kind: schemas.Kind,
    body: Body[Annotated[dict[str, Any], DocumentedBy(requests.RunRequest)]],
) -> Any:
    """202: a new run. 200: the one of this mode that is under way. A dry run and a sync are in nobody's way."""
    caller = request.auth
    asked = check(requests.RunRequest, body)
    run, created = requests.request_run(
        caller.organization_id, caller.actor, connector_id, kind, clock(), full=asked.full, mode=asked.mode
    )
    return Status(202 if created else 200, schemas.run(run))


def _shown(row: models.Stream) -> schemas.Stream:
    return schemas.stream(row, status.of_stream(row.organization_id, row, now=clock().now()))
