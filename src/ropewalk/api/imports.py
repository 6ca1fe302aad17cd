"""Imports: accounts or contacts from a CSV file. Their runs are runs like any other (`/v1/runs`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final
from uuid import UUID

from django.http import HttpRequest
from ninja import Body, Query, Router, Status

from ropewalk.api import schemas
from ropewalk.api.auth import Keyed, read, write
from ropewalk.api.reading import Cursor, DocumentedBy, Limit
from ropewalk.api.refusals import NotThisType
from ropewalk.core import limits
from ropewalk.core.errors import GiveUp
from ropewalk.engine import imports
from ropewalk.engine.operated import clock
from ropewalk.sources.csv_file import FormatChange
from ropewalk.store import pages

router = Router(tags=["imports"])

_CHUNK: Final = 64 * 1024
_TYPES: Final = ("text/csv", "text/tab-separated-values", "text/plain", "application/octet-stream", "")

Format = Annotated[dict[str, Any], DocumentedBy(FormatChange)]
Asked = Annotated[dict[str, Any], DocumentedBy(imports.Asked)]


@router.post(
    "/imports",
    auth=write,
    response={201: schemas.Import},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"text/csv": {"schema": {"type": "string", "maxLength": limits.CSV_BYTES}}},
        }
    },
)
def upload_file(
    request: Keyed, name: Annotated[str, Query(max_length=1_000, description="What the file is called.")]
) -> Any:
    """Takes a file in, as the body, and reads all of it once; nothing is imported yet. The file is kept for 7 days."""
    if request.content_type not in _TYPES:
        raise NotThisType("Send the file itself, with `Content-Type: text/csv`.")
    caller = request.auth
    made = imports.upload(caller.organization_id, caller.actor, name, _body(request), clock())
    return Status(201, schemas.imported(made))


def _body(request: HttpRequest) -> Iterator[bytes]:
    left = int(request.META.get("CONTENT_LENGTH") or 0)
    while chunk := request.read(min(_CHUNK, left)):
        left -= len(chunk)
        yield chunk
    if left:
        raise GiveUp("cut_off", "The file came in part; send it again.")


@router.get("/imports", auth=read, response=schemas.Items[schemas.Import])
def list_imports(request: Keyed, limit: Limit = pages.LIMIT, cursor: Cursor = None) -> Any:
    """Newest first."""
    found = imports.listing(request.auth.organization_id, limit=limit, cursor=cursor)
    return {"items": [schemas.imported(each) for each in found.items], "next_cursor": found.next_cursor}


@router.get("/imports/{import_id}", auth=read, response=schemas.Import)
def get_import(request: Keyed, import_id: UUID) -> Any:
    return schemas.imported(imports.get(request.auth.organization_id, import_id))


@router.get("/imports/{import_id}/sample", auth=read, response=schemas.Sample, by_alias=True)
def get_sample(request: Keyed, import_id: UUID, kind: schemas.SyncedKind = "accounts") -> Any:
    """Its first records, its fields, and what they could be mapped to."""
    return imports.sample(request.auth.organization_id, import_id, kind)


@router.patch("/imports/{import_id}", auth=write, response=schemas.Import)
def read_again(request: Keyed, import_id: UUID, body: Body[Format]) -> Any:
    """Reads the file otherwise than it was told to be written; what is left out stays."""
    caller = request.auth
    return schemas.imported(
        imports.read_again(caller.organization_id, caller.actor, import_id, body, clock())
    )


@router.delete("/imports/{import_id}", auth=write, response={204: None})
def delete_import(request: Keyed, import_id: UUID) -> Any:
    """Erases the file; what was imported stays under its name."""
    caller = request.auth
    imports.delete(caller.organization_id, caller.actor, import_id, clock())
    return Status(204, None)


@router.post("/imports/{import_id}/runs", auth=write, response={202: schemas.Run, 200: schemas.Run})
def start_import(request: Keyed, import_id: UUID, body: Body[Asked]) -> Any:
    """202: a new run, or a dry run, of these settings. 200: the one of this mode that is under way."""
    caller = request.auth
    run, created = imports.start(caller.organization_id, caller.actor, import_id, body, clock())
    return Status(202 if created else 200, schemas.run(run))
