"""URLs as Ropewalk reads them, before libcurl does: who is asked (`core.origins`) and for what."""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import quote, unquote, urljoin

from msgspec import Struct

from ropewalk.core import origins
from ropewalk.core.errors import MustFix

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_KEPT = "/:?#[]@!$&'()*+,;=%~-._"


class Target(Struct, frozen=True):
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
        return origins.spell(self.scheme, self.host, self.port)

    @property
    def url(self) -> str:
        return f"{self.origin}{self.path}{'?' if self.query else ''}{self.query}"


def parse(url: str) -> Target:
    """Raises `MustFix`; what could be an address in disguise comes back with its `host` as spelled, for the guard."""
    if _CONTROL.search(url):
        raise _invalid("A URL holds no line breaks and no control characters.")
    try:
        parts = origins.read(url.strip(" "))
    except ValueError as error:
        text = str(error)
        raise _invalid(f"{text[:1].upper()}{text[1:]}.") from None
    spelled = origins.written_host(parts)
    return Target(
        scheme=parts.scheme,
        host=origins.canonical(spelled) or spelled,
        spelled=spelled,
        port=origins.PORTS[parts.scheme] if parts.port is None else parts.port,
        path=quote(parts.path, safe=_KEPT) or "/",
        query=quote(parts.query, safe=_KEPT),
        user_info="@" in parts.netloc,
    )


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


def _invalid(message: str) -> MustFix:
    return MustFix("invalid_url", message)
