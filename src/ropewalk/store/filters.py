"""Conditions and sort keys on an account's fields, of any type, alike on both databases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from typing import Any

from django.db.models import BooleanField, Field, FloatField, TextField
from django.db.models.expressions import RawSQL

from ropewalk.core import times
from ropewalk.core.errors import Problem
from ropewalk.store.database import on_postgres

OPERATORS = ("eq", "ne", "gt", "gte", "lt", "lte", "contains", "empty")
_COMPARISONS = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_COLUMNS = {
    "companyName": "company_name",
    "companyDomain": "company_domain",
    "externalCustomerId": "external_customer_id",
    "accountOwnerId": "owner_id",
}


@dataclass(frozen=True, slots=True)
class Filter:
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


@dataclass(frozen=True, slots=True)
class _Sql:
    text: str
    parameters: tuple[Any, ...] = ()


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


def sort_key(name: str, types: Mapping[str, str]) -> RawSQL | Problem:
    kind = types.get(name)
    if kind is None:
        return _unknown("sort", name, {**types, "created_at": "", "updated_at": ""})
    sql = _number(name) if kind == "number" else _text(name)
    if kind != "number" and name in ("companyName",):
        sql = _Sql(f"lower({sql.text})", sql.parameters)
    if kind != "number" and on_postgres():
        sql = _Sql(f'({sql.text}) COLLATE "C"', sql.parameters)
    output: Field[Any, Any] = FloatField() if kind == "number" else TextField()
    return RawSQL(sql.text, sql.parameters, output_field=output)  # noqa: S611


def _unknown(path: str, name: str, types: Mapping[str, str]) -> Problem:
    near = get_close_matches(name, types, n=3, cutoff=0.5) or sorted(types)[:10]
    return Problem(path, f"There is no field {name}. Did you mean {' or '.join(near)}?")


def _condition(wanted: Filter, kind: str) -> _Sql | Problem:
    if wanted.operator == "ne":
        same = _condition(Filter(wanted.name, "eq", wanted.value), kind)
        return same if isinstance(same, Problem) else _Sql(f"({same.text}) IS NOT TRUE", same.parameters)
    if wanted.operator == "empty":
        return _empty(wanted)
    if wanted.operator == "contains":
        if kind == "list":
            return _element(wanted)
        pattern = wanted.value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        text = _text(wanted.name)
        like = "ILIKE" if on_postgres() else "LIKE"
        return _Sql(f"{text.text} {like} %s ESCAPE '\\'", (*text.parameters, f"%{pattern}%"))
    if kind == "list" and wanted.operator == "eq":
        return _element(wanted)
    if kind in ("list", "object"):
        return Problem(wanted.path, f"{wanted.name} is a {kind}; it can only be asked whether it is empty.")
    return _compare(wanted, kind)


def _compare(wanted: Filter, kind: str) -> _Sql | Problem:
    comparison = _COMPARISONS[wanted.operator]
    if kind == "boolean":
        if wanted.operator != "eq" or wanted.value not in ("true", "false"):
            return Problem(wanted.path, f"{wanted.name} is true or false.")
        return _compared(_text(wanted.name), "=", wanted.value)
    if kind == "number":
        number = _read_number(wanted.value)
        if number is None:
            return Problem(wanted.path, f"{wanted.name} is a number; {wanted.value} is none.")
        return _compared(_number(wanted.name), comparison, number)
    if kind == "date-time":
        moment = times.read(wanted.value)
        if moment is None:
            return Problem(
                wanted.path, f"{wanted.name} is a time such as 2026-01-31T12:00:00Z or 2026-01-31."
            )
        return _compared(_seconds(wanted.name), comparison, _epoch(moment))
    if wanted.name == "accountOwnerId":
        wanted = Filter(wanted.name, wanted.operator, wanted.value.lower())
    text = _text(wanted.name)
    if on_postgres():
        text = _Sql(f'({text.text}) COLLATE "C"', text.parameters)
    return _compared(text, comparison, wanted.value)


def _compared(left: _Sql, comparison: str, value: Any) -> _Sql:
    return _Sql(f"{left.text} {comparison} %s", (*left.parameters, value))


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


# ---- values of a field, as SQL ----


def _text(name: str) -> _Sql:
    if column := _COLUMNS.get(name):
        if column != "owner_id":
            return _Sql(f"ropewalk_account.{column}")
        if on_postgres():
            return _Sql("owner_id::text")
        parts = ("substr(owner_id, 1, 8)", "substr(owner_id, 9, 4)", "substr(owner_id, 13, 4)",
                 "substr(owner_id, 17, 4)", "substr(owner_id, 21)")  # fmt: skip
        return _Sql(" || '-' || ".join(parts))
    if on_postgres():
        return _Sql("(ropewalk_account.fields ->> %s)", (name,))
    path = _path(name)
    return _Sql(
        "CASE json_type(ropewalk_account.fields, %s) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'"
        " ELSE CAST(json_extract(ropewalk_account.fields, %s) AS TEXT) END",
        (path, path),
    )


def _number(name: str) -> _Sql:
    if on_postgres():
        # A number in text is text, as it is on SQLite. 64 bits, so that a value in a cursor compares as it did.
        return _Sql(
            "(CASE WHEN jsonb_typeof(ropewalk_account.fields -> %s) = 'number'"
            " THEN (ropewalk_account.fields ->> %s)::double precision END)",
            (name, name),
        )
    path = _path(name)
    return _Sql(
        "(CASE WHEN json_type(ropewalk_account.fields, %s) IN ('integer', 'real')"
        " THEN CAST(json_extract(ropewalk_account.fields, %s) AS REAL) END)",
        (path, path),
    )


def _seconds(name: str) -> _Sql:
    """Since 1970; of texts that the database can't read as a time, null."""
    text = _text(name)
    if on_postgres():
        return _Sql(
            f"(CASE WHEN {text.text} ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}'"
            f" AND pg_input_is_valid({text.text}, 'timestamptz')"
            f" THEN extract(epoch FROM {text.text}::timestamptz)::double precision END)",
            text.parameters * 3,
        )
    return _Sql(
        f"(round((julianday({text.text}) - 2440587.5) * 86400000) / 1000.0)",
        text.parameters,
    )


def _path(name: str) -> str:
    return f'$."{name}"'


def _element(wanted: Filter) -> _Sql | Problem:
    if on_postgres():
        return _Sql(
            "EXISTS (SELECT 1 FROM jsonb_array_elements_text(CASE WHEN jsonb_typeof(ropewalk_account.fields -> %s)"
            " = 'array' THEN ropewalk_account.fields -> %s ELSE '[]'::jsonb END) AS element WHERE element = %s)",
            (wanted.name, wanted.name, wanted.value),
        )
    return _Sql(
        "EXISTS (SELECT 1 FROM json_each(ropewalk_account.fields, %s) AS element WHERE"
        " CASE element.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(element.value AS TEXT) END = %s)",
        (_path(wanted.name), wanted.value),
    )


def _empty(wanted: Filter) -> _Sql | Problem:
    if wanted.value not in ("true", "false"):
        return Problem(wanted.path, "empty is true or false.")
    text = _text(wanted.name)
    return _Sql(f"(({text.text}) IS {'' if wanted.value == 'true' else 'NOT '}NULL)", text.parameters)
