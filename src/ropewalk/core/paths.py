r"""Dotted paths into JSON values: `address.geo.city`, `tags.0`, `tags.-1` for the last one, `a\.b` for a key with a dot
in it.

A backslash before a dot or a backslash takes it literally; any other backslash stands for itself. The empty
path is the whole value, so the one path it would clash with, a single empty key, is written as a lone `\`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from ropewalk.core.limits import FLATTEN_DEPTH
from ropewalk.core.values import JSON, MISSING, Missing

Path: TypeAlias = tuple[str, ...]

WHOLE: Final[Path] = ()

_EMPTY_KEY = "\\"
LAST: Final = "-1"
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def parse(text: str) -> Path:
    if text == "":
        return WHOLE
    if text == _EMPTY_KEY:
        return ("",)
    if "\\" not in text:
        return tuple(text.split("."))
    return tuple(_segments(text))


def _segments(text: str) -> Iterator[str]:
    segment: list[str] = []
    position = 0
    while position < len(text):
        char = text[position]
        following = text[position + 1 : position + 2]
        if char == "\\" and following in (".", "\\"):
            segment.append(following)
            position += 1
        elif char == ".":
            yield "".join(segment)
            segment.clear()
        else:
            segment.append(char)
        position += 1
    yield "".join(segment)


def join(segments: Sequence[str]) -> str:
    """The text that `parse` reads back as these segments."""
    if len(segments) == 1 and segments[0] == "":
        return _EMPTY_KEY
    return ".".join(segment.replace("\\", "\\\\").replace(".", "\\.") for segment in segments)


def get(value: JSON, path: Path) -> JSON | Missing:
    for segment in path:
        if isinstance(value, dict):
            if segment not in value:
                return MISSING
            value = value[segment]
        elif isinstance(value, list):
            place = index(segment, len(value))
            if place is None:
                return MISSING
            value = value[place]
        else:
            return MISSING
    return value


def index(segment: str, length: int) -> int | None:
    """The place that this segment names in an array of so many elements."""
    if segment == LAST:
        return length - 1 if length else None
    place = int(segment) if _INDEX.fullmatch(segment) else length
    return place if place < length else None


def put(value: JSON, path: Path, new: JSON) -> JSON:
    """A copy of `value` that has `new` at `path`. Objects on the way are made where there is nothing, or a null;
    a ValueError names the place where something else stands in the way."""
    return _put(value, path, 0, new)


def _put(value: JSON, path: Path, depth: int, new: JSON) -> JSON:
    if depth == len(path):
        return new
    segment = path[depth]
    if value is None:
        value = {}
    if isinstance(value, dict):
        return {**value, segment: _put(value.get(segment), path, depth + 1, new)}
    if isinstance(value, list):
        place = index(segment, len(value))
        if place is not None:
            return [*value[:place], _put(value[place], path, depth + 1, new), *value[place + 1 :]]
    what = "the whole body" if depth == 0 else f"“{join(path[:depth])}”"
    raise ValueError(f"{what} is {_kind(value)} that has no place “{segment}”")


def _kind(value: JSON) -> str:
    return "an array" if isinstance(value, list) else "a single value"


def flatten(record: Mapping[str, JSON], depth: int = FLATTEN_DEPTH) -> dict[str, JSON]:
    """Path text -> value, nested objects opened until a path has `depth` segments. Arrays and empty objects stay."""
    return {join(path): value for path, value in leaves(record, depth)}


def leaves(record: Mapping[str, JSON], depth: int, above: Path = WHOLE) -> Iterator[tuple[Path, JSON]]:
    """What `flatten` finds, by segments."""
    for key, value in record.items():
        path = (*above, key)
        if isinstance(value, dict) and value and len(path) < depth:
            yield from leaves(value, depth, path)
        else:
            yield path, value
