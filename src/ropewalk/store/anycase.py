"""Text sought in any case, whatever its alphabet. Of itself SQLite knows upper and lower case of ASCII's letters alone."""

from __future__ import annotations

from typing import Any

from django.db.models import Field
from django.db.models.lookups import IContains, IExact

from ropewalk.core.errors import Problem
from ropewalk.core.limits import SOUGHT_CHARS


def too_long(path: str, text: str) -> list[Problem]:
    if len(text) <= SOUGHT_CHARS:
        return []
    return [Problem(path, f"Look for at most {SOUGHT_CHARS:,} characters.")]


def pattern(text: str) -> str:
    """For SQLite's GLOB: a choice for each letter, as it is, lower and upper."""
    return "".join(map(_letter, text))


def _letter(letter: str) -> str:
    # Some have several letters in the other case, which no choice can hold: ß is SS.
    ways = sorted({way for way in (letter, letter.lower(), letter.upper()) if len(way) == 1})
    return f"[{''.join(ways)}]" if len(ways) > 1 or letter in "*?[" else letter


class _InAnyCase:
    """What is sought in ASCII goes the usual way, which may have an index."""

    AROUND = ""
    rhs: Any

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        lookup: Any = self
        if not isinstance(self.rhs, str) or self.rhs.isascii():
            usual: tuple[str, list[Any]] = lookup.as_sql(compiler, connection)
            return usual
        sought, parameters = lookup.process_lhs(compiler, connection)
        return f"{sought} GLOB %s", [*parameters, f"{self.AROUND}{pattern(self.rhs)}{self.AROUND}"]


class Contains(_InAnyCase, IContains):
    AROUND = "*"


class Exact(_InAnyCase, IExact):
    pass


def register() -> None:
    """For every `__icontains` and `__iexact`."""
    for lookup in (Contains, Exact):
        Field.register_lookup(lookup)
