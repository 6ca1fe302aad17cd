"""What a stream last said about each account: hashes that let an unchanged record pass without being decoded.

Scheduled runs (`periodic`) keep a pair of hashes of their own while they write other fields than manual ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from pyroaring import BitMap

from ropewalk.core.values import DIGEST_BYTES
from ropewalk.store.database import (
    SQLITE_VARIABLES,
    any_of,
    batches,
    execute,
    having,
    hex_of,
    id_column,
    id_columns,
    insert,
    joined,
    on_postgres,
    rows_at_a_time,
    rows_of,
    time_column,
    unindexed,
    update,
    uuid_from,
)
from ropewalk.store.models import StreamRecord

_TABLE = "ropewalk_streamrecord"
# The organization is asked of the stream, so that all that is read of records may lie in one index.
_STREAM = "(SELECT id FROM ropewalk_stream WHERE id = %s AND organization_id = %s)"
_PAIR = ("raw_hash", "draft_hash")
_PERIODIC_PAIR = ("periodic_raw_hash", "periodic_draft_hash")


class Remembered(NamedTuple):
    """`raw_hash` None: the record is to be decoded next time too. `changed`: it was applied, so that what the
    other kind of run remembers no longer holds. `number`: the record's, None for a subject that is new to the stream."""

    subject_id: UUID
    raw_hash: bytes | None
    draft_hash: bytes | None
    changed: bool = True
    number: int | None = None


class RecordState(NamedTuple):
    """`number` is None for one that this very batch will remember."""

    number: int | None
    raw_hash: bytes | None
    draft_hash: bytes | None


def known(
    organization_id: UUID, stream_id: UUID, raw_hashes: Sequence[bytes], *, periodic: bool, after: int = 0
) -> dict[bytes, int]:
    """Of these raw records the ones that are current, with their numbers.

    `after`: the number of the one before them, if that is known. A source mostly lists in the order of last time, and
    the neighbours are read in a fifth of the time that it takes to look each of them up."""
    column = _PERIODIC_PAIR[0] if periodic else _PAIR[0]
    stream = [id_column(stream_id), id_column(organization_id)]
    found: dict[bytes, int] = {}
    if after:
        near = _range(column, [after, after + len(raw_hashes), *stream])
        found = {raw_hash: near[raw_hash] for raw_hash in raw_hashes if raw_hash in near}
    rest = sorted(raw_hash for raw_hash in raw_hashes if raw_hash not in found)
    for condition, parameters in _hashes_in(column, rest):
        rows = rows_of(
            f"SELECT {column}, id FROM {_TABLE} WHERE {condition} AND stream_id = {_STREAM}",
            [*parameters, *stream],
        )
        found.update(rows)
    return found


def _range(column: str, parameters: Sequence[Any]) -> dict[bytes, int]:
    # As two texts, put together by the database: a row for each would take three times as long.
    [(hashes, numbers)] = rows_of(
        f"SELECT {joined(hex_of(column))}, {joined('id')} FROM {_TABLE} WHERE id > %s AND id <= %s"
        f" AND {unindexed('stream_id')} = {_STREAM} AND {column} IS NOT NULL",
        parameters,
    )
    if hashes is None:
        return {}
    whole = bytes.fromhex(hashes.replace(",", ""))
    each = (whole[at : at + DIGEST_BYTES] for at in range(0, len(whole), DIGEST_BYTES))
    return dict(zip(each, map(int, numbers.split(",")), strict=True))


def _hashes_in(column: str, hashes: Sequence[bytes]) -> Iterator[tuple[str, list[Any]]]:
    if on_postgres():
        if hashes:
            condition, listed = any_of(column, hashes, "bytea")
            yield condition, [listed]
        return
    for batch in batches(hashes, SQLITE_VARIABLES):
        yield f"{column} IN ({', '.join(['%s'] * len(batch))})", batch


def by_subject(
    organization_id: UUID, stream_id: UUID, subject_ids: Sequence[UUID], *, periodic: bool
) -> dict[UUID, RecordState]:
    if not subject_ids:
        return {}
    raw, draft = _PERIODIC_PAIR if periodic else _PAIR
    rows, listed = having(_TABLE, "subject_id", subject_ids, "uuid")
    found = rows_of(
        f"SELECT subject_id, {_TABLE}.id, {raw}, {draft} {rows} AND stream_id = %s AND organization_id = %s",
        [listed, id_column(stream_id), id_column(organization_id)],
    )
    return {
        uuid_from(subject): RecordState(number, _hash(raw_hash), _hash(draft_hash))
        for subject, number, raw_hash, draft_hash in found
    }


def _hash(value: Any) -> bytes | None:
    return None if value is None else bytes(value)


def remember(
    organization_id: UUID, stream_id: UUID, rows: Iterable[Remembered], *, periodic: bool, read_at: int = 0
) -> Sequence[int]:
    """The numbers of the new ones. There is one row for a subject."""
    new: list[Remembered] = []
    changed: list[Remembered] = []
    same: list[Remembered] = []
    for row in rows:
        (new if row.number is None else changed if row.changed else same).append(row)
    own, other = (_PERIODIC_PAIR, _PAIR) if periodic else (_PAIR, _PERIODIC_PAIR)
    _set_hashes(own, other, changed, read_at)
    _set_hashes(own, (), same, read_at)
    if not new:
        return ()
    organization, stream = id_column(organization_id), id_column(stream_id)
    numbers = _new_numbers(len(new))
    insert(
        _TABLE,
        ("id", "organization_id", "stream_id", "subject_id", "read_at", *own),
        (
            (number, organization, stream, subject, read_at, row.raw_hash, row.draft_hash)
            for number, subject, row in zip(
                numbers, id_columns(row.subject_id for row in new), new, strict=True
            )
        ),
    )
    return numbers


def _new_numbers(count: int) -> Sequence[int]:
    if on_postgres():
        drawn = f"SELECT nextval(pg_get_serial_sequence('{_TABLE}', 'id')) FROM generate_series(1, %s)"
        return [number for (number,) in rows_of(drawn, [count])]
    # Nobody else writes: the transaction holds SQLite's only write lock.
    last = rows_of("SELECT seq FROM sqlite_sequence WHERE name = %s", [_TABLE])
    start = last[0][0] + 1 if last else 1
    return range(start, start + count)


def _set_hashes(
    own: tuple[str, ...], dropped: tuple[str, ...], rows: Sequence[Remembered], read_at: int
) -> None:
    nothing = (None,) * (len(dropped) + 1)
    update(
        _TABLE,
        ("id", "bigint"),
        [
            *((name, "bytea") for name in (*own, *dropped)),
            ("gone_since", "timestamptz"),
            ("read_at", "bigint"),
        ],
        ((row.raw_hash, row.draft_hash, *nothing, read_at, row.number) for row in rows),
    )


def read_after(
    organization_id: UUID, stream_id: UUID, subject_ids: Sequence[UUID], moment: int
) -> frozenset[UUID]:
    """Those of the subjects of which the stream has taken a record that a later run has read."""
    condition, listed = any_of("subject_id", subject_ids, "uuid")
    found = rows_of(
        f"SELECT subject_id FROM {_TABLE} WHERE stream_id = %s AND organization_id = %s"
        f" AND read_at > %s AND {condition}",
        [id_column(stream_id), id_column(organization_id), moment, listed],
    )
    return frozenset(uuid_from(subject) for (subject,) in found)


def forget_subjects(organization_id: UUID, subject_ids: Sequence[UUID]) -> None:
    """Whatever any stream says of them next is taken as news."""
    condition, listed = any_of("subject_id", subject_ids, "uuid")
    execute(
        f"UPDATE {_TABLE} SET raw_hash = NULL, draft_hash = NULL, periodic_raw_hash = NULL,"
        " periodic_draft_hash = NULL WHERE stream_id IN"
        f" (SELECT id FROM ropewalk_stream WHERE organization_id = %s) AND {condition}",
        [id_column(organization_id), listed],
    )


def mark_gone(organization_id: UUID, stream_id: UUID, *, seen: BitMap, now: datetime) -> int:
    """After a complete full run: what it didn't see is gone at the source since now; what it saw is back."""
    mark_back(organization_id, stream_id, seen=seen)
    gone = missing(organization_id, stream_id, seen=seen)
    _set_gone(gone, now)
    return len(gone)


def missing(organization_id: UUID, stream_id: UUID, *, seen: BitMap) -> BitMap:
    known = _gone(organization_id, stream_id) | seen
    # Mostly none is: to count all takes a thirtieth of the time that it takes to read them.
    return (
        BitMap()
        if _count(organization_id, stream_id) == len(known)
        else _numbers(organization_id, stream_id) - known
    )


def mark_missing(
    organization_id: UUID, stream_id: UUID, numbers: BitMap, *, read_at: int, now: datetime
) -> int:
    """Long after the run that missed them: but for those that something was taken of since."""
    there = _numbers(organization_id, stream_id, " AND gone_since IS NULL AND read_at < %s", read_at)
    gone = there & numbers
    _set_gone(gone, now)
    return len(gone)


def mark_back(organization_id: UUID, stream_id: UUID, *, seen: BitMap) -> int:
    back = _gone(organization_id, stream_id) & seen
    _set_gone(back, None)
    return len(back)


def _gone(organization_id: UUID, stream_id: UUID) -> BitMap:
    return _numbers(organization_id, stream_id, " AND gone_since IS NOT NULL")


def _count(organization_id: UUID, stream_id: UUID) -> int:
    [(count,)] = rows_of(
        f"SELECT count(*) FROM {_TABLE} WHERE stream_id = {_STREAM}",
        [id_column(stream_id), id_column(organization_id)],
    )
    return int(count)


def _numbers(organization_id: UUID, stream_id: UUID, more: str = "", *parameters: Any) -> BitMap:
    """A million at once would cost 45 MB on the way in."""
    found = BitMap()
    for rows in rows_at_a_time(
        f"SELECT id FROM {_TABLE} WHERE stream_id = {_STREAM}{more}",
        [id_column(stream_id), id_column(organization_id), *parameters],
    ):
        found.update([number for (number,) in rows])
    return found


def _set_gone(numbers: BitMap, since: datetime | None) -> None:
    for batch in batches(numbers, 10_000):
        condition, listed = any_of("id", batch, "bigint")
        execute(f"UPDATE {_TABLE} SET gone_since = %s WHERE {condition}", [time_column(since), listed])


def gone(organization_id: UUID, subject_ids: Sequence[UUID]) -> Mapping[UUID, list[tuple[UUID, datetime]]]:
    """The connectors at whose source these accounts are gone, and since when."""
    found = StreamRecord.objects.filter(
        organization_id=organization_id,
        stream__organization_id=organization_id,
        subject_id__in=subject_ids,
        gone_since__isnull=False,
    ).order_by("gone_since", "id")
    answer: dict[UUID, list[tuple[UUID, datetime]]] = {}
    for subject, connector, since in found.values_list("subject_id", "stream__connector_id", "gone_since"):
        assert since is not None
        answer.setdefault(subject, []).append((connector, since))
    return answer


def drop(organization_id: UUID, stream_id: UUID) -> None:
    """With its stream."""
    StreamRecord.objects.filter(organization_id=organization_id, stream_id=stream_id).delete()
