"""The organization, its members, keys and audit log."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from ropewalk.api.schemas.base import ActorShape, Role, ScopeName, Shape, Time, actor
from ropewalk.engine.members import passwords
from ropewalk.store import models


class Organization(Shape):
    name: str
    own_domains: list[str]
    time_zone: str
    keep_events_days: int | None = Field(description="Older pushed events are deleted; null: none are.")


def organization(row: models.Organization) -> Organization:
    return Organization(
        name=row.name,
        own_domains=row.own_domains,
        time_zone=row.time_zone,
        keep_events_days=row.keep_events_days,
    )


class Member(Shape):
    member_id: UUID
    email: str
    name: str
    role: Role
    created_at: Time


class NewMember(Member):
    password: str | None = Field(description="Of a user who is new here; shown this once.")


def member(row: models.Member) -> Member:
    return Member(
        member_id=row.id,
        email=row.user.email,
        name=row.user.name,
        role=row.role,
        created_at=row.created_at,
    )


def new_member(row: models.Member, password: str | None) -> NewMember:
    return NewMember(**member(row).model_dump(), password=password)


class ResetLink(Shape):
    """To a new password; it works once."""

    email: str
    link: str = Field(description="Shown this once.")
    expires_at: Time


def reset_link(made: passwords.NewLink, link: str) -> ResetLink:
    return ResetLink(email=made.email, link=link, expires_at=made.expires_at)


class Invitation(Shape):
    invitation_id: UUID
    email: str
    role: Role
    created_at: Time
    created_by: ActorShape
    expires_at: Time


class NewInvitation(Invitation):
    link: str = Field(description="Shown this once.")


def invitation(row: models.Invitation) -> Invitation:
    return Invitation(
        invitation_id=row.id,
        email=row.email,
        role=row.role,
        created_at=row.created_at,
        created_by=actor(row.created_by),
        expires_at=row.expires_at,
    )


def new_invitation(row: models.Invitation, link: str) -> NewInvitation:
    return NewInvitation(**invitation(row).model_dump(), link=link)


class CreatedBy(Shape):
    type: str
    id: str


class ApiKey(Shape):
    key_id: UUID
    name: str
    prefix: str
    scopes: list[ScopeName]
    created_at: Time
    created_by: CreatedBy
    last_used_at: Time | None
    expires_at: Time | None
    revoked_at: Time | None


class NewApiKey(ApiKey):
    key: str = Field(description="Shown this once.")


def api_key(row: models.ApiKey) -> ApiKey:
    return ApiKey(
        key_id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=row.scopes,
        created_at=row.created_at,
        created_by=CreatedBy(type=row.created_by_type, id=row.created_by_id),
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


def new_api_key(row: models.ApiKey, text: str) -> NewApiKey:
    return NewApiKey(**api_key(row).model_dump(), key=text)


class AuditEntry(Shape):
    entry_id: UUID
    at: Time
    actor: ActorShape
    verb: str
    object_type: str | None
    object_id: str | None
    detail: dict[str, Any]
    ip: str | None


def audit_entry(row: models.AuditEntry) -> AuditEntry:
    return AuditEntry(
        entry_id=row.id,
        at=row.at,
        actor=actor(row.actor),
        verb=row.verb,
        object_type=row.object_type or None,
        object_id=row.object_id or None,
        detail=row.detail,
        ip=row.ip,
    )
