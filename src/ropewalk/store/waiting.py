"""Contacts that wait for their account (product.md §2.4): kept as the records they came as, found by the match key that
their account will have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import Count

from ropewalk.core import limits
from ropewalk.core.contacts import Who
from ropewalk.core.matching import Candidate
from ropewalk.store.database import any_of, execute, id_column, insert, rows_of, time_column, update
from ropewalk.store.models import Run, Stream, WaitingContact

TABLE = "ropewalk_waitingcontact"
PAGE_ROWS = 1_000
PAGE_BYTES = 16 * 1024 * 1024
EXAMPLES = 3
AFTER_FAILURE = timedelta(hours=1)


class Waiting(NamedTuple):
    """`key`: of `keys_of` its account."""

    key: str
    who: Who
    record: bytes


def key(domain: str | None, external_id: str | None) -> str:
    return f"domain:{domain}" if domain is not None else f"id:{external_id}"


def keep(organization_id: UUID, stream_id: UUID, rows: Iterable[Waiting], *, now: datetime) -> None:
    """Anew, or for the first time; past the limit they are left out, and the stream is `full`."""
    latest = {row.who.identity: row for row in rows}
    if not latest:
        return
    condition, listed = any_of("identity", list(latest), "text")
    there = rows_of(
        f"SELECT id, identity FROM {TABLE} WHERE stream_id = %s AND {condition}",
        [id_column(stream_id), listed],
    )
    at = time_column(now)
    again = [(number, latest.pop(identity)) for number, identity in there]
    update(
        TABLE,
        ("id", "bigint"),
        (
            ("person", "text"),
            ("key", "text"),
            ("record", "bytea"),
            ("at", "timestamptz"),
            ("called", "boolean"),
        ),
        ((row.who.person, row.key, row.record, at, False, number) for number, row in again),
    )
    room = limits.WAITING_CONTACTS - count(organization_id, stream_id) if latest else 0
    organization, stream = id_column(organization_id), id_column(stream_id)
    insert(
        TABLE,
        ("organization_id", "stream_id", "key", "identity", "person", "record", "at", "called"),
        (
            (organization, stream, row.key, *row.who, row.record, at, False)
            for row in list(latest.values())[: max(room, 0)]
        ),
    )


def count(organization_id: UUID, stream_id: UUID) -> int:
    return WaitingContact.objects.filter(organization_id=organization_id, stream_id=stream_id).count()


def counts(organization_id: UUID, stream_ids: Collection[UUID]) -> dict[UUID, int]:
    """By stream, also where nobody waits."""
    if not stream_ids:
        return {}
    found = WaitingContact.objects.filter(organization_id=organization_id, stream_id__in=stream_ids)
    counted = found.values_list("stream_id").annotate(count=Count("id"))
    return dict.fromkeys(stream_ids, 0) | dict(counted)


def examples(organization_id: UUID, stream_id: UUID) -> list[str]:
    """A few match values that no account has, as the stream has them."""
    found = WaitingContact.objects.filter(organization_id=organization_id, stream_id=stream_id)
    keys = found.order_by("id").values_list("key", flat=True)[:EXAMPLES]
    return [each.partition(":")[2] for each in dict.fromkeys(keys)]


def any_of_stream(organization_id: UUID, stream_id: UUID) -> bool:
    return WaitingContact.objects.filter(organization_id=organization_id, stream_id=stream_id).exists()


def is_full(organization_id: UUID, stream_id: UUID) -> bool:
    return count(organization_id, stream_id) >= limits.WAITING_CONTACTS


def taken(organization_id: UUID, stream_id: UUID, found: Collection[Who]) -> None:
    """They have their account."""
    condition, listed = any_of("identity", [who.identity for who in found], "text")
    execute(
        f"DELETE FROM {TABLE} WHERE stream_id = %s AND organization_id = %s AND {condition}",
        [id_column(stream_id), id_column(organization_id), listed],
    )


def drop_moved(organization_id: UUID, stream_id: UUID, there: Collection[Who], *, before: datetime) -> None:
    """Whoever waited for another account before the source named this one. Those that one reading has met under several
    accounts are several contacts."""
    persons = [who.person for who in there if who.person is not None]
    if not persons:
        return
    of_person, listed = any_of("person", persons, "text")
    the_same, identities = any_of("identity", [who.identity for who in there], "text")
    execute(
        f"DELETE FROM {TABLE} WHERE stream_id = %s AND organization_id = %s AND at < %s"
        f" AND {of_person} AND NOT {the_same}",
        [id_column(stream_id), id_column(organization_id), time_column(before), listed, identities],
    )


def drop_older(organization_id: UUID, stream_id: UUID, *, before: datetime) -> None:
    """What a whole reading of the source hasn't met."""
    WaitingContact.objects.filter(
        organization_id=organization_id, stream_id=stream_id, at__lt=before
    ).delete()


# ---- accounts appear ----


def call(organization_id: UUID, accounts: Collection[Candidate]) -> None:
    """Those that wait for one of these accounts are to be taken."""
    if not accounts or not WaitingContact.objects.filter(organization_id=organization_id).exists():
        return
    keys = [key(one.domain, None) for one in accounts if one.domain is not None]
    keys += [key(None, one.external_id) for one in accounts if one.external_id is not None]
    condition, listed = any_of("key", keys, "text")
    execute(
        f"UPDATE {TABLE} SET called = %s WHERE organization_id = %s AND {condition}",
        [True, id_column(organization_id), listed],
    )


def streams_called(organization_id: UUID | None = None, *, now: datetime, limit: int = 100) -> list[Stream]:
    """Those with contacts that can be taken; None: of all organizations. Where a run was undone, nothing is done again
    before somebody asks for it; where taking them failed, not at once."""
    called = WaitingContact.objects.filter(called=True).values("stream_id").distinct()
    found = Stream.objects.filter(
        id__in=called, enabled=True, connector__enabled=True, connector__deleted_at=None
    )
    found = found.exclude(paused="undo")
    if organization_id is not None:
        found = found.filter(organization_id=organization_id)
    streams = list(found.order_by("id")[:limit])
    failed = Run.objects.filter(
        stream__in=streams, trigger="retry", of_run=None, status="failed", finished_at__gt=now - AFTER_FAILURE
    )
    resting = set(failed.values_list("stream_id", flat=True)) if streams else set()
    return [stream for stream in streams if stream.id not in resting]


def called(organization_id: UUID, stream_id: UUID, *, after: int) -> tuple[list[tuple[int, bytes]], bool]:
    """The next of them, by number, and their records; and whether there may be more."""
    found = WaitingContact.objects.filter(
        organization_id=organization_id, stream_id=stream_id, called=True, id__gt=after
    )
    page: list[tuple[int, bytes]] = []
    size = 0
    few = found.order_by("id").values_list("id", "record")[:PAGE_ROWS]
    for number, record in few.iterator(chunk_size=20):
        page.append((number, bytes(record)))
        size += len(record)
        if size >= PAGE_BYTES:
            return page, True
    return page, len(page) == PAGE_ROWS


def settled(organization_id: UUID, numbers: Sequence[int]) -> None:
    """They have been decided; whoever waits on isn't called any more."""
    condition, listed = any_of("id", numbers, "bigint")
    execute(
        f"DELETE FROM {TABLE} WHERE organization_id = %s AND {condition} AND called",
        [id_column(organization_id), listed],
    )
