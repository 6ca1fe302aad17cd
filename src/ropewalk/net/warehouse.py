"""What the clients of warehouses have in common: what is remembered of a statement, what a test shows of it, when to stop."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from ropewalk.core.errors import MustFix
from ropewalk.core.query import Described, Query
from ropewalk.net.memory import Memory

R = TypeVar("R")


class Asking(ABC, Generic[R]):
    """`remaining` are the seconds until a deadline; `cancelled` is also asked while a query runs. `R` is a vendor's result."""

    def __init__(
        self,
        endpoint: str,
        remaining: Callable[[], float],
        cancelled: Callable[[], bool],
        memory: Memory | None,
    ) -> None:
        self._endpoint = endpoint
        self._remaining = remaining
        self._asked_to_stop = cancelled
        self._memory = memory or Memory()
        self._closed = threading.Event()
        self._asked: dict[str, Any] | None = None
        self._answered: dict[str, Any] | None = None

    @abstractmethod
    def _describe(self, query: Query) -> Described: ...

    @abstractmethod
    def _run(self, query: Query) -> tuple[R, str, int | None]:
        """The result, its id, and the bytes that a dry run counted."""

    @abstractmethod
    def _end(self) -> None:
        """Lets go of connections."""

    def describe(self, query: Query) -> Described:
        known = self._memory.described.get(query.sql) if query.live else None
        if known is None:
            known = self._describe(query)
            if query.live:
                self._memory.remember(query.sql, known)
        return known

    def query(self, query: Query) -> R:
        self._asked, self._answered = _shown(self._endpoint, query), None
        began = time.monotonic()
        try:
            result, job, size = self._run(query)
        except MustFix:
            # It may be because of what has changed since it was described.
            self._memory.described.clear()
            raise
        self._answered = _said(time.monotonic() - began, job, size)
        return result

    def exchanged(self) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """The last statement, and what was said of it, for a test."""
        return self._asked, self._answered

    def _stop(self) -> bool:
        return self._closed.is_set() or self._asked_to_stop()

    def close(self) -> None:
        self._closed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self._end()


def _shown(endpoint: str, query: Query) -> dict[str, Any]:
    return {
        "method": "SQL",
        "url": endpoint,
        "params": {each.name: str(each.value) for each in query.parameters},
        "headers": {},
        "body": query.sql,
    }


def _said(seconds: float, job: str, size: int | None) -> dict[str, Any]:
    counted = {} if size is None else {"bytes by a dry run": f"{size:,}"}
    return {
        "status": 200,
        "content_type": "application/vnd.apache.arrow.stream",
        "milliseconds": round(seconds * 1_000),
        "headers": {"job": job, **counted},
        "clock_skew_seconds": None,
    }
