"""A service account of Google's: who we are to its services.

What a key file says of where tokens are fetched is not followed: tokens for googleapis.com come from Google. An endpoint
elsewhere, which the operator has allowed, gets a proof of who asks that is good for it alone, and never a token."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import google.auth.exceptions
import google.auth.jwt
import google.auth.transport.requests
import requests
import requests.adapters
import urllib3.connectionpool
from google.oauth2 import service_account

from ropewalk.core.errors import MustFix, Problem
from ropewalk.net import pinned
from ropewalk.net.memory import Memory
from ropewalk.net.pinned import Pins

HOSTS: Final = re.compile(r"([a-z0-9-]+\.)+googleapis\.com")
TOKEN_URL: Final = "https://oauth2.googleapis.com/token"
_UNIVERSE: Final = "googleapis.com"
_SCOPES: Final = (
    "https://www.googleapis.com/auth/bigquery",
    "https://www.googleapis.com/auth/cloud-platform",
)
# They come without types.
_Account: Any = service_account.Credentials
_Proof: Any = google.auth.jwt.Credentials
_Session: Any = google.auth.transport.requests.AuthorizedSession


@dataclass(frozen=True, slots=True)
class Key:
    """A service account's key file, as far as it is one."""

    info: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls, text: str) -> Key:
        try:
            info = json.loads(text)
        except ValueError:
            info = None
        wanted = ("client_email", "private_key", "project_id")
        if not isinstance(info, dict) or not all(isinstance(info.get(name), str) for name in wanted):
            raise _unusable(
                "This is no key file of a service account: JSON with client_email, private_key and project_id."
            )
        return cls(info)

    @property
    def project(self) -> str:
        return str(self.info["project_id"])

    def credentials(self, endpoint: str) -> Any:
        info = {**self.info, "token_uri": TOKEN_URL, "universe_domain": _UNIVERSE}
        try:
            if not _is_googles(endpoint):
                return _Proof.from_service_account_info(info, audience=f"{endpoint}/")
            return _Account.from_service_account_info(info, scopes=_SCOPES)
        except (ValueError, google.auth.exceptions.GoogleAuthError):
            raise _unusable(
                "The private_key of this key file can’t be read; enter the file anew, as Google gave it."
            ) from None

    def session(self, endpoint: str, pins: Pins, memory: Memory) -> Any:
        """Signs what it sends; what it has to ask for tokens goes the same way out. A token is good for an hour, whoever of
        this connector asks."""
        if memory.credentials is None:
            memory.credentials = self.credentials(endpoint)
        adapter = pinned.adapter(requests.adapters, urllib3.connectionpool, pins)
        for_tokens = requests.Session()
        session = _Session(
            memory.credentials, auth_request=google.auth.transport.requests.Request(for_tokens)
        )
        for each in (for_tokens, session):
            each.mount("https://", adapter())
            each.mount("http://", adapter())
        return session


def _unusable(message: str) -> MustFix:
    return MustFix("secret_unusable", message, [Problem("secrets.service_account", message)])


def _is_googles(endpoint: str) -> bool:
    parts = urlsplit(endpoint)
    return parts.scheme == "https" and HOSTS.fullmatch(parts.hostname or "") is not None
