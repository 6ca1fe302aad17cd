"""Snowflake through its own connector (sources.md §4): its authentication and its reading of results, our way out.

It is kept from everything that it would ask beside its account and its result stages: metadata services, revocation lists,
telemetry. Sessions are in UTC, and carry the query tag that tells whose they are."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from snowflake.connector import SnowflakeConnection, errors
from snowflake.connector.constants import FIELD_ID_TO_NAME
from snowflake.connector.vendored.requests import adapters, exceptions
from snowflake.connector.vendored.urllib3 import connectionpool

from ropewalk.core.errors import Cancelled, MustFix, Problem, RetryLater, RopewalkError
from ropewalk.core.query import Column, Described, Parameter, Query, Table
from ropewalk.net import arrow, pinned
from ropewalk.net.memory import Memory
from ropewalk.net.pinned import Pins
from ropewalk.net.warehouse import Asking

HOSTS: Final = re.compile(
    r"([a-z0-9-]+\.)+snowflakecomputing\.(com|cn)"
    # Where Snowflake keeps results that are larger than an answer.
    r"|([a-z0-9.-]+\.)?s3([.-][a-z0-9-]+)*\.amazonaws\.com(\.cn)?"
    r"|[a-z0-9]+\.blob\.core\.windows\.net"
    r"|([a-z0-9-]+\.)?storage\.googleapis\.com"
)
QUERY_TAG: Final = "ropewalk"
BATCH_ROWS: Final = 5_000
_LOGIN_SECONDS: Final = 60
_GLANCE_SECONDS: Final = 0.2
_JSON_TYPES: Final = frozenset({"VARIANT", "OBJECT", "ARRAY"})
_TYPES: Final = {
    "timestamp": "TIMESTAMP_TZ",
    "datetime": "TIMESTAMP_NTZ",
    "date": "DATE",
    "text": "TEXT",
    "integer": "FIXED",
}
_NOT_THERE: Final = frozenset({2003, 2043})
_CANCELLED: Final = frozenset({604, 630})
"""Codes of Snowflake: an object that is not there or not ours to see; a statement that was stopped, or ran too long."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """`endpoint` is where the account is. A key (PEM) goes before a password."""

    account: str
    user: str
    endpoint: str
    warehouse: str | None = None
    role: str | None = None
    database: str | None = None
    schema: str | None = None
    key: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    def proof(self) -> dict[str, Any]:
        if self.key:
            return {"authenticator": "SNOWFLAKE_JWT", "private_key": _key(self.key, self.passphrase)}
        if self.password:
            return {"password": self.password}
        raise MustFix(
            "secret_missing",
            "There is neither a private key nor a password; enter one of them for this connector.",
        )


def _key(pem: str, passphrase: str | None) -> bytes:
    try:
        key = serialization.load_pem_private_key(pem.encode(), passphrase.encode() if passphrase else None)
        return key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    except (ValueError, TypeError):
        message = "The private key can’t be read: it is PEM text, with its passphrase where it is encrypted, and without where not."
        raise MustFix("secret_unusable", message, [Problem("secrets.private_key", message)]) from None


def _guarded(pins: Pins) -> type[SnowflakeConnection]:
    """A connection whose every session goes our way out."""
    adapter = pinned.adapter(adapters, connectionpool, pins)

    class Guarded(SnowflakeConnection):
        @property
        def _http_config(self) -> Any:
            return self.__dict__.get("_way_out")

        @_http_config.setter
        def _http_config(self, config: Any) -> None:
            self.__dict__["_way_out"] = config and config.copy_with(adapter_factory=adapter)

    return Guarded


class Snowflake(Asking["Result"]):
    """A `core.query.Warehouse`."""

    def __init__(
        self,
        settings: Settings,
        pins: Pins,
        *,
        remaining: Callable[[], float],
        cancelled: Callable[[], bool],
        memory: Memory | None = None,
    ) -> None:
        super().__init__(settings.endpoint, remaining, cancelled, memory)
        self._settings = settings
        self._pins = pins

    @cached_property
    def connection(self) -> Any:
        settings = self._settings
        self._pins.check(settings.endpoint)
        parts = urlsplit(settings.endpoint)
        proof = settings.proof()
        seconds = int(max(1, min(_LOGIN_SECONDS, self._remaining())))

        def connect() -> Any:
            return _guarded(self._pins)(
                account=settings.account,
                user=settings.user,
                **proof,
                host=parts.hostname,
                port=parts.port or (80 if parts.scheme == "http" else 443),
                protocol=parts.scheme,
                warehouse=settings.warehouse,
                role=settings.role,
                database=settings.database,
                schema=settings.schema,
                application="Ropewalk",
                paramstyle="qmark",
                timezone="UTC",
                login_timeout=seconds,
                network_timeout=seconds,
                session_parameters={
                    "QUERY_TAG": QUERY_TAG,
                    "CLIENT_TELEMETRY_ENABLED": False,
                    "CLIENT_RESULT_CHUNK_SIZE": 48,
                },
                platform_detection_timeout_seconds=0.0,
                disable_ocsp_checks=True,
                log_imported_packages_in_telemetry=False,
                client_prefetch_threads=1,
            )

        return self._apart(connect)

    @property
    def home(self) -> str:
        return self._settings.database or ""

    # ---- asking ----

    def _describe(self, query: Query) -> Described:
        cursor = self.connection.cursor()
        found = self._apart(lambda: cursor.describe(query.sql, _values(query)))
        return Described(tuple(Column(each.name, _type(each)) for each in found or ()))

    def _run(self, query: Query) -> tuple[Result, str, int | None]:
        cursor = self.connection.cursor()
        seconds = max(1, int(min(query.timeout_ms / 1_000, self._remaining())))
        self._apart(
            lambda: cursor.execute(
                query.sql,
                _values(query),
                timeout=seconds,
                num_statements=1,
                _statement_params={"STATEMENT_TIMEOUT_IN_SECONDS": seconds, "QUERY_TAG": QUERY_TAG},
            )
        )
        return Result(self, cursor), str(cursor.sfqid), None

    def result(self, kept: Mapping[str, Any], timeout_ms: int) -> Result:  # noqa: ARG002 - it has been run
        cursor = self.connection.cursor()
        try:
            self._apart(lambda: cursor.query_result(kept["query"]))
        except MustFix as error:
            raise MustFix("not_found_there", f"The result is not kept any more. {error.message}") from None
        return Result(self, cursor)

    def tables(self, datasets: Sequence[str], *, columns: bool = True) -> Sequence[Table]:
        """`datasets` are schemas of the connector's database; none: all but the one that describes it."""
        schemas = ", ".join("?" * len(datasets))
        which = f"c.table_schema IN ({schemas})" if datasets else "c.table_schema <> 'INFORMATION_SCHEMA'"
        described = "c.column_name, c.data_type" if columns else "NULL, NULL"
        sql = (
            f"SELECT c.table_catalog, c.table_schema, c.table_name, {described}, t.table_type"  # noqa: S608 - our own words
            " FROM information_schema.columns c JOIN information_schema.tables t"
            " ON t.table_schema = c.table_schema AND t.table_name = c.table_name"
            f" WHERE {which} ORDER BY c.table_schema, c.table_name, c.ordinal_position"
        )
        cursor = self.connection.cursor()
        rows = self._apart(lambda: cursor.execute(sql, list(datasets)).fetchall())
        found: dict[tuple[str, str, str], Table] = {}
        for catalog, schema, name, column, type, kind in rows:
            path = (str(catalog), str(schema), str(name))
            before = found.get(path)
            own = (Column(str(column), str(type)),) if columns else ()
            found[path] = Table(path, (*(before.columns if before else ()), *own), "VIEW" in str(kind))
        return list(found.values())

    def _apart(self, call: Callable[[], T]) -> T:
        """In a thread of its own: the connector can't be interrupted, and whoever waits for it can."""
        answers: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

        def run() -> None:
            try:
                answers.put((call(), None))
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
                answers.put((None, error))

        threading.Thread(target=run, name="ropewalk-snowflake", daemon=True).start()
        while True:
            try:
                answer, error = answers.get(timeout=_GLANCE_SECONDS)
            except queue.Empty:
                if self._stop() or self._remaining() <= 0:
                    self._cancel()
                    raise (Cancelled() if self._stop() else _late()) from None
                continue
            if error is None:
                return answer  # type: ignore[return-value]
            raise self._told(error) from None

    def _cancel(self) -> None:
        """At the warehouse, too, where it would go on and cost."""
        connection = self.__dict__.get("connection")
        if connection is not None:
            sql, session = "SELECT SYSTEM$CANCEL_ALL_QUERIES(?)", connection.session_id
            threading.Thread(target=lambda: _quietly(connection, sql, [session]), daemon=True).start()

    # ---- what goes wrong ----

    def _told(self, error: BaseException) -> BaseException:
        if isinstance(error, RopewalkError):
            return error
        if isinstance(error, exceptions.RequestException | OSError):
            return RetryLater("connection_failed", "Snowflake can’t be reached just now.", detail=str(error))
        if not isinstance(error, errors.Error):
            return error
        said = f"Snowflake said: {' '.join(str(error.raw_msg or error.msg or error).split())[:500]}"
        if error.errno in _CANCELLED:
            return (
                Cancelled()
                if self._stop()
                else RetryLater("timeout", f"The statement ran longer than its timeout. {said}")
            )
        if isinstance(error, errors.ForbiddenError) or type(error) is errors.DatabaseError:
            return MustFix(
                "authentication_failed",
                f"Snowflake did not accept the user, its key or password, or the account. {said}",
            )
        if isinstance(error, errors.HttpError) or error.errno in _NOT_THERE:
            return MustFix("not_found_there", said)
        if isinstance(error, errors.OperationalError | errors.InternalError):
            return RetryLater("unavailable", said)
        return MustFix("query_failed", said)

    # ---- as the engine holds it ----

    def secrets(self) -> tuple[str, ...]:
        mine = (self._settings.key, self._settings.passphrase, self._settings.password)
        return tuple(each for each in mine if each)

    def _end(self) -> None:
        if (connection := self.__dict__.pop("connection", None)) is not None:
            threading.Thread(target=connection.close, kwargs={"retry": False}, daemon=True).start()


def _quietly(connection: SnowflakeConnection, sql: str, values: list[Any]) -> None:
    with connection.cursor() as cursor, _ignored():
        cursor.execute(sql, values, timeout=5)


@contextmanager
def _ignored() -> Iterator[None]:
    try:
        yield
    except errors.Error:
        return


class Result:
    """Kept by Snowflake for a day under its query's id; its chunks stand in their order."""

    def __init__(self, of: Snowflake, cursor: Any) -> None:
        self._of = of
        self._cursor = cursor
        self.total: int | None = cursor.rowcount

    @property
    def kept(self) -> Mapping[str, Any]:
        return {"query": self._cursor.sfqid}

    def batches(self, start: int = 0) -> Iterator[Sequence[bytes]]:
        of_json = {each.name for each in self._cursor.description if _type(each) in _JSON_TYPES}
        for chunk in self._cursor.get_result_batches() or ():
            if not chunk.rowcount:
                continue
            if start >= chunk.rowcount:
                start -= chunk.rowcount
                continue
            table = self._of._apart(partial(chunk.to_arrow, self._of.connection, True))
            for batch in table.slice(start).to_batches(max_chunksize=BATCH_ROWS):
                yield list(arrow.records(batch, of_json))
            start = 0


def _values(query: Query) -> list[Any]:
    return [_bound(each) for each in query.parameters]


def _bound(given: Parameter) -> tuple[str, Any]:
    value = given.value
    if given.type == "datetime" and isinstance(value, datetime):
        value = value.replace(tzinfo=None)
    return _TYPES[given.type], value


def _type(column: Any) -> str:
    name = str(FIELD_ID_TO_NAME.get(column.type_code, column.type_code))
    return name if name != "FIXED" else "NUMBER" if column.scale else "INTEGER"


def _late() -> RetryLater:
    return RetryLater("timeout", "Snowflake gave no whole answer in time.")
