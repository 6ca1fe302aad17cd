"""Where a URL leads: scheme, host and port, spelled one way."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

import idna

_PORTS: Final = {"http": 80, "https": 443}


def origin(url: str) -> str:
    """`https://api.example.com` or `http://host:8080`. A ValueError says what is wrong with the URL."""
    parts = split(url)
    host = _host(parts)
    port = parts.port
    return (
        f"{parts.scheme}://{host}"
        if port in (None, _PORTS[parts.scheme])
        else f"{parts.scheme}://{host}:{port}"
    )


def split(url: str) -> SplitResult:
    """The parts of a URL that can be fetched, its scheme in lower case."""
    if any(char <= " " or char == "\x7f" for char in url):
        raise ValueError("a URL holds no spaces and no control characters")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("this is not a URL; give one like https://api.example.com/v1/accounts") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("give an http:// or https:// URL, like https://api.example.com/v1/accounts")
    return parts


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if ":" in host:
        return f"[{host}]"
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        raise ValueError("the host of this URL is not a name that can be looked up") from None
