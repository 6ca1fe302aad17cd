"""What undoing a run reads and writes: the change log backwards, and accounts and contacts that go away."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from ropewalk.core.contacts import subject
from ropewalk.core.undo import LoggedChange
from ropewalk.core.values import JSON
from ropewalk.store import contact_rows
from ropewalk.store.database import any_of, from_json, id_column, rows_of, time_column, update, uuid_from
from ropewalk.store.models import Account, Contact, MatchLink, Run, Stream, StreamRecord

_READ = "SELECT id, account_id, contact, run, created, fields FROM ropewalk_change"
BATCH_ROWS = 1_000


def count(organization_id: UUID, run_id: UUID) -> int:
    [(found,)] = rows_of(
        "SELECT count(*) FROM ropewalk_change WHERE run = %s AND organization_id = %s",
        [id_column(run_id), id_column(organization_id)],
    )
    return int(found)


def backwards(organization_id: UUID, run_id: UUID, *, below: int | None) -> list[LoggedChange]:
    """The next changes of a run, the newest first."""
    return _logged(
        f"{_READ} WHERE run = %s AND organization_id = %s AND id < %s ORDER BY id DESC LIMIT {BATCH_ROWS}",
        [id_column(run_id), id_column(organization_id), 2**63 - 1 if below is None else below],
    )


def log_since(organization_id: UUID, account_ids: Sequence[UUID], change_id: int) -> list[LoggedChange]:
    """What the log says of these accounts from a change on, in its order."""
    condition, listed = any_of("account_id", account_ids, "uuid")
    return _logged(
        f"{_READ} WHERE organization_id = %s AND {condition} AND id >= %s ORDER BY id",
        [id_column(organization_id), listed, change_id],
    )


def _logged(sql: str, parameters: Sequence[Any]) -> list[LoggedChange]:
    return [
        LoggedChange(
            change,
            uuid_from(account),
            uuid_from(contact),
            uuid_from(run),
            bool(created),
            {name: (each["old"], each["new"]) for name, each in from_json(fields).items()},
        )
        for change, account, contact, run, created, fields in rows_of(sql, parameters)
    ]


def undoes(organization_id: UUID, run_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Those of the runs that are undos, and what each undid."""
    found = Run.objects.filter(organization_id=organization_id, id__in=run_ids, trigger="undo")
    return {run: of_run for run, of_run in found.values_list("id", "of_run") if of_run is not None}


def undone(organization_id: UUID, run_id: UUID) -> bool:
    found = Run.objects.filter(organization_id=organization_id, id__gt=run_id, of_run=run_id, trigger="undo")
    return found.filter(status="succeeded").exists()


def made_by(organization_id: UUID, account_ids: Sequence[UUID], run_id: UUID) -> set[UUID]:
    """Those of the accounts that this run created."""
    found = Account.objects.filter(organization_id=organization_id, id__in=account_ids, created_run=run_id)
    return set(found.values_list("id", flat=True))


def claimed(organization_id: UUID, account_ids: Sequence[UUID], stream_id: UUID | None) -> set[UUID]:
    """Those of the accounts that other streams know too, or that an admin's link means."""
    others = [one for one in _streams(organization_id) if one != stream_id]
    known = StreamRecord.objects.filter(stream_id__in=others, subject_id__in=account_ids)
    linked = MatchLink.objects.filter(organization_id=organization_id, account_id__in=account_ids)
    return {*known.values_list("subject_id", flat=True), *linked.values_list("account_id", flat=True)}


def claimed_contacts(
    organization_id: UUID, contacts: Iterable[ContactRow], stream_id: UUID | None
) -> set[UUID]:
    """Those of the contacts that other streams know too."""
    others = [one for one in _streams(organization_id) if one != stream_id]
    subjects = {subject(one.account_id, str(one.values["email"])): one.id for one in contacts}
    known = StreamRecord.objects.filter(stream_id__in=others, subject_id__in=subjects)
    return {subjects[found] for found in known.values_list("subject_id", flat=True)}


def _streams(organization_id: UUID) -> list[UUID]:
    return list(Stream.objects.filter(organization_id=organization_id).values_list("id", flat=True))


class ContactRow(Struct):
    """`values` under the names that the change log has for them."""

    id: UUID
    account_id: UUID
    values: dict[str, JSON]


def contacts(organization_id: UUID, account_ids: Sequence[UUID]) -> dict[UUID, ContactRow]:
    """Every contact of these accounts."""
    found = Contact.objects.filter(organization_id=organization_id, account_id__in=account_ids)
    return {
        one.id: ContactRow(
            one.id,
            one.account_id,
            {
                "email": one.email,
                "name": one.name,
                "phone": one.phone,
                "role": one.role,
                "source": one.source,
                "isPrimary": one.is_primary,
            },
        )
        for one in found
    }


def write_contacts(rows: Iterable[ContactRow], *, now: datetime) -> None:
    update(
        "ropewalk_contact",
        ("id", "uuid"),
        (
            ("name", "text"),
            ("phone", "text"),
            ("role", "text"),
            ("is_primary", "boolean"),
            ("updated_at", "timestamptz"),
        ),
        (
            (
                *(row.values[name] for name in ("name", "phone", "role", "isPrimary")),
                time_column(now),
                id_column(row.id),
            )
            for row in rows
        ),
    )


def remove_contacts(organization_id: UUID, contact_ids: Collection[UUID]) -> None:
    Contact.objects.filter(organization_id=organization_id, id__in=contact_ids).delete()


def remove_accounts(organization_id: UUID, account_ids: Collection[UUID]) -> None:
    """Without a tombstone, so that a full run brings them back. What streams remember of them goes too."""
    subjects = {*account_ids, *contact_rows.subjects(organization_id, list(account_ids))}
    StreamRecord.objects.filter(stream_id__in=_streams(organization_id), subject_id__in=subjects).delete()
    Contact.objects.filter(organization_id=organization_id, account_id__in=account_ids).delete()
    Account.objects.filter(organization_id=organization_id, id__in=account_ids).delete()
