"""The normal forms in which domains, emails and external ids are compared and stored (product.md §2.3).

Each is stable: the normal form of a normal form is itself.
"""

from __future__ import annotations

import re

import idna

from ropewalk.core import freemail
from ropewalk.core.values import JSON

DOMAIN_CHARS = 253
EMAIL_CHARS = 254
EXTERNAL_ID_CHARS = 500

_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//|mailto:", re.IGNORECASE)
_PORT = re.compile(r":[0-9]*\Z")
# Underscores aren't allowed in host names, yet real sites have them below their own domain.
_HOST = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+(?:xn--[a-z0-9-]{0,58}[a-z0-9]|[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)"
)
# What most sources hold, and what is one already: spared the rest for speed.
_PLAIN = re.compile(r"(?!www\.)[a-z][a-z0-9-]{0,61}[a-z0-9]\.[a-z]{2,63}")
_EMAIL = re.compile(r"[^\s@,;:<>()\[\]\\\"\x00-\x1f\x7f]+@([^\s@,;:<>()\[\]\\\"/]+)")


def domain(text: str) -> str | None:
    """The domain that a domain, a URL or an email names; None where it names none."""
    if _PLAIN.fullmatch(text):
        return text
    host = text.strip()
    while scheme := _SCHEME.match(host):  # people paste "https://https://acme.com"
        host = host[scheme.end() :]
    host = re.split(r"[/?#\\]", host, maxsplit=1)[0]
    host = _PORT.sub("", host.rpartition("@")[2])
    ascii_host = _ascii(host)
    if ascii_host is None:
        return None
    # A host that is only "www." and a top level is a name of its own, not a prefix.
    while ascii_host.startswith("www.") and "." in ascii_host[4:]:
        ascii_host = ascii_host[4:]
    if len(ascii_host) > DOMAIN_CHARS or not _HOST.fullmatch(ascii_host):
        return None
    return ascii_host


def _ascii(host: str) -> str | None:
    if host.isascii():
        return host.lower().rstrip(".")
    try:
        return idna.encode(host, uts46=True, std3_rules=True).decode("ascii").rstrip(".")
    except (idna.IDNAError, UnicodeError):
        return None


def email(text: str) -> str | None:
    """Trimmed and lower case; None where it isn't an address."""
    address = text.strip().lower()
    parts = _EMAIL.fullmatch(address)
    if parts is None or len(address) > EMAIL_CHARS:
        return None
    host = _ascii(parts[1])
    if host is None or parts[1].endswith(".") or not _HOST.fullmatch(host):
        return None
    return address


def external_id(value: JSON) -> str | None:
    """Trimmed text; a number's text is its digits, so that 42, 42.0 and "42" are one id. None for what can't be one."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    whole = isinstance(value, float) and value.is_integer()
    text = str(int(value) if whole else value).strip()
    return text if 0 < len(text) <= EXTERNAL_ID_CHARS and "\0" not in text else None


def is_free_mail(name: str) -> bool:
    """Whether anybody can get an address at this domain (given in normal form), so that it names no company."""
    return name in freemail.DOMAINS
