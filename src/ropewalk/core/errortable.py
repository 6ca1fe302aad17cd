"""What every door of the API answers when it doesn't do what it was asked (push-api.md §1): codes and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

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
MISSING_SCOPES: Final = "insufficient_scopes"
RETRY_SECONDS: Final = 5
CHALLENGE: Final = 'Bearer realm="ropewalk"'

UNAUTHENTICATED: Final = (
    "This call needs a live API key: send it as `Authorization: Bearer pk_live_…`. Keys that were revoked or"
    " have expired don't count."
)
UNAVAILABLE: Final = "Storage can't take this now, and nothing was kept. Try again in a while."
INVALID: Final = "Some of this can't be taken as it is."
NOT_JSON: Final = "The body isn't JSON (RFC 8259, as UTF-8)."
TOO_SLOW: Final = "The body came too slowly."


def missing_scopes(*scopes: str) -> str:
    return f"This key lacks {', '.join(scopes)}. Use a key that has that scope."


def too_many_calls(seconds: int) -> str:
    return f"This key has made all the calls that it may in this minute; go on in {seconds} s."


def too_large(limit: int) -> str:
    return f"A body has at most {limit} bytes."


def not_this_method(method: str, allowed: str) -> str:
    return f"This address takes {allowed}, not {method}."
