"""BigQuery through Google's own client (sources.md §3): its authentication and its reading of results, our way out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlsplit

import google.auth.exceptions
import requests
from google.api_core import exceptions
from google.cloud import bigquery

from ropewalk.core.errors import Cancelled, MustFix, Problem, RetryLater, RopewalkError
from ropewalk.core.query import Column, Described, Parameter, Query, Table
from ropewalk.net import arrow
from ropewalk.net.google import Key
from ropewalk.net.memory import Memory
from ropewalk.net.pinned import Pins
from ropewalk.net.warehouse import Asking

ENDPOINT: Final = "https://bigquery.googleapis.com"
_LABELS: Final = {"client": "ropewalk"}
PAGE_ROWS: Final = 1_000
_CALL_SECONDS: Final = 60.0
_PAUSES: Final = (0.05, 0.1, 0.2, 0.5)
_TYPES: Final = {
    "timestamp": "TIMESTAMP",
    "datetime": "DATETIME",
    "date": "DATE",
    "text": "STRING",
    "integer": "INT64",
}
_GIB: Final = 1024**3


@dataclass(frozen=True, slots=True)
class Settings:
    """`project` is billed; None: the key's own."""

    key: str = field(repr=False)
    project: str | None = None
    location: str | None = None
    endpoint: str = ENDPOINT


class BigQuery(Asking["Result"]):
    """A `core.query.Warehouse`."""

    def __init__(
        self,
        settings: Settings,
        pins: Pins,
        *,
        sleep: Callable[[float], None],
        remaining: Callable[[], float],
        cancelled: Callable[[], bool],
        memory: Memory | None = None,
    ) -> None:
        super().__init__(settings.endpoint, remaining, cancelled, memory)
        self._settings = settings
        self._pins = pins
        self._sleep = sleep
        self._key = Key.read(settings.key)

    @property
    def home(self) -> str:
        return self._settings.project or self._key.project

    @cached_property
    def client(self) -> Any:
        self._pins.check(self._settings.endpoint)
        return bigquery.Client(
            project=self.home,
            _http=self._key.session(self._settings.endpoint, self._pins, self._memory),
            location=self._settings.location,
            client_options={"api_endpoint": self._settings.endpoint},
        )

    # ---- asking ----

    def _describe(self, query: Query) -> Described:
        with self._told():
            job = self.client.query(
                query.sql,
                job_config=self._config(query, dry=True),
                timeout=self._seconds(),
                retry=None,
                job_retry=None,
            )
            columns = tuple(Column(each.name, _type(each)) for each in job.schema or ())
            size = job.total_bytes_processed
        if job.statement_type not in ("SELECT", None):
            raise MustFix(
                "query_refused", f"BigQuery reads this as {job.statement_type}; only a SELECT is sent."
            )
        return Described(columns, size)

    def _run(self, query: Query) -> tuple[Result, str, int | None]:
        """A dry run first, unless there was one lately: what it says of the bytes is held against the most that may be read. The
        job has that limit too."""
        size = self.describe(query).bytes
        if query.max_bytes is not None and size is not None and size > query.max_bytes:
            raise _too_expensive(size, query.max_bytes)
        with self._told():
            job = self.client.query(
                query.sql, job_config=self._config(query), timeout=self._seconds(), retry=None, job_retry=None
            )
            return self._done(job), job.job_id, size

    def result(self, kept: Mapping[str, Any], timeout_ms: int) -> Result:  # noqa: ARG002 - it has its own
        with self._told():
            job = self.client.get_job(
                kept["job"],
                project=kept["project"],
                location=kept["location"],
                timeout=self._seconds(),
                retry=None,
            )
            return self._done(job)

    def _done(self, job: Any) -> Result:
        pauses = iter(_PAUSES)
        pause = 1.0
        while not job.done(timeout=self._seconds(), retry=None):
            self._check(job)
            pause = next(pauses, 1.0)
            self._sleep(min(pause, max(0.0, self._remaining())))
        if job.error_result:
            raise job.exception()
        return Result(self, job)

    def _check(self, job: Any) -> None:
        stop, late = self._stop(), self._remaining() <= 0
        if stop or late:
            job.cancel(timeout=5, retry=None)
            raise Cancelled if stop else _late()

    def _config(self, query: Query, *, dry: bool = False) -> Any:
        config = bigquery.QueryJobConfig(
            use_legacy_sql=False,
            query_parameters=[_parameter(each) for each in query.parameters],
            labels=_LABELS,
        )
        if dry:
            config.dry_run, config.use_query_cache = True, False
        else:
            config.job_timeout_ms = query.timeout_ms
            if query.max_bytes is not None:
                config.maximum_bytes_billed = query.max_bytes
        return config

    def tables(self, datasets: Sequence[str], *, columns: bool = True) -> Sequence[Table]:
        found: list[Table] = []
        with self._told():
            given = [
                bigquery.DatasetReference.from_string(each, default_project=self.home) for each in datasets
            ]
            there = given or [
                each.reference for each in self.client.list_datasets(timeout=self._seconds(), retry=None)
            ]
            for dataset in there:
                for listed in self.client.list_tables(dataset, timeout=self._seconds(), retry=None):
                    if self._stop():
                        raise Cancelled
                    of = (
                        self.client.get_table(listed.reference, timeout=self._seconds(), retry=None)
                        if columns
                        else None
                    )
                    found.append(
                        Table(
                            (listed.project, listed.dataset_id, listed.table_id),
                            tuple(Column(each.name, _type(each)) for each in of.schema) if of else (),
                            is_view=listed.table_type != "TABLE",
                        )
                    )
        return found

    # ---- what goes wrong ----

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except RopewalkError:
            raise
        except Exception as error:
            if (found := _error(error, self._settings.endpoint)) is None:
                raise
            raise found from None

    def _seconds(self) -> float:
        if self._stop():
            raise Cancelled
        seconds = min(_CALL_SECONDS, self._remaining())
        if seconds <= 0:
            raise _late()
        return seconds

    # ---- as the engine holds it ----

    def secrets(self) -> tuple[str, ...]:
        token = getattr(self._memory.credentials, "token", None)
        shown = [self._settings.key, str(self._key.info["private_key"]), *([token] if token else [])]
        return tuple(text.decode() if isinstance(text, bytes) else text for text in shown)

    def _end(self) -> None:
        if (client := self.__dict__.pop("client", None)) is not None:
            client.close()


class Result:
    """Kept by BigQuery for about a day under its job's id; rows stand in it where they stood before."""

    def __init__(self, of: BigQuery, job: Any) -> None:
        self._of = of
        self._job = job
        self.total: int | None = None

    @property
    def kept(self) -> Mapping[str, Any]:
        return {"job": self._job.job_id, "project": self._job.project, "location": self._job.location}

    def batches(self, start: int = 0) -> Iterator[Sequence[bytes]]:
        with self._of._told():
            rows = self._job.result(
                page_size=PAGE_ROWS,
                start_index=start or None,
                timeout=self._of._seconds(),
                retry=None,
                job_retry=None,
            )
            self.total = rows.total_rows
            of_json = {
                each.name for each in rows.schema if each.field_type == "JSON" and each.mode != "REPEATED"
            }
            for batch in rows.to_arrow_iterable():
                if self._of._stop():
                    raise Cancelled
                yield list(arrow.records(batch, of_json))


def _type(field: Any) -> str:
    return f"ARRAY<{field.field_type}>" if field.mode == "REPEATED" else str(field.field_type)


def _parameter(given: Parameter) -> Any:
    return bigquery.ScalarQueryParameter(given.name, _TYPES[given.type], given.value)


def _too_expensive(size: int, most: int) -> MustFix:
    message = (
        f"This query would read {size / _GIB:,.2f} GiB ({size:,} bytes, by a dry run), more than the {most:,} bytes that a query "
        "of this connector may. Narrow it, or raise “Most bytes billed”."
    )
    return MustFix("too_expensive", message, [Problem("max_bytes_billed", message)])


def _late() -> RetryLater:
    return RetryLater("timeout", "BigQuery gave no whole answer in time.")


def _error(error: Exception, endpoint: str) -> RopewalkError | None:
    if isinstance(error, google.auth.exceptions.RefreshError):
        return MustFix("authentication_failed", f"Google did not accept the key: {_said(error)}")
    if isinstance(error, google.auth.exceptions.TransportError | requests.exceptions.RequestException):
        return RetryLater(
            "connection_failed",
            f"{urlsplit(endpoint).hostname} can’t be reached just now.",
            detail=str(error),
        )
    if isinstance(error, TimeoutError):
        return _late()
    if not isinstance(error, exceptions.GoogleAPICallError):
        return None
    reason = next((str(each.get("reason", "")) for each in error.errors or () if isinstance(each, dict)), "")
    said = f"BigQuery said: {_said(error)}"
    if reason == "bytesBilledLimitExceeded":
        return MustFix("too_expensive", f"{said} Narrow the query, or raise “Most bytes billed”.")
    if isinstance(error, exceptions.Unauthorized):
        return MustFix("authentication_failed", f"BigQuery did not accept the key. {said}")
    if isinstance(error, exceptions.NotFound):
        return MustFix("not_found_there", said)
    if isinstance(error, exceptions.TooManyRequests) or reason in _BUSY:
        return RetryLater("rate_limited", said)
    if isinstance(error, exceptions.Forbidden):
        return MustFix("access_denied", f"The service account may not do this. {said}")
    if isinstance(error, exceptions.ServerError) or reason in ("backendError", "internalError"):
        return RetryLater("unavailable", said)
    if reason == "stopped":
        return RetryLater(
            "timeout", f"The query was stopped; it may have run longer than its timeout. {said}"
        )
    return MustFix("query_failed", said)


_BUSY: Final = frozenset({"rateLimitExceeded", "jobRateLimitExceeded", "quotaExceeded"})


def _said(error: Exception) -> str:
    told = [
        each["message"]
        for each in getattr(error, "errors", None) or ()
        if isinstance(each, dict) and each.get("message")
    ]
    message = str(told[0] if told else getattr(error, "message", "") or error)
    return " ".join(message.split())[:500]
