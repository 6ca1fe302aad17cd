"""How fields and their values are written for people."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Final

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


def label(name: str) -> str:
    """`planTier` is "Plan tier"; abbreviations stay as they are."""
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    first, *others = _WORDS.split(name)
    return " ".join(
        [first[:1].upper() + first[1:], *(each if each.isupper() else each.lower() for each in others)]
    )


def shown(value: Any, kind: str) -> SafeString:
    """A value by its field's type; one that doesn't fit it, as it came."""
    if value is None or value in ("", [], {}):
        return format_html('<span class="quiet" aria-label="{}">–</span>', "empty")
    if isinstance(value, bool):
        return format_html("{}", "Yes" if value else "No")
    if isinstance(value, int | float):
        return format_html("{}", number(value))
    if kind == "date-time" and isinstance(value, str) and (moment := times.read(value)) is not None:
        return _moment(value, moment)
    if isinstance(value, list):
        return _cut(", ".join(each if isinstance(each, str) else _json(each) for each in value))
    return _cut(value if isinstance(value, str) else _json(value))


def number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.15g}"


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
