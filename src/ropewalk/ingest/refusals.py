"""What the door answers where it keeps nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ropewalk.core import errortable, limits
from ropewalk.core.errors import Problem
from ropewalk.core.items import Wrong
from ropewalk.store.events.base import Refusal as Rejected


class Refusal(Exception):
    """`rejected`: items to be kept for whoever looks at the connector."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code or errortable.CODES[status]
        self.details = details
        self.headers = headers
        self.rejected: Sequence[Rejected] = ()

    @property
    def body(self) -> dict[str, Any]:
        told: dict[str, Any] = {"error_code": self.code, "message": self.message}
        return {**told, "details": dict(self.details)} if self.details else told


def unauthenticated() -> Refusal:
    challenge = [(b"www-authenticate", errortable.CHALLENGE.encode())]
    return Refusal(401, errortable.UNAUTHENTICATED, headers=challenge)


def missing_scope(scope: str) -> Refusal:
    return Refusal(
        403,
        errortable.missing_scopes(scope),
        code=errortable.MISSING_SCOPES,
        details={"missing_scopes": [scope]},
    )


def too_many_calls(seconds: int) -> Refusal:
    return Refusal(429, errortable.too_many_calls(seconds), headers=_after(seconds))


def unavailable(seconds: int = errortable.RETRY_SECONDS) -> Refusal:
    return Refusal(503, errortable.UNAVAILABLE, headers=_after(seconds))


def no_connector() -> Refusal:
    return Refusal(404, "There is no such push connector in this organization.")


def inactive() -> Refusal:
    return Refusal(403, "This push connector isn't active: it takes nothing until an admin activates it.")


def not_this_method(method: str) -> Refusal:
    message = errortable.not_this_method(method, "POST")
    return Refusal(405, message, headers=[(b"allow", b"POST")])


def too_large(limit: int) -> Refusal:
    return Refusal(413, errortable.too_large(limit), details={"limit_bytes": limit})


def invalid(problems: Iterable[Problem]) -> Refusal:
    listed = [{"path": each.path, "message": each.message} for each in problems]
    return Refusal(422, errortable.INVALID, details={"errors": listed})


def of(wrong: Wrong, path: str = "") -> Refusal:
    """`path`: where the item is in the body."""
    first = wrong.problems[0]
    if wrong.status == 413:
        limit = {"limit_bytes": limits.ITEM_BYTES} if path else {"limit_items": limits.ITEMS}
        return Refusal(413, first.message, details=limit)
    if wrong.status == 400:
        place = f"{path}: " if path else ""
        return Refusal(400, place + first.message)
    return invalid(under(path, wrong.problems))


def of_several(wrong: Mapping[int, Wrong]) -> Refusal:
    """Of a batch of which nothing is kept: what can't be read at all comes first, then all that is wrong."""
    for status in (413, 400):
        told = [(place, each) for place, each in wrong.items() if each.status == status]
        # An item of a kind that isn't accepted is a 400 only where nothing else is wrong.
        if told and (status == 413 or len(told) == len(wrong) or not told[0][1].problems[0].path):
            place, first = told[0]
            return of(first, f"items.{place}")
    return invalid(
        problem for place, each in wrong.items() for problem in under(f"items.{place}", each.problems)
    )


def under(path: str, problems: Iterable[Problem]) -> list[Problem]:
    return [Problem(".".join(filter(None, (path, each.path))), each.message) for each in problems]


def _after(seconds: int) -> list[tuple[bytes, bytes]]:
    return [(b"retry-after", str(seconds).encode())]
