"""What lets people in: links that work once, of which only a digest is kept, and how often somebody has tried."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from django.db import models

from ropewalk.core import rate
from ropewalk.core.errors import NotFound
from ropewalk.core.rate import Limit, Standing, Stretch
from ropewalk.core.values import JSON
from ropewalk.store import pages
from ropewalk.store.ids import new_id
from ropewalk.store.models import Attempts, Invitation, ResetLink, User
from ropewalk.store.pages import Listing
from ropewalk.store.transactions import moment, transaction


def _digest(text: str) -> str:
    # 256 random bits need no slow hash; what is tried is known to whoever tries it.
    return sha256(text.encode()).hexdigest()


# ---- invitations ----


def invite(
    organization_id: UUID,
    *,
    email: str,
    role: str,
    created_by: Mapping[str, JSON],
    now: datetime,
    expires_at: datetime,
) -> tuple[Invitation, str]:
    """The invitation and its token, which is nowhere else. An earlier one for this email ends."""
    token = secrets.token_urlsafe(32)
    with transaction(organization_id):
        _open(organization_id).filter(email=email).update(revoked_at=now)
        made = Invitation.objects.create(
            id=new_id(),
            organization_id=organization_id,
            email=email,
            role=role,
            token_hash=_digest(token),
            created_by=dict(created_by),
            created_at=now,
            expires_at=expires_at,
        )
    return made, token


def _open(organization_id: UUID) -> models.QuerySet[Invitation, Invitation]:
    return Invitation.objects.filter(organization_id=organization_id, accepted_at=None, revoked_at=None)


def invitations(
    organization_id: UUID, *, limit: int = pages.LIMIT, cursor: str | None = None
) -> Listing[Invitation]:
    """Those that wait for somebody, newest first; also what has expired, so that it can be sent again."""
    return pages.newest_first(_open(organization_id), limit=limit, cursor=cursor)


def invitation(organization_id: UUID, invitation_id: UUID) -> Invitation:
    found = _open(organization_id).filter(id=invitation_id).first()
    if found is None:
        raise NotFound("invitation")
    return found


def revoke_invitation(organization_id: UUID, invitation_id: UUID, *, now: datetime) -> Invitation:
    with transaction(organization_id):
        found = invitation(organization_id, invitation_id)
        found.revoked_at = now
        found.save(update_fields=["revoked_at"])
    return found


def live_invitation(token: str, *, now: datetime) -> Invitation | None:
    """With its organization."""
    found = Invitation.objects.select_related("organization").filter(
        token_hash=_digest(token), accepted_at=None, revoked_at=None, expires_at__gt=now
    )
    return found.first()


def accepted(invitation: Invitation, *, now: datetime) -> bool:
    """False: somebody else was faster."""
    mine = _open(invitation.organization_id).filter(id=invitation.id, expires_at__gt=now)
    return mine.update(accepted_at=now) == 1


# ---- new passwords ----


def reset_link(user_id: UUID, *, expires_at: datetime) -> str:
    """Its token, which is nowhere else. An earlier one ends."""
    token = secrets.token_urlsafe(32)
    ResetLink.objects.update_or_create(
        user_id=user_id, defaults={"token_hash": _digest(token), "expires_at": expires_at}
    )
    return token


def user_of_reset_link(token: str, *, now: datetime) -> User | None:
    found = ResetLink.objects.select_related("user").filter(
        token_hash=_digest(token), expires_at__gt=now, user__is_active=True
    )
    link = found.first()
    return link.user if link else None


def used_reset_link(token: str, *, now: datetime) -> bool:
    """False: somebody else was faster."""
    gone, _ = ResetLink.objects.filter(token_hash=_digest(token), expires_at__gt=now).delete()
    return gone == 1


def drop_reset_link(user_id: UUID) -> None:
    ResetLink.objects.filter(user_id=user_id).delete()


# ---- attempts ----


def attempt(what: str, limit: Limit, *, now: datetime) -> Standing:
    """Counted before anything is tried, so that many at once get no more than one after the other."""
    at = now.timestamp()
    with moment():
        row, _ = Attempts.objects.select_for_update().get_or_create(
            key=_digest(what), defaults={"began": at, "count": 0, "ends": at}
        )
        after, standing = rate.take(Stretch(row.began, row.count), limit, at)
        row.began, row.count, row.ends = after.began, after.taken, after.began + limit.seconds
        row.save()
    return standing


def forgive(what: str) -> None:
    Attempts.objects.filter(key=_digest(what)).delete()


def take_back(what: str) -> None:
    """One attempt that turned out to be fine."""
    Attempts.objects.filter(key=_digest(what), count__gt=0).update(count=models.F("count") - 1)
