"""Every error that Ropewalk raises on purpose, named by what happens next.

    RopewalkError
    ├── RetryLater        the same thing may work in a while; try it again by itself
    ├── GiveUp            this attempt is over; what has been committed stays
    │   └── Cancelled     … because somebody asked for it
    ├── RowRefused        this one row can't be taken; the run goes on
    ├── MustFix           an admin has to change something first; lists every problem
    └── Refused           not allowed, here or to this caller; nothing was done
        ├── NotFound      no such thing in this organization
        └── Conflict      not now, or not beside what is already there

`message` is a sentence for the person who can mend it; `detail` is for the log. Neither may hold a secret.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct


class RopewalkError(Exception):
    def __init__(self, code: str, message: str, *, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail


class RetryLater(RopewalkError):
    """`after` is the number of seconds the other side asked us to wait, if it said so."""

    def __init__(self, code: str, message: str, *, after: float | None = None, detail: str = "") -> None:
        super().__init__(code, message, detail=detail)
        self.after = after


class GiveUp(RopewalkError):
    pass


class Cancelled(GiveUp):
    def __init__(self) -> None:
        super().__init__("cancelled", "The run was cancelled. Rows that were already applied stay.")


class RowRefused(RopewalkError):
    """`code` is a reason code of product.md §5.2."""


class Problem(Struct, frozen=True):
    """One thing to mend: `path` is dotted into the form or the body it was found in, empty for the whole."""

    path: str
    message: str


class MustFix(RopewalkError):
    def __init__(
        self, code: str, message: str, problems: Iterable[Problem] = (), *, detail: str = ""
    ) -> None:
        super().__init__(code, message, detail=detail)
        self.problems = tuple(problems)

    def under(self, path: str) -> MustFix:
        """The same, for a block inside a larger body."""
        found = self.problems or (Problem("", self.message),)
        below = [Problem(".".join(filter(None, (path, one.path))), one.message) for one in found]
        return MustFix(self.code, self.message, below, detail=self.detail)


class Refused(RopewalkError):
    pass


class NotFound(Refused):
    def __init__(self, what: str) -> None:
        super().__init__("not_found", f"There is no such {what} in this organization.")


class Conflict(Refused):
    def __init__(self, message: str, *, code: str = "conflict") -> None:
        super().__init__(code, message)
