"""What a request carries to say who asks, and where it may carry that (product.md §4.1)."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from ropewalk.core.auth import Proof
from ropewalk.core.errors import MustFix
from ropewalk.core.origins import origin
from ropewalk.net.origin import Target

# `Token 9944b0…`, as some vendors want a whole header: the credential is secret without its scheme, too.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,31}[ =:]+(?=\S{8,}\Z)")
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Credentials:
    """`secrets` by name (`token`, `password`, `client_secret`); `headers` are the custom ones whose values are secret.

    Both are sent to `origins` and nowhere else. For client credentials, the token URL's origin is one of them. `granted`
    answers the access token that somebody has let us have, another one than the one it is given.
    """

    auth: Proof
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    origins: frozenset[str] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    granted: Callable[[str | None], str] | None = field(default=None, repr=False)

    def secret(self) -> str:
        """The one that `auth` needs."""
        name = self.auth.secret or ""
        value = self.secrets.get(name, "")
        if not value:
            raise MustFix(
                "secret_missing", f"The {name.replace('_', ' ')} is missing; enter it for this connector."
            )
        if _UNSENDABLE.search(value):
            raise MustFix(
                "secret_unusable",
                f"The {name.replace('_', ' ')} holds a line break or another control character; enter it again.",
            )
        return value

    def require(self, target: Target) -> None:
        """Raises `MustFix` unless the secrets, if there are any, were entered for the target's origin."""
        if self.auth.secret is None and not self.headers and self.auth.type != "oauth2_authorization_code":
            return
        if self.auth.secret is not None:
            # One that is missing is bound to no origin either, but that is not what has to be mended.
            self.secret()
        if target.origin not in {origin(each) for each in self.origins}:
            raise MustFix(
                "secret_not_bound",
                f"The saved secret was not entered for {target.origin}: enter it again for this stream, "
                f"or confirm that it is also sent to {target.host}.",
            )

    def header(self, token: str | None) -> tuple[str, str] | None:
        """The header that authenticates; `token` is the access token of client credentials."""
        auth = self.auth
        if auth.type == "bearer":
            return "Authorization", f"Bearer {self.secret()}"
        if auth.type == "basic":
            return "Authorization", f"Basic {basic(auth.username, self.secret())}"
        if auth.type in ("oauth2_client_credentials", "oauth2_authorization_code") and token is not None:
            return "Authorization", f"Bearer {token}"
        if auth.type == "api_key" and auth.place == "header":
            return auth.name, self.secret()
        return None

    def parameter(self) -> tuple[str, str] | None:
        """The query parameter that authenticates."""
        if self.auth.type == "api_key" and self.auth.place == "query":
            return self.auth.name, self.secret()
        return None

    def proofs(self) -> Iterator[str]:
        """The secrets, also as they are on the wire."""
        for value in self.secrets.values():
            yield from _with_and_without_scheme(value)
        if self.auth.type == "basic":
            yield basic(self.auth.username, self.secrets.get("password", ""))
        if self.auth.type == "oauth2_client_credentials":
            yield basic_form(self.auth.client_id, self.secrets.get("client_secret", ""))

    def values(self) -> Iterator[str]:
        """Every value that no message may hold."""
        yield from self.proofs()
        for value in self.headers.values():
            yield from _with_and_without_scheme(value)


def _with_and_without_scheme(value: str) -> Iterator[str]:
    yield value
    if scheme := _SCHEME.match(value):
        yield value[scheme.end() :]


def basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def basic_form(client_id: str, client_secret: str) -> str:
    """RFC 6749 §2.3.1: both are form-encoded before they become a basic authorization."""
    return basic(quote(client_id, safe=""), quote(client_secret, safe=""))
