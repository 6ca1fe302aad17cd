"""The streams that every warehouse gives, read as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ropewalk.sources.base import Kind, StreamKind
from ropewalk.sources.warehouse import happened, reading
from ropewalk.sources.warehouse.reading import MayRead
from ropewalk.sources.warehouse.settings import Happened, QueriedAccounts, QueriedContacts


def kinds(
    accounts: type[QueriedAccounts],
    contacts: type[QueriedContacts],
    events: type[Happened],
    may_read: MayRead,
    max_bytes: Callable[[Any], int | None] = lambda _: None,
) -> Mapping[Kind, StreamKind]:
    """`max_bytes(connector settings)`: that one query may read."""

    def within(reader: Any) -> Any:
        def read(connector: Any, *rest: Any) -> Any:
            return reader(connector, *rest, may_read=may_read, max_bytes=max_bytes(connector))

        return read

    queried = within(reading.read)
    return {
        "accounts": StreamKind(accounts, queried, tested=("query",), shown=20),
        "contacts": StreamKind(contacts, queried, tested=("query",), shown=20),
        "events": StreamKind(
            events, within(happened.read), live=True, tested=("tables", "columns", "expressions")
        ),
    }
