"""Which fields records have: path, type, how often filled, and what values look like (product.md §3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, Protocol, cast

import msgspec
from msgspec.structs import replace

from ropewalk.core.fieldtypes import FieldType, infer
from ropewalk.core.paths import flatten
from ropewalk.core.values import JSON, canonical

EXAMPLES: Final = 3
EXAMPLE_CHARS: Final = 200


class Field(msgspec.Struct, frozen=True):
    """`fill_rate` is the share of records in which the path holds something: no null, empty text, list or object.
    `type` is None where nothing did."""

    path: str
    type: FieldType | None
    fill_rate: float
    examples: tuple[JSON, ...]
    label: str = ""
    transform: str = ""
    """What makes of its texts what the source says that they are."""


class Known(Protocol):
    """A field that the source itself tells of."""

    @property
    def path(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def type(self) -> FieldType | None: ...
    @property
    def is_text(self) -> bool: ...


_READ_AS: Final = {"number": "number", "boolean": "boolean", "date-time": "date"}


class _Tally:
    def __init__(self) -> None:
        self.filled = 0
        self.types: Counter[FieldType] = Counter()
        self.examples: dict[bytes, JSON] = {}

    def add(self, value: JSON) -> None:
        if value is None or value == "" or value == [] or value == {}:
            return
        self.filled += 1
        self.types[cast(FieldType, infer(value))] += 1
        if len(self.examples) < EXAMPLES:
            example = _example(value)
            self.examples.setdefault(canonical(example), example)

    def type(self) -> FieldType | None:
        if len(self.types) > 1:
            return "text"
        return next(iter(self.types), None)


def fields(records: Iterable[Mapping[str, JSON]]) -> list[Field]:
    """In the order in which the paths first come up."""
    tallies: dict[str, _Tally] = {}
    total = 0
    for record in records:
        total += 1
        for path, value in flatten(record).items():
            tallies.setdefault(path, _Tally()).add(value)
    return [
        Field(path, tally.type(), round(tally.filled / total, 4), tuple(tally.examples.values()))
        for path, tally in tallies.items()
    ]


def named(found: Iterable[Field], known: Iterable[Known]) -> list[Field]:
    """With what the source says of them: labels, types, and fields that no record of the sample had."""
    told = {each.path: each for each in known}
    seen = [_with(each, told.pop(each.path, None)) for each in found]
    unseen = (Field(path, None, 0.0, ()) for path in told)
    return [*seen, *(_with(each, told[each.path]) for each in unseen)]


def _with(field: Field, known: Known | None) -> Field:
    if known is None:
        return field
    transform = _READ_AS.get(known.type or "", "") if known.is_text else ""
    return replace(field, label=known.label, type=known.type or field.type, transform=transform)


def _example(value: JSON) -> JSON:
    """The value itself where it is short, else the beginning of its text."""
    if isinstance(value, str):
        return _shortened(value)
    if isinstance(value, list | dict):
        text = msgspec.json.encode(value).decode()
        return value if len(text) <= EXAMPLE_CHARS else _shortened(text)
    return value


def _shortened(text: str) -> str:
    return text if len(text) <= EXAMPLE_CHARS else text[: EXAMPLE_CHARS - 1] + "…"
