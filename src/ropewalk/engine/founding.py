"""The first start: whoever comes first makes the organization and becomes its owner, once, and from this machine or
with the code that `serve` prints."""

from __future__ import annotations

from hmac import compare_digest

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.crypto import salted_hmac

from ropewalk.core import normalise
from ropewalk.core.actors import Actor
from ropewalk.core.errors import Conflict, MustFix, Problem
from ropewalk.engine.clock import Clock
from ropewalk.store import audit, people
from ropewalk.store.models import Member
from ropewalk.store.transactions import alone_founding

_CODE_CHARS = 20


def is_open() -> bool:
    return not people.organizations()


def code() -> str:
    """Of this installation: worth nothing once there is an organization."""
    return salted_hmac("ropewalk.first-start", "", algorithm="sha256").hexdigest()[:_CODE_CHARS]


def fits(given: str) -> bool:
    return compare_digest(given.encode(), code().encode())


def found(organization: str, email: str, password: str, ip: str, clock: Clock, *, name: str = "") -> Member:
    """Answers the owner. Raises `Conflict` where somebody was faster."""
    _require_good(organization, email, password)
    now = clock.now()
    with alone_founding():
        if not is_open():
            raise Conflict("There is an organization here already. Sign in, or ask its owner to invite you.")
        made, owner, _ = people.init(
            organization=organization, owner=email, name=name, password=password, now=now
        )
        detail = {"name": made.name, "owner": owner.user.email}
        actor = Actor("user", str(owner.user_id), owner.user.email, ip)
        audit.record(made.id, actor, "organization.created", made.id, now=now, detail=detail)
    return owner


def _require_good(organization: str, email: str, password: str) -> None:
    problems = []
    if not organization.strip():
        problems.append(
            Problem("organization", "Give your organization a name, such as that of your company.")
        )
    if normalise.email(email) is None:
        problems.append(
            Problem(
                "email", f"{email} is not an email address." if email.strip() else "Give your email address."
            )
        )
    try:
        validate_password(password)
    except ValidationError as error:
        problems += [Problem("password", message) for message in error.messages]
    if problems:
        raise MustFix("invalid_organization", "The organization can't be created like this.", problems)
