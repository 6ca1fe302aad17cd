"""What vendors have let connectors do: access tokens that end, and what renews them. The tokens themselves are secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import F, Q

from ropewalk.store import secrets
from ropewalk.store.models import Grant
from ropewalk.store.transactions import transaction

ACCESS: Final = "oauth:access_token"
REFRESH: Final = "oauth:refresh_token"
PREFIX: Final = "oauth:"
"""Before the names of secrets that nobody enters."""
_RENEWING: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Tokens:
    """`expires_at` None: it doesn't end by itself; `refresh` empty: nothing renews it."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: datetime | None
    version: int = 0


def read(organization_id: UUID, connector_id: UUID) -> Tokens | None:
    grant = Grant.objects.filter(organization_id=organization_id, connector_id=connector_id).first()
    if grant is None:
        return None
    kept = secrets.read(organization_id, connector_id=connector_id)
    if ACCESS not in kept:
        return None
    refresh = kept[REFRESH].value if REFRESH in kept else ""
    return Tokens(kept[ACCESS].value, refresh, grant.expires_at, grant.version)


def granted(organization_id: UUID, connector_id: UUID) -> datetime | None:
    """Since when; None: nobody has said yes, or it was taken back."""
    found = Grant.objects.filter(organization_id=organization_id, connector_id=connector_id)
    return found.values_list("granted_at", flat=True).first()


def claim(organization_id: UUID, connector_id: UUID, *, version: int, now: datetime) -> bool:
    """Whether it is the caller who renews these tokens. One that dies over it holds nobody up for long."""
    free = Q(renewed_until=None) | Q(renewed_until__lt=now)
    return bool(
        Grant.objects.filter(
            free, organization_id=organization_id, connector_id=connector_id, version=version
        ).update(renewed_until=now + _RENEWING)
    )


def release(organization_id: UUID, connector_id: UUID, *, version: int) -> None:
    Grant.objects.filter(organization_id=organization_id, connector_id=connector_id, version=version).update(
        renewed_until=None
    )


def renew(organization_id: UUID, connector_id: UUID, tokens: Tokens, *, now: datetime) -> None:
    """Before anybody uses them: the vendor may take the old ones no more."""
    with transaction(organization_id):
        found = Grant.objects.filter(organization_id=organization_id, connector_id=connector_id)
        kept = found.update(expires_at=tokens.expires_at, renewed_until=None, version=F("version") + 1)
        if kept:
            _put(organization_id, connector_id, tokens, (), now)


def keep(
    organization_id: UUID, connector_id: UUID, tokens: Tokens, *, origins: tuple[str, ...], now: datetime
) -> None:
    """Of somebody who has just said yes."""
    with transaction(organization_id):
        version = (
            Grant.objects.filter(organization_id=organization_id, connector_id=connector_id)
            .values_list("version", flat=True)
            .first()
        )
        Grant.objects.update_or_create(
            connector_id=connector_id,
            defaults={
                "organization_id": organization_id,
                "expires_at": tokens.expires_at,
                "renewed_until": None,
                "granted_at": now,
                "version": (version or 0) + 1,
            },
        )
        _put(organization_id, connector_id, tokens, origins, now)


def forget(organization_id: UUID, connector_id: UUID, *, now: datetime) -> bool:
    """Answers whether there was anything."""
    with transaction(organization_id):
        there, _ = Grant.objects.filter(organization_id=organization_id, connector_id=connector_id).delete()
        secrets.put(
            organization_id,
            connector_id=connector_id,
            values={ACCESS: None, REFRESH: None},
            origins=(),
            now=now,
        )
        return bool(there)


def _put(
    organization_id: UUID, connector_id: UUID, tokens: Tokens, origins: tuple[str, ...], now: datetime
) -> None:
    values: dict[str, str | None] = {ACCESS: tokens.access, REFRESH: tokens.refresh or None}
    old = secrets.read(organization_id, connector_id=connector_id)
    at = origins or (old[ACCESS].origins if ACCESS in old else ())
    secrets.put(organization_id, connector_id=connector_id, values=values, origins=at, now=now)
