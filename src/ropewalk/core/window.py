"""Windows: from when a run reads, where it goes on, and what it leaves behind (product.md §4.4, §5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from ropewalk.core.verdict import Tally, Verdict

SinceFormat = Literal["iso8601", "date", "epoch_s", "epoch_ms"]
PLACEHOLDER = "{since}"


def since(watermark: datetime | None, overlap_seconds: int = 0) -> datetime | None:
    """In whole seconds: a fraction cut off reads a moment more, one rounded up would lose rows."""
    if watermark is None:
        return None
    start = (watermark - timedelta(seconds=overlap_seconds)).astimezone(UTC)
    return start.replace(microsecond=0)


def format_since(moment: datetime, format: SinceFormat = "iso8601", template: str | None = None) -> str:
    """`template` has one `{since}`; everything else in it is literal, other braces too."""
    moment = moment.astimezone(UTC)
    if format == "date":
        text = moment.date().isoformat()
    elif format == "iso8601":
        text = moment.replace(microsecond=0, tzinfo=None).isoformat() + "Z"
    else:
        seconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
        text = str(seconds if format == "epoch_s" else seconds * 1000)
    return text if template is None else template.replace(PLACEHOLDER, text)


class Chain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The place of a truncated run, kept for the next one. A chain is one window read by several runs."""

    first_started_at: datetime
    since: datetime | None
    full: bool
    scope: str
    paging: dict[str, Any]
    tally: Tally

    def to_json(self) -> dict[str, Any]:
        built: dict[str, Any] = msgspec.to_builtins(self)
        return built

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Chain:
        return msgspec.convert(value, cls)


class Opening(msgspec.Struct, frozen=True):
    """Where a run begins. `first_started_at`, `full` and `before` are the chain's; `resume` is the paginator's state."""

    first_started_at: datetime
    since: datetime | None
    full: bool
    scope: str = ""
    resume: dict[str, Any] | None = None
    before: Tally = msgspec.field(default_factory=Tally)


def open(
    now: datetime,
    *,
    watermark: datetime | None,
    overlap_seconds: int = 0,
    incremental: bool = True,
    chain: Chain | None = None,
    asked_full: bool = False,
    needs_full: bool = False,
    scope: str = "",
) -> Opening:
    """`asked_full`: by hand, says everything again from the start. `needs_full`: must be a full run, yet may be the
    going on of one. `scope` keeps apart chains whose runs write different fields (Periodic off, §2.2)."""
    start = since(watermark, overlap_seconds) if incremental and not (asked_full or needs_full) else None
    if chain is not None and not asked_full and chain.scope == scope and (chain.full or not needs_full):
        return Opening(chain.first_started_at, chain.since, chain.full, scope, chain.paging, chain.tally)
    return Opening(now, start, start is None, scope)


class Closing(msgspec.Struct, frozen=True):
    """What a stream keeps of a succeeded run. None: `watermark` and `last_full_rows` stay as they are; no chain."""

    watermark: datetime | None = None
    last_full_rows: int | None = None
    chain: Chain | None = None


def close(opening: Opening, verdict: Verdict, run: Tally, paging: Mapping[str, Any]) -> Closing:
    """A run that failed or was cancelled isn't closed: it leaves everything as it was."""
    whole = opening.before + run
    if verdict.kind == "complete":
        return completed(opening.first_started_at, full=opening.full, rows=whole.rows)
    if verdict.kind == "suspicious":
        return Closing()
    chain = Chain(opening.first_started_at, opening.since, opening.full, opening.scope, dict(paging), whole)
    return Closing(chain=chain)


def completed(first_started_at: datetime, *, full: bool, rows: int) -> Closing:
    """Also what accepting a suspicious run comes to (§5.3)."""
    return Closing(watermark=first_started_at, last_full_rows=rows if full else None)
