"""What a source is: a declaration, and a reader that receives `fetch` and yields pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Literal, Protocol

import msgspec
from pydantic import BaseModel

from ropewalk.core.paging import Ending
from ropewalk.core.values import JSON

Kind = Literal["accounts", "contacts", "events"]


@dataclass(frozen=True, slots=True)
class Request:
    """`params` are added to the query that `url` already has. `credentials` False: send none, nor `headers` (§4.3)."""

    method: str
    url: str
    params: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: JSON = None
    timeout_ms: int = 30_000
    credentials: bool = True


@dataclass(frozen=True, slots=True)
class Response:
    """`headers` have lower-case names. `body` is decoded; beyond `limits.SPOOL_BYTES` it is a seekable file."""

    status: int
    headers: Mapping[str, str]
    body: bytes | BinaryIO
    url: str
    milliseconds: int


class Fetch(Protocol):
    """Answers any final status; raises `RetryLater`, `GiveUp`, `MustFix` or `Refused` where there is no usable answer."""

    def __call__(self, request: Request) -> Response: ...

    def ahead(self, requests: Sequence[Request]) -> None:
        """Hints: these are likely next. A later call with an equal request takes the answer up."""


@dataclass(frozen=True, slots=True)
class Window:
    """`since` is None for a full run, else the instant (overlap already taken off) to read from."""

    since: datetime | None = None
    max_records: int | None = None
    max_pages: int | None = None


@dataclass(slots=True)
class Page:
    """`state` resumes the reading after this page. The last page, and only it, has an `ending`."""

    number: int
    records: Iterable[msgspec.Raw | bytes]
    count: int
    state: dict[str, Any]
    total: int | None = None
    ending: Ending | None = None
    notices: dict[str, int] = field(default_factory=dict)


Reader = Callable[[Any, Any, Window, Fetch, "dict[str, Any] | None"], Iterator[Page]]
"""(connector settings, stream settings, window, fetch, state of the last page applied or None) -> pages"""


@dataclass(frozen=True, slots=True)
class StreamKind:
    """One kind of data that a source gives: its settings, and how they are read.

    `baseline` is the fingerprint of what the settings say that records are and become. `resets(old, new)`: the next
    run has to be a full one; `keeps_place(old, new)`: a truncated run's place is still good. Settings have `.auth`,
    `.enabled`, `.schedule`, `.overlap_seconds` (None: no incremental runs), and what their kind needs beside.
    """

    settings: type[BaseModel]
    read: Reader
    first_request: Callable[[Any, Any, Window], Request]
    baseline: Callable[[Any], bytes]
    resets: Callable[[Any, Any], bool]
    keeps_place: Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True)
class Source:
    slug: str
    name: str
    settings: type[BaseModel]
    kinds: Mapping[Kind, StreamKind]
    secrets: tuple[str, ...]
