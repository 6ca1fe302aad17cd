"""Signing in and out. Nothing that is answered tells whether an email is known here."""

from __future__ import annotations

import ipaddress
from typing import Final
from uuid import UUID

from django.contrib.auth.hashers import make_password

from ropewalk.core import normalise
from ropewalk.core.actors import Actor
from ropewalk.core.errors import Refused, RetryLater
from ropewalk.core.rate import Limit, Standing
from ropewalk.engine import ranks
from ropewalk.engine.clock import Clock
from ropewalk.store import access, audit, people
from ropewalk.store.models import User
from ropewalk.store.transactions import moment

BY_ACCOUNT: Final = Limit(10, 15 * 60)
"""Attempts that failed, from anywhere: enough for whoever tries to remember, too few for whoever guesses."""
BY_ADDRESS: Final = Limit(50, 15 * 60)
"""An office may share one."""


def actor(user: User, address: str) -> Actor:
    return Actor("user", str(user.id), user.email, address)


def sign_in(email: str, password: str, *, address: str, clock: Clock) -> User:
    """`RetryLater("too_many_attempts")` says in `after` how long to wait."""
    require_attempt(email, address, clock)
    user = people.user_by_email(email)
    now = clock.now()
    if user is None or not user.check_password(password):
        if user is None:
            # As much work as for somebody who is known here.
            make_password(password)
        with moment():
            _note_refusal(user, email, address, clock, "wrong")
        raise Refused(
            "sign_in_refused",
            "This email and this password don't belong together. Try again, or ask an admin of your organization "
            "for a link to a new password.",
        )
    with moment():
        forgive(email, address)
        people.signed_in(user.id, now=now)
        audit.record_of_user(user.id, actor(user, address), "user.signed_in", now=now)
    return user


def sign_out(user: User, *, address: str, clock: Clock) -> None:
    """The session itself is the door's to drop."""
    with moment():
        audit.record_of_user(user.id, actor(user, address), "user.signed_out", now=clock.now())


def sign_out_everywhere(organization_id: UUID, by: Actor, member_id: UUID, clock: Clock) -> None:
    """All sessions of a member end, in every process: by themselves, or by whoever ranks as high."""
    with moment():
        member = people.member(organization_id, member_id)
        if not ranks.is_self(by, member):
            ranks.require(organization_id, by, over=member.role)
            ranks.require_over(by, member.user_id)
        people.end_sessions(member.user_id)
        detail = {"email": member.user.email}
        audit.record_of_user(member.user_id, by, "user.signed_out_everywhere", now=clock.now(), detail=detail)


# ---- how often ----


def require_attempt(email: str, address: str, clock: Clock) -> None:
    """Before a password is looked at."""
    now = clock.now()
    for what, limit in ((_address(address), BY_ADDRESS), (_account(email), BY_ACCOUNT)):
        standing = access.attempt(what, limit, now=now)
        if not standing.allowed:
            _refuse(standing, email, address, clock)


def forgive(email: str, address: str) -> None:
    """It was them. Whoever knows one password has no more tries for others by it."""
    reopen(email)
    access.take_back(_address(address))


def reopen(email: str) -> None:
    """Whoever tried before tried another password."""
    access.forgive(_account(email))


def _refuse(standing: Standing, email: str, address: str, clock: Clock) -> None:
    if standing.taken == standing.limit + 1:
        # Once: whoever keeps trying doesn't fill the log.
        with moment():
            _note_refusal(people.user_by_email(email), email, address, clock, "too_many_attempts")
    minutes = -(-standing.reset // 60)
    raise RetryLater(
        "too_many_attempts",
        f"Those were too many attempts. Try again in {minutes} {'minute' if minutes == 1 else 'minutes'}.",
        after=standing.reset,
    )


def _account(email: str) -> str:
    return f"account {email.strip().lower()}"


def _address(address: str) -> str:
    """Whoever has one address of IPv6 has 2⁶⁴ of them."""
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return f"address {address}"
    if isinstance(read, ipaddress.IPv6Address):
        if read.ipv4_mapped is not None:
            return f"address {read.ipv4_mapped}"
        return f"address {ipaddress.ip_network((read, 64), strict=False)}"
    return f"address {read}"


def _note_refusal(user: User | None, email: str, address: str, clock: Clock, reason: str) -> None:
    # What isn't an email may be a password in the wrong place.
    label = normalise.email(email) or "somebody"
    audit.record_of_user(
        user.id if user else None,
        Actor("user", "", label, address),
        "user.sign_in_refused",
        now=clock.now(),
        detail={"reason": reason},
    )
