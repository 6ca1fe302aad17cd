"""Where a URL leads: scheme, host and port, spelled one way. Whoever compares hosts compares these."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

import idna

PORTS: Final = {"http": 80, "https": 443}
HOST_CHARS: Final = 253

_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\Z")
_SPACES_AND_CONTROLS = re.compile(r"[\x00-\x20\x7f]")


def origin(url: str) -> str:
    """`https://api.example.com` or `http://host:8080`. A ValueError says what is wrong with the URL."""
    parts = split(url)
    return spell(parts.scheme, _host(parts), parts.port)


def spell(scheme: str, host: str, port: int | None) -> str:
    """`host` is canonical."""
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}" if port in (None, PORTS[scheme]) else f"{scheme}://{name}:{port}"


def split(url: str) -> SplitResult:
    """The parts of a URL that may be configured, its scheme in lower case."""
    if _SPACES_AND_CONTROLS.search(url):
        raise ValueError("a URL holds no spaces and no control characters")
    return read(url)


def read(url: str) -> SplitResult:
    """As `split`, for what a server says: there may be spaces in it."""
    before, mark, query = url.partition("?")
    try:
        # Browsers and curl read a backslash as a slash, and so end the host there; we must see the same host.
        parts = urlsplit(before.replace("\\", "/") + mark + query)
        _ = parts.port
    except ValueError:
        raise ValueError("this is not a URL; give one like https://api.example.com/v1/accounts") from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("give an http:// or https:// URL, like https://api.example.com/v1/accounts")
    return parts


def written_host(parts: SplitResult) -> str:
    """As it stands in the URL: `hostname` of the standard library lowers the case and forgets brackets."""
    host = parts.netloc.rpartition("@")[2]
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


def _host(parts: SplitResult) -> str:
    written = written_host(parts)
    host = canonical(written)
    if host is None and not written.isascii():
        raise ValueError("the host of this URL is not a name that can be looked up")
    # What may be an address in disguise stays as it is, for the egress guard to refuse.
    return written.lower().strip("[]") if host is None else host


def canonical(host: str) -> str | None:
    """Lower case, ASCII (IDN as punycode), no brackets, no zone, no trailing dot; None for what is no host at all."""
    text = unquote(host)
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if ":" in text:
        try:
            return str(IPv6Address(text.partition("%")[0]))
        except ValueError:
            return None
    if not text.isascii():
        try:
            text = idna.encode(text, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            return None
    text = text.lower().removesuffix(".")
    return text if len(text) <= HOST_CHARS and _HOST_NAME.match(text) else None
