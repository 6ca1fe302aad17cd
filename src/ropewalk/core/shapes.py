"""What sample values look like: an email, a site, a date, an id."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ropewalk.core import normalise, synonyms, times
from ropewalk.core.values import JSON

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_PHONE = re.compile(r"\+?[0-9(][0-9 ()./-]{5,20}(?: ?(?:x|ext\.?) ?[0-9]+)?")
_NUMBER = re.compile(r"-?[0-9]+(?:[.,][0-9]+)?")
_TOKEN = re.compile(r"(?=.*[0-9])[A-Za-z0-9][A-Za-z0-9_.:/-]*")
_WORD = re.compile(r"[A-Za-z0-9_-]+")


def shapes_of(examples: Sequence[JSON]) -> frozenset[str]:
    """What at least two thirds of the values look like."""
    counts = Counter(shape for value in examples for shape in _shape(value))
    if "emails" in counts:  # some of the lists may have one only
        counts["emails"] += counts.pop("email", 0)
    found = {shape for shape, count in counts.items() if 3 * count >= 2 * len(examples)}
    if "host" in found and same_site(examples):
        found -= {"host", "site", "front"}
    return frozenset(found)


def _shape(value: JSON) -> set[str]:
    if isinstance(value, str):
        return _text_shape(value.strip())
    if isinstance(value, bool):
        return {"bool"}
    if isinstance(value, int):
        return {"number", "id", "token"}
    if isinstance(value, list):
        inner = [_text_shape(item.strip()) if isinstance(item, str) else set() for item in value]
        return {
            many
            for one, many in (("email", "emails"), ("host", "hosts"))
            if all(one in shape for shape in inner)
        }
    return {"number"} if isinstance(value, float) else {"object"}


def _text_shape(text: str) -> set[str]:
    if normalise.email(text) is not None:
        return {"email"}
    if "," in text and all(normalise.email(part) is not None for part in text.split(",") if part.strip()):
        return {"emails"}
    if times.read(text) is not None:
        return {"date"}
    if _UUID.fullmatch(text):
        return {"id", "token"}
    if _NUMBER.fullmatch(text):
        whole = {"id", "token"} if text.isdigit() else set()
        return {"number", *whole, *({"phone"} if len(text) >= 7 else set())}
    if _PHONE.fullmatch(text):
        return {"phone"}
    if "://" in text:
        if _host(text) in synonyms.SOCIAL_HOSTS:
            return set()
        return {"link", *_site_shape(text)}
    found = {"text", *_site_shape(text)}
    if "site" in found:
        return found
    if _TOKEN.fullmatch(text):
        return found | {"id", "token"}
    return found | {"id"} if _WORD.fullmatch(text) else found


def _host(text: str) -> str | None:
    """Its last two labels, which is where social networks show."""
    host = normalise.domain(text)
    return None if host is None else ".".join(host.split(".")[-2:])


def _site_shape(text: str) -> set[str]:
    """`host`: may be a domain, or a page near the top of one, where the name says that it is; `site`: is one, whatever
    the name says; `front`: nothing but the domain."""
    host = normalise.domain(text)
    if host is None or "@" in text or host.startswith("api.") or _host(text) in synonyms.SOCIAL_HOSTS:
        return set()
    parts = [part for part in (text.partition("://")[2] or text).split("/") if part]
    top = host.rpartition(".")[2]
    known = "://" in text or text.startswith("www.") or top in synonyms.TOP_LEVELS
    if len(parts) > 2:
        return set()
    if not (known or (len(top) == 2 and top not in synonyms.FILE_ENDINGS)):
        return {"host"}
    return {"host", "site", "front"} if len(parts) == 1 else {"host", "site"}


def same_site(examples: Sequence[JSON]) -> bool:
    """Several addresses at one domain are those of the API itself, or of a host of everybody's."""
    texts = {text for text in examples if isinstance(text, str)}
    return len(texts) > 1 and len({_host(text) for text in texts}) == 1


def colleagues(examples: Sequence[JSON]) -> bool:
    """Several people of one domain are our own staff, not somebody at each customer."""
    emails = {text.strip().lower() for text in examples if isinstance(text, str)}
    return len(emails) > 1 and len({email.rpartition("@")[2] for email in emails}) == 1
