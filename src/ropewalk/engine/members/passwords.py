"""Passwords: changed by their owner, set in the shell, or made anew with a link that works once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from ropewalk.core.actors import Actor
from ropewalk.core.errors import MustFix, NotFound, Problem, Refused
from ropewalk.engine import ranks
from ropewalk.engine.clock import Clock
from ropewalk.engine.members import signin
from ropewalk.store import access, audit, people
from ropewalk.store.models import User
from ropewalk.store.transactions import moment, transaction

RESET_HOURS: Final = 24
PATH: Final = "/app/reset/"
"""Before the token: the page that such a link opens."""


class NewLink(NamedTuple):
    """The token is kept nowhere, and can't be shown again."""

    token: str
    email: str
    expires_at: datetime


def require_good(password: str | None) -> None:
    """None: one is made, which is."""
    if password is None:
        return
    try:
        validate_password(password)
    except ValidationError as error:
        problems = [Problem("password", message) for message in error.messages]
        raise MustFix("invalid_password", "This password can't be used.", problems) from None


def set_password(
    organization_id: UUID, actor: Actor, member_id: UUID, clock: Clock, *, password: str | None = None
) -> str:
    """Answers the password: the given one, or one that it made. All sessions of the member end."""
    require_good(password)
    with transaction(organization_id):
        member = people.member(organization_id, member_id)
        ranks.require(organization_id, actor, over=member.role)
        ranks.require_over(actor, member.user_id)
        chosen = password or people.fresh_password()
        _replace(actor, member.user_id, chosen, "user.password_set", clock)
    return chosen


def change(actor: Actor, *, present: str, password: str, clock: Clock) -> User:
    """By themselves. All their sessions end; whoever keeps the one at hand gives it the new user's session hash."""
    user = people.user(UUID(actor.id))
    if user is None:
        raise NotFound("user")
    signin.require_attempt(user.email, actor.ip, clock)
    problems = []
    if user.check_password(present):
        signin.forgive(user.email, actor.ip)
    else:
        problems.append(Problem("present", "This is not your current password."))
    try:
        require_good(password)
    except MustFix as error:
        problems += error.problems
    if problems:
        raise MustFix("invalid_password", "The password can't be changed like this.", problems)
    with moment():
        return _replace(actor, user.id, password, "user.password_changed", clock)


def make_reset_link(organization_id: UUID, actor: Actor, member_id: UUID, clock: Clock) -> NewLink:
    """For a new password: for somebody who has forgotten theirs, from
    whoever stands as high as they do. It works once, for a day; an earlier one ends."""
    now = clock.now()
    with transaction(organization_id):
        member = people.member(organization_id, member_id)
        ranks.require(organization_id, actor, over=member.role)
        ranks.require_over(actor, member.user_id)
        ends = now + timedelta(hours=RESET_HOURS)
        token = access.reset_link(member.user_id, expires_at=ends)
        audit.record_of_user(
            member.user_id, actor, "user.reset_link_made", now=now, detail={"email": member.user.email}
        )
    return NewLink(token, member.user.email, ends)


def reset_for(token: str, clock: Clock) -> str:
    """The email of whoever may take a new password by this link."""
    user = access.user_of_reset_link(token, now=clock.now())
    if user is None:
        raise _no_link()
    return user.email


def reset(token: str, *, password: str, address: str, clock: Clock) -> User:
    """All sessions of the user end."""
    now = clock.now()
    user = access.user_of_reset_link(token, now=now)
    if user is None:
        raise _no_link()
    require_good(password)
    with moment():
        if not access.used_reset_link(token, now=now):
            raise _no_link()
        return _replace(signin.actor(user, address), user.id, password, "user.password_reset", clock)


def _replace(actor: Actor, user_id: UUID, password: str, verb: str, clock: Clock) -> User:
    """With whatever else would still let somebody in, or keep them out."""
    user = people.set_password(user_id, password)
    access.drop_reset_link(user_id)
    signin.reopen(user.email)
    audit.record_of_user(user_id, actor, verb, now=clock.now(), detail={"email": user.email})
    return user


def _no_link() -> Refused:
    return Refused(
        "invalid_link",
        "This link doesn't work any more, or never did: each works once, and for a day. Ask an admin of your "
        "organization for a new one.",
    )
