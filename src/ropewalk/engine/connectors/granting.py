"""Access tokens that a connector has been granted: given out while they last, renewed before they end or when they are
refused, by one worker for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from ropewalk.core.errors import Cancelled, MustFix, RetryLater
from ropewalk.engine.clock import Clock
from ropewalk.engine.connectors.oauthapps import app_of, tokens_of
from ropewalk.sources.base import Source
from ropewalk.store import grants
from ropewalk.store.grants import Tokens
from ropewalk.store.transactions import own_connection

EARLY: Final = timedelta(seconds=60)
_GLANCE_SECONDS: Final = 0.2
_PATIENCE_SECONDS: Final = 90.0
EXCHANGE_SECONDS: Final = 30.0

Exchange = Callable[[str, dict[str, str], float], dict[str, Any]]
"""(token URL, form, seconds) -> the vendor's answer, with an `access_token`"""


@dataclass(slots=True)
class Granted:
    """Of one connector, for one opened connection: called with the token that was refused, or None."""

    source: Source
    settings: Any
    organization_id: UUID
    connector_id: UUID
    clock: Clock
    exchange: Exchange
    cancelled: Callable[[], bool]
    _held: Tokens | None = field(default=None, repr=False)

    def __call__(self, stale: str | None) -> str:
        held = self._held
        if held is None or not self._holds(held, stale):
            with own_connection():
                held = self._held = self._current(stale)
        return held.access

    def _holds(self, tokens: Tokens, stale: str | None) -> bool:
        if tokens.access == stale:
            return False
        return tokens.expires_at is None or self.clock.now() < tokens.expires_at - EARLY

    def _current(self, stale: str | None) -> Tokens:
        until = self.clock.monotonic() + _PATIENCE_SECONDS
        while True:
            tokens = grants.read(self.organization_id, self.connector_id)
            if tokens is None:
                raise MustFix(
                    "authentication_failed",
                    f"Nobody has connected this connector with {self.source.name} yet, or it was disconnected. Connect it.",
                )
            if self._holds(tokens, stale):
                return tokens
            if not tokens.refresh:
                raise MustFix(
                    "authentication_failed",
                    f"{self.source.name} doesn't take the access token any more, and nothing renews it. Connect again.",
                )
            at = (self.organization_id, self.connector_id)
            if grants.claim(*at, version=tokens.version, now=self.clock.now()):
                return self._renewed(tokens)
            if self.cancelled():
                raise Cancelled
            if self.clock.monotonic() >= until:
                raise RetryLater("unavailable", "Another worker is still renewing the access token.")
            self.clock.sleep(_GLANCE_SECONDS)

    def _renewed(self, before: Tokens) -> Tokens:
        at = (self.organization_id, self.connector_id)
        try:
            app = app_of(self.source, *at, self.settings)
            form = {"grant_type": "refresh_token", "refresh_token": before.refresh, **app.form}
            answer = self.exchange(app.declared.token_url, form, EXCHANGE_SECONDS)
            tokens = tokens_of(answer, self.clock.now(), before)
            grants.renew(*at, tokens, now=self.clock.now())
        except BaseException:
            grants.release(*at, version=before.version)
            raise
        return tokens
