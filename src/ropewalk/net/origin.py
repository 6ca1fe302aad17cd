"""URLs as Ropewalk reads them, before libcurl does: who is asked (the origin) and for what."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin, urlsplit

from ropewalk.core.errors import MustFix
from ropewalk.net import guard

_PORTS = {"http": 80, "https": 443}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_KEPT = "/:?#[]@!$&'()*+,;=%~-._"


@dataclass(frozen=True, slots=True)
class Target:
    """`host` is canonical; `spelled` is as it was written, for messages. `path` begins with a slash."""

    scheme: str
    host: str
    spelled: str
    port: int
    path: str
    query: str
    user_info: bool

    @property
    def origin(self) -> str:
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self._bracketed}{port}"

    @property
    def url(self) -> str:
        return f"{self.origin}{self.path}{'?' if self.query else ''}{self.query}"

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def parse(url: str) -> Target:
    """Raises `MustFix`; what could be an address in disguise comes back with its `host` as spelled, for the guard."""
    if _CONTROL.search(url):
        raise _invalid("A URL holds no line breaks and no control characters.")
    before, mark, query = url.strip(" ").partition("?")
    try:
        # Browsers and curl read a backslash as a slash, and so end the host there; we must see the same host.
        parts = urlsplit(before.replace("\\", "/") + mark + query)
        port = parts.port
    except ValueError:
        raise _invalid("This is not a URL that can be read.") from None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS:
        raise _invalid("A URL begins with http:// or https://.")
    spelled = _host(parts.netloc)
    if not spelled:
        raise _invalid("The URL names no host.")
    return Target(
        scheme=scheme,
        host=guard.canonical(spelled) or spelled,
        spelled=spelled,
        port=_PORTS[scheme] if port is None else port,
        path=quote(parts.path, safe=_KEPT) or "/",
        query=quote(parts.query, safe=_KEPT),
        user_info="@" in parts.netloc,
    )


def origin(url: str) -> str:
    return parse(url).origin


def follow(base: Target, location: str) -> Target:
    """Where a `Location` leads, read from `base`; its fragment is dropped."""
    with suppress(UnicodeError):
        location = location.encode("latin-1").decode()  # as headers are read, and as servers mean it
    try:
        joined = urljoin(base.url, location.strip().partition("#")[0])
    except ValueError:
        raise _invalid("This is not a URL that can be read.") from None
    return parse(joined)


def without_parameter(query: str, name: str) -> str:
    return "&".join(each for each in query.split("&") if unquote(each.partition("=")[0]) != name)


def _host(netloc: str) -> str:
    # `hostname` of the standard library lowers the case and forgets brackets; messages want what was written.
    host = netloc.rpartition("@")[2]
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _invalid(message: str) -> MustFix:
    return MustFix("invalid_url", message)
