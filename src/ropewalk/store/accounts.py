"""Accounts in batches: all candidates of a batch in a constant number of queries, all its writes in as many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from ropewalk.core.decide import Decision, Fresh
from ropewalk.core.matching import Candidate
from ropewalk.core.values import JSON
from ropewalk.store import contact_rows, fields, searchtexts, waiting
from ropewalk.store.contact_rows import ContactWrites
from ropewalk.store.database import (
    from_json,
    having,
    id_column,
    id_columns,
    insert,
    rows_of,
    text_column,
    time_column,
    to_json,
    update,
    uuid_from,
)
from ropewalk.store.ids import new_id
from ropewalk.store.models import MatchLink

TABLE = "ropewalk_account"

_READ = (
    f"{TABLE}.id, company_name, company_domain, external_customer_id, external_id_connector, owner_id, fields,"
    " deleted_at IS NOT NULL"
)


# ---- reading ----


def candidates(
    organization_id: UUID,
    *,
    connector_id: UUID,
    external_ids: Sequence[str] = (),
    domains: Sequence[str] = (),
    account_ids: Sequence[UUID] = (),
    link_keys: Iterable[bytes] = (),
    emails: Sequence[str] | None = None,
) -> tuple[list[Candidate], dict[bytes, UUID]]:
    """Every account that these keys could mean, tombstones included, and the settled links among `link_keys`.

    Contacts come along only where `emails` is given: those with one of the emails, and primaries."""
    links = _links(organization_id, connector_id, link_keys) if link_keys else {}
    ways: list[tuple[str, Sequence[Any], str, str]] = [
        ("id", [*account_ids, *links.values()], "uuid", ""),
        # As two, because live ones and tombstones have an index each.
        ("external_customer_id", external_ids, "text", " AND deleted_at IS NULL"),
        ("external_customer_id", external_ids, "text", " AND deleted_at IS NOT NULL"),
        ("company_domain", domains, "text", ""),
    ]
    branches, parameters = [], []
    for column, values, kind, more in ways:
        if values:
            rows, listed = having(TABLE, column, values, kind)
            # Spelled out, because the indexes have only what is there.
            branches.append(
                f"SELECT {_READ} {rows} AND organization_id = %s AND {TABLE}.{column} IS NOT NULL{more}"
            )
            parameters += [listed, id_column(organization_id)]
    if not branches:
        return [], links
    found: dict[UUID, Candidate] = {}
    for row in rows_of(" UNION ALL ".join(branches), parameters):
        candidate = _candidate(row)
        found.setdefault(candidate.account_id, candidate)
    if emails is not None and found:
        contact_rows.add_states(organization_id, found, emails)
    return list(found.values()), links


def _links(organization_id: UUID, connector_id: UUID, keys: Iterable[bytes]) -> dict[bytes, UUID]:
    # Settled by hand, one at a time: few enough to read them all.
    found = rows_of(
        "SELECT key, account_id FROM ropewalk_matchlink WHERE organization_id = %s AND connector_id = %s",
        [id_column(organization_id), id_column(connector_id)],
    )
    links = {bytes(key): uuid_from(account) for key, account in found}
    return {key: links[key] for key in keys if key in links} if links else {}


def _candidate(row: tuple[Any, ...]) -> Candidate:
    account_id, name, domain, external_id, connector, owner, custom, deleted = row
    values: dict[str, JSON] = from_json(custom)
    if name is not None:
        values["companyName"] = name
    if domain is not None:
        values["companyDomain"] = domain
    if external_id is not None:
        values["externalCustomerId"] = external_id
    if owner is not None:
        values["accountOwnerId"] = str(uuid_from(owner))
    return Candidate(
        uuid_from(account_id), external_id, domain, uuid_from(connector), values, deleted=bool(deleted)
    )


EXAMPLES = 3
_MATCHED = {"companyDomain": "company_domain", "externalCustomerId": "external_customer_id"}


def examples(organization_id: UUID, name: str) -> list[str]:
    """A few of the values that accounts are matched by."""
    column = _MATCHED[name]
    found = rows_of(
        f"SELECT {column} FROM {TABLE} WHERE organization_id = %s AND {column} IS NOT NULL"
        f" AND deleted_at IS NULL ORDER BY {column} LIMIT {EXAMPLES}",
        [id_column(organization_id)],
    )
    return [value for (value,) in found]


# ---- writing ----


class Author(msgspec.Struct, frozen=True):
    """Who a change is by: a connector's run, or a person or key by hand."""

    run_id: UUID | None = None
    connector_id: UUID | None = None
    actor: JSON = None


class AccountWrites(msgspec.Struct):
    """What a batch has decided. The accounts are as they are after its last decision."""

    created: dict[UUID, Candidate] = msgspec.field(default_factory=dict)
    updated: dict[UUID, Candidate] = msgspec.field(default_factory=dict)
    moved: set[UUID] = msgspec.field(default_factory=set)
    changes: list[tuple[UUID, bool, Mapping[str, tuple[JSON, JSON]]]] = msgspec.field(default_factory=list)
    contacts: ContactWrites = msgspec.field(default_factory=ContactWrites)

    def take(self, decision: Decision, account: Candidate | None) -> None:
        """`account` is what `decide.apply` answered."""
        if account is None:
            return
        account_id = account.account_id
        created = decision.outcome == "created"
        if created:
            self.created[account_id] = account
        elif decision.changes and account_id not in self.created:
            self.updated[account_id] = account
            if "companyDomain" in decision.changes or "externalCustomerId" in decision.changes:
                self.moved.add(account_id)
        if decision.changes or created:
            self.changes.append((account_id, created, decision.changes))
        for contact in decision.contacts:
            self.contacts.take(account, contact)


_OTHERS = (
    ("company_name", "text"), ("owner_id", "uuid"), ("fields", "jsonb"), ("updated_at", "timestamptz"),
)  # fmt: skip
_KEYS = (("company_domain", "text"), ("external_customer_id", "text"), ("external_id_connector", "uuid"))
_INSERTED = (
    "company_name", "owner_id", "fields", "updated_at",
    "company_domain", "external_customer_id", "external_id_connector",
    "id", "organization_id", "created_at", "created_run",
)  # fmt: skip


def write(organization_id: UUID, writes: AccountWrites, *, by: Author, now: datetime) -> None:
    """Under `transaction(organization_id)`, which the batch was matched in."""
    at = time_column(now)
    moved = [account for key, account in writes.updated.items() if key in writes.moved]
    others = [account for key, account in writes.updated.items() if key not in writes.moved]
    # A column that is set costs its indexes also where its value stays.
    key = ("id", "uuid")
    update(TABLE, key, _OTHERS, ((*_other_columns(one, at), id_column(one.account_id)) for one in others))
    update(
        TABLE,
        key,
        _OTHERS + _KEYS,
        ((*_other_columns(one, at), *_key_columns(one), id_column(one.account_id)) for one in moved),
    )
    organization, run = id_column(organization_id), id_column(by.run_id)
    insert(
        TABLE,
        _INSERTED,
        (
            (*_other_columns(one, at), *_key_columns(one), account_id, organization, at, run)
            for one, account_id in zip(writes.created.values(), id_columns(writes.created), strict=True)
        ),
    )
    searchtexts.note(organization_id, _searched(writes))
    contact_rows.write(organization_id, writes.contacts, at)
    waiting.call(organization_id, [*writes.created.values(), *moved])
    write_changes(organization_id, list(_changes(writes)), by=by, now=now)
    names: set[str] = set()
    for _, _, changes in writes.changes:
        names.update(changes.new if isinstance(changes, Fresh) else changes)
    fields.changed(organization_id, names, now=now)


SEARCHED = frozenset(("companyName", "companyDomain", "externalCustomerId"))


def _searched(writes: AccountWrites) -> Iterator[searchtexts.Known]:
    """Accounts that are found by other words than before."""
    for account_id, created, changes in writes.changes:
        account = writes.created.get(account_id) or writes.updated.get(account_id)
        if account is not None and (created or not SEARCHED.isdisjoint(changes)):
            yield account_id, _text(account.values.get("companyName")), account.domain, account.external_id


def _other_columns(account: Candidate, at: Any) -> tuple[Any, ...]:
    custom = account.values.copy()
    name, owner = custom.pop("companyName", None), custom.pop("accountOwnerId", None)
    custom.pop("companyDomain", None)
    custom.pop("externalCustomerId", None)
    return _text(name), UUID(str(owner)).hex if owner else None, to_json(custom), at


def _key_columns(account: Candidate) -> tuple[Any, ...]:
    return (
        _text(account.domain),
        _text(account.external_id),
        id_column(account.external_id_connector) if account.external_id is not None else None,
    )


def _text(value: JSON) -> str | None:
    return None if value is None else text_column(str(value))


class ChangeRow(NamedTuple):
    """`fields`: name -> (old, new)."""

    account_id: UUID
    fields: Mapping[str, tuple[JSON, JSON]]
    created: bool = False
    contact_id: UUID | None = None


def _changes(writes: AccountWrites) -> Iterator[ChangeRow]:
    for account_id, created, changes in writes.changes:
        yield ChangeRow(account_id, changes, created)
    for account_id, contact in writes.contacts.changes:
        yield ChangeRow(account_id, contact.logged(), contact.created, contact.contact_id)


def write_changes(organization_id: UUID, rows: Sequence[ChangeRow], *, by: Author, now: datetime) -> None:
    organization, run, connector = (
        id_column(organization_id),
        id_column(by.run_id),
        id_column(by.connector_id),
    )
    actor = None if by.actor is None else to_json(by.actor)
    at = time_column(now)
    insert(
        "ropewalk_change",
        (
            "organization_id", "account_id", "contact", "run", "connector", "actor", "at", "created", "fields",
        ),
        (
            (
                organization,
                account_id,
                id_column(row.contact_id),
                run,
                connector,
                actor,
                at,
                row.created,
                to_json(_pairs(row.fields)),
            )
            for row, account_id in zip(rows, id_columns(row.account_id for row in rows), strict=True)
        ),
    )  # fmt: skip


class _Pair(msgspec.Struct, gc=False):
    old: Any
    new: Any


def _pairs(changes: Mapping[str, tuple[JSON, JSON]]) -> Mapping[str, Any]:
    if isinstance(changes, Fresh):
        return {name: _Pair(None, new) for name, new in changes.new.items()}
    return {name: _Pair(old, new) for name, (old, new) in changes.items()}


def link(organization_id: UUID, *, connector_id: UUID, key: bytes, account_id: UUID, now: datetime) -> None:
    """An admin's word on which account a match key means. The account is known to be the organization's."""
    MatchLink.objects.update_or_create(
        organization_id=organization_id,
        connector_id=connector_id,
        key=key,
        defaults={"account_id": account_id},
        create_defaults={"id": new_id(), "account_id": account_id, "created_at": now},
    )
