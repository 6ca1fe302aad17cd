"""The values of an account's fields as SQL, alike on both databases, and spelled as their indexes are.

Names stand in the SQL as they are: an index is found by its words, and a field's name has only letters and digits."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from ropewalk.core.mapping import BUILT_IN, is_field_name
from ropewalk.store.database import on_postgres

TABLE: Final = "ropewalk_account"
KEY_CHARS: Final = 200
"""So much of a text decides where it stands: an index entry of PostgreSQL holds no more than 2,700 bytes."""
COLUMNS: Final = {
    "companyName": "company_name",
    "companyDomain": "company_domain",
    "externalCustomerId": "external_customer_id",
    "accountOwnerId": "owner_id",
}


class Sql(Struct, frozen=True):
    text: str
    parameters: tuple[Any, ...] = ()


def key(name: str, kind: str) -> str:
    """By which accounts are sorted, and found in an index."""
    if kind == "number":
        return number(name)
    whole = text(name)
    if name == "companyName":
        whole = f"lower({whole})"
    if name in BUILT_IN and name != "companyName":
        return in_bytes(whole)
    return in_bytes(f"substr({whole}, 1, {KEY_CHARS})")


def in_bytes(expression: str) -> str:
    """In the order of its bytes, as SQLite has it anyway."""
    return f'(({expression}) COLLATE "C")' if on_postgres() else expression


def text(name: str) -> str:
    if column := COLUMNS.get(name):
        if column != "owner_id":
            return f"{TABLE}.{column}"
        if on_postgres():
            return "owner_id::text"
        parts = ("substr(owner_id, 1, 8)", "substr(owner_id, 9, 4)", "substr(owner_id, 13, 4)",
                 "substr(owner_id, 17, 4)", "substr(owner_id, 21)")  # fmt: skip
        return " || '-' || ".join(parts)
    if on_postgres():
        return f"({TABLE}.fields ->> '{_custom(name)}')"
    path = _path(name)
    return (
        f"CASE json_type({TABLE}.fields, {path}) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'"
        f" ELSE CAST(json_extract({TABLE}.fields, {path}) AS TEXT) END"
    )


def number(name: str) -> str:
    if on_postgres():
        value = f"{TABLE}.fields -> '{_custom(name)}'"
        # A number in text is text, as it is on SQLite. 64 bits, so that a value in a cursor compares as it did.
        return (
            f"(CASE WHEN jsonb_typeof({value}) = 'number'"
            f" THEN ({TABLE}.fields ->> '{_custom(name)}')::double precision END)"
        )
    path = _path(name)
    return (
        f"(CASE WHEN json_type({TABLE}.fields, {path}) IN ('integer', 'real')"
        f" THEN CAST(json_extract({TABLE}.fields, {path}) AS REAL) END)"
    )


def seconds(name: str) -> str:
    """Since 1970; of texts that the database can't read as a time, null."""
    said = text(name)
    if on_postgres():
        return (
            f"(CASE WHEN {said} ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}'"
            f" AND pg_input_is_valid({said}, 'timestamptz')"
            f" THEN extract(epoch FROM {said}::timestamptz)::double precision END)"
        )
    return f"(round((julianday({said}) - 2440587.5) * 86400000) / 1000.0)"


def has_element(name: str, value: str) -> Sql:
    if on_postgres():
        listed = f"{TABLE}.fields -> '{_custom(name)}'"
        return Sql(
            f"EXISTS (SELECT 1 FROM jsonb_array_elements_text(CASE WHEN jsonb_typeof({listed}) = 'array'"
            f" THEN {listed} ELSE '[]'::jsonb END) AS element WHERE element = %s)",
            (value,),
        )
    return Sql(
        f"EXISTS (SELECT 1 FROM json_each({TABLE}.fields, {_path(name)}) AS element WHERE"
        " CASE element.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(element.value AS TEXT) END = %s)",
        (value,),
    )


def _path(name: str) -> str:
    return f"""'$."{_custom(name)}"'"""


def _custom(name: str) -> str:
    if not is_field_name(name):
        raise ValueError(f"{name!r} can be no field")
    return name
