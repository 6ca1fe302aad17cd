"""The types of custom fields: inferred from the first value, widened to text by the first that doesn't fit (§2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ropewalk.core import limits, times
from ropewalk.core.errors import RowRefused
from ropewalk.core.mapping import BUILT_IN
from ropewalk.core.values import JSON

FieldType = Literal["text", "number", "boolean", "date-time", "list", "object"]
Seen = Literal["created", "widened"]


def infer(value: JSON) -> FieldType | None:
    """None for null, which says nothing about a type."""
    if value is None:
        return None
    if isinstance(value, str):
        return "text" if times.read(value) is None else "date-time"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "list" if isinstance(value, list) else "object"


def fits(value: JSON, type_: FieldType) -> bool:
    """Text takes everything, and every type takes null."""
    if type_ == "text" or value is None:
        return True
    if type_ == "date-time":
        return isinstance(value, str) and times.read(value) is not None
    return type(value) in _HELD[type_]


_HELD: dict[FieldType, tuple[type, ...]] = {
    "number": (int, float),
    "boolean": (bool,),
    "list": (list,),
    "object": (dict,),
}


_ANYTHING = frozenset((type(None), str, bool, int, float, list, dict))
_NOTHING_NEW: Mapping[FieldType, frozenset[type]] = {
    "text": _ANYTHING,
    # Whether a text is a time, only reading it tells.
    "date-time": frozenset((type(None),)),
    **{type_: frozenset((type(None), *held)) for type_, held in _HELD.items()},
}


class FieldTypes:
    """The custom fields of an organization as a run sees them. `pending` is what it learned and has yet to be saved.

    Names are one field whatever their case, and keep the spelling they were first seen in.
    """

    def __init__(self, types: Mapping[str, FieldType] | None = None) -> None:
        self.types: dict[str, FieldType] = {}
        self.pending: dict[str, Seen] = {}
        self._nothing_new: dict[str, frozenset[type]] = dict.fromkeys(BUILT_IN, _ANYTHING)
        self._names: dict[str, str] = {}
        for name, type_ in (types or {}).items():
            self._set(name, type_)

    def copy(self) -> FieldTypes:
        """For a dry run, and for a batch that may yet be rolled back."""
        twin = FieldTypes(self.types)
        twin.pending = dict(self.pending)
        return twin

    def telling(self, values: Mapping[str, JSON]) -> list[str]:
        """The names of those that teach something; values of built-in fields and texts don't."""
        known = self._nothing_new
        names = [name for name, value in values.items() if type(value) not in known.get(name, ())]
        return [name for name in names if name not in known or not fits(values[name], self.types[name])]

    def require_room(self, values: Mapping[str, JSON]) -> None:
        """Refuses a row whose new fields would be too many for the organization."""
        if values.keys() <= self.types.keys():
            return
        new = {name.casefold() for name, value in values.items() if value is not None} - self._names.keys()
        if new and len(self.types) + len(new) > limits.CUSTOM_FIELDS:
            names = sorted(name for name in values if name.casefold() in new)
            raise RowRefused(
                "invalid_value",
                f"There is no room for {', '.join(names)[:200]}: an organization has at most "
                f"{limits.CUSTOM_FIELDS} custom fields. Take targets out of the mapping, or map to existing fields.",
            )

    def observe(self, name: str, value: JSON) -> Seen | None:
        """Takes note of a value that is being written. Call `require_room` before."""
        type_ = self.types.get(name)
        if type_ is not None and fits(value, type_):
            return None
        folded = name.casefold()
        known = self._names.get(folded)
        if known is None:
            found = infer(value)
            if found is None:
                return None
            self._set(name, found)
            self.pending[name] = "created"
            return "created"
        if fits(value, self.types[known]):
            return None
        self._set(known, "text")
        self.pending.setdefault(known, "widened")
        return "widened"

    def _set(self, name: str, type_: FieldType) -> None:
        self._names[name.casefold()] = name
        self.types[name] = type_
        self._nothing_new[name] = _NOTHING_NEW[type_]

    def drain(self) -> dict[str, tuple[Seen, FieldType]]:
        """What was learned since the last time; a field made and widened in one batch is made as text."""
        learned = {name: (seen, self.types[name]) for name, seen in self.pending.items()}
        self.pending.clear()
        return learned
