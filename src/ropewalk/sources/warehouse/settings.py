"""What the streams of a warehouse have to be told: a query of accounts or contacts, or the tables that events are in."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, field_validator
from pydantic_core import PydanticCustomError

from ropewalk.core import limits
from ropewalk.core.checking import several
from ropewalk.core.errors import Problem
from ropewalk.core.origins import origin
from ropewalk.core.ranges import bounds, within
from ropewalk.sources.streams import Accounts, Contacts, Events, Live, Synced
from ropewalk.sources.warehouse import sql
from ropewalk.sources.warehouse.dialect import Dialect

STATEMENT_MS = (1_000, 6 * 3_600_000)
DEFAULT_STATEMENT_MS = 600_000
MOST_TABLES = 200
MOST_EXPRESSIONS = 100
TABLE_COLUMN = "_table"
"""The field of an event that says which table it stood in."""

_NAMED = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]{0,99})\s*=\s*(\S.*)", re.DOTALL)


def _endpoint(url: str) -> str:
    origin(url)
    return url.rstrip("/")


Endpoint = Annotated[str, AfterValidator(_endpoint), Field(max_length=300)]
Sql = Annotated[str, Field(max_length=sql.SQL_CHARS)]


def query_field(note: str) -> Any:
    """`note`: what is to be said of this warehouse's values."""
    about = (
        f"One SELECT. {sql.PLACEHOLDER} in it stands for the time of the last successful run, so that only what changed "
        f"since is read. {note}"
    )
    return Field(
        title="Query",
        description=about.strip(),
        json_schema_extra={"input": "code", "choices": "tables"},
        examples=["SELECT id, name, domain FROM crm.customers WHERE updated_at >= $LAST_SYNC_TIMESTAMP"],
    )


class Queried(Synced):
    """One SELECT; what it gives are the records."""

    DIALECT: ClassVar[Dialect]

    query: Sql = query_field("")
    overlap: Annotated[
        int,
        Field(strict=True),
        AfterValidator(within(*limits.OVERLAP_SECONDS)),
        bounds(*limits.OVERLAP_SECONDS),
    ] = Field(
        0,
        title="Overlap",
        description="Seconds that are read again, for rows that are loaded late.",
        json_schema_extra={"folded": True},
    )
    timeout_ms: Annotated[
        int, Field(strict=True), AfterValidator(within(*STATEMENT_MS)), bounds(*STATEMENT_MS)
    ] = Field(DEFAULT_STATEMENT_MS, title="Timeout", description="Milliseconds that the query may run.")

    @field_validator("query")
    @classmethod
    def _only_reads(cls, query: str) -> str:
        try:
            sql.query(query, cls.DIALECT, lambda _: "")
        except sql.Unfit as wrong:
            raise PydanticCustomError("query", "{wrong}", {"wrong": str(wrong)}) from None
        return query

    @property
    def overlap_seconds(self) -> int | None:
        return self.overlap if sql.PLACEHOLDER in self.query and self._prepared.incremental else None

    @property
    def _prepared(self) -> sql.Prepared:
        return sql.query(self.query, self.DIALECT, lambda _: "")


class QueriedAccounts(Queried, Accounts):
    pass


class QueriedContacts(Queried, Contacts):
    pass


Tables = Annotated[list[Annotated[str, Field(max_length=1_000)]], Field(min_length=1, max_length=MOST_TABLES)]


def tables_field(note: str) -> Any:
    about = (
        "Tables or views with a row an event; * at the end of a name stands for any. Which one a row is of is its "
        f"{TABLE_COLUMN}. {note}"
    )
    return Field(
        title="Tables",
        description=about.strip(),
        json_schema_extra={"choices": "tables"},
        examples=[["crm.events"]],
    )


class Happened(Live, Events):
    """Events in one table or view, or in several of which each may be one event."""

    DIALECT: ClassVar[Dialect]

    tables: Tables = tables_field("")
    columns: list[Annotated[str, Field(max_length=300)]] = Field(
        default=[],
        title="Columns",
        description="Those that become properties, beside what is mapped; empty: all.",
        max_length=1_000,
    )
    expressions: list[Annotated[str, Field(max_length=sql.EXPRESSION_CHARS + 200)]] = Field(
        default=[],
        title="Expressions",
        description="Further columns, as name = expression.",
        max_length=MOST_EXPRESSIONS,
    )

    @field_validator("tables")
    @classmethod
    def _name_tables(cls, tables: list[str]) -> list[str]:
        found = []
        for place, spelled in enumerate(tables):
            try:
                path = cls.DIALECT.path(spelled)
            except ValueError as error:
                found.append(Problem(str(place), f"{error}."))
                continue
            if any("*" in name for name in path[:-1]) or "*" in path[-1][:-1]:
                found.append(Problem(str(place), f"In {spelled}, * may only end the table’s name."))
            elif len(path) < 2:
                found.append(Problem(str(place), f"Write before {spelled} what it is in, and a dot."))
        if found:
            raise several(found, "")
        return tables

    @field_validator("expressions")
    @classmethod
    def _only_read(cls, expressions: list[str]) -> list[str]:
        found: list[Problem] = []
        names: set[str] = set()
        for place, text in enumerate(expressions):
            named = _NAMED.fullmatch(text)
            if named is None:
                found.append(
                    Problem(str(place), "Write it as name = expression; the name of letters, digits and _.")
                )
                continue
            if named[1].casefold() in names or named[1] == TABLE_COLUMN:
                found.append(Problem(str(place), f"There is already a column {named[1]}."))
            names.add(named[1].casefold())
            try:
                sql.expression(named[2], cls.DIALECT)
            except sql.Unfit as wrong:
                found.append(Problem(str(place), str(wrong)))
        if found:
            raise several(found, "")
        return expressions

    @field_validator("mapping", mode="after")
    @classmethod
    def _has_a_time(cls, mapping: list[Any]) -> list[Any]:
        times = [entry for entry in mapping if entry.to == "eventTime" and not entry.from_]
        if times:
            raise PydanticCustomError(
                "mapping", "Map eventTime from a column: events are asked for by their time."
            )
        return mapping

    @property
    def named(self) -> dict[str, str]:
        """Name -> expression."""
        found = [_NAMED.fullmatch(text) for text in self.expressions]
        return {each[1]: each[2] for each in found if each is not None}
