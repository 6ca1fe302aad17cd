"""Pages in, batches out: the rows that one transaction takes, and the place a resumed run goes on from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from msgspec import Struct, field

from ropewalk.core.paging import Ending
from ropewalk.sources.base import Page

BATCH_ROWS = 5_000
BATCH_BYTES = 16 * 1024 * 1024
BATCH_SECONDS = 1.0
# So many at once: to count each record's bytes by itself takes longer than to take it. They are at most 10 MiB.
_FEW = 10


class Place(Struct, frozen=True):
    """Where the reading is: the reader's state after the last whole page, and the rows taken of the next one."""

    state: dict[str, Any] | None = None
    row: int = 0


class Batch(Struct):
    rows: list[bytes] = field(default_factory=list)
    place: Place = field(default_factory=Place)
    pages: int = 0
    total: int | None = None
    ending: Ending | None = None
    notices: dict[str, int] = field(default_factory=dict)
    filtered: dict[str, int] = field(default_factory=dict)
    size: int = 0

    @property
    def is_full(self) -> bool:
        return len(self.rows) >= BATCH_ROWS or self.size >= BATCH_BYTES

    def _finish_page(self, page: Page) -> None:
        self.place = Place(page.state)
        self.pages += 1
        self.total = page.total
        self.ending = page.ending
        for told in (page.notices, page.ending.notices if page.ending else {}):
            for code, count in told.items():
                self.notices[code] = self.notices.get(code, 0) + count
        for name, count in page.filtered.items():
            self.filtered[name] = self.filtered.get(name, 0) + count


def batches(
    pages: Iterable[Page],
    start: Place,
    monotonic: Callable[[], float],
) -> Iterator[Batch]:
    """Small pages are put together until a batch is full or has waited long enough; a large one is cut, so that
    memory is bounded by neither the page's size nor its records'.

    Rows of the first page that `start` says were taken are passed over.
    """
    place, batch, begun = start, Batch(place=start), monotonic()
    for page in pages:
        taken = place.row
        rest = islice(page.records, taken, None)
        while few := [bytes(raw) for raw in islice(rest, min(_FEW, BATCH_ROWS - len(batch.rows)))]:
            batch.rows += few
            batch.size += sum(map(len, few))
            taken += len(few)
            if batch.is_full and taken < page.count:
                batch.place = Place(place.state, taken)
                batch.total = page.total
                yield batch
                batch, begun = Batch(total=page.total), monotonic()
        batch._finish_page(page)
        place = batch.place
        if page.ending or batch.is_full or monotonic() - begun >= BATCH_SECONDS:
            yield batch
            batch, begun = Batch(place=place), monotonic()
