"""The organization, its members, and its audit log."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from ninja import Body, Router, Status
from pydantic import StrictStr

from ropewalk.api import schemas
from ropewalk.api.auth import Keyed, admin, read, write
from ropewalk.api.reading import Cursor, DocumentedBy, Limit
from ropewalk.core.checking import Settings, check
from ropewalk.engine import people as verbs
from ropewalk.engine.operated import clock
from ropewalk.store import audit, pages, people

router = Router(tags=["organization"])


class NewMember(Settings):
    email: StrictStr
    role: schemas.Role = "member"
    name: StrictStr = ""


class RoleChange(Settings):
    role: schemas.Role


@router.get("/organization", auth=read, response=schemas.Organization)
def get_organization(request: Keyed) -> Any:
    return schemas.organization(people.organization(request.auth.organization_id))


@router.patch("/organization", auth=write, response=schemas.Organization)
def change_organization(
    request: Keyed, body: Body[Annotated[dict[str, Any], DocumentedBy(verbs.OrganizationBody)]]
) -> Any:
    caller = request.auth
    return schemas.organization(
        verbs.update_organization(caller.organization_id, caller.actor, body, clock())
    )


@router.get("/members", auth=admin, response=schemas.Items[schemas.Member])
def list_members(request: Keyed, limit: Limit = pages.LIMIT, cursor: Cursor = None) -> Any:
    found = people.members(request.auth.organization_id, limit=limit, cursor=cursor)
    return {"items": [schemas.member(each) for each in found.items], "next_cursor": found.next_cursor}


@router.post("/members", auth=admin, response={201: schemas.NewMember})
def add_member(request: Keyed, body: Body[Annotated[dict[str, Any], DocumentedBy(NewMember)]]) -> Any:
    """Answers the password of a user who is new here, once; one who was here before keeps theirs."""
    caller = request.auth
    asked = check(NewMember, body)
    member, password = verbs.add_user(
        caller.organization_id, caller.actor, asked.email, asked.role, clock(), name=asked.name
    )
    return Status(201, schemas.new_member(member, password))


@router.get("/members/{member_id}", auth=admin, response=schemas.Member)
def get_member(request: Keyed, member_id: UUID) -> Any:
    return schemas.member(people.member(request.auth.organization_id, member_id))


@router.patch("/members/{member_id}", auth=admin, response=schemas.Member)
def change_member(
    request: Keyed, member_id: UUID, body: Body[Annotated[dict[str, Any], DocumentedBy(RoleChange)]]
) -> Any:
    """An owner alone changes owners: no key can."""
    caller = request.auth
    role = check(RoleChange, body).role
    return schemas.member(verbs.set_role(caller.organization_id, caller.actor, member_id, role, clock()))


@router.delete("/members/{member_id}", auth=admin, response={204: None})
def remove_member(request: Keyed, member_id: UUID) -> Any:
    """Accounts that they own are without an owner then."""
    caller = request.auth
    verbs.remove_member(caller.organization_id, caller.actor, member_id, clock())
    return Status(204, None)


@router.get("/audit-log", auth=admin, response=schemas.Items[schemas.AuditEntry])
def list_audit_log(request: Keyed, limit: Limit = pages.LIMIT, cursor: Cursor = None) -> Any:
    """Who did what, when, from where; newest first."""
    found = audit.listing(request.auth.organization_id, limit=limit, cursor=cursor)
    return {"items": [schemas.audit_entry(each) for each in found.items], "next_cursor": found.next_cursor}
