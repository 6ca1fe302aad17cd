"""A query's result as pages of records, resumed from the very result where it is still kept (sources.md §3, §4).

A checkpoint names the result (the warehouse's own id of it) and the rows of it that have been applied. A worker that takes over
asks for that result and goes on in it; once it is gone, the run reads its window from the start, and what it had applied is
unchanged by its hash."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from ropewalk.core.errors import MustFix, Problem
from ropewalk.core.paging import Ending
from ropewalk.core.query import Query, Rows, Warehouse
from ropewalk.sources.base import Page, Window
from ropewalk.sources.warehouse import sql
from ropewalk.sources.warehouse.dialect import Binding
from ropewalk.sources.warehouse.settings import Queried

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
SAMPLE_ROWS: Final = 200

MayRead = Callable[[Any, str, tuple[str, ...]], str]
"""(connector settings, the project or database at hand, a table's path) -> why it can't be read; empty where it can."""


def read(
    connector: Any,
    stream: Queried,
    window: Window,
    warehouse: Warehouse,
    state: Mapping[str, Any] | None,
    *,
    may_read: MayRead,
    max_bytes: int | None = None,
) -> Iterator[Page]:
    place = _Place(state or {}, stream.max_records if window.max_records is None else window.max_records)
    if place.ending is not None:
        yield place.page((), place.ending)
        return
    rows = _rows(connector, stream, window, warehouse, place.kept, may_read, max_bytes)
    place.kept = dict(rows.kept)
    batches = rows.batches(place.rows)
    batch = next(batches, ())
    while True:
        room = place.room(len(batch))
        upcoming = next(batches, None) if room >= len(batch) else None
        place.take(min(room, len(batch)), rows.total)
        if room < len(batch) or (upcoming is not None and place.room(1) < 1):
            yield place.page(batch[:room], Ending("truncated", ("max_records",)))
            return
        if upcoming is None:
            yield place.page(batch, place.end())
            return
        yield place.page(batch, None)
        batch = upcoming


def _rows(
    connector: Any,
    stream: Queried,
    window: Window,
    warehouse: Warehouse,
    kept: Mapping[str, Any] | None,
    may_read: MayRead,
    max_bytes: int | None,
) -> Rows:
    if kept is not None:
        return warehouse.result(kept, stream.timeout_ms)
    try:
        prepared = sql.query(
            stream.query, stream.DIALECT, lambda path: may_read(connector, warehouse.home, path)
        )
    except sql.Unfit as wrong:
        raise MustFix("query_refused", str(wrong), [Problem("query", str(wrong))]) from None
    binding = Binding(stream.DIALECT)
    text = prepared.text(binding, window.since or BEGINNING)
    if window.sample:
        text = f"SELECT * FROM (\n{text}\n) AS sampled LIMIT {SAMPLE_ROWS}"  # noqa: S608 - it was checked above
    return warehouse.query(Query(text, tuple(binding.parameters), stream.timeout_ms, max_bytes))


class _Place:
    """Where a reading is: rows over the chain of runs, and of them those of this run (core.paging has the same names)."""

    def __init__(self, state: Mapping[str, Any], max_records: int | None) -> None:
        self.kept: dict[str, Any] | None = state.get("kept")
        self.rows: int = state.get("rows", 0)
        self.total: int | None = state.get("total")
        self._pages: int = state.get("run_pages", 0)
        self._run_rows: int = state.get("run_rows", 0)
        self._max_records = max_records
        ending = state.get("ending")
        self.ending = Ending(ending[0], tuple(ending[1])) if ending else None

    def room(self, wanted: int) -> int:
        return wanted if self._max_records is None else min(wanted, self._max_records - self._run_rows)

    def take(self, rows: int, total: int | None) -> None:
        self.rows += rows
        self._run_rows += rows
        self.total = total

    def end(self) -> Ending:
        if self.total is not None and self.rows < self.total:
            return Ending("suspicious", ("fewer_than_total",))
        return Ending("complete")

    def page(self, records: Sequence[bytes], ending: Ending | None) -> Page:
        if self.ending is None:
            self._pages += 1
        state: dict[str, Any] = {
            "kept": self.kept,
            "rows": self.rows,
            "total": self.total,
            "run_pages": self._pages,
            "run_rows": self._run_rows,
            "ending": ending and [ending.verdict, list(ending.reasons), {}],
        }
        return Page(self._pages, records, len(records), state, self.total, ending)
