"""The tables that there are, to be chosen from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ropewalk.core.query import Column, Table
from ropewalk.sources.base import Option
from ropewalk.sources.warehouse.dialect import Dialect

_COLUMNS_SHOWN: Final = 12


def tables(dialect: Dialect, found: Sequence[Table], home: str) -> list[Option]:
    """Spelled so that settings read them again, with the project or database only where it is another one."""
    return [
        Option(
            dialect.spell(each.path if each.path[0] != home else each.path[1:]),
            each.path[2],
            group=".".join(each.path[:2]),
            about=f"{'View: ' if each.is_view else ''}{_columns(each.columns)}",
        )
        for each in sorted(found, key=lambda each: each.path)
    ]


def _columns(columns: Sequence[Column]) -> str:
    shown = ", ".join(f"{each.name} {each.type}" for each in columns[:_COLUMNS_SHOWN])
    more = len(columns) - _COLUMNS_SHOWN
    return f"{shown}, and {more} more" if more > 0 else shown
