"""Files of earlier versions, carried over by whoever opens them first.

The first version had an index of identities, the second a row for each event, and a row for each of its account keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from ropewalk.store.events.appending import key_rows
from ropewalk.store.events.tables import COLUMNS, EventRow, keys_from

if TYPE_CHECKING:
    from ropewalk.store.events.sqlite import SqliteEvents

_AT_ONCE: Final = 256


def carry_over(store: SqliteEvents) -> None:
    """Into the tables of today. What has been moved is gone at once, so that the file hardly grows."""
    organizations = {
        no: UUID(bytes=organization)
        for no, organization in store.rows("SELECT no, organization FROM connector")
    }
    for index in ("event_time", "event_upload"):
        store.run(f"DROP INDEX {index}")
    while found := store.rows(f"SELECT {', '.join(COLUMNS)} FROM event ORDER BY seq LIMIT %s", [_AT_ONCE]):
        rows = [EventRow(*row) for row in found]
        store.write(rows)
        store.add_keys(
            [
                key
                for row in rows
                for key in key_rows(organizations[row.connector], keys_from(row.keys), row.at, row.seq)
            ]
        )
        store.run("DELETE FROM event WHERE seq <= %s", [rows[-1].seq])
    for table in ("event", "new_key", "event_key", "section"):
        store.run(f"DROP TABLE {table}")
