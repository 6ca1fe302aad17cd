"""What sources ask for and what comes back: the vocabulary that they share with the net, who don't know each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from ropewalk.core.values import JSON


@dataclass(frozen=True, slots=True)
class Request:
    """`params` are added to the query that `url` already has. `credentials` False: send none, nor `headers` (§4.3).
    `lane`: which of the source's request budgets it counts in, beside the one for all. `pause_ms`: it is sent that much
    later, where the answer would not be ready before. `aside`: it looks something up, beside the records that are read."""

    method: str
    url: str
    params: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: JSON = None
    timeout_ms: int = 30_000
    credentials: bool = True
    lane: str = ""
    pause_ms: int = 0
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """A 2xx with a body. `headers` have lower-case names; `url` is where the last redirect led, without the credential.

    `body` is decoded; beyond `limits.SPOOL_BYTES` it is a seekable file, which whoever reads it closes.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | BinaryIO = field(repr=False)
    url: str
    milliseconds: int


class Fetch(Protocol):
    """Gives a usable answer or raises: `RetryLater`, `GiveUp`, `MustFix` or `Refused`."""

    def __call__(self, request: Request) -> Response: ...

    def ahead(self, requests: Sequence[Request]) -> None:
        """Hints: these are likely next. A later call with an equal request takes the answer up."""
