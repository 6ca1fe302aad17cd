"""What the API answers when it doesn't do what was asked: one shape, the codes of push-api.md §1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any, Final

from django.http import HttpResponse, JsonResponse

from ropewalk.core import errortable
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
from ropewalk.core.errortable import CODES, RETRY_SECONDS

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
        super().__init__(401, errortable.UNAUTHENTICATED, headers={"WWW-Authenticate": errortable.CHALLENGE})


class MissingScopes(Refusal):
    def __init__(self, *scopes: str) -> None:
        super().__init__(
            403,
            errortable.missing_scopes(*scopes),
            code=errortable.MISSING_SCOPES,
            details={"missing_scopes": list(scopes)},
        )


class TooManyCalls(Refusal):
    def __init__(self, seconds: int) -> None:
        super().__init__(
            429,
            errortable.too_many_calls(seconds),
            headers={"Retry-After": str(seconds)},
        )


class NotJson(Refusal):
    def __init__(self) -> None:
        super().__init__(400, errortable.NOT_JSON)


class NotThisType(Refusal):
    def __init__(self, message: str = "Send JSON, with `Content-Type: application/json`.") -> None:
        super().__init__(415, message)


class TooLarge(Refusal):
    def __init__(self, limit: int = BODY_BYTES) -> None:
        super().__init__(413, errortable.too_large(limit), details={"limit_bytes": limit})


def answer(
    status: int, message: str, *, code: str | None = None, details: Mapping[str, Any] | None = None
) -> HttpResponse:
    body: dict[str, Any] = {"error_code": code or CODES[status], "message": message}
    if details:
        body["details"] = dict(details)
    return JsonResponse(body, status=status, json_dumps_params={"ensure_ascii": False})


def invalid(problems: Iterable[Problem], message: str = errortable.INVALID) -> HttpResponse:
    listed = [{"path": each.path, "message": each.message} for each in problems]
    return answer(422, message, details={"errors": listed or [{"path": "", "message": message}]})


def unavailable(seconds: float | None = None) -> HttpResponse:
    response = answer(503, errortable.UNAVAILABLE)
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
