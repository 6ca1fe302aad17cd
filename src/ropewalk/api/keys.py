"""API keys. To rotate one: make a new one, deploy it, revoke the old."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from ninja import Body, Router, Status
from pydantic import AwareDatetime, StrictStr

from ropewalk.api import schemas
from ropewalk.api.auth import Keyed, admin
from ropewalk.api.reading import Cursor, DocumentedBy, Limit
from ropewalk.api.refusals import MissingScopes
from ropewalk.core.checking import Settings, check
from ropewalk.engine.members import people
from ropewalk.engine.operated import clock
from ropewalk.store import keys, pages

router = Router(tags=["API keys"])


class NewKey(Settings):
    name: StrictStr
    scopes: list[schemas.ScopeName]
    expires_at: AwareDatetime | None = None


@router.get("/api-keys", auth=admin, response=schemas.Items[schemas.ApiKey])
def list_keys(request: Keyed, limit: Limit = pages.LIMIT, cursor: Cursor = None) -> Any:
    """Newest first, revoked ones too."""
    found = keys.listing(request.auth.organization_id, limit=limit, cursor=cursor)
    return {"items": [schemas.api_key(each) for each in found.items], "next_cursor": found.next_cursor}


@router.post("/api-keys", auth=admin, response={201: schemas.NewApiKey})
def create_key(request: Keyed, body: Body[Annotated[dict[str, Any], DocumentedBy(NewKey)]]) -> Any:
    """The key's text is answered this once. A key can't grant a scope that it lacks."""
    caller = request.auth
    asked = check(NewKey, body)
    if lacking := sorted(set(asked.scopes) - caller.scopes):
        raise MissingScopes(*lacking)
    key, text = people.create_key(
        caller.organization_id, caller.actor, asked.name, asked.scopes, asked.expires_at, clock()
    )
    return Status(201, schemas.new_api_key(key, text))


@router.get("/api-keys/{key_id}", auth=admin, response=schemas.ApiKey)
def get_key(request: Keyed, key_id: UUID) -> Any:
    return schemas.api_key(keys.get(request.auth.organization_id, key_id))


@router.delete("/api-keys/{key_id}", auth=admin, response=schemas.ApiKey)
def revoke_key(request: Keyed, key_id: UUID) -> Any:
    """Works at once, in every process."""
    caller = request.auth
    return schemas.api_key(people.revoke_key(caller.organization_id, caller.actor, key_id, clock()))
