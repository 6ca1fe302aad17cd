"""What a source is: a declaration, and a reader that receives `fetch` and yields pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import msgspec
from pydantic import BaseModel

from ropewalk.core.exchange import Request
from ropewalk.core.paging import Ending

Kind = Literal["accounts", "contacts", "events"]


@dataclass(frozen=True, slots=True)
class Window:
    """`since` is None for a full run, else the instant (overlap already taken off) to read from. A live query also
    has an `until`, and the match value of an `account` where the source can filter by one."""

    since: datetime | None = None
    until: datetime | None = None
    account: str | None = None
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


Reader = Callable[[Any, Any, Window, Any, "dict[str, Any] | None"], Iterator[Page]]
"""(connector settings, stream settings, window, fetch, state of the last page applied or None) -> pages. What is handed
over as a file has the open file in place of fetch."""


@dataclass(frozen=True, slots=True)
class StreamKind:
    """One kind of data that a source gives: its settings, and how they are read.

    `baseline` is the fingerprint of what the settings say that records are and become. `resets(old, new)`: the next
    run has to be a full one; `keeps_place(old, new)`: a truncated run's place is still good. Settings have `.auth`,
    `.enabled`, `.schedule`, `.overlap_seconds` (None: no incremental runs), `.place_expires`, and what their kind needs beside.
    """

    settings: type[BaseModel]
    read: Reader
    first_request: Callable[[Any, Any, Window], Request] | None
    baseline: Callable[[Any], bytes]
    resets: Callable[[Any, Any], bool]
    keeps_place: Callable[[Any, Any], bool]
    live: bool = False
    """Read when an account is looked at; it has no runs and no schedule."""


@dataclass(frozen=True, slots=True)
class Source:
    slug: str
    name: str
    settings: type[BaseModel]
    kinds: Mapping[Kind, StreamKind]
    secrets: tuple[str, ...]
