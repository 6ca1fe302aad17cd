"""Snowflake: accounts and contacts from queries, events from tables as they are (sources.md §4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import Field

from ropewalk.core.checking import Settings
from ropewalk.core.origins import origin
from ropewalk.core.query import Warehouse
from ropewalk.sources.base import Choices, Extra, Needs, Option, Secret, Source
from ropewalk.sources.warehouse import choosing
from ropewalk.sources.warehouse.dialect import Dialect
from ropewalk.sources.warehouse.functions import SNOWFLAKE
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

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*\*?")


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(name: str) -> str:
    """Snowflake reads names without quotes as upper case."""
    return name.upper() if _PLAIN.fullmatch(name) else name.strip('"')


def _within(base: str, keys: tuple[str, ...]) -> str:
    return f"{base}:{'.'.join(map(_quote, keys))}" if keys else base


DIALECT: Final = Dialect(
    name="snowflake",
    label="Snowflake",
    named=False,
    marker=lambda _: "?",
    quote=_quote,
    plain=_plain,
    within=_within,
    times={
        "TIMESTAMP_TZ": "timestamp",
        "TIMESTAMP_LTZ": "timestamp",
        "TIMESTAMP_NTZ": "datetime",
        "TIMESTAMP": "datetime",
        "DATE": "date",
        "INTEGER": "epoch",
        "NUMBER": "epoch",
        "REAL": "epoch",
        "TEXT": "text",
        "VARIANT": "text",
    },
    text=lambda sql: f"TO_VARCHAR({sql})",
    instant=lambda sql: f"TRY_TO_TIMESTAMP_TZ(TO_VARCHAR({sql}))",
    holds=lambda text, part: f"CONTAINS({text}, {part})",
    row="OBJECT_CONSTRUCT(*)",
    lists=re.compile(r"ARRAY|OBJECT|VARIANT"),
    functions=SNOWFLAKE,
    refused=frozenset({"NEXTVAL"}),
)


_Name = Annotated[str, Field(min_length=1, max_length=255)]


class Connector(Settings):
    account: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=200)] = Field(
        title="Account",
        description="As Snowflake identifies it, like acme-prod or xy12345.eu-central-1.",
        examples=["acme-prod"],
    )
    user: _Name = Field(title="User", examples=["ROPEWALK"])
    warehouse: _Name | None = Field(
        None, title="Warehouse", description="That runs the queries; empty: the user’s own."
    )
    role: _Name | None = Field(
        None, title="Role", description="One that only reads is best; empty: the user’s own."
    )
    database: _Name | None = Field(None, title="Database", examples=["ANALYTICS"])
    schemas: list[_Name] = Field(
        default=[],
        title="Schemas",
        description="The first is where tables without a schema are; tables are listed of all of these, empty: of every one.",
    )
    endpoint: Endpoint | None = Field(
        None,
        title="Endpoint",
        description="Only for a private endpoint of your own.",
        json_schema_extra={"folded": True},
    )

    @property
    def url(self) -> str:
        host = self.account.lower().replace("_", "-")
        return self.endpoint or f"https://{host}.snowflakecomputing.com"


_NOTE = "A TIMESTAMP_NTZ is read as UTC."


class Accounts(QueriedAccounts):
    DIALECT = DIALECT

    query: Sql = query_field(_NOTE)


class Contacts(QueriedContacts):
    DIALECT = DIALECT

    query: Sql = query_field(_NOTE)


class Events(Happened):
    DIALECT = DIALECT

    tables: Tables = tables_field(_NOTE)


def may_read(connector: Connector, home: str, path: tuple[str, ...]) -> str:  # noqa: ARG001
    """What the role may read is for Snowflake to say."""
    return ""


def _needs(connector: Connector, stream: Any) -> Needs:  # noqa: ARG001
    return Needs(
        origins=frozenset({origin(connector.url)}), secrets=("private_key", "passphrase", "password")
    )


def _tables(connector: Connector, warehouse: Warehouse) -> Sequence[Option]:
    return choosing.tables(DIALECT, warehouse.tables(connector.schemas), warehouse.home)


SOURCE = Source(
    slug="snowflake",
    name="Snowflake",
    about="Accounts and contacts from a query, events from tables where they are, in your Snowflake account.",
    settings=Connector,
    kinds=kinds(Accounts, Contacts, Events, may_read),
    needs=_needs,
    secrets={
        "private_key": Secret("Private key", "PEM text; it goes before a password.", lines=True),
        "passphrase": Secret("Passphrase", "Of the private key, where it is encrypted."),
        "password": Secret("Password", "Where there is no key."),
    },
    choices={"tables": Choices("Fetch tables", _tables)},
    client="snowflake_sql",
    extra=Extra("snowflake", "snowflake.connector"),
)
