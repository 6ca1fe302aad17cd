"""Both warehouses for one set of tests: how each is set up, and how its SQL says the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fakes import warehouses

if TYPE_CHECKING:
    from tests.engine.world import World

MAPPING = [
    {"from": "id", "to": "externalCustomerId"},
    {"from": "name", "to": "companyName"},
    {"from": "domain", "to": "companyDomain"},
    {"from": "seats", "to": "seats"},
]
EVENTS = [
    {"from": "happened", "to": "eventTime"},
    {"from": "what", "to": "eventName"},
    {"from": "account", "to": "accountKey"},
    {"from": "who", "to": "userId"},
]


@dataclass
class BigQuery:
    url: str
    source: str = "bigquery"
    types: dict[str, str] = field(
        default_factory=lambda: {
            "text": "STRING",
            "number": "INT64",
            "instant": "TIMESTAMP",
            "local": "DATETIME",
            "double": "FLOAT64",
        }
    )

    def __post_init__(self) -> None:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        self._client = bigquery.Client(
            "acme", credentials=AnonymousCredentials(), client_options={"api_endpoint": self.url}
        )
        for dataset in ("crm", "app"):
            self._client.create_dataset(dataset, exists_ok=True)

    def execute(self, *statements: str) -> None:
        for each in statements:
            self._client.query_and_wait(each)

    def settings(self) -> dict[str, Any]:
        return {"endpoint": self.url}

    def secrets(self) -> dict[str, str]:
        return {"service_account": warehouses.key_file()}

    def field(self, name: str) -> str:
        return name

    def close(self) -> None:
        self._client.close()


@dataclass
class Snowflake:
    url: str
    source: str = "snowflake"
    types: dict[str, str] = field(
        default_factory=lambda: {
            "text": "VARCHAR",
            "number": "NUMBER(38,0)",
            "instant": "TIMESTAMP_TZ",
            "local": "TIMESTAMP_NTZ",
            "double": "FLOAT",
        }
    )

    def __post_init__(self) -> None:
        import snowflake.connector

        self._connection = snowflake.connector.connect(
            account="fakesnow", user="tests", password="any", host="127.0.0.1", port=int(self.url.rpartition(":")[2]),
            protocol="http", session_parameters={"CLIENT_TELEMETRY_ENABLED": False}, platform_detection_timeout_seconds=0.0,
        )  # fmt: skip
        self.execute("CREATE DATABASE IF NOT EXISTS ACME", "USE DATABASE ACME")
        self.execute(*(f"CREATE SCHEMA IF NOT EXISTS {name}" for name in ("CRM", "APP")))

    def execute(self, *statements: str) -> None:
        with self._connection.cursor() as cursor:
            for each in statements:
                cursor.execute(each)

    def settings(self) -> dict[str, Any]:
        return {
            "account": "fakesnow",
            "user": "ropewalk",
            "database": "ACME",
            "schemas": ["CRM", "APP"],
            "endpoint": self.url,
        }

    def secrets(self) -> dict[str, str]:
        return {"password": "a password that is a secret"}

    def field(self, name: str) -> str:
        return name.upper()

    def close(self) -> None:
        self._connection.close()


@contextmanager
def opened(name: str) -> Iterator[Any]:
    with {"bigquery": warehouses.bigquery, "snowflake": warehouses.snowflake}[name]() as url:
        made = BigQuery(url) if name == "bigquery" else Snowflake(url)
        try:
            yield made
        finally:
            made.close()


def mapping(of: Any, entries: list[dict[str, str]]) -> list[dict[str, str]]:
    return [
        {**each, "from": of.field(each["from"]) if not each["from"].startswith("_") else each["from"]}
        for each in entries
    ]


def connect(
    world: World, of: Any, kind: str = "accounts", *, settings: dict[str, Any] | None = None, **stream: Any
) -> str:
    matching = {"matching" if kind == "accounts" else "match_by": "external_id"}
    body = {
        "source": of.source,
        "name": stream.pop("name", of.source),
        "settings": of.settings() | (settings or {}),
        "secrets": stream.pop("secrets", of.secrets()),
        "streams": {
            kind: {**matching, "mapping": mapping(of, EVENTS if kind == "events" else MAPPING), **stream}
        },
    }
    return str(world.post("connectors", body)["connector_id"])
