"""Events: from a record as a source gave it to something that happened at a time, to whom (product.md §7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import msgspec

from ropewalk.core import mapping, normalise, paths, times
from ropewalk.core.errors import RowRefused
from ropewalk.core.mapping import MappingEntry
from ropewalk.core.reasons import shown
from ropewalk.core.records import RawRecord, decode
from ropewalk.core.times import Spelling
from ropewalk.core.values import JSON, MISSING, canonical, digest

MatchBy = Literal["domain", "external_id"]
About = Literal["record", "time", "name", "account"]

_NAME_CHARS = 500
_EXAMPLES = 5
_OVERHEAD_BYTES = 500
"""What an event costs beside its properties: about that, measured."""
_TEXT_BYTES = 60
"""What a text costs beside its characters."""


@dataclass(frozen=True, slots=True)
class Event:
    """`keys` name the accounts it belongs to, in normal form. `identity` is the same wherever this very event comes
    again; `properties` are JSON, kept as bytes because few are ever looked at."""

    at: datetime
    source: str
    identity: str
    name: str
    user: str | None
    keys: tuple[str, ...]
    properties: bytes = field(repr=False)

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes."""
        texts = (self.name, self.user or "", *self.keys)
        return _OVERHEAD_BYTES + len(self.properties) + sum(_TEXT_BYTES + len(text) for text in texts)


class Unreadable(msgspec.Struct, frozen=True):
    """A record that makes no event, for want of what `about` names; `example` is what stood there."""

    about: About
    example: str


class Tally(msgspec.Struct):
    """What a reading came upon."""

    records: int = 0
    unreadable: Counter[About] = msgspec.field(default_factory=Counter)
    examples: dict[About, str] = msgspec.field(default_factory=dict)
    spellings: Counter[Spelling] = msgspec.field(default_factory=Counter)
    keys: dict[str, None] = msgspec.field(default_factory=dict)

    def add(self, found: Event | Unreadable) -> None:
        self.records += 1
        if isinstance(found, Unreadable):
            self.unreadable[found.about] += 1
            self.examples.setdefault(found.about, found.example)
        elif len(self.keys) < _EXAMPLES:
            # One event may be of thousands of accounts.
            self.keys.update(dict.fromkeys(found.keys[: _EXAMPLES - len(self.keys)]))


class EventPlan:
    """A compiled mapping of an event stream; `source` is what its events are told apart by from others'."""

    def __init__(self, entries: Sequence[MappingEntry], match_by: MatchBy, source: str) -> None:
        self._plan = mapping.compile([entry for entry in entries if entry.from_ or entry.transforms])
        self._rest = "properties" not in self._plan.targets
        self._taken = [paths.parse(entry.from_) for entry in entries if entry.from_]
        self._match_by = match_by
        self._source = source

    def read(self, raw: RawRecord, tally: Tally | None = None) -> Event | Unreadable:
        found = self._read(raw, tally)
        if tally is not None:
            tally.add(found)
        return found

    def _read(self, raw: RawRecord, tally: Tally | None) -> Event | Unreadable:
        try:
            record = decode(raw)
            mapped = self._plan.apply(record)
        except RowRefused as refused:
            return Unreadable("record", refused.message)
        moment = times.moment(mapped.get("eventTime"))
        if moment is None:
            return Unreadable("time", _example(mapped, "eventTime"))
        name = _text(mapped.get("eventName"))
        if name is None:
            return Unreadable("name", _example(mapped, "eventName"))
        keys = account_keys(mapped.get("accountKey"), self._match_by)
        if not keys:
            return Unreadable("account", _example(mapped, "accountKey"))
        if tally is not None:
            tally.spellings[moment.spelling] += 1
        properties = self._remaining(record) if self._rest else as_object(mapped.get("properties"))
        return Event(
            at=moment.at,
            source=self._source,
            identity=digest(canonical(record)).hex(),
            name=name[:_NAME_CHARS],
            user=_text(mapped.get("userId")),
            keys=keys,
            properties=msgspec.json.encode(properties),
        )

    def _remaining(self, record: dict[str, JSON]) -> dict[str, JSON]:
        rest: Any = record
        for path in self._taken:
            rest = without(rest, path)
        return rest if isinstance(rest, dict) else {}


def account_keys(value: JSON, match_by: MatchBy) -> tuple[str, ...]:
    """The normal forms of the accounts that a record names: one, or a list of them; what can't be read is left out."""
    values = value if isinstance(value, list) else [value]
    found = [normal for each in values if (normal := account_key(each, match_by)) is not None]
    return tuple(dict.fromkeys(found))


def account_key(value: JSON, match_by: MatchBy) -> str | None:
    if match_by == "external_id":
        return normalise.external_id(value)
    return normalise.domain(value) if isinstance(value, str) else None


def names(key: str, wanted: str) -> bool:
    """Whether an event's key names the account with this match value: ignoring case (product.md §7)."""
    return key == wanted or key.casefold() == wanted.casefold()


def without(value: JSON, path: paths.Path) -> JSON:
    """A copy without what stands at the path; an object that loses its last value goes too."""
    if not path or not isinstance(value, dict) or path[0] not in value:
        return value
    rest = {key: item for key, item in value.items() if key != path[0]}
    if len(path) > 1:
        below = without(value[path[0]], path[1:])
        if below != {} or value[path[0]] == {}:
            rest[path[0]] = below
    return rest


def as_object(value: JSON) -> dict[str, JSON]:
    """As properties are kept, whatever was found there."""
    if isinstance(value, dict):
        return value
    return {} if value is None else {"value": value}


def _text(value: JSON) -> str | None:
    """A name or an id as text; None for what is none."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return normalise.external_id(value)


def _example(mapped: Mapping[str, JSON], target: str) -> str:
    value = mapped.get(target, MISSING)
    return "" if value is MISSING else shown(value)
