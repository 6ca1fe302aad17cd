"""The page that stands where another can't: what happened, in a sentence, and where to go from here."""

from __future__ import annotations

from math import ceil
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string

from ropewalk.core.errors import Conflict, GiveUp, MustFix, NotFound, Refused, RetryLater, RopewalkError
from ropewalk.web import pages

NOT_FOUND: Final = "There is nothing at this address. It may have been deleted, or the link is incomplete."
_RETRY_SECONDS = 5

_TITLES: Final = {
    400: "That didn’t reach us in one piece",
    403: "Not allowed",
    404: "Page not found",
    405: "Not like this",
    408: "That took too long",
    409: "Not right now",
    413: "Too large",
    422: "This can’t be taken as it is",
    429: "Too many tries",
    500: "Something broke",
    503: "Back in a moment",
}


def answer(status: int, message: str) -> HttpResponse:
    """Stands alone: it asks neither session nor database, which may be what is broken."""
    context = {"status": status, "title": _TITLES.get(status, "Not possible"), "message": message}
    return HttpResponse(render_to_string("ropewalk/refusal.html", context), status=status)


def unavailable(seconds: float | None = None) -> HttpResponse:
    response = answer(503, "Storage can't take this now, and nothing was kept. Try again in a while.")
    response["Retry-After"] = str(ceil(_RETRY_SECONDS if seconds is None else seconds))
    return response


def too_large(limit: int) -> HttpResponse:
    return answer(413, f"What was sent is too large: at most {filesizeformat(limit)} at once.")


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """Django's view for a form that came without its token."""
    return answer(
        403,
        "This form was open for too long, or was sent from another site. Go back, load the page again, and repeat"
        " it. If that doesn’t help, allow cookies for this site.",
    )


def of(request: HttpRequest, error: RopewalkError) -> HttpResponse:
    """By what happens next, never by what the error says."""
    match error:
        case NotFound():
            status = 404
        case Conflict() | GiveUp():
            status = 409
        case Refused():
            status = 403
        case MustFix():
            status = 422
        case RetryLater():
            return unavailable(error.after)
        case _:
            status = 422
    if getattr(request, "access", None) is None:
        return answer(status, error.message)
    problems = error.problems if isinstance(error, MustFix) else ()
    return pages.render(
        request,
        "ropewalk/refused.html",
        {
            "status": status,
            "title": _TITLES[status],
            "message": error.message,
            "problems": [each for each in problems if each.message != error.message],
        },
        status=status,
    )
