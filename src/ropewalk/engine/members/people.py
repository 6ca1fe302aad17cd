"""Organizations, members, keys and the switches of fields: what their pages and commands do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.transaction import atomic
from pydantic import Field, StrictBool, StrictInt, StrictStr

from ropewalk.core import normalise
from ropewalk.core.actors import Actor
from ropewalk.core.checking import Settings, check
from ropewalk.core.errors import Conflict, MustFix, Problem, Refused
from ropewalk.core.values import MISSING
from ropewalk.engine import ranks
from ropewalk.engine.clock import Clock
from ropewalk.engine.members import passwords, signin
from ropewalk.engine.runs import periodic
from ropewalk.store import audit, byhand, fields, keys, people, pushing
from ropewalk.store.models import ApiKey, Member, Organization, TrackedField, User
from ropewalk.store.transactions import founding, moment, transaction


class Founded(NamedTuple):
    """`password` is None where the owner was a user before, and keeps theirs."""

    organization: Organization
    owner: Member
    password: str | None


class Added(NamedTuple):
    """`password` as `Founded` has it."""

    member: Member
    password: str | None


class OrganizationBody(Settings):
    name: StrictStr | None = None
    own_domains: list[StrictStr] | None = None
    time_zone: StrictStr | None = None
    keep_events_days: StrictInt | None = Field(
        default=None, description="Older pushed events are deleted; null: none are."
    )


class FieldBody(Settings):
    periodic: StrictBool | None = None
    history: StrictBool | None = None
    indexed: StrictBool | None = None


# ---- organizations ----


def create_organization(
    name: str, owner_email: str, owner_password: str | None, actor: Actor, clock: Clock
) -> Founded:
    """Makes a password for a new owner where none is given."""
    passwords.require_good(owner_password)
    now = clock.now()
    with atomic():
        organization, owner, password = people.init(
            organization=name, owner=owner_email, password=owner_password, now=now
        )
        detail = {"name": organization.name, "owner": owner.user.email}
        audit.record(organization.id, actor, "organization.created", organization.id, now=now, detail=detail)
    return Founded(organization, owner, password)


def first_start(
    *, organization: str, email: str, name: str, password: str, address: str, clock: Clock
) -> Member:
    """The first organization and its owner, by whoever comes first; all problems at once."""
    if people.is_founded():
        raise _founded()
    problems = []
    if not organization.strip():
        problems.append(
            Problem("organization", "Give your organization a name, such as that of your company.")
        )
    if (normal := normalise.email(email)) is None:
        wrong = f"{email} is not an email address." if email.strip() else "Give your email address."
        problems.append(Problem("email", wrong))
    try:
        passwords.require_good(password)
    except MustFix as error:
        problems += error.problems
    if problems or normal is None:
        raise MustFix("invalid_first_start", "The organization can't be made like this.", problems)
    now = clock.now()
    with founding():
        if people.is_founded():
            raise _founded()
        made, owner, _ = people.init(
            organization=organization, owner=normal, name=name, password=password, now=now
        )
        actor = signin.actor(owner.user, address)
        detail = {"name": made.name, "owner": normal}
        audit.record(made.id, actor, "organization.created", made.id, now=now, detail=detail)
    return owner


def _founded() -> Conflict:
    return Conflict("This installation has its organization already. Sign in.", code="founded")


def update_organization(
    organization_id: UUID, actor: Actor, body: Mapping[str, Any], clock: Clock
) -> Organization:
    given = check(OrganizationBody, body)
    with transaction(organization_id):
        before = people.organization(organization_id)
        keeps = "keep_events_days" in given.model_fields_set
        organization = people.update_organization(
            organization_id,
            name=given.name,
            own_domains=given.own_domains,
            time_zone=given.time_zone,
            keep_events_days=given.keep_events_days if keeps else MISSING,
        )
        after = {name: getattr(organization, name) for name in OrganizationBody.model_fields}
        changed = {name: value for name, value in after.items() if value != getattr(before, name)}
        if "own_domains" in changed:
            # Whose people are nobody's customers has changed.
            pushing.key_anew(organization_id, now=clock.now())
        if changed:
            audit.record(
                organization_id,
                actor,
                "organization.updated",
                organization_id,
                now=clock.now(),
                detail=changed,
            )
    return organization


# ---- members ----


def add_user(
    organization_id: UUID,
    actor: Actor,
    email: str,
    role: str,
    clock: Clock,
    *,
    name: str = "",
    password: str | None = None,
) -> Added:
    """Makes a password for a new user where none is given."""
    passwords.require_good(password)
    now = clock.now()
    with transaction(organization_id):
        ranks.require(organization_id, actor, over=role)
        member, chosen = people.add_member(
            organization_id, email=email, role=role, name=name, password=password, now=now
        )
        _note_member(organization_id, actor, "member.added", member, now, {"role": role})
    return Added(member, chosen)


def set_role(organization_id: UUID, actor: Actor, member_id: UUID, role: str, clock: Clock) -> Member:
    with transaction(organization_id):
        before = people.member(organization_id, member_id).role
        ranks.require(organization_id, actor, over="owner" if "owner" in (before, role) else role)
        member = people.set_role(organization_id, member_id, role)
        detail = {"old": before, "new": role}
        _note_member(organization_id, actor, "member.role_set", member, clock.now(), detail)
    return member


def remove_member(organization_id: UUID, actor: Actor, member_id: UUID, clock: Clock) -> None:
    """Ends what they see of the organization at once. Keys that they made are the organization's, and stay. Whoever
    goes by themselves needs nobody's leave."""
    with transaction(organization_id):
        member = people.member(organization_id, member_id)
        if not ranks.is_self(actor, member):
            ranks.require(organization_id, actor, over=member.role)
        byhand.give_up_owner(organization_id, member_id, actor=actor.record(), now=clock.now())
        people.remove_member(organization_id, member_id)
        _note_member(organization_id, actor, "member.removed", member, clock.now(), {"role": member.role})


def rename(actor: Actor, name: str, clock: Clock) -> User:
    """Themselves, in all their organizations."""
    with moment():
        user = people.set_name(UUID(actor.id), name)
        detail = {"name": user.name}
        audit.record_of_user(user.id, actor, "user.renamed", now=clock.now(), detail=detail)
    return user


# ---- keys ----


def create_key(
    organization_id: UUID,
    actor: Actor,
    name: str,
    scopes: Collection[str],
    expires_at: datetime | None,
    clock: Clock,
) -> tuple[ApiKey, str]:
    """The key's row, and its text, which can't be shown again."""
    now = clock.now()
    with transaction(organization_id):
        _require_scopes(organization_id, actor, scopes)
        key, text = keys.create(
            organization_id,
            name=name,
            scopes=scopes,
            created_by_type=actor.type,
            created_by_id=actor.id,
            expires_at=expires_at,
            now=now,
        )
        _note_key(organization_id, actor, "key.created", key, now)
    return key, text


def revoke_key(organization_id: UUID, actor: Actor, key_id: UUID, clock: Clock) -> ApiKey:
    now = clock.now()
    with transaction(organization_id):
        key = keys.revoke(organization_id, key_id, now=now)
        _note_key(organization_id, actor, "key.revoked", key, now)
    return key


def _require_scopes(organization_id: UUID, actor: Actor, scopes: Collection[str]) -> None:
    if actor.type != "api_key":
        return
    own = keys.get(organization_id, UUID(actor.id)).scopes
    lacking = sorted(set(scopes) - set(own))
    if lacking:
        raise Refused("insufficient_scopes", f"A key can't grant what it lacks: {', '.join(lacking)}.")


# ---- fields ----


def set_field(
    organization_id: UUID, actor: Actor, name: str, body: Mapping[str, Any], clock: Clock
) -> TrackedField:
    """`body`: one of periodic, history and indexed, or more."""
    given = check(FieldBody, body)
    switches = given.model_dump(exclude_none=True)
    if not switches:
        raise MustFix("invalid", "Say what to switch.", [Problem("", "Give periodic, history or indexed.")])
    with transaction(organization_id):
        was_off = name.casefold() in {one.casefold() for one in fields.without_periodic(organization_id)}
        field = fields.switch(organization_id, name, **switches)
        if was_off and field.periodic:
            periodic.read_again(organization_id, field.name)
        audit.record(organization_id, actor, "field.switched", field.name, now=clock.now(), detail=switches)
    return field


# ---- the audit log ----


def _note_member(
    organization_id: UUID, actor: Actor, verb: str, member: Member, now: datetime, detail: Mapping[str, Any]
) -> None:
    audit.record(
        organization_id, actor, verb, member.id, now=now, detail={"email": member.user.email, **detail}
    )


def _note_key(organization_id: UUID, actor: Actor, verb: str, key: ApiKey, now: datetime) -> None:
    audit.record(
        organization_id, actor, verb, key.id, now=now, detail={"name": key.name, "scopes": key.scopes}
    )
