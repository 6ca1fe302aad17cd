"""What templates draw with: built in everywhere, so that no template loads it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.template import Library
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ropewalk.engine.operated import clock
from ropewalk.web import fieldtexts, settingsform
from ropewalk.web.icons import PATHS

register = Library()

_STATIC = Path(__file__).parent / "static" / "ropewalk"


@register.simple_tag
def asset(name: str) -> str:
    """A file of ours, by its content: a browser keeps it until it changes."""
    return f"{static(f'ropewalk/{name}')}?v={_digest(name)}"


@register.simple_tag
def htmx() -> str:
    """The one that django-htmx brings."""
    return f"{static('django_htmx/htmx-2.min.js')}?v={version('django-htmx')}"


@cache
def _digest(name: str) -> str:
    return hashlib.sha256(Path(f"{_STATIC}/{name}").read_bytes()).hexdigest()[:10]


@register.simple_tag
def icon(name: str) -> SafeString:
    """Beside a text that says the same: nobody is told of the icon."""
    return format_html(
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>',
        PATHS[name],
    )


@register.simple_tag
def badge(tone: str, text: str) -> SafeString:
    """`tone`: good, bad, warn, busy, info or quiet. The words say it; the colour says it again."""
    return format_html('<span class="badge badge-{}">{}</span>', tone, text)


@register.simple_tag
def when(moment: datetime | None, otherwise: str = "Never") -> SafeString:
    """How long ago, or how soon; the exact time for whoever asks."""
    if moment is None:
        return format_html('<span class="quiet">{}</span>', otherwise)
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        f"{local:%a} {local.day} {local:%b %Y, %H:%M:%S %Z}",
        lapse(moment, clock().now()),
    )


_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def lapse(moment: datetime, now: datetime) -> str:
    seconds = (now - moment).total_seconds()
    far = abs(seconds)
    if far < 45:
        return "just now" if seconds >= 0 else "in a moment"
    if far >= timedelta(days=30).total_seconds():
        local = timezone.localtime(moment)
        return f"{local.day} {local:%b %Y}"
    unit, size = next((each for each in _UNITS if far >= each[1] * 0.95), _UNITS[-1])
    count = round(far / size) or 1
    words = f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{words} ago" if seconds > 0 else f"in {words}"


@register.filter
def number(value: float | None) -> str:
    """1,234,567"""
    return "–" if value is None else fieldtexts.number(value)


@register.filter
def percent(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.0f} %"


@register.filter
def plural(count: int, words: str) -> str:
    """`{{ 3|plural:"account,accounts" }}` is "3 accounts"."""
    one, many = words.split(",")
    return f"{count:,} {one if count == 1 else many}"


@register.simple_tag
def classes(*parts: Any, **chosen: Any) -> str:
    """The fixed ones, and of the named those that are true."""
    return " ".join([*(str(part) for part in parts if part), *(name for name, on in chosen.items() if on)])


@register.simple_tag
def query(given: Mapping[str, str] | None = None, **changes: Any) -> str:
    """`?…` of what is given, with some of it changed; None takes away."""
    merged = {**(given or {}), **changes}
    return "?" + urlencode([(name, value) for name, value in merged.items() if value not in (None, "")])


@register.inclusion_tag("ropewalk/parts/field.html")
def field(bound: Any) -> dict[str, Any]:
    return {"field": bound}


@register.filter
def header_rows(bound: Any) -> Any:
    return settingsform.header_rows(bound)


@register.filter
def setting_rows(bound: Any) -> Any:
    return settingsform.setting_rows(bound)


@register.filter
def sources_for(mapping: Any, row: Any) -> Any:
    return mapping.source_choices(row)


@register.filter
def targets_for(mapping: Any, row: Any) -> Any:
    return mapping.target_choices(row)


@register.filter
def example(value: Any) -> str:
    """A value of a vendor's, in short and as it is written in JSON, texts without their quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@register.filter
def wrong_in(parts: Any) -> bool:
    return settingsform.wrong_in(parts)


@register.inclusion_tag("ropewalk/parts/problems.html")
def problems(form: Any) -> dict[str, Any]:
    return {"form": form}


@register.inclusion_tag("ropewalk/parts/chart.html")
def chart(drawn: Any, kind: str) -> dict[str, Any]:
    """`kind` is a word that no other chart of the page has."""
    return {"chart": drawn, "kind": kind}


@register.inclusion_tag("ropewalk/parts/code.html")
def code(text: str, name: str, label: str = "Copy") -> dict[str, Any]:
    """A block with a button that copies it; `name` is a word that no other block of the page has."""
    return {"text": text, "name": name, "label": label}


@register.inclusion_tag("ropewalk/parts/empty.html")
def empty(icon: str, title: str, text: str = "", href: str = "", label: str = "") -> dict[str, Any]:
    return {"icon": icon, "title": title, "text": text, "href": href, "label": label}


@register.inclusion_tag("ropewalk/parts/confirm.html", takes_context=True)
def confirm(context: Any, asked: Any, *, small: bool = False) -> dict[str, Any]:
    """A button that asks again; with its reason where it can't be."""
    return {"asked": asked, "small": small, "csrf_token": context.get("csrf_token")}


@register.inclusion_tag("ropewalk/parts/act.html", takes_context=True)
def act(context: Any, asked: Any, heading: str, text: str) -> dict[str, Any]:
    """Something that can be done here: what it is, what comes of it, and the button."""
    return {"asked": asked, "heading": heading, "text": text, "csrf_token": context.get("csrf_token")}


@register.inclusion_tag("ropewalk/parts/progress.html")
def progress(share: float | None, label: str) -> dict[str, Any]:
    """`share` None: nobody knows how much there is."""
    return {"share": share, "label": label}
