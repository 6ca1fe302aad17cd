"""BigQuery: accounts and contacts from queries, events from tables as they are (sources.md §3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from ropewalk.core.checking import Settings
from ropewalk.core.origins import origin
from ropewalk.core.query import Warehouse
from ropewalk.core.ranges import bounds, within
from ropewalk.sources.base import Choices, Extra, Needs, Option, Secret, Source
from ropewalk.sources.warehouse import choosing
from ropewalk.sources.warehouse.dialect import Dialect
from ropewalk.sources.warehouse.functions import BIGQUERY
from ropewalk.sources.warehouse.kinds import kinds
from ropewalk.sources.warehouse.settings import (
    Endpoint,
    Happened,
    QueriedAccounts,
    QueriedContacts,
    Sql,
    Tables,
    query_field,
    tables_field,
)

ENDPOINT: Final = "https://bigquery.googleapis.com"
_GIB: Final = 1024**3
_BYTES: Final = (10 * 1024**2, 2**50)


def _quote(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _within(base: str, keys: tuple[str, ...]) -> str:
    return ".".join((base, *map(_quote, keys)))


DIALECT: Final = Dialect(
    name="bigquery",
    label="BigQuery",
    named=True,
    marker=lambda name: f"@{name}",
    quote=_quote,
    plain=lambda name: name,
    within=_within,
    times={
        "TIMESTAMP": "timestamp",
        "DATETIME": "datetime",
        "DATE": "date",
        "INTEGER": "epoch",
        "INT64": "epoch",
        "FLOAT": "epoch",
        "NUMERIC": "epoch",
        "STRING": "text",
    },
    text=lambda sql: f"IFNULL(JSON_VALUE(TO_JSON_STRING({sql})), TO_JSON_STRING({sql}))",
    instant=lambda sql: f"SAFE_CAST({sql} AS TIMESTAMP)",
    holds=lambda text, part: f"STRPOS({text}, {part}) > 0",
    row="TO_JSON_STRING(t)",
    lists=re.compile(r"ARRAY<|RECORD|STRUCT|JSON"),
    functions=BIGQUERY,
    spaces=frozenset({"HLL_COUNT", "KLL_QUANTILES", "NET"}),
    refused=frozenset({"EXTERNAL_QUERY", "EXTERNAL_OBJECT_TRANSFORM", "SESSION_USER"}),
)


class Connector(Settings):
    project: Annotated[str, Field(pattern=r"^[a-z0-9.:-]{1,100}$")] | None = Field(
        None,
        title="Project",
        description="Whose queries these are, and who is billed; empty: the key’s own.",
        json_schema_extra={"folded": True},
    )
    location: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,40}$")] | None = Field(
        None,
        title="Location",
        description="Of the datasets, like EU; empty: found by itself.",
        json_schema_extra={"folded": True},
    )
    datasets: list[Annotated[str, Field(pattern=r"^([a-z0-9.:-]+\.)?[A-Za-z0-9_-]+$", max_length=1_200)]] = (
        Field(
            default=[],
            title="Datasets",
            description="Those that may be read; empty: all of the project. One of another project is listed as project.dataset.",
        )
    )
    max_bytes_billed: Annotated[int, Field(strict=True), AfterValidator(within(*_BYTES)), bounds(*_BYTES)] = (
        Field(
            10 * _GIB,
            title="Most bytes billed",
            description="For one query. A dry run tells what it would read; more than this is refused.",
            json_schema_extra={"folded": True},
        )
    )
    endpoint: Endpoint = Field(
        ENDPOINT,
        title="Endpoint",
        description="Only for a private endpoint of your own.",
        json_schema_extra={"folded": True},
    )


_NOTE = "A DATETIME is read as UTC."


class Accounts(QueriedAccounts):
    DIALECT = DIALECT

    query: Sql = query_field(_NOTE)


class Contacts(QueriedContacts):
    DIALECT = DIALECT

    query: Sql = query_field(_NOTE)


class Events(Happened):
    DIALECT = DIALECT

    tables: Tables = tables_field(_NOTE)


def may_read(connector: Connector, home: str, path: tuple[str, ...]) -> str:
    """Datasets of the project, or those that are listed."""
    spelled = ".".join(path)
    inside = path[: path.index("INFORMATION_SCHEMA")] if "INFORMATION_SCHEMA" in path else path[:-1]
    if not inside:
        return f"Write before {spelled} the dataset that it is in, and a dot."
    project, dataset = (inside[0], inside[1]) if len(inside) > 1 else (home, inside[0])
    if "*" in "".join(inside):
        return f"In {spelled}, * may only end the table’s name."
    listed = {each if "." in each else f"{home}.{each}" for each in connector.datasets}
    if f"{project}.{dataset}" in listed or (not listed and project == home):
        return ""
    return f"{spelled} is not in a dataset that this connector may read; list {project}.{dataset} among its datasets."


def _needs(connector: Connector, stream: Any) -> Needs:  # noqa: ARG001
    return Needs(origins=frozenset({origin(connector.endpoint)}), secrets=("service_account",))


def _tables(connector: Connector, warehouse: Warehouse) -> Sequence[Option]:
    return choosing.tables(DIALECT, warehouse.tables(connector.datasets), warehouse.home)


SOURCE = Source(
    slug="bigquery",
    name="BigQuery",
    about="Accounts and contacts from a query, events from tables where they are, in Google’s warehouse.",
    settings=Connector,
    kinds=kinds(Accounts, Contacts, Events, may_read, lambda connector: connector.max_bytes_billed),
    needs=_needs,
    secrets={
        "service_account": Secret("Service account key", "The JSON file that Google gives.", lines=True)
    },
    choices={"tables": Choices("Fetch tables", _tables)},
    client="bigquery_jobs",
    extra=Extra("bigquery", "google.cloud.bigquery"),
)
