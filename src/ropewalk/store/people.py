"""Organizations, users and their roles."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction as django_transaction
from django.db.models import F

from ropewalk.core import normalise
from ropewalk.core.drafts import Owners
from ropewalk.core.errors import Conflict, MustFix, NotFound, Problem
from ropewalk.core.values import MISSING, Missing
from ropewalk.store import pages
from ropewalk.store.ids import new_id
from ropewalk.store.models import Member, Organization, User
from ropewalk.store.models.people import Role
from ropewalk.store.pages import Listing
from ropewalk.store.transactions import transaction

ROLES = tuple(Role.values)
NAME_CHARS = 255


# ---- organizations ----


def init(
    *, organization: str, owner: str, now: datetime, name: str = "", password: str | None = None
) -> tuple[Organization, Member, str | None]:
    """A new organization and its owner. The password is made and answered where none was given; None: the user
    was there before and keeps theirs."""
    title = organization.strip()
    if not title:
        raise _problem("organization", "An organization needs a name.")
    with django_transaction.atomic():
        if Organization.objects.filter(name__iexact=title).exists():
            raise Conflict(f"There is an organization with the name {title} already.")
        made = Organization.objects.create(id=new_id(), name=title, created_at=now)
        user, chosen = _user(owner, name, password, now)
        member = Member.objects.create(
            id=new_id(), organization=made, user=user, role=Role.OWNER, created_at=now
        )
    return made, member, chosen


def organizations() -> list[Organization]:
    return list(Organization.objects.order_by("name"))


def is_founded() -> bool:
    return Organization.objects.exists()


def organization(organization_id: UUID) -> Organization:
    found = Organization.objects.filter(id=organization_id).first()
    if found is None:
        raise NotFound("organization")
    return found


MOST_DAYS: Final = 36_500


def update_organization(
    organization_id: UUID,
    *,
    name: str | None = None,
    own_domains: Sequence[str] | None = None,
    time_zone: str | None = None,
    keep_events_days: int | None | Missing = MISSING,
) -> Organization:
    """All problems at once. `keep_events_days` None: for ever."""
    problems = []
    with transaction(organization_id):
        found = organization(organization_id)
        if name is not None:
            found.name = name.strip()
            if not found.name:
                problems.append(Problem("name", "An organization needs a name."))
            elif Organization.objects.filter(name__iexact=found.name).exclude(id=organization_id).exists():
                problems.append(
                    Problem("name", f"There is an organization with the name {found.name} already.")
                )
        if own_domains is not None:
            normal = [(text, normalise.domain(text)) for text in own_domains]
            problems += [
                Problem(f"own_domains.{place}", f"{text} is not a domain such as example.com.")
                for place, (text, domain) in enumerate(normal)
                if domain is None
            ]
            found.own_domains = sorted({domain for _, domain in normal if domain is not None})
        if time_zone is not None:
            found.time_zone = time_zone
            try:
                ZoneInfo(time_zone)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                problems.append(Problem("time_zone", f"{time_zone} is no time zone such as Europe/Berlin."))
        if keep_events_days is not MISSING:
            if keep_events_days is not None and not 1 <= keep_events_days <= MOST_DAYS:
                message = f"Give 1 to {MOST_DAYS:,} days, or nothing to keep events for ever."
                problems.append(Problem("keep_events_days", message))
            found.keep_events_days = keep_events_days
        if problems:
            raise MustFix("invalid_organization", "The organization can't be saved like this.", problems)
        found.save()
    return found


def keeping_events_for_a_time() -> list[Organization]:
    return list(Organization.objects.filter(keep_events_days__isnull=False).order_by("id"))


# ---- users and members ----


def fresh_password() -> str:
    return secrets.token_urlsafe(12)


def user(user_id: UUID) -> User | None:
    return User.objects.filter(id=user_id, is_active=True).first()


def user_by_email(email: str) -> User | None:
    return User.objects.filter(email=email.strip().lower(), is_active=True).first()


def set_password(user_id: UUID, password: str) -> User:
    """Ends all of the user's sessions."""
    found = User.objects.get(id=user_id)
    found.set_password(password)
    found.save(update_fields=["password"])
    return found


def set_name(user_id: UUID, name: str) -> User:
    title = " ".join(name.split())
    if len(title) > NAME_CHARS:
        raise _problem("name", f"A name has at most {NAME_CHARS} characters.")
    found = User.objects.get(id=user_id)
    found.name = title
    found.save(update_fields=["name"])
    return found


def end_sessions(user_id: UUID) -> None:
    User.objects.filter(id=user_id).update(session_epoch=F("session_epoch") + 1)


def signed_in(user_id: UUID, *, now: datetime) -> None:
    User.objects.filter(id=user_id).update(last_login=now)


def _user(email: str, name: str, password: str | None, now: datetime) -> tuple[User, str | None]:
    normal = normalise.email(email)
    if normal is None:
        raise _problem("email", f"{email} is not an email address.")
    there = User.objects.filter(email=normal).first()
    if there is not None:
        return there, None
    chosen = password or fresh_password()
    user = User(id=new_id(), email=normal, name=name.strip(), created_at=now)
    user.set_password(chosen)
    user.save()
    return user, chosen


def add_member(
    organization_id: UUID,
    *,
    email: str,
    role: str,
    now: datetime,
    name: str = "",
    password: str | None = None,
) -> tuple[Member, str | None]:
    """The password as `init` answers it."""
    _require_role(role)
    with transaction(organization_id):
        user, chosen = _user(email, name, password, now)
        if Member.objects.filter(organization_id=organization_id, user=user).exists():
            raise Conflict(f"{user.email} is a member already.")
        member = Member.objects.create(
            id=new_id(), organization_id=organization_id, user=user, role=role, created_at=now
        )
    return member, chosen


def member(organization_id: UUID, member_id: UUID) -> Member:
    found = (
        Member.objects.select_related("user").filter(organization_id=organization_id, id=member_id).first()
    )
    if found is None:
        raise NotFound("member")
    return found


def member_by_email(organization_id: UUID, email: str) -> Member | None:
    found = Member.objects.select_related("user").filter(organization_id=organization_id)
    return found.filter(user__email=email.strip().lower()).first()


def members(organization_id: UUID, *, limit: int = pages.LIMIT, cursor: str | None = None) -> Listing[Member]:
    found = Member.objects.select_related("user").filter(organization_id=organization_id)
    return pages.oldest_first(found, limit=limit, cursor=cursor)


def team(organization_id: UUID) -> list[Member]:
    """All that are active, with their users."""
    found = Member.objects.select_related("user").filter(
        organization_id=organization_id, user__is_active=True
    )
    return list(found.order_by("user__email"))


def membership(organization_id: UUID, user_id: UUID) -> Member | None:
    """With user and organization, in one query: what a page asks for each time."""
    found = Member.objects.select_related("user", "organization").filter(
        organization_id=organization_id, user_id=user_id, user__is_active=True
    )
    return found.first()


def memberships(user_id: UUID) -> list[Member]:
    found = Member.objects.select_related("organization").filter(user_id=user_id, user__is_active=True)
    return list(found.order_by("organization__name"))


def owners(organization_id: UUID) -> Owners:
    """Whom a sync may make an account's owner."""
    found = Member.objects.filter(organization_id=organization_id, user__is_active=True)
    by_email = {email: str(member_id) for member_id, email in found.values_list("id", "user__email")}
    return Owners(frozenset(by_email.values()), by_email)


def set_role(organization_id: UUID, member_id: UUID, role: str) -> Member:
    """Who may change an owner is the door's to ask; the last owner stays one."""
    _require_role(role)
    with transaction(organization_id):
        found = member(organization_id, member_id)
        if role != Role.OWNER:
            require_another_owner(found)
        found.role = role
        found.save(update_fields=["role"])
    return found


def remove_member(organization_id: UUID, member_id: UUID) -> None:
    """What they own has to be given up before (`byhand.give_up_owner`)."""
    with transaction(organization_id):
        found = member(organization_id, member_id)
        require_another_owner(found)
        found.delete()


def require_another_owner(leaving: Member) -> None:
    """`Conflict` where this is the last one."""
    others = Member.objects.filter(
        organization_id=leaving.organization_id, role=Role.OWNER, user__is_active=True
    )
    if leaving.role == Role.OWNER and not others.exclude(id=leaving.id).exists():
        raise Conflict("This is the last owner. Make somebody else an owner first.", code="last_owner")


def _require_role(role: str) -> None:
    if role not in ROLES:
        raise _problem("role", f"{role} is no role; there are {', '.join(ROLES)}.")


def _problem(path: str, message: str) -> MustFix:
    return MustFix(f"invalid_{path}", message, [Problem(path, message)])


def names(organization_id: UUID, member_ids: Collection[UUID]) -> dict[UUID, str]:
    """Of these members: what they are called, else their email addresses."""
    if not member_ids:
        return {}
    found = Member.objects.filter(organization_id=organization_id, id__in=member_ids)
    rows = found.values_list("id", "user__name", "user__email")
    return {member_id: name or email for member_id, name, email in rows}


def users(user_ids: Collection[str]) -> dict[str, str]:
    """What these users are called, else their email addresses; also of who is no member any more."""
    if not user_ids:
        return {}
    found = User.objects.filter(id__in=user_ids).values_list("id", "name", "email")
    return {str(user_id): name or email for user_id, name, email in found}
