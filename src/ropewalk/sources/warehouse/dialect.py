"""How a warehouse's SQL differs from another's."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Literal

from msgspec import Struct, field

from ropewalk.core.query import Parameter, ParameterType

Time = Literal["timestamp", "datetime", "date", "epoch", "text"]


class Dialect(Struct, frozen=True, eq=False):
    """`name` is sqlglot's, `label` people's. `marker` gives what stands in a statement for a parameter; `named`: the same one
    may stand there again under its name.

    `quote` makes an identifier of any name, `plain` of a name as people type it; `within(sql, keys)` leads into a nested value.
    `times` tells which types are times, and how they are compared. `text` makes a text of any value, `instant` an instant of a
    text, or NULL; `holds` is whether a text has another in it. `row` is a whole row of a table `t` as JSON.

    `functions` are built-in ones that sqlglot doesn't know, `spaces` those of the built-in ones that have a name before theirs;
    `refused` are functions and columns that read in name only.
    """

    name: str
    label: str
    named: bool
    marker: Callable[[str], str]
    quote: Callable[[str], str]
    plain: Callable[[str], str]
    within: Callable[[str, tuple[str, ...]], str]
    times: dict[str, Time]
    text: Callable[[str], str]
    instant: Callable[[str], str]
    holds: Callable[[str, str], str]
    row: str
    lists: re.Pattern[str]
    """Types whose values may name several accounts, or hold more than a text."""
    functions: frozenset[str] = frozenset()
    spaces: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()

    def path(self, spelled: str) -> tuple[str, ...]:
        """A table as people or `spell` write it: up to three names with dots between them, those with quotes as they are.
        Raises `ValueError`."""
        names = tuple(
            quoted[1:-1].replace(quoted[0] * 2, quoted[0]) if quoted else self.plain(bare)
            for quoted, bare in _NAMES.findall(spelled)
        )
        if not _PATH.fullmatch(spelled) or len(names) > 3:
            raise ValueError(
                f"{spelled} names no table; write it like {(self.label == 'BigQuery' and 'dataset.table') or 'SCHEMA.TABLE'}"
            )
        return names

    def spell(self, path: tuple[str, ...]) -> str:
        """So that `path` reads the same."""
        return ".".join(
            name
            if _BARE.fullmatch(name) and self.plain(name) == name
            else '"' + name.replace('"', '""') + '"'
            for name in path
        )

    def table(self, path: tuple[str, ...]) -> str:
        return ".".join(self.quote(name) for name in path)


_NAME = r"""("(?:[^"]|"")+"|`(?:[^`]|``)+`)|([\w$*-]+)"""
_NAMES = re.compile(_NAME)
_BARE = re.compile(r"[A-Za-z_][\w$-]*", re.ASCII)
_PATH = re.compile(rf"(?:{_NAME})(?:\.(?:{_NAME}))*")


class Binding(Struct):
    """The parameters of one statement, as its markers are written."""

    dialect: Dialect
    parameters: list[Parameter] = field(default_factory=list)

    def mark(self, name: str, type: ParameterType, value: str | int | date | datetime) -> str:
        if not self.dialect.named or all(each.name != name for each in self.parameters):
            self.parameters.append(Parameter(name, type, value))
        return self.dialect.marker(name)
