"""The event store of this installation."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections

from ropewalk.installation import django_database
from ropewalk.store.events.base import EventStore
from ropewalk.store.events.sqlite import FILE, SqliteEvents


def events() -> EventStore:
    """In a PostgreSQL database of its own where one is named, else in that of the record, else in a file."""
    given = settings.ROPEWALK.events_url
    if given is not None:
        return _elsewhere(given.get_secret_value())
    if connections["default"].vendor == "postgresql":
        # In tests it has another name than the settings said.
        return _beside(connections["default"].settings_dict["NAME"])
    return _in_file(settings.ROPEWALK.data_dir)


@cache
def _in_file(folder: Path) -> EventStore:
    return SqliteEvents(folder / FILE)


@cache
def _beside(name: str) -> EventStore:
    return _in_postgres({**_parameters(connections["default"].settings_dict), "dbname": name})


@cache
def _elsewhere(url: str) -> EventStore:
    return _in_postgres(_parameters(django_database(url)))


def _in_postgres(parameters: dict[str, Any]) -> EventStore:
    # Its driver is of no use to a command on SQLite, and takes a tenth of its start to load.
    from ropewalk.store.events.postgres import PostgresEvents

    return PostgresEvents(parameters)


def _parameters(database: dict[str, Any]) -> dict[str, Any]:
    named = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    given = {name: database[key] for name, key in named.items() if database[key]}
    return {**database["OPTIONS"], **given}
