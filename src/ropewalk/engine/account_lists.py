"""A list of accounts as its address says it: what a page, a saved view and an export have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from msgspec import Struct

from ropewalk.core.errors import MustFix, Problem
from ropewalk.core.mapping import BUILT_IN
from ropewalk.core.nearest import meant
from ropewalk.store import fields, search
from ropewalk.store.filters import Filter
from ropewalk.store.search import DEFAULT_SORT, Wanted

FIELD: Final = "field."
PARTS: Final = ("q", "sort", "gone_at_source", "deleted", "columns")
OWNER_EMAIL: Final = "accountOwnerEmail"
ALWAYS: Final = ("account_id", *BUILT_IN, OWNER_EMAIL, "created_at", "updated_at")
"""Columns that every organization has."""

VALUE_CHARS: Final = 4_000
_SWITCH: Final = {"true": True, "false": False}


class AccountList(Struct, frozen=True):
    wanted: Wanted
    columns: tuple[str, ...]


def read(organization_id: UUID, parts: Mapping[str, str]) -> AccountList:
    """`parts` are those of a query string: q, sort, gone_at_source, deleted, columns (with commas between), field.<name>
    and field.<name>.<operator>. Without columns: all that there are. All problems at once."""
    problems = [_unknown(name) for name in parts if name not in PARTS and not name.startswith(FIELD)]
    problems += [
        Problem(name, f"Give at most {VALUE_CHARS:,} characters, none of them U+0000.")
        for name, text in parts.items()
        if len(text) > VALUE_CHARS or "\0" in name + text
    ]
    parts = {name: text for name, text in parts.items() if name not in {one.path for one in problems}}
    switches = {}
    for name in ("gone_at_source", "deleted"):
        if name in parts and parts[name] not in _SWITCH:
            problems.append(Problem(name, "Give true or false."))
        switches[name] = _SWITCH.get(parts.get(name, ""))
    wanted = Wanted(
        q=parts.get("q", ""),
        sort=parts.get("sort") or DEFAULT_SORT,
        where=tuple(Filter.parse(name, text) for name, text in parts.items() if name.startswith(FIELD)),
        gone_at_source=switches["gone_at_source"],
        deleted=bool(switches["deleted"]),
    )
    known = (*ALWAYS, *fields.types(organization_id))
    columns = tuple(name for name in parts.get("columns", "").split(",") if name) or known
    problems += [_no_column(name, known) for name in columns if name not in known]
    try:
        search.require(organization_id, wanted)
    except MustFix as error:
        problems += error.problems
    if problems:
        raise MustFix("invalid_list", "There can't be such a list.", problems)
    return AccountList(wanted, tuple(dict.fromkeys(columns)))


def _unknown(name: str) -> Problem:
    return Problem(name, f"A list has no {name}. {meant(name, (*PARTS, f'{FIELD}NAME'))}")


def _no_column(name: str, known: tuple[str, ...]) -> Problem:
    return Problem("columns", f"There is no column {name}. {meant(name, known, nearest=3)}")
