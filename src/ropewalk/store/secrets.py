"""Credentials, encrypted with a key that is not in the database.

A rotation may be killed at any instant: from its first step to its last the key file holds the old key beside the
new one, and it drops the old one only after it has seen that every row opens with the new one alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from uuid import UUID

from cryptography.fernet import InvalidToken, MultiFernet
from django.conf import settings
from django.db.models import Q, QuerySet
from msgspec import Struct

from ropewalk.core.errors import MustFix
from ropewalk.store import keyring
from ropewalk.store.ids import new_id
from ropewalk.store.keyring import Keyring
from ropewalk.store.models import Secret, Stream
from ropewalk.store.transactions import every_key, transaction

_BATCH = 200


@dataclass(frozen=True, slots=True)
class Stored:
    value: str = field(repr=False)
    origins: tuple[str, ...]


class Sealed(Struct, frozen=True):
    """Secrets by name, not read yet: one that can't be is the trouble of whoever needs it."""

    rows: Mapping[str, Secret]

    def open(self) -> dict[str, Stored]:
        """Raises `MustFix` (key_missing, key_unreadable, wrong_key)."""
        return {name: Stored(_decrypted(one), tuple(one.origins)) for name, one in self.rows.items()}


class _Loaded(Struct):
    keys: Keyring
    fernet: MultiFernet
    stamp: object


_loaded: dict[str, _Loaded] = {}
_loading = Lock()


def keys() -> Keyring:
    """As they are now: a rotation by another process is noticed at the next use."""
    return _keys().keys


def _keys() -> _Loaded:
    operated = settings.ROPEWALK
    given: tuple[str, ...] = operated.given_keys
    stamp: object = given
    if not given:
        try:
            status = os.stat(operated.key_file)
        except FileNotFoundError:
            keyring.read(operated.key_file)
            raise
        stamp = status.st_mtime_ns, status.st_ino
    with _loading:
        loaded = _loaded.get("keys")
        if loaded is None or loaded.stamp != stamp:
            ring = Keyring(given) if given else keyring.read(operated.key_file)
            loaded = _loaded["keys"] = _Loaded(ring, ring.fernet, stamp)
        return loaded


def put(
    organization_id: UUID,
    *,
    connector_id: UUID,
    values: Mapping[str, str | None],
    origins: Sequence[str],
    now: datetime,
    stream_id: UUID | None = None,
) -> list[str]:
    """Saves what differs from what is stored, None erases; answers the names that it changed.

    A new value is bound to `origins`; one that is entered again is bound to them as well."""
    changed = []
    with transaction(organization_id), every_key(alone=False):
        loaded = _keys()
        there = {one.name: one for one in _secrets(organization_id, connector_id, stream_id)}
        for name, value in values.items():
            old = there.get(name)
            if value is None:
                if old is not None:
                    old.delete()
                    changed.append(name)
                continue
            digests = loaded.keys.digests(value)
            if old is not None and old.digest in digests:
                if missing := [origin for origin in origins if origin not in old.origins]:
                    old.origins = [*old.origins, *missing]
                    old.updated_at = now
                    old.save(update_fields=["origins", "updated_at"])
                continue
            row = old or Secret(
                id=new_id(),
                organization_id=organization_id,
                connector_id=connector_id,
                stream_id=stream_id,
                name=name,
            )
            row.ciphertext = loaded.fernet.encrypt(value.encode())
            row.digest = digests[0]
            row.origins = list(origins)
            row.updated_at = now
            row.save()
            changed.append(name)
    return changed


def read(organization_id: UUID, *, connector_id: UUID, stream_id: UUID | None = None) -> dict[str, Stored]:
    """Of the stream itself where one is given, else of the connector."""
    return {
        one.name: Stored(_decrypted(one), tuple(one.origins))
        for one in _secrets(organization_id, connector_id, stream_id)
    }


def of_streams(organization_id: UUID, streams: Sequence[Stream]) -> dict[UUID, Sealed]:
    """By stream, its connector's secrets and over them its own."""
    found = Secret.objects.filter(
        Q(stream=None) | Q(stream__in=[stream.id for stream in streams]),
        organization_id=organization_id,
        connector__in={stream.connector_id for stream in streams},
    )
    # The connector's first, so that the stream's own come over them.
    rows = sorted(found, key=lambda one: one.stream_id is not None)
    return {
        stream.id: Sealed(
            {
                one.name: one
                for one in rows
                if one.connector_id == stream.connector_id and one.stream_id in (None, stream.id)
            }
        )
        for stream in streams
    }


def names(organization_id: UUID, *, connector_id: UUID, stream_id: UUID | None = None) -> list[str]:
    return sorted(one.name for one in _secrets(organization_id, connector_id, stream_id))


def every_name(organization_id: UUID) -> dict[tuple[UUID, UUID | None], list[str]]:
    """By connector and stream; those of a connector itself under None."""
    found: dict[tuple[UUID, UUID | None], list[str]] = {}
    rows = Secret.objects.filter(organization_id=organization_id).order_by("name")
    for connector_id, stream_id, name in rows.values_list("connector_id", "stream_id", "name"):
        found.setdefault((connector_id, stream_id), []).append(name)
    return found


def same(
    organization_id: UUID, *, connector_id: UUID, values: Mapping[str, str], stream_id: UUID | None = None
) -> dict[str, bool]:
    """Whether each value is the stored one, told by keyed digests."""
    there = {one.name: one.digest for one in _secrets(organization_id, connector_id, stream_id)}
    ring = keys()
    return {name: there.get(name) in ring.digests(value) for name, value in values.items()}


def bind(
    organization_id: UUID,
    *,
    connector_id: UUID,
    name: str,
    origin: str,
    now: datetime,
    stream_id: UUID | None = None,
) -> None:
    """An admin's "also send to HOST"; and where secrets had no origin yet, that of the first stream saved."""
    with transaction(organization_id):
        for one in _secrets(organization_id, connector_id, stream_id).filter(name=name):
            if origin not in one.origins:
                one.origins = [*one.origins, origin]
                one.updated_at = now
                one.save(update_fields=["origins", "updated_at"])


def erase(organization_id: UUID, *, connector_id: UUID, stream_id: UUID | None = None) -> None:
    """All of a connector, its streams' included; or a stream's."""
    found = Secret.objects.filter(organization_id=organization_id, connector_id=connector_id)
    (found.filter(stream_id=stream_id) if stream_id else found).delete()


def _secrets(organization_id: UUID, connector_id: UUID, stream_id: UUID | None) -> QuerySet[Secret, Secret]:
    of = Q(stream_id=stream_id) if stream_id else Q(stream=None)
    return Secret.objects.filter(of, organization_id=organization_id, connector_id=connector_id).order_by(
        "name"
    )


def _decrypted(secret: Secret) -> str:
    try:
        return _keys().fernet.decrypt(bytes(secret.ciphertext)).decode()
    except InvalidToken:
        raise MustFix(
            "wrong_key",
            "The stored credentials can't be read with this installation's key. "
            "Put the key back that they were saved with, or enter them again.",
            detail=f"secret {secret.id}",
        ) from None


def settle_key() -> None:
    """At a start, once the database is open: keeps a key that was made for it, but never beside credentials that were
    encrypted with another. Raises `MustFix` (key_missing)."""
    operated = settings.ROPEWALK
    if operated.given_keys or operated.key_file.exists():
        return
    if Secret.objects.exists():
        keyring.drop(operated.key_file)
        keyring.read(operated.key_file)
    else:
        keyring.keep(operated.key_file)


def check() -> None:
    """Raises `MustFix` (key_missing, key_unreadable, wrong_key) where stored credentials couldn't be read."""
    keys()
    for one in Secret.objects.order_by("id").iterator(chunk_size=_BATCH):
        _decrypted(one)


# ---- rotation ----


def rotate() -> int:
    """Encrypts everything with a new key; answers the number of credentials. Called again, it ends what was begun.

    Where the operator gave `NEW OLD`, it encrypts with NEW, and OLD may be taken away afterwards."""
    path = None if settings.ROPEWALK.given_keys else settings.ROPEWALK.key_file
    if path is not None:
        begun = keyring.read(path).keys
        if len(begun) == 1:
            keyring.replace(path, (keyring.fresh(), *begun))
    elif len(keys().keys) == 1:
        raise MustFix(
            "one_key",
            "ROPEWALK_SECRET_KEY holds one key. Set it to the new key, a space and the old key, and run this again.",
        )
    count = 0
    last = UUID(int=0)
    while batch := list(
        Secret.objects.filter(id__gt=last).order_by("id").values_list("id", flat=True)[:_BATCH]
    ):
        last = batch[-1]
        count += _renew(batch)
    # Whoever encrypted with the old key while we went through has committed; nobody encrypts until we are done.
    with every_key(alone=True):
        newest = keys().newest
        fernet = newest.fernet
        for one in Secret.objects.iterator(chunk_size=_BATCH):
            if not _opens(fernet, one):
                _renew([one.id])
        if path is not None:
            keyring.replace(path, newest.keys)
    return count


def _renew(ids: Sequence[UUID]) -> int:
    with every_key(alone=False):
        loaded = _keys()
        newest = loaded.keys.newest
        rows = list(Secret.objects.select_for_update().filter(id__in=ids))
        for one in rows:
            value = _decrypted(one)
            one.ciphertext = newest.fernet.encrypt(value.encode())
            one.digest = newest.digests(value)[0]
            one.save(update_fields=["ciphertext", "digest"])
    return len(rows)


def _opens(fernet: MultiFernet, secret: Secret) -> bool:
    try:
        fernet.decrypt(bytes(secret.ciphertext))
    except InvalidToken:
        return False
    return True
