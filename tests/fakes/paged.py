"""APIs that page, as pure functions from what was asked to what is answered.

Written from how such APIs are described by those who make them, knowing nothing of how we read them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    rows: Sequence[Any]
    total: int | None = None
    more: bool | None = None
    cursor: Any = None
    next: str | None = None


@dataclass(frozen=True)
class Shape:
    """What an API does and says. `most`: it gives no more rows at once, whatever was asked for."""

    most: int = 1_000
    default: int = 20
    tells_total: bool = False
    tells_more: bool = False
    repeats_last: bool = False


def _size(shape: Shape, asked: int | None) -> int:
    return min(shape.most, shape.default if asked is None else asked)


def _answer(shape: Shape, rows: Sequence[Any], start: int, size: int, **lead: Any) -> Answer:
    end = start + size
    return Answer(
        rows[start:end],
        total=len(rows) if shape.tells_total else None,
        more=end < len(rows) if shape.tells_more else None,
        **lead,
    )


def numbered(rows: Sequence[Any], shape: Shape, first: int = 1) -> Callable[[Params], Answer]:
    def ask(params: Params) -> Answer:
        size = _size(shape, params.get("limit"))
        number = params["page"] - first
        if shape.repeats_last:
            number = min(number, max(0, math.ceil(len(rows) / size) - 1))
        return _answer(shape, rows, number * size, size)

    return ask


def offset(rows: Sequence[Any], shape: Shape, first: int = 0) -> Callable[[Params], Answer]:
    def ask(params: Params) -> Answer:
        return _answer(shape, rows, params["offset"] - first, _size(shape, params.get("limit")))

    return ask


def cursor(
    rows: Sequence[Any], shape: Shape, name: Callable[[int], Any] = lambda start: f"c{start}"
) -> Callable[[Params], Answer]:
    """`name` makes the cursor of the page that begins at a row; after the last page there is none."""
    starts = {repr(name(start)): start for start in range(len(rows) + 1)}

    def ask(params: Params) -> Answer:
        start = starts[repr(params["cursor"])] if "cursor" in params else 0
        end = start + _size(shape, params.get("limit"))
        return _answer(shape, rows, start, end - start, cursor=name(end) if end < len(rows) else None)

    return ask


def linked(
    rows: Sequence[Any], shape: Shape, url: str = "https://api.example/rows"
) -> Callable[[str | None], Answer]:
    def ask(asked: str | None) -> Answer:
        start = int(asked.rpartition("=")[2]) if asked is not None else 0
        end = start + shape.default
        following = f"{url}?after={end}" if end < len(rows) else None
        return _answer(shape, rows, start, shape.default, next=following)

    return ask
