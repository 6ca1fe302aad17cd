"""One transaction for one piece of work, opened at the edge. Never around a fetch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction as django_transaction

from ropewalk.store.database import execute, on_postgres

ORGANIZATION_LOCK = 0x524F5045
ROTATION_LOCK = 0x524F504B
FOUNDING_LOCK = 0x524F5046


UNAVAILABLE = (OperationalError, InterfaceError)
"""What the database raises while it can't be reached, or is held too long; the work may be done again later."""


@contextmanager
def transaction(organization_id: UUID) -> Iterator[None]:
    """All writers of an organization take turns, so that matching decides on what will still be true at commit.

    SQLite has one writer at a time by itself."""
    with django_transaction.atomic():
        if on_postgres():
            low = int.from_bytes(organization_id.bytes[-4:], "big", signed=True)
            execute("SELECT pg_advisory_xact_lock(%s, %s)", [ORGANIZATION_LOCK, low])
        yield


@contextmanager
def moment() -> Iterator[None]:
    """For a short write that no matching depends on: it waits for nobody's turn, and nobody waits for long."""
    with django_transaction.atomic():
        yield


@contextmanager
def every_key(*, alone: bool) -> Iterator[None]:
    """Keeps the end of a key rotation (`alone`) apart from whoever encrypts at that moment."""
    with django_transaction.atomic():
        if on_postgres():
            execute(f"SELECT pg_advisory_xact_lock{'' if alone else '_shared'}(%s)", [ROTATION_LOCK])
        yield


@contextmanager
def founding() -> Iterator[None]:
    """Whoever makes an installation's first organization makes it alone."""
    with django_transaction.atomic():
        if on_postgres():
            execute("SELECT pg_advisory_xact_lock(%s)", [FOUNDING_LOCK])
        yield


@contextmanager
def own_connection() -> Iterator[None]:
    """For a moment's work in a thread that is none of ours: a connection that it opened is closed again."""
    opened = connection.connection is None
    try:
        yield
    finally:
        if opened:
            connection.close()


def close() -> None:
    """At the end of a thread, of a job, or before a fork: the next query connects anew."""
    connection.close()
