"""Who may make the first start (`people.first_start`): somebody on this machine, or with the code that `serve` prints."""

from __future__ import annotations

from hmac import compare_digest

from django.utils.crypto import salted_hmac

from ropewalk.store import people

_CODE_CHARS = 20


def is_open() -> bool:
    return not people.is_founded()


def code() -> str:
    """Of this installation: worth nothing once there is an organization."""
    return salted_hmac("ropewalk.first-start", "", algorithm="sha256").hexdigest()[:_CODE_CHARS]


def fits(given: str) -> bool:
    return compare_digest(given.encode(), code().encode())
