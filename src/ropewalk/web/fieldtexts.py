"""How fields and their values are written for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ropewalk.core import times

_BUILT_IN: Final = {
    "companyName": "Company",
    "companyDomain": "Domain",
    "externalCustomerId": "External ID",
    "accountOwnerId": "Owner",
    "created_at": "Created",
    "updated_at": "Updated",
}
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SHOWN_CHARS: Final = 48
_WHOLE_CHARS: Final = 400
_LINE_CHARS: Final = 120
_MOST_PLACES: Final = 4
_LINK = re.compile(r"https?://[^\s<>\"'`\\]{1,2000}", re.IGNORECASE)


def label(name: str) -> str:
    """`planTier` is "Plan tier"; abbreviations stay as they are."""
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    first, *others = _WORDS.split(name)
    return " ".join(
        [first[:1].upper() + first[1:], *(each if each.isupper() else each.lower() for each in others)]
    )


def shown(value: Any, kind: str, places: int = 0) -> SafeString:
    """A value by its field's type; one that doesn't fit it, as it came. `places`: decimal places that a number has at
    least."""
    if value is None or value in ("", [], {}):
        return format_html('<span class="quiet" aria-label="{}">–</span>', "empty")
    if isinstance(value, bool):
        return format_html("{}", "Yes" if value else "No")
    if isinstance(value, int | float):
        return format_html("{}", number(value, places))
    if kind == "date-time" and isinstance(value, str) and (moment := times.read(value)) is not None:
        return _moment(value, moment)
    if isinstance(value, list):
        return _cut(", ".join(each if isinstance(each, str) else _json(each) for each in value))
    return _cut(value if isinstance(value, str) else _json(value))


def whole(value: Any, kind: str) -> SafeString:
    """All of a value, a long one folded. What a vendor sends becomes a link only where it is an address of the web."""
    if isinstance(value, str) and value.strip():
        if (moment := times.read(value)) is not None and kind == "date-time":
            return _moment(value, moment)
        return _link(value) if is_address(value) else _folded(value)
    if isinstance(value, dict) and value:
        text = _json(value)
        return _folded(text if len(text) <= _LINE_CHARS else json.dumps(value, ensure_ascii=False, indent=2))
    if isinstance(value, list) and value:
        plain = all(isinstance(each, str | int | float) for each in value)
        return _folded(", ".join(map(str, value)) if plain else _json(value))
    return shown(value, kind)


def is_address(text: str) -> bool:
    if not _LINK.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _link(address: str) -> SafeString:
    return format_html(
        '<a class="outward" href="{}" target="_blank" rel="noopener noreferrer">{}</a>', address, address
    )


def _folded(text: str) -> SafeString:
    if len(text) <= _WHOLE_CHARS and text.count("\n") <= 8:
        return format_html('<span class="whole">{}</span>', text)
    return format_html(
        '<details class="folded"><summary>{}…</summary><pre tabindex="0">{}</pre></details>',
        text[:_SHOWN_CHARS],
        text,
    )


def number(value: float, places: int = 0) -> str:
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.15g}"
    missing = places - _decimals(text)
    if missing <= 0 or not text[-1].isdigit() or "e" in text:
        return text
    return text + "." * (missing == places) + "0" * missing


def common_places(values: Iterable[Any]) -> int:
    """So that numbers below each other have their points below each other, unless some have very many."""
    numbers = [each for each in values if isinstance(each, int | float) and not isinstance(each, bool)]
    most = max((_decimals(number(each)) for each in numbers), default=0)
    return most if most <= _MOST_PLACES else 0


def _decimals(text: str) -> int:
    return 0 if "e" in text else len(text.partition(".")[2])


def _moment(text: str, moment: Any) -> SafeString:
    if not isinstance(moment, datetime):
        return format_html('<time datetime="{}">{} {}</time>', text, moment.day, f"{moment:%b %Y}")
    local = timezone.localtime(moment) if moment.tzinfo else moment
    return format_html(
        '<time datetime="{}" title="{}">{} {}</time>',
        times.iso(moment),
        text,
        local.day,
        f"{local:%b %Y, %H:%M}",
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> SafeString:
    if len(text) <= _SHOWN_CHARS:
        return format_html("{}", text)
    return format_html('<span title="{}">{}…</span>', text[:1_000], text[: _SHOWN_CHARS - 1])
