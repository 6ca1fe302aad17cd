"""The event store of this installation."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.conf import settings

from ropewalk.store.events import sqlite
from ropewalk.store.events.base import EventStore


def events() -> EventStore:
    return _at(settings.ROPEWALK.data_dir)


@cache
def _at(folder: Path) -> EventStore:
    return sqlite.SqliteEvents(folder / sqlite.FILE)
