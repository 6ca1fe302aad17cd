"""Who calls: `Authorization: Bearer pk_live_…`, what the key's scopes allow, and how often it may call."""

from __future__ import annotations

from typing import ClassVar, Literal
from uuid import UUID

from django.http import HttpRequest
from msgspec import Struct
from ninja.security.base import AuthBase

from ropewalk.api.refusals import MissingScopes, TooManyCalls, Unauthenticated
from ropewalk.core.actors import Actor
from ropewalk.core.rate import Standing
from ropewalk.engine import rate
from ropewalk.engine.operated import clock, installation
from ropewalk.store import keys

Scope = Literal["read", "write", "ingest", "admin"]

calls = rate.Counter()


class Caller(Struct, frozen=True):
    organization_id: UUID
    actor: Actor
    scopes: frozenset[str]


class Keyed(HttpRequest):
    """A request whose key has been checked."""

    auth: Caller
    rate: Standing


class ApiKey(AuthBase):
    """Asks for a live key of `scope`. The key is looked up at every call, so that revoking works at once."""

    openapi_type: ClassVar[str] = "http"
    openapi_scheme: ClassVar[str] = "bearer"

    def __init__(self, scope: Scope) -> None:
        self.scope: Scope = scope
        super().__init__()

    def __call__(self, request: HttpRequest) -> Caller:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        now = clock().now()
        key = keys.authenticate(text.strip(), now=now) if scheme.lower() == "bearer" else None
        if key is None:
            raise Unauthenticated
        standing = calls.take(key.id, installation().rate_limit, clock().monotonic())
        request.rate = standing  # type: ignore[attr-defined]
        if not standing.allowed:
            raise TooManyCalls(standing.reset)
        keys.used(key, now=now)
        if self.scope not in key.scopes:
            raise MissingScopes(self.scope)
        address = str(request.META.get("REMOTE_ADDR") or "")
        return Caller(
            key.organization_id, Actor("api_key", str(key.id), key.name, address), frozenset(key.scopes)
        )


read = ApiKey("read")
write = ApiKey("write")
admin = ApiKey("admin")
