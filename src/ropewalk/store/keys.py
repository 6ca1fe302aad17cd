"""API keys: shown once, stored as a digest, looked up at every call, so that revoking works at once everywhere."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from ropewalk.core.errors import MustFix, NotFound, Problem
from ropewalk.store import pages
from ropewalk.store.ids import new_id
from ropewalk.store.models import ApiKey
from ropewalk.store.pages import Listing
from ropewalk.store.transactions import transaction

SCOPES = ("read", "write", "ingest", "admin")
START = "pk_live_"
_USED_EVERY = timedelta(minutes=1)


def create(
    organization_id: UUID,
    *,
    name: str,
    scopes: Collection[str],
    created_by_type: str,
    created_by_id: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """The key's row and its text, which is nowhere else. What a key may grant is the door's to ask."""
    problems = []
    if not name.strip() or len(name) > 255:
        problems.append(Problem("name", "A key needs a name of at most 255 characters."))
    if unknown := sorted(set(scopes) - set(SCOPES)):
        problems.append(
            Problem("scopes", f"There is no scope {', '.join(unknown)}; there are {', '.join(SCOPES)}.")
        )
    elif not scopes:
        problems.append(Problem("scopes", f"A key needs at least one of the scopes {', '.join(SCOPES)}."))
    if expires_at is not None and expires_at <= now:
        problems.append(Problem("expires_at", "This time is over already."))
    if problems:
        raise MustFix("invalid_key", "The key can't be made like this.", problems)
    text = START + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        id=new_id(),
        organization_id=organization_id,
        name=name.strip(),
        prefix=text[:12],
        key_hash=_digest(text),
        scopes=[scope for scope in SCOPES if scope in scopes],
        created_by_type=created_by_type,
        created_by_id=created_by_id,
        created_at=now,
        expires_at=expires_at,
    )
    return key, text


def _digest(text: str) -> str:
    # 256 random bits need no slow hash.
    return sha256(text.encode()).hexdigest()


def authenticate(text: str, *, now: datetime) -> ApiKey | None:
    """None for a key that is unknown, revoked or expired."""
    if not text.startswith(START):
        return None
    found = ApiKey.objects.filter(key_hash=_digest(text), revoked_at=None).first()
    return None if found is None or (found.expires_at and found.expires_at <= now) else found


def used(key: ApiKey, *, now: datetime) -> None:
    """Kept to the minute: a call must not cost a write each time."""
    if key.last_used_at is None or now - key.last_used_at >= _USED_EVERY:
        ApiKey.objects.filter(organization_id=key.organization_id, id=key.id).update(last_used_at=now)


def get(organization_id: UUID, key_id: UUID) -> ApiKey:
    found = ApiKey.objects.filter(organization_id=organization_id, id=key_id).first()
    if found is None:
        raise NotFound("API key")
    return found


def is_live(organization_id: UUID, key_id: UUID, now: datetime | None = None) -> bool:
    """Not revoked; with `now`, not expired either."""
    found = ApiKey.objects.filter(organization_id=organization_id, id=key_id, revoked_at=None)
    if now is not None:
        found = found.exclude(expires_at__lte=now)
    return found.exists()


def listing(organization_id: UUID, *, limit: int = pages.LIMIT, cursor: str | None = None) -> Listing[ApiKey]:
    found = ApiKey.objects.filter(organization_id=organization_id)
    return pages.newest_first(found, limit=limit, cursor=cursor)


def revoke(organization_id: UUID, key_id: UUID, *, now: datetime) -> ApiKey:
    with transaction(organization_id):
        found = get(organization_id, key_id)
        if found.revoked_at is None:
            found.revoked_at = now
            found.save(update_fields=["revoked_at"])
    return found
