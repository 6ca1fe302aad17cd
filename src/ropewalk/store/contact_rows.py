"""Contacts in batches, beside the accounts that they belong to: what is there, and what a batch makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct, field

from ropewalk.core.contacts import subject
from ropewalk.core.decide import ContactChange
from ropewalk.core.mapping import CONTACT_TEXTS
from ropewalk.core.matching import Candidate, ContactState
from ropewalk.store.database import any_of, id_column, insert, rows_of, update, uuid_from
from ropewalk.store.models import Contact

TABLE = "ropewalk_contact"
_TEXTS = CONTACT_TEXTS


def add_states(organization_id: UUID, found: Mapping[UUID, Candidate], emails: Sequence[str]) -> None:
    """Of these accounts the contacts with one of the emails, and the primaries."""
    of_account, accounts = any_of("account_id", list(found), "uuid")
    of_email, listed = any_of("email", emails, "text")
    rows = rows_of(
        f"SELECT account_id, id, email, source, is_primary, {', '.join(_TEXTS)} FROM {TABLE}"
        f" WHERE organization_id = %s AND {of_account} AND (is_primary OR {of_email})",
        [id_column(organization_id), accounts, listed],
    )
    for account, contact, email, source, primary, *texts in rows:
        values = {name: text for name, text in zip(_TEXTS, texts, strict=True) if text is not None}
        state = ContactState(uuid_from(contact), email, source, bool(primary), values)
        found[uuid_from(account)].contacts[email] = state


def subjects(organization_id: UUID, account_ids: Sequence[UUID]) -> set[UUID]:
    """What streams know the contacts of these accounts by."""
    found = Contact.objects.filter(organization_id=organization_id, account_id__in=account_ids)
    return {subject(account, email) for account, email in found.values_list("account_id", "email")}


class ContactWrites(Struct):
    """What a batch has decided, by contact: its account, and how it is after the last decision. `changes` are all."""

    created: dict[UUID, tuple[UUID, ContactState]] = field(default_factory=dict)
    updated: dict[UUID, tuple[UUID, ContactState]] = field(default_factory=dict)
    changes: list[tuple[UUID, ContactChange]] = field(default_factory=list)

    def take(self, account: Candidate, change: ContactChange) -> None:
        """Once the change has been applied to the account."""
        written = account.account_id, account.contacts[change.email]
        if change.created:
            self.created[change.contact_id] = written
        elif change.contact_id not in self.created:
            self.updated[change.contact_id] = written
        self.changes.append((account.account_id, change))

    def states(self) -> Iterable[tuple[UUID, ContactState]]:
        return (*self.created.values(), *self.updated.values())


_COLUMNS = (("is_primary", "boolean"), *((name, "text") for name in _TEXTS), ("updated_at", "timestamptz"))


def write(organization_id: UUID, writes: ContactWrites, at: Any) -> None:
    """`at` is a `time_column`."""
    organization = id_column(organization_id)
    insert(
        TABLE,
        (*(name for name, _ in _COLUMNS), "id", "organization_id", "account_id", "email", "source", "created_at"),
        (
            (*_values(state, at), id_column(state.contact_id), organization, id_column(account), state.email, "sync", at)
            for account, state in writes.created.values()
        ),
    )  # fmt: skip
    update(
        TABLE,
        ("id", "uuid"),
        _COLUMNS,
        ((*_values(state, at), id_column(state.contact_id)) for _, state in writes.updated.values()),
    )


def _values(state: ContactState, at: Any) -> tuple[Any, ...]:
    return state.is_primary, *(state.values.get(name) for name in _TEXTS), at
