"""The app with which an installation asks a vendor for access: whose it is, what is missing, and the vendor's answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

from ropewalk.core.errors import MustFix
from ropewalk.engine import logs
from ropewalk.engine.operated import installation
from ropewalk.installation import PREFIX
from ropewalk.sources import REGISTRY
from ropewalk.sources.base import OAuthApp, Source
from ropewalk.store import secrets
from ropewalk.store.grants import Tokens
from ropewalk.store.models import Connector

CALLBACK: Final = "/app/settings/connectors/oauth"
CLIENT_SECRET: Final = "client_secret"


@dataclass(frozen=True, slots=True)
class App:
    declared: OAuthApp
    client_id: str
    client_secret: str = field(repr=False)

    @property
    def form(self) -> dict[str, str]:
        return {"client_id": self.client_id, "client_secret": self.client_secret}


def callback_url() -> str:
    """Where vendors send people back to: it has to be registered there exactly so."""
    return installation().link(CALLBACK)


def page_of(connector_id: UUID) -> str:
    """Where an admin is sent off from to their vendor."""
    return installation().link(f"/app/settings/connectors/{connector_id}/authorize")


def is_by_oauth(connector: Connector) -> bool:
    source = REGISTRY.get(connector.source)
    if source is None or source.oauth is None:
        return False
    return is_chosen(source, source.settings.model_validate(connector.settings))


def is_chosen(source: Source, settings: Any) -> bool:
    """Whether these settings of a connector say that somebody's yes is what lets it in."""
    return source.oauth is not None and settings.auth.type == source.oauth.way


def app_of(source: Source, organization_id: UUID, connector_id: UUID | None, settings: Any) -> App:
    """The connector's own, or the installation's. Raises `MustFix` (no_oauth_app)."""
    declared = cast(OAuthApp, source.oauth)
    client_id = settings.auth.client_id if is_chosen(source, settings) else None
    if client_id:
        kept = secrets.read(organization_id, connector_id=connector_id) if connector_id else {}
        if CLIENT_SECRET not in kept:
            raise MustFix(
                "no_oauth_app", "The client secret of this app is missing; enter it beside its client id."
            )
        return _known(App(declared, client_id, kept[CLIENT_SECRET].value))
    given_id, given_secret = _of_installation(source)
    if not (given_id and given_secret):
        raise MustFix("no_oauth_app", why_off(source))
    return _known(App(declared, given_id, given_secret))


def why_off(source: Source) -> str:
    """Why nobody can be sent to the vendor with the installation's own app; empty where they can."""
    if all(_of_installation(source)):
        return ""
    name = f"{PREFIX}{source.slug.upper()}_CLIENT_ID"
    return (
        f"This installation has no app at {source.name}: enter the client id and secret of one here, or have whoever "
        f"operates it set {name} and {name.removesuffix('ID')}SECRET."
    )


def _of_installation(source: Source) -> tuple[str, str]:
    operated = installation()
    client_id = getattr(operated, f"{source.slug}_client_id", None) or ""
    secret = getattr(operated, f"{source.slug}_client_secret", None)
    return client_id, secret.get_secret_value() if secret else ""


def _known(app: App) -> App:
    logs.know([app.client_secret])
    return app


def tokens_of(answer: Mapping[str, Any], now: datetime, before: Tokens | None = None) -> Tokens:
    """A vendor that gives no new refresh token goes on taking the old one."""
    refresh, seconds = answer.get("refresh_token"), answer.get("expires_in")
    lasts = isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0
    tokens = Tokens(
        str(answer["access_token"]),
        refresh if isinstance(refresh, str) and refresh else before.refresh if before else "",
        now + timedelta(seconds=cast(float, seconds)) if lasts else None,
    )
    logs.know([tokens.access, *([tokens.refresh] if tokens.refresh else [])])
    return tokens
