"""The parameter by which an endpoint gives only what has changed: looked for, and proved by asking with one (§4.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from ropewalk.core import increments
from ropewalk.core.envelope import Answer, identities, key_of
from ropewalk.core.increments import Cut, Stamps
from ropewalk.core.paths import Path
from ropewalk.core.window import SinceFormat, format_since
from ropewalk.engine.probing.findings import Finding
from ropewalk.engine.probing.trying import Trying
from ropewalk.sources.endpoint import Incremental


def find(trying: Trying, bare: Answer, path: Path) -> Finding:
    records = bare.records(path)
    stamps = increments.changed(records)
    if stamps is None:
        return Finding(None, False, "No field of the records says when they changed.")
    made = increments.created(records)
    said = getattr(trying.said, "incremental", None)
    if said is not None and (cut := increments.cut(stamps, made, said.format)) is not None:
        search = _Search(trying, bare, path, stamps, cut, said.format)
        if search.works([said.param], said.template):
            return search.proved(said.param, said.template)
    formats: list[SinceFormat] = [stamps.format]
    formats += [each for each in ("iso8601", "date") if each not in formats]
    for number, format in enumerate(formats):
        cut = increments.cut(stamps, made, format)
        if cut is None:
            continue
        search = _Search(trying, bare, path, stamps, cut, format)
        for param, template in increments.templates(bare, stamps):
            if search.works([param], template):
                return search.proved(param, template)
        listed = increments.parameters(bare, stamps)
        found = trying.find(listed if not number else listed[:8], search.works)
        if found is not None:
            return search.proved(found, None)
    return guess(bare, path)


def guess(bare: Answer, path: Path) -> Finding:
    stamps = increments.changed(bare.records(path))
    if stamps is None:
        return Finding(None, False, "No field of the records says when they changed.")
    others = [{"param": name, "format": stamps.format} for name in increments.parameters(bare, stamps)[:6]]
    return Finding(
        None,
        False,
        f"“{stamps.path}” says when a record changed, but no parameter was found that filters by it.",
        others,
    )


def skew(headers: Mapping[str, str], now: datetime) -> int | None:
    """How far the server's clock is ahead of ours, in whole seconds."""
    try:
        date = parsedate_to_datetime(headers["date"]) + timedelta(seconds=int(headers.get("age", 0)))
        return round((date - now).total_seconds())
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def with_overlap(found: Finding, said: Incremental | None, skew: int | None) -> Finding:
    """Records that change while a run goes get an earlier time from a clock that is behind: they are read again (§4.4)."""
    behind = -(skew or 0)
    value = found.value
    if value is None and said is not None:
        value = said.model_dump(mode="json", exclude_none=True)
    if value is None or not _BEHIND[0] <= behind <= _BEHIND[1]:
        return found
    overlap = said.overlap_seconds if said is not None else 0
    if overlap < behind:
        # By the minute: the next test will find a second more, or less.
        overlap = 60 * (behind // 60 + 1)
    why = f"{found.why} The server’s clock is {behind:,} seconds behind, which an overlap of {overlap:,} makes up for."
    return Finding({**value, "overlap_seconds": overlap}, found.proved, why, found.others)


_BEHIND: Final = (2, 24 * 3_600)
"""A header has whole seconds; and what says that it is another day is no clock."""


class _Search:
    def __init__(
        self, trying: Trying, bare: Answer, path: Path, stamps: Stamps, cut: Cut, format: SinceFormat
    ) -> None:
        self._trying = trying
        self._path = path
        self._stamps = stamps
        self._cut = cut
        self._format = format
        records = bare.records(path)
        self._key = key_of(records)
        ids = identities(records, self._key)
        self._older = {ids[place] for place in cut.older}
        self._newer = {ids[place] for place in cut.newer}

    def works(self, names: Sequence[str], template: str | None = None) -> bool | None:
        text = format_since(self._cut.at, self._format, template)
        asked = self._trying.ask(dict.fromkeys(names, text))
        if asked is None:
            return None
        records = asked.records(self._path)
        if not records:
            # One of several may have been taken for something else.
            return len(names) > 1
        stamps = increments.changed(records)
        ids = set(identities(records, self._key))
        if stamps is None or stamps.path != self._stamps.path or ids & self._older:
            return False
        within = all(value is None or value >= self._cut.at for value in stamps.values)
        return within and bool(ids & self._newer)

    def proved(self, param: str, template: str | None) -> Finding:
        value: dict[str, Any] = {"param": param, "format": self._format}
        if template is not None:
            value["template"] = template
        at = format_since(self._cut.at)
        why = f"With {param} at {at}, only records came whose “{self._stamps.path}” is later"
        if self._cut.tells_from_created:
            return Finding(value, True, f"{why}.")
        return Finding(
            value,
            False,
            f"A guess: {why}; but the sample can’t tell whether it goes by change or by creation.",
        )
