"""Asking a vendor for somebody's yes, and what comes of it (OAuth, authorization code)."""

from __future__ import annotations

import base64
import hashlib
import secrets as chance
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode
from uuid import UUID

from ropewalk.core.actors import Actor
from ropewalk.core.errors import MustFix
from ropewalk.engine.clock import Clock
from ropewalk.engine.connectors import connection
from ropewalk.engine.connectors.granting import EXCHANGE_SECONDS
from ropewalk.engine.connectors.oauthapps import app_of, callback_url, is_chosen, tokens_of
from ropewalk.engine.connectors.saving import reconnect
from ropewalk.sources import REGISTRY
from ropewalk.sources.base import Source
from ropewalk.store import audit, connectors, grants
from ropewalk.store.models import Connector
from ropewalk.store.transactions import transaction

GOOD_FOR: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Asked:
    """What whoever was sent to `url` has to bring back, and what is kept for them in their session until then."""

    url: str
    state: str
    verifier: str = field(repr=False)


def ask(organization_id: UUID, connector_id: UUID) -> Asked:
    """Raises `MustFix` (no_oauth, no_oauth_app)."""
    connector, source, settings = _by_oauth(organization_id, connector_id)
    app = app_of(source, organization_id, connector.id, settings)
    state, verifier = chance.token_urlsafe(32), chance.token_urlsafe(48)
    asked = {
        "client_id": app.client_id,
        "redirect_uri": callback_url(),
        "response_type": "code",
        "scope": " ".join(app.declared.scopes),
        "state": state,
        **app.declared.parameters,
    }
    if app.declared.pkce:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
        asked |= {"code_challenge": challenge.decode(), "code_challenge_method": "S256"}
    return Asked(f"{app.declared.authorize_url}?{urlencode(asked, quote_via=quote)}", state, verifier)


def take(
    organization_id: UUID, actor: Actor, connector_id: UUID, code: str, verifier: str, clock: Clock
) -> Connector:
    """Exchanges the code that somebody has brought back for tokens, and keeps them."""
    connector, source, settings = _by_oauth(organization_id, connector_id)
    app = app_of(source, organization_id, connector.id, settings)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": callback_url(), **app.form}
    if app.declared.pkce:
        form["code_verifier"] = verifier
    answer = connection.client(clock).exchange(app.declared.token_url, form, EXCHANGE_SECONDS)
    now = clock.now()
    tokens = tokens_of(answer, now)
    origins = tuple(sorted(source.needs(settings, None).origins))
    with transaction(organization_id):
        grants.keep(organization_id, connector.id, tokens, origins=origins, now=now)
        reconnect(connector)
        _note(organization_id, actor, "connector.authorized", connector, clock)
    return connector


def take_back(organization_id: UUID, actor: Actor, connector_id: UUID, clock: Clock) -> Connector:
    """Forgets the tokens; the vendor's own page of connected apps ends them there."""
    connector = connectors.get(organization_id, connector_id)
    with transaction(organization_id):
        if grants.forget(organization_id, connector.id, now=clock.now()):
            _note(organization_id, actor, "connector.disconnected", connector, clock)
    return connector


def _by_oauth(organization_id: UUID, connector_id: UUID) -> tuple[Connector, Source, Any]:
    connector = connectors.get(organization_id, connector_id)
    source = REGISTRY[connector.source]
    settings = source.settings.model_validate(connector.settings)
    if not is_chosen(source, settings):
        raise MustFix(
            "no_oauth",
            f"{connector.name} is connected by a secret, so there is nothing to ask for. Choose OAuth in its connection first.",
        )
    return connector, source, settings


def _note(organization_id: UUID, actor: Actor, verb: str, connector: Connector, clock: Clock) -> None:
    audit.record(organization_id, actor, verb, connector.id, now=clock.now(), detail={"name": connector.name})
