"""Invitations by link: whoever has the link joins the organization, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from ropewalk.core import normalise
from ropewalk.core.actors import Actor
from ropewalk.core.errors import Conflict, MustFix, NotFound, Problem, Refused
from ropewalk.engine import ranks
from ropewalk.engine.clock import Clock
from ropewalk.engine.members import passwords, signin
from ropewalk.store import access, audit, people
from ropewalk.store.models import Invitation, Member
from ropewalk.store.transactions import transaction

DAYS: Final = 7
PATH: Final = "/app/invitation/"
"""Before the token: the page that such a link opens."""


class Invited(NamedTuple):
    """`is_user`: they have a password, and join by signing in."""

    organization: str
    email: str
    role: str
    is_user: bool


def invite(
    organization_id: UUID, actor: Actor, email: str, role: str, clock: Clock
) -> tuple[Invitation, str]:
    """The invitation, and its token, which can't be shown again. An earlier one for this email ends."""
    now = clock.now()
    normal = normalise.email(email)
    problems = []
    if normal is None:
        problems.append(Problem("email", f"{email} is not an email address."))
    if role not in people.ROLES:
        problems.append(Problem("role", f"{role} is no role; there are {', '.join(people.ROLES)}."))
    if normal is None or problems:
        raise MustFix("invalid_invitation", "Nobody can be invited like this.", problems)
    with transaction(organization_id):
        ranks.require(organization_id, actor, over=role)
        if people.member_by_email(organization_id, normal):
            raise Conflict(f"{normal} is a member already.")
        made, token = access.invite(
            organization_id,
            email=normal,
            role=role,
            created_by=actor.record(),
            now=now,
            expires_at=now + timedelta(days=DAYS),
        )
        _note(actor, "invitation.created", made, clock)
    return made, token


def revoke(organization_id: UUID, actor: Actor, invitation_id: UUID, clock: Clock) -> Invitation:
    with transaction(organization_id):
        role = access.invitation(organization_id, invitation_id).role
        ranks.require(organization_id, actor, over=role)
        found = access.revoke_invitation(organization_id, invitation_id, now=clock.now())
        _note(actor, "invitation.revoked", found, clock)
    return found


def invited(token: str, clock: Clock) -> Invited:
    """Whom this link is for."""
    found = _live(token, clock)
    is_user = people.user_by_email(found.email) is not None
    return Invited(found.organization.name, found.email, found.role, is_user)


def accept(token: str, *, name: str, password: str, address: str, clock: Clock) -> Member:
    """By somebody who is new here. They have their password from here on, and are not signed in yet."""
    found = _live(token, clock)
    if people.user_by_email(found.email) is not None:
        raise Refused("sign_in_first", f"{found.email} has a password here already. Sign in to join.")
    passwords.require_good(password)
    with transaction(found.organization_id):
        _take(found, clock)
        member, _ = people.add_member(
            found.organization_id,
            email=found.email,
            role=found.role,
            name=name,
            password=password,
            now=clock.now(),
        )
        _note(signin.actor(member.user, address), "invitation.accepted", found, clock)
    return member


def join(token: str, actor: Actor, clock: Clock) -> Member:
    """By the user whom it is for, who has signed in."""
    found = _live(token, clock)
    user = people.user(UUID(actor.id))
    if user is None:
        raise NotFound("user")
    if user.email != found.email:
        raise Refused(
            "invitation_of_another",
            f"This invitation is for {found.email}, and you are signed in as {user.email}. "
            "Sign in as whom it is for, or ask for one of your own.",
        )
    with transaction(found.organization_id):
        _take(found, clock)
        member, _ = people.add_member(
            found.organization_id, email=found.email, role=found.role, now=clock.now()
        )
        _note(actor, "invitation.accepted", found, clock)
    return member


def _live(token: str, clock: Clock) -> Invitation:
    found = access.live_invitation(token, now=clock.now())
    if found is None:
        raise _no_invitation()
    return found


def _take(invitation: Invitation, clock: Clock) -> None:
    if not access.accepted(invitation, now=clock.now()):
        raise _no_invitation()


def _no_invitation() -> Refused:
    return Refused(
        "invalid_link",
        "This invitation doesn't work any more, or never did: each works once, and for a week. Ask an admin of the "
        "organization for a new one.",
    )


def _note(actor: Actor, verb: str, invitation: Invitation, clock: Clock) -> None:
    audit.record(
        invitation.organization_id,
        actor,
        verb,
        invitation.id,
        now=clock.now(),
        detail={"email": invitation.email, "role": invitation.role},
    )
