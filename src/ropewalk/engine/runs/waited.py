"""Contacts whose account has appeared, read in place of the source."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from ropewalk.core.paging import Ending
from ropewalk.sources.base import Page
from ropewalk.store import waiting


class Waited:
    """For one run. What is read is settled in the same order, batch by batch, so that a killed run goes on with the
    rest."""

    def __init__(self, organization_id: UUID, stream_id: UUID) -> None:
        self._organization = organization_id
        self._stream = stream_id
        self._read: deque[int] = deque()

    def pages(self) -> Iterator[Page]:
        number, last, more = 0, 0, True
        while more:
            rows, more = waiting.called(self._organization, self._stream, after=last)
            number += 1
            last = rows[-1][0] if rows else last
            self._read.extend(each for each, _ in rows)
            ending = None if more else Ending("complete")
            yield Page(number, [record for _, record in rows], len(rows), {"after": last}, None, ending)

    def settle(self, count: int) -> None:
        """In the transaction of the batch that decided so many of them."""
        waiting.settled(self._organization, [self._read.popleft() for _ in range(count)])


def after_run(organization_id: UUID, stream_id: UUID, *, full: bool, since: datetime) -> dict[str, Any]:
    """What a complete run means for who waits, and for the stream's next run. `since`: when it began to read."""
    if full:
        waiting.drop_older(organization_id, stream_id, before=since)
    # Whoever there was no room for can only be read again.
    return {"needs_full": True} if waiting.is_full(organization_id, stream_id) else {}
