from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from pyroaring import BitMap

from ropewalk.store import records
from ropewalk.store.ids import new_id
from ropewalk.store.models import Stream, StreamRecord
from ropewalk.store.records import RecordState, Remembered

A, B, C = (bytes([letter]) * 16 for letter in b"ABC")


def test_a_record_is_known_by_its_current_hash_only(org: UUID, stream: UUID) -> None:
    subject = new_id()
    [number] = records.remember(org, stream, [Remembered(subject, A, A)], periodic=False)
    assert records.known(org, stream, [A, B], periodic=False) == {A: number}
    assert records.known(org, stream, [A, B], periodic=True) == {}

    again = Remembered(subject, B, C, number=number)
    assert list(records.remember(org, stream, [again], periodic=False)) == []

    assert records.known(org, stream, [A, B], periodic=False) == {B: number}
    assert records.by_subject(org, stream, [subject, new_id()], periodic=False) == {
        subject: RecordState(number, B, C)
    }


def test_numbers_are_new_for_new_subjects(org: UUID, stream: UUID) -> None:
    first, second, third = new_id(), new_id(), new_id()
    one = records.remember(org, stream, [Remembered(first, A, A), Remembered(second, B, B)], periodic=False)
    again = Remembered(first, None, C, number=one[0])
    two = records.remember(org, stream, [Remembered(third, C, C), again], periodic=False)

    assert records.by_subject(org, stream, [first, second, third], periodic=False) == {
        first: RecordState(one[0], None, C),
        second: RecordState(one[1], B, B),
        third: RecordState(two[0], C, C),
    }
    assert len({*one, *two}) == 3
    assert list(records.remember(org, stream, [], periodic=False)) == []


@pytest.mark.parametrize("periodic", [False, True])
def test_a_change_drops_what_the_other_kind_of_run_remembers(org: UUID, stream: UUID, periodic: bool) -> None:
    subject = new_id()
    [number] = records.remember(org, stream, [Remembered(subject, A, A)], periodic=False)
    records.remember(org, stream, [Remembered(subject, A, B, changed=False, number=number)], periodic=True)
    assert list(records.known(org, stream, [A], periodic=False)) == [A]
    assert list(records.known(org, stream, [A], periodic=True)) == [A]

    records.remember(org, stream, [Remembered(subject, C, C, number=number)], periodic=periodic)

    assert list(records.known(org, stream, [A, C], periodic=periodic)) == [C]
    assert records.known(org, stream, [A, C], periodic=not periodic) == {}


def test_forgetting_keeps_the_numbers(org: UUID, stream: UUID) -> None:
    subject = new_id()
    [number] = records.remember(org, stream, [Remembered(subject, A, A)], periodic=False)

    records.forget_subjects(org, [subject])

    assert records.by_subject(org, stream, [subject], periodic=False) == {
        subject: RecordState(number, None, None)
    }


def test_what_a_full_run_did_not_see_is_gone_until_it_is_seen_again(
    org: UUID, connector: UUID, stream: UUID, now: datetime
) -> None:
    subjects = [new_id() for _ in range(3)]
    numbers = records.remember(
        org, stream, [Remembered(subject, None, A) for subject in subjects], periodic=False
    )
    seen = BitMap([numbers[0]])
    assert records.mark_gone(org, stream, seen=seen, now=now) == 2
    later = now + timedelta(days=1)

    assert records.mark_gone(org, stream, seen=BitMap([numbers[1]]), now=later) == 1

    assert records.gone(org, subjects) == {
        subjects[2]: [(connector, now)],
        subjects[0]: [(connector, later)],
    }
    assert records.mark_back(org, stream, seen=seen) == 1
    records.remember(org, stream, [Remembered(subjects[2], None, B, number=numbers[2])], periodic=False)
    assert records.gone(org, subjects) == {}


def test_a_stranger_finds_nothing(org: UUID, stranger: UUID, stream: UUID, now: datetime) -> None:
    subject = new_id()
    records.remember(org, stream, [Remembered(subject, A, A)], periodic=False)
    records.forget_subjects(stranger, [subject])
    records.mark_gone(stranger, stream, seen=BitMap(), now=now)
    records.drop(stranger, stream)

    assert records.known(stranger, stream, [A], periodic=False) == {}
    assert records.by_subject(stranger, stream, [subject], periodic=False) == {}
    assert list(records.known(org, stream, [A], periodic=False)) == [A]
    records.mark_gone(org, stream, seen=BitMap(), now=now)
    assert records.gone(stranger, [subject]) == {}


def test_one_record_a_subject(org: UUID, stream: UUID) -> None:
    subject = new_id()
    StreamRecord.objects.create(organization_id=org, stream_id=stream, subject_id=subject)
    with pytest.raises(IntegrityError), transaction.atomic():
        StreamRecord.objects.create(organization_id=org, stream_id=stream, subject_id=subject)


@pytest.mark.parametrize("size", [1, 3_000])
def test_a_batch_is_looked_up_in_one_query(org: UUID, stream: UUID, size: int) -> None:
    hashes = [number.to_bytes(16, "big") for number in range(size)]
    records.remember(org, stream, [Remembered(new_id(), one, one) for one in hashes], periodic=False)

    with CaptureQueriesContext(connection) as queries:
        found = records.known(org, stream, hashes, periodic=False)

    assert len(found) == size
    assert len(queries) == 1


def test_the_neighbours_of_a_known_record_are_found_with_it(
    org: UUID, stream: UUID, connector: UUID, now: datetime
) -> None:
    contacts = Stream.objects.create(
        organization_id=org, connector_id=connector, kind="contacts", created_at=now, updated_at=now
    )
    hashes = [number.to_bytes(16, "big") for number in range(8)]

    def remembered(stream_id: UUID, few: list[bytes]) -> list[int]:
        rows = [Remembered(new_id(), one, one) for one in few]
        return list(records.remember(org, stream_id, rows, periodic=False))

    numbers = remembered(stream, hashes[:4])
    remembered(contacts.id, hashes[4:6])
    numbers += remembered(stream, hashes[4:])
    said = dict(zip(hashes, numbers, strict=True))

    with CaptureQueriesContext(connection) as queries:
        assert records.known(org, stream, hashes[1:4], periodic=False, after=numbers[0]) == {
            one: said[one] for one in hashes[1:4]
        }
    assert len(queries) == 1
    # Between them are another stream's, which say the same; and some come before, or are new.
    wanted = [*hashes[4:], hashes[0], b"new" * 5]
    assert records.known(org, stream, wanted, periodic=False, after=numbers[3]) == {
        one: said[one] for one in [*hashes[4:], hashes[0]]
    }
    assert records.known(org, contacts.id, hashes, periodic=False, after=numbers[0]).keys() == set(
        hashes[4:6]
    )
