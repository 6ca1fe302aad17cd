"""Imports, and what is in their files."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from ropewalk.api.schemas.base import Shape, Time
from ropewalk.api.schemas.connectors import Discovered, Suggestion
from ropewalk.core.csvfiles import Delimiter, Encoding, Type
from ropewalk.engine import imports

SyncedKind = Literal["accounts", "contacts"]


class Column(Shape):
    name: str
    type: Type | None = Field(description="What all its values can be read as; null where it has none.")
    filled: int = Field(description="In how many rows it has a value.")


class Import(Shape):
    import_id: UUID = Field(description="Its runs have it as their `connector_id`.")
    name: str
    size: int = Field(description="In bytes.")
    encoding: Encoding
    delimiter: Delimiter
    header: bool = Field(description="Whether the first row holds the names of the columns.")
    typed: bool = Field(description="Whether columns of numbers, and of true and false, are read as such.")
    rows: int
    columns: list[Column]
    is_kept: bool = Field(description="Whether the file is still there.")
    created_at: Time
    expires_at: Time = Field(description="When the file is erased.")


class Sample(Shape):
    ok: bool
    records: list[Any]
    fields: list[Discovered]
    suggestions: list[Suggestion]


def imported(one: imports.Import) -> Import:
    said = one.file.model_dump(mode="json")
    return Import.model_validate(
        {
            **said,
            "import_id": one.connector.id,
            "name": one.connector.name,
            "is_kept": one.is_there,
            "created_at": one.connector.created_at,
            "expires_at": one.expires_at,
        }
    )
