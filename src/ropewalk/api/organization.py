"""The organization, its members and whom it invites, and its audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from ninja import Body, Query, Router, Status
from pydantic import AfterValidator, StrictStr
from pydantic_core import PydanticCustomError

from ropewalk.api import schemas
from ropewalk.api.auth import Keyed, admin, read, write
from ropewalk.api.reading import Cursor, DocumentedBy, Limit, utc
from ropewalk.core import normalise
from ropewalk.core.checking import Settings, check
from ropewalk.engine.members import invitations, passwords, people as verbs, signin
from ropewalk.engine.operated import clock, installation
from ropewalk.store import access, audit, pages, people

router = Router(tags=["organization"])


def _email(text: str) -> str:
    if normalise.email(text) is None:
        raise PydanticCustomError("email", "This is not an email address.")
    return text


Email = Annotated[StrictStr, AfterValidator(_email)]


class NewMember(Settings):
    email: Email
    role: schemas.Role = "member"
    name: StrictStr = ""


class NewInvitation(Settings):
    email: Email
    role: schemas.Role = "member"


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


@router.post("/members/{member_id}/reset-link", auth=admin, response={201: schemas.ResetLink})
def make_reset_link(request: Keyed, member_id: UUID) -> Any:
    """To a new password, for whoever has forgotten theirs. It works once, for a day; then all their sessions end. Not
    for an owner, nor for who belongs to another organization as well: no key ranks so high."""
    caller = request.auth
    made = passwords.make_reset_link(caller.organization_id, caller.actor, member_id, clock())
    return Status(201, schemas.reset_link(made, installation().link(f"{passwords.PATH}{made.token}")))


@router.post("/members/{member_id}/sign-out", auth=admin, response={204: None})
def sign_out_member(request: Keyed, member_id: UUID) -> Any:
    """Ends all their sessions, everywhere and at once."""
    caller = request.auth
    signin.sign_out_everywhere(caller.organization_id, caller.actor, member_id, clock())
    return Status(204, None)


@router.get("/invitations", auth=admin, response=schemas.Items[schemas.Invitation])
def list_invitations(request: Keyed, limit: Limit = pages.LIMIT, cursor: Cursor = None) -> Any:
    """Those that nobody has accepted or revoked, newest first; expired ones too."""
    found = access.invitations(request.auth.organization_id, limit=limit, cursor=cursor)
    return {"items": [schemas.invitation(each) for each in found.items], "next_cursor": found.next_cursor}


@router.post("/invitations", auth=admin, response={201: schemas.NewInvitation})
def invite(request: Keyed, body: Body[Annotated[dict[str, Any], DocumentedBy(NewInvitation)]]) -> Any:
    """A link by which somebody joins. It works once, for a week; an earlier one for this email ends."""
    caller = request.auth
    asked = check(NewInvitation, body)
    made, token = invitations.invite(caller.organization_id, caller.actor, asked.email, asked.role, clock())
    return Status(201, schemas.new_invitation(made, installation().link(f"{invitations.PATH}{token}")))


@router.delete("/invitations/{invitation_id}", auth=admin, response={204: None})
def revoke_invitation(request: Keyed, invitation_id: UUID) -> Any:
    caller = request.auth
    invitations.revoke(caller.organization_id, caller.actor, invitation_id, clock())
    return Status(204, None)


@router.get("/audit-log", auth=admin, response=schemas.Items[schemas.AuditEntry])
def list_audit_log(
    request: Keyed,
    actor: Annotated[str, Query(description="A part of an email, or of a key's name.")] = "",
    action: Annotated[
        str, Query(description="A verb, such as `key.created`, or what it begins with: `key`.")
    ] = "",
    since: Annotated[
        datetime | None, Query(alias="from", description="Only what was done from then on.")
    ] = None,
    until: Annotated[
        datetime | None, Query(alias="to", description="Only what was done before then.")
    ] = None,
    limit: Limit = pages.LIMIT,
    cursor: Cursor = None,
) -> Any:
    """Who did what, when, from where; newest first."""
    found = audit.listing(
        request.auth.organization_id,
        actor=actor,
        action=action,
        since=utc(since),
        until=utc(until),
        limit=limit,
        cursor=cursor,
    )
    return {"items": [schemas.audit_entry(each) for each in found.items], "next_cursor": found.next_cursor}
