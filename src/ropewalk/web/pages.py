"""How a page is answered: within the frame of the app, or alone; with what it tells in passing."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any, Literal

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render as rendered
from django.urls import reverse

from ropewalk.web import navigation
from ropewalk.web.forms import Form

Tone = Literal["success", "info", "warning", "error"]

_LEVELS = {
    "success": messages.SUCCESS,
    "info": messages.INFO,
    "warning": messages.WARNING,
    "error": messages.ERROR,
}


def render(
    request: HttpRequest, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Templates extend `ropewalk/page.html`, or `ropewalk/alone.html` where nobody is signed in."""
    access = getattr(request, "access", None)
    around = {"access": access, "toasts": _toasts(request)}
    if access is not None:
        around["navigation"] = navigation.shown(request.path, is_admin=access.is_admin)
        around["trail"] = navigation.trail(request.path)
    return rendered(request, template, {**around, **(context or {})}, status=status)


def with_form(
    request: HttpRequest, template: str, form: Form, context: Mapping[str, Any] | None = None
) -> HttpResponse:
    """A form as it is first shown, or with what is wrong with what was sent."""
    response = render(request, template, {"form": form, **(context or {})}, status=form.status)
    if form.wait is not None:
        response["Retry-After"] = str(ceil(form.wait))
    return response


def toast(request: HttpRequest, text: str, tone: Tone = "success") -> None:
    """Says it on the next page that this visitor sees."""
    messages.add_message(request, _LEVELS[tone], text)


def _toasts(request: HttpRequest) -> list[tuple[str, str]]:
    if not hasattr(request, "_messages"):
        return []
    tones = {level: tone for tone, level in _LEVELS.items()}
    return [(tones[each.level or messages.INFO], str(each)) for each in messages.get_messages(request)]


def to(request: HttpRequest, name: str, **parts: Any) -> HttpResponse:
    """On to another page: after a POST, or by htmx, which would follow a redirect behind the page's back."""
    return to_path(request, reverse(name, kwargs=parts or None))


def to_path(request: HttpRequest, path: str) -> HttpResponse:
    if getattr(request, "htmx", False):
        return HttpResponse(headers={"HX-Redirect": path})
    return HttpResponseRedirect(path)
