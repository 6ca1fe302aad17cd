"""Conditions and sort keys on an account's fields, of any type, alike on both databases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import BooleanField, Field, FloatField, TextField
from django.db.models.expressions import RawSQL
from msgspec import Struct

from ropewalk.core import times
from ropewalk.core.errors import Problem
from ropewalk.core.mapping import BUILT_IN
from ropewalk.core.nearest import meant
from ropewalk.store import anycase, fieldsql
from ropewalk.store.database import id_column, on_postgres
from ropewalk.store.fieldsql import KEY_CHARS, Sql

OPERATORS = ("eq", "ne", "gt", "gte", "lt", "lte", "contains", "empty")
_COMPARISONS = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_DAY: Final = timedelta(days=1)


class Filter(Struct, frozen=True):
    """`field.<name>=value` or `field.<name>.<operator>=value`."""

    name: str
    operator: str
    value: str

    @classmethod
    def parse(cls, key: str, value: str) -> Filter:
        name, _, operator = key.removeprefix("field.").partition(".")
        return cls(name, operator or "eq", value)

    @property
    def path(self) -> str:
        return f"field.{self.name}" + ("" if self.operator == "eq" else f".{self.operator}")


def condition(wanted: Filter, types: Mapping[str, str]) -> RawSQL | Problem:
    """`types` are those of the organization's fields, built-in ones included."""
    kind = types.get(wanted.name)
    if kind is None:
        return _unknown(wanted.path, wanted.name, types)
    if wanted.operator not in OPERATORS:
        return Problem(wanted.path, f"There is no {wanted.operator}; there are {', '.join(OPERATORS)}.")
    sql = _condition(wanted, kind)
    if isinstance(sql, Problem):
        return sql
    return RawSQL(sql.text, sql.parameters, output_field=BooleanField())  # noqa: S611


class Reach(Struct, frozen=True):
    """What an index can tell of a filter: every account that passes it fulfils the condition, and few others do.
    `at_once`: they all stand in one place there, in the order in which they were made."""

    name: str
    kind: str
    condition: RawSQL
    at_once: bool

    @property
    def key(self) -> str:
        return "owner_id" if self.name == "accountOwnerId" else fieldsql.key(self.name, self.kind)


def reach(wanted: Filter, types: Mapping[str, str]) -> Reach | None:
    """Of a filter that `condition` takes. None: no index could help."""
    kind, operator = types[wanted.name], wanted.operator
    if operator not in _COMPARISONS or kind in ("list", "object"):
        return None
    at_once = operator == "eq"
    if kind == "date-time":
        sql, at_once = _around(wanted), False
    elif kind == "number":
        sql = _compared(fieldsql.key(wanted.name, kind), _COMPARISONS[operator], float(wanted.value))
    elif wanted.name in BUILT_IN:
        sql = _built_in(wanted) if at_once else None
        # The indexes of the other two are there for matching, and have no order beyond their values.
        at_once = wanted.name in ("companyName", "accountOwnerId")
    else:
        loosely = operator if at_once else operator[:2] + "e"
        sql = _compared(fieldsql.key(wanted.name, kind), _COMPARISONS[loosely], wanted.value[:KEY_CHARS])
    if sql is None:
        return None
    condition = RawSQL(sql.text, sql.parameters, output_field=BooleanField())  # noqa: S611
    return Reach(wanted.name, kind, condition, at_once)


def _built_in(wanted: Filter) -> Sql | None:
    if wanted.name == "accountOwnerId":
        try:
            return _compared("owner_id", "=", id_column(UUID(wanted.value)))
        except ValueError:
            return None
    key = fieldsql.key(wanted.name, "text")
    if wanted.name == "companyName":
        return Sql(f"{key} = substr(lower(%s), 1, {KEY_CHARS})", (wanted.value,))
    return _compared(key, "=", wanted.value)


def _around(wanted: Filter) -> Sql | None:
    """Times are kept as texts that begin with their day, wherever on Earth that was."""
    moment = times.read(wanted.value)
    assert moment is not None
    at = datetime.fromtimestamp(_epoch(moment), UTC)
    key = fieldsql.key(wanted.name, "date-time")
    try:
        first, last = (at - _DAY).date().isoformat(), (at + 2 * _DAY).date().isoformat()
    except OverflowError:
        return None
    if wanted.operator == "eq":
        return Sql(f"{key} BETWEEN %s AND %s", (first, last))
    since = wanted.operator.startswith("g")
    return _compared(key, ">=" if since else "<", first if since else last)


def sort_key(name: str, types: Mapping[str, str]) -> RawSQL | Problem:
    kind = types.get(name)
    if kind is None:
        return _unknown("sort", name, {**types, "created_at": "", "updated_at": ""})
    output: Field[Any, Any] = FloatField() if kind == "number" else TextField()
    return RawSQL(fieldsql.key(name, kind), (), output_field=output)  # noqa: S611


def _unknown(path: str, name: str, types: Mapping[str, str]) -> Problem:
    return Problem(path, f"There is no field {name}. {meant(name, sorted(types), nearest=3)}")


def _condition(wanted: Filter, kind: str) -> Sql | Problem:
    if wanted.operator == "ne":
        same = _condition(Filter(wanted.name, "eq", wanted.value), kind)
        return same if isinstance(same, Problem) else Sql(f"({same.text}) IS NOT TRUE", same.parameters)
    if wanted.operator == "empty":
        return _empty(wanted)
    if wanted.operator == "contains":
        if kind == "list":
            return fieldsql.has_element(wanted.name, wanted.value)
        long = anycase.too_long(wanted.path, wanted.value)
        return long[0] if long else _contains(fieldsql.text(wanted.name), wanted.value)
    if kind == "list" and wanted.operator == "eq":
        return fieldsql.has_element(wanted.name, wanted.value)
    if kind in ("list", "object"):
        return Problem(wanted.path, f"{wanted.name} is a {kind}; it can only be asked whether it is empty.")
    return _compare(wanted, kind)


def _contains(text: str, part: str) -> Sql:
    """In any case."""
    if not on_postgres() and not part.isascii():
        return Sql(f"{text} GLOB %s", (f"*{anycase.pattern(part)}*",))
    pattern = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    like = "ILIKE" if on_postgres() else "LIKE"
    return Sql(f"{text} {like} %s ESCAPE '\\'", (f"%{pattern}%",))


def _compare(wanted: Filter, kind: str) -> Sql | Problem:
    comparison = _COMPARISONS[wanted.operator]
    if kind == "boolean":
        if wanted.operator != "eq" or wanted.value not in ("true", "false"):
            return Problem(wanted.path, f"{wanted.name} is true or false.")
        return _compared(fieldsql.text(wanted.name), "=", wanted.value)
    if kind == "number":
        number = _read_number(wanted.value)
        if number is None:
            return Problem(wanted.path, f"{wanted.name} is a number; “{wanted.value}” isn't one.")
        return _compared(f"+{fieldsql.number(wanted.name)}", comparison, number)
    if kind == "date-time":
        moment = times.read(wanted.value)
        if moment is None:
            return Problem(
                wanted.path, f"{wanted.name} is a time such as 2026-01-31T12:00:00Z or 2026-01-31."
            )
        return _compared(fieldsql.seconds(wanted.name), comparison, _epoch(moment))
    value = wanted.value.lower() if wanted.name == "accountOwnerId" else wanted.value
    return _compared(fieldsql.in_bytes(fieldsql.text(wanted.name)), comparison, value)


def _compared(left: str, comparison: str, value: Any) -> Sql:
    return Sql(f"{left} {comparison} %s", (value,))


def _read_number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number - number == 0 else None


def _epoch(moment: date | datetime) -> float:
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _empty(wanted: Filter) -> Sql | Problem:
    if wanted.value not in ("true", "false"):
        return Problem(wanted.path, "empty is true or false.")
    return Sql(f"(({fieldsql.text(wanted.name)}) IS {'' if wanted.value == 'true' else 'NOT '}NULL)")
