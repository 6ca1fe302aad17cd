"""What the API answers when it doesn't do what was asked: one shape, the codes of push-api.md §1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any, Final

from django.http import HttpResponse, JsonResponse

from ropewalk.core.errors import (
    Conflict,
    GiveUp,
    MustFix,
    NotFound,
    Problem,
    Refused,
    RetryLater,
    RopewalkError,
)

CODES: Final[Mapping[int, str]] = {
    400: "bad_request",
    401: "authentication_error",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    409: "conflict",
    411: "length_required",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "unprocessable_entity",
    429: "rate_limit_exceeded",
    500: "internal_error",
    503: "unavailable",
}
RETRY_SECONDS = 5
BODY_BYTES: Final = 1024 * 1024
NOT_FOUND = "There is nothing at this address. GET /v1/openapi.json lists what there is."


class Refusal(Exception):
    """An answer that a door itself gives, whatever the engine would say."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code or CODES[status]
        self.details = details
        self.headers = dict(headers or {})

    def answer(self) -> HttpResponse:
        response = answer(self.status, self.message, code=self.code, details=self.details)
        for name, value in self.headers.items():
            response[name] = value
        return response


class Unauthenticated(Refusal):
    def __init__(self) -> None:
        message = (
            "This call needs a live API key: send it as `Authorization: Bearer pk_live_…`. Keys that were revoked or"
            " have expired don't count."
        )
        super().__init__(401, message, headers={"WWW-Authenticate": 'Bearer realm="ropewalk"'})


class MissingScopes(Refusal):
    def __init__(self, *scopes: str) -> None:
        super().__init__(
            403,
            f"This key lacks {', '.join(scopes)}. Use a key that has that scope.",
            code="insufficient_scopes",
            details={"missing_scopes": list(scopes)},
        )


class TooManyCalls(Refusal):
    def __init__(self, seconds: int) -> None:
        super().__init__(
            429,
            f"This key has made all the calls that it may in this minute; go on in {seconds} s.",
            headers={"Retry-After": str(seconds)},
        )


class NotJson(Refusal):
    def __init__(self) -> None:
        super().__init__(400, "The body isn't JSON (RFC 8259, as UTF-8).")


class NotThisType(Refusal):
    def __init__(self, message: str = "Send JSON, with `Content-Type: application/json`.") -> None:
        super().__init__(415, message)


class TooLarge(Refusal):
    def __init__(self, limit: int = BODY_BYTES) -> None:
        super().__init__(413, f"A body has at most {limit} bytes.", details={"limit_bytes": limit})


def answer(
    status: int, message: str, *, code: str | None = None, details: Mapping[str, Any] | None = None
) -> HttpResponse:
    body: dict[str, Any] = {"error_code": code or CODES[status], "message": message}
    if details:
        body["details"] = dict(details)
    return JsonResponse(body, status=status, json_dumps_params={"ensure_ascii": False})


def invalid(
    problems: Iterable[Problem], message: str = "Some of this can't be taken as it is."
) -> HttpResponse:
    listed = [{"path": each.path, "message": each.message} for each in problems]
    return answer(422, message, details={"errors": listed or [{"path": "", "message": message}]})


def unavailable(seconds: float | None = None) -> HttpResponse:
    response = answer(503, "Storage can't take this now, and nothing was kept. Try again in a while.")
    response["Retry-After"] = str(ceil(RETRY_SECONDS if seconds is None else seconds))
    return response


def of(error: RopewalkError) -> HttpResponse:
    """By what happens next, never by what the error says."""
    match error:
        case NotFound():
            return answer(404, error.message)
        case Conflict():
            return answer(
                409, error.message, details=None if error.code == "conflict" else {"reason": error.code}
            )
        case Refused():
            return answer(403, error.message)
        case MustFix():
            return invalid(error.problems, error.message)
        case RetryLater():
            response = unavailable(error.after)
            return _saying(response, 503, error.message)
        case GiveUp():
            return answer(409, error.message, details={"reason": error.code})
    return invalid([Problem("", error.message)], error.message)


def _saying(response: HttpResponse, status: int, message: str) -> HttpResponse:
    spoken = answer(status, message)
    spoken["Retry-After"] = response["Retry-After"]
    return spoken
