"""How an answer's records seem to say when they changed, and by which parameter an API may filter by that (§4.4, §4.5)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from msgspec import Struct

from ropewalk.core import names, paths, times
from ropewalk.core.envelope import Answer, squeezed, words
from ropewalk.core.window import SinceFormat

_CHANGED = frozenset(
    [
        "updated",
        "modified",
        "changed",
        "lastmodifieddate",
        "modification",
        "update",
        "modify",
        "systemmodstamp",
        "edited",
    ]
)
_CREATED = frozenset("created creation inserted added".split())  # noqa: SIM905
_SINCE_NAMES: Final = (
    "updated_since", "modified_since", "updated_after", "modified_after", "since", "changed_since", "updated_at_min",
    "updated_from", "updated_at[gte]", "updated_gte", "updated_at__gte", "updated_at_gte", "updated_at_from",
    "last_modified_since", "last_modified_after", "min_updated_at", "updated_min", "updated_at_after",
    "updated_at_since", "modified_from", "last_updated_since", "last_updated_after", "start_updated_at", "changed_after",
    "updated[gte]", "filter[updated_since]", "filter[updated_at][gte]", "filter[updated_at]", "filter[modified_since]",
    "if_modified_since", "from_updated_at", "delta_since", "modifiedon_gte", "updated_at_gt", "updated_at[gt]",
    "date_updated_from", "modified_date_from", "from_date", "start_date", "date_from", "start_time", "last_sync", "newer_than",
)  # fmt: skip


class Stamps(Struct, frozen=True):
    """A field of the records that says when each changed. `format` is how its values are written."""

    path: str
    format: SinceFormat
    values: tuple[datetime | None, ...]


class Cut(Struct, frozen=True):
    """An instant with records on both sides. `created`: a record that was made before it and changed after."""

    at: datetime
    older: frozenset[int]
    newer: frozenset[int]
    tells_from_created: bool


def changed(records: Sequence[Any]) -> Stamps | None:
    """The field that says when a record changed last, the surest one."""
    return next(iter(_stamps(records, _CHANGED)), None)


def created(records: Sequence[Any]) -> Stamps | None:
    return next(iter(_stamps(records, _CREATED)), None)


def _stamps(records: Sequence[Any], said: frozenset[str]) -> list[Stamps]:
    found: list[tuple[tuple[int, int], Stamps]] = []
    objects = [record for record in records if isinstance(record, dict)]
    for text in dict.fromkeys(path for record in objects for path in paths.flatten(record)):
        parts = paths.parse(text)
        spoken = {word for part in parts for word in words(part)} | {squeezed(parts[-1])}
        if (
            not any(word in said or word.endswith(tuple(said)) for word in spoken)
            or {"by", "id", "user"} & spoken
        ):
            continue
        raw = [paths.get(record, parts) for record in objects]
        values = [_moment(value) for value in raw]
        there = [value for value in values if value is not None]
        if len(there) * 5 < len(objects) * 4:
            continue
        example = next(one for one, value in zip(raw, values, strict=True) if value is not None)
        found.append(((len(parts), -len(there)), Stamps(text, _format(example), tuple(values))))
    return [stamps for _, stamps in sorted(found, key=lambda each: each[0])]


def _moment(value: object) -> datetime | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return times.read_epoch(value)
    if not isinstance(value, str):
        return None
    read = times.read(value)
    if read is None:
        return times.read_epoch(value)
    if not isinstance(read, datetime):
        return datetime.combine(read, time(), UTC)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read


def _format(value: object) -> SinceFormat:
    if isinstance(value, str):
        read = times.read(value)
        if read is not None:
            return "iso8601" if isinstance(read, datetime) else "date"
    number = float(value)  # type: ignore[arg-type]
    return "epoch_ms" if abs(number) >= 1e11 else "epoch_s"


def cut(stamps: Stamps, made: Stamps | None, format: SinceFormat) -> Cut | None:
    """Where the sample falls into older and newer records, as near to its middle as tells something."""
    step = timedelta(days=1) if format == "date" else timedelta(seconds=1)
    moments = sorted({value for value in stamps.values if value is not None})
    found = []
    for place, (before, after) in enumerate(itertools.pairwise(moments)):
        at = _between(before, after, format)
        if not before + step <= at <= after - step:
            continue
        older = frozenset(i for i, value in enumerate(stamps.values) if value is not None and value < at)
        newer = frozenset(i for i, value in enumerate(stamps.values) if value is not None and value > at)
        tells = made is None or any(
            (born := made.values[i]) is not None and born < at for i in newer if i < len(made.values)
        )
        found.append((not tells, abs(2 * (place + 1) - len(moments)), Cut(at, older, newer, tells)))
    return min(found, key=lambda each: each[:2])[2] if found else None


def _between(before: datetime, after: datetime, format: SinceFormat) -> datetime:
    middle = before + (after - before) / 2
    if format == "date":
        return datetime.combine(date(middle.year, middle.month, middle.day), time(), UTC)
    return middle.replace(microsecond=0)


def parameters(answer: Answer, stamps: Stamps) -> list[str]:
    """Names that such a parameter may have, the likeliest first."""
    stem = paths.parse(stamps.path)[-1]
    bare = [
        word for word in words(stem) if word not in ("at", "on", "date", "time", "ts", "timestamp", "last")
    ]
    own = [
        names.spelled([*bare, "since"], like=stem),
        names.spelled([*words(stem), "since"], like=stem),
        names.spelled([*bare, "after"], like=stem),
        f"{stem}_min",
        f"{stem}[gte]",
        f"{stem}__gte",
        f"{stem}_gte",
        f"filter[{stem}][gte]",
        names.spelled([*words(stem), "gte"], like=stem),
        names.spelled([*words(stem), "from"], like=stem),
        names.spelled([*words(stem), "after"], like=stem),
        f"filter[{stem}]",
    ]
    usual = names.styled(_SINCE_NAMES, names.style(answer.value), answer)
    return list(dict.fromkeys([*own[:3], *usual[:12], *own[3:], *usual[12:]]))


def templates(answer: Answer, stamps: Stamps) -> list[tuple[str, str]]:
    """Parameters that take an expression, with the template of one."""
    if names.is_odata(answer):
        return [("$filter", f"{stamps.path.replace('.', '/')} ge {{since}}")]
    return []
