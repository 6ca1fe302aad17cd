"""Which door answers where nothing else does: the app gives a page, everything else JSON."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from ropewalk.api import refusals as as_json
from ropewalk.web import refusals as as_page

UNREADABLE = "This request can't be read."
NOT_ALLOWED = "This is not allowed."


def is_page(path: str) -> bool:
    return path == "/app" or path.startswith("/app/")


def answer(path: str, status: int, message: str) -> HttpResponse:
    return as_page.answer(status, message) if is_page(path) else as_json.answer(status, message)


def unavailable(path: str, seconds: float | None = None) -> HttpResponse:
    return as_page.unavailable(seconds) if is_page(path) else as_json.unavailable(seconds)


def too_large(path: str, limit: int) -> HttpResponse:
    return as_page.too_large(limit) if is_page(path) else as_json.TooLarge(limit).answer()


# ---- what Django itself would answer ----


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return answer(request.path, 404, as_page.NOT_FOUND if is_page(request.path) else as_json.NOT_FOUND)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return answer(request.path, 400, UNREADABLE)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return answer(request.path, 403, NOT_ALLOWED)


def broken(request: HttpRequest) -> HttpResponse:
    identity = getattr(request, "request_id", "")
    return answer(
        request.path,
        500,
        f"Something broke here, not at your side. The log tells more under the request id {identity}.",
    )
