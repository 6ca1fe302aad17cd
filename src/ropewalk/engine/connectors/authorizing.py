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
from ropewalk.core.errors import MustFix, RopewalkError
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


@dataclass(frozen=True, slots=True)
class TakenBack:
    """`ended`: the vendor ends the tokens too. `why_not`: what it said where it was asked to, and didn't."""

    connector: Connector
    ended: bool = False
    why_not: str = ""


def take_back(organization_id: UUID, actor: Actor, connector_id: UUID, clock: Clock) -> TakenBack:
    """Forgets the tokens, whatever the vendor says; and has the vendor end them, where it can be asked to."""
    connector = connectors.get(organization_id, connector_id)
    tokens = grants.read(organization_id, connector.id)
    with transaction(organization_id):
        if grants.forget(organization_id, connector.id, now=clock.now()):
            _note(organization_id, actor, "connector.disconnected", connector, clock)
    if tokens is None or not tokens.refresh:
        return TakenBack(connector)
    try:
        return TakenBack(connector, _ended(connector, tokens.refresh, clock))
    except RopewalkError as error:
        return TakenBack(connector, why_not=error.message)


def _ended(connector: Connector, token: str, clock: Clock) -> bool:
    source = REGISTRY[connector.source]
    if source.oauth is None or not source.oauth.revoke_url:
        return False
    settings = source.settings.model_validate(connector.settings)
    app = app_of(source, connector.organization_id, connector.id, settings)
    form = {"token": token, "token_type_hint": "refresh_token", **app.form}
    connection.client(clock).revoke(source.oauth.revoke_url, form, EXCHANGE_SECONDS)
    return True


def _by_oauth(organization_id: UUID, connector_id: UUID) -> tuple[Connector, Source, Any]:
    connector = connectors.get(organization_id, connector_id)
    source = REGISTRY[connector.source]
    settings = source.settings.model_validate(connector.settings)
    if not is_chosen(source, settings):
        raise MustFix("no_oauth", f"{connector.name} isn't connected by somebody's yes, but by a secret.")
    return connector, source, settings


def _note(organization_id: UUID, actor: Actor, verb: str, connector: Connector, clock: Clock) -> None:
    audit.record(organization_id, actor, verb, connector.id, now=clock.now(), detail={"name": connector.name})
