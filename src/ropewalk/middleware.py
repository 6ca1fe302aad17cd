"""Around every answer of Django: its request id, its headers, its count; and what it answers where it can't go on."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, Final

import structlog
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.middleware.csrf import CsrfViewMiddleware
from django_htmx.middleware import HtmxMiddleware

from ropewalk import operating, refusing
from ropewalk.core import errortable
from ropewalk.core.errors import RopewalkError
from ropewalk.engine.logs import Log
from ropewalk.store.ids import new_name
from ropewalk.store.transactions import UNAVAILABLE
from ropewalk.web import refusals

log = Log(__name__)

Answer = Callable[[HttpRequest], HttpResponseBase]

REQUEST_ID: Final = "X-Request-Id"
_GOOD_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

# Probes reach these by the address of the machine.
_ANY_HOST: Final = frozenset(("/healthz", "/readyz", "/metrics"))

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_TRANSPORT: Final = "max-age=31536000"


def request_id(given: str) -> str:
    """A caller's own id joins its log and ours, if it can't do harm there."""
    return given if given and _GOOD_ID.fullmatch(given) else new_name().replace("-", "")


class Edge:
    """The outermost: whatever happens further in leaves with an id, headers and a line in the log."""

    def __init__(self, get_response: Answer) -> None:
        self._next = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        identity = request_id(request.headers.get(REQUEST_ID, ""))
        request.request_id = identity  # type: ignore[attr-defined]
        began = time.monotonic()
        with structlog.contextvars.bound_contextvars(request_id=identity):
            response = self._answered(request)
            seconds = time.monotonic() - began
            self._dress(request, response, identity)
            operating.observe(request, response.status_code, seconds)
            route = request.resolver_match.route if request.resolver_match else ""
            log.info(
                "request",
                method=request.method,
                route=route,
                status=response.status_code,
                milliseconds=round(seconds * 1000, 1),
            )
        return response

    def _answered(self, request: HttpRequest) -> HttpResponseBase:
        if request.path not in _ANY_HOST:
            try:
                request.get_host()
            except DisallowedHost:
                return refusing.answer(
                    request.path,
                    400,
                    "This installation doesn't answer to that host name; its operator can allow it with "
                    "ROPEWALK_ALLOWED_HOSTS.",
                )
        response = self._next(request)
        if isinstance(response, HttpResponseNotAllowed):
            allowed = response["Allow"]
            message = errortable.not_this_method(str(request.method), allowed)
            response = refusing.answer(request.path, 405, message)
            response["Allow"] = allowed
        return response

    @staticmethod
    def _dress(request: HttpRequest, response: HttpResponseBase, identity: str) -> None:
        response[REQUEST_ID] = identity
        if isinstance(response, HttpResponse) and not response.has_header("Content-Length"):
            response["Content-Length"] = str(len(response.content))
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.is_secure():
            response.headers.setdefault("Strict-Transport-Security", _TRANSPORT)
        if request.path.startswith(("/v1/", "/app")):
            response.headers.setdefault("Cache-Control", "no-store")
        if (standing := getattr(request, "rate", None)) is not None:
            response["X-RateLimit-Limit"] = str(standing.limit)
            response["X-RateLimit-Remaining"] = str(standing.remaining)
            response["X-RateLimit-Reset"] = str(standing.reset)


class ForPages:
    """What pages have around them, and nothing else pays for: session, sign-in, forgery tokens, messages."""

    def __init__(self, get_response: Answer) -> None:
        self._next = get_response
        self._csrf = CsrfViewMiddleware(get_response)
        inner = HtmxMiddleware(MessageMiddleware(AuthenticationMiddleware(self._csrf)))  # type: ignore[arg-type]
        self._pages = SessionMiddleware(inner)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not refusing.is_page(request.path):
            return self._next(request)
        try:
            return self._pages(request)  # type: ignore[return-value]
        except UNAVAILABLE as error:
            # Where the session could not be kept: what was asked may be done.
            log.warning("database_unavailable", error=repr(error))
            return refusing.unavailable(request.path)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]
    ) -> HttpResponseBase | None:
        return self._csrf.process_view(request, view, args, named) if refusing.is_page(request.path) else None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """The API turns these into answers of its own before they come here."""
        return refusals.of(request, exception) if isinstance(exception, RopewalkError) else None


class DatabaseAway:
    """The innermost: what no view expected of the database is an answer all the same."""

    def __init__(self, get_response: Answer) -> None:
        self._next = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._next(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        if isinstance(exception, UNAVAILABLE):
            log.warning("database_unavailable", error=repr(exception))
            return refusing.unavailable(request.path)
        return None
