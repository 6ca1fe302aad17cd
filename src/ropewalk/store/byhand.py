"""Accounts made and changed by hand: recorded in their history as such."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from ropewalk.core import normalise
from ropewalk.core.decide import same
from ropewalk.core.drafts import check_size
from ropewalk.core.errors import Conflict, MustFix, NotFound, Problem, RowRefused
from ropewalk.core.fieldtypes import FieldTypes
from ropewalk.core.mapping import BUILT_IN, is_custom_field
from ropewalk.core.matching import Candidate
from ropewalk.core.values import JSON
from ropewalk.store import accounts, contact_rows, fields, people, records, searchtexts, waiting
from ropewalk.store.accounts import Author, ChangeRow
from ropewalk.store.ids import new_id
from ropewalk.store.models import Account
from ropewalk.store.transactions import transaction

DELETED = "$deleted"
"""How the change log spells deleting and restoring; no field can have that name."""


def get(organization_id: UUID, account_id: UUID, *, deleted: bool | None = False) -> Account:
    """A deleted account is found by who asks for it as such; None: whichever it is."""
    rows = Account.objects.filter(organization_id=organization_id, id=account_id)
    if deleted is not None:
        rows = rows.filter(deleted_at__isnull=not deleted)
    found = rows.first()
    if found is None:
        raise NotFound("account")
    return found


def values_of(account: Account) -> dict[str, JSON]:
    """Built-in and custom fields that have a value, as core spells them."""
    built_in = {
        "companyName": account.company_name,
        "companyDomain": account.company_domain,
        "externalCustomerId": account.external_customer_id,
        "accountOwnerId": str(account.owner_id) if account.owner_id else None,
    }
    return {**account.fields, **{name: value for name, value in built_in.items() if value is not None}}


def create(
    organization_id: UUID,
    values: Mapping[str, JSON],
    *,
    actor: JSON,
    now: datetime,
    account_id: UUID | None = None,
) -> Account:
    with transaction(organization_id):
        account = Account(
            id=account_id or new_id(), organization_id=organization_id, created_at=now, updated_at=now
        )
        checked = {
            name: value for name, value in _checked(organization_id, values, now).items() if value is not None
        }
        if not checked:
            raise MustFix("empty_account", "Give at least one value, such as the name of the company.")
        _set(account, checked)
        _require_free_id(account)
        account.save(force_insert=True)
        _call_contacts(account)
        changes = {name: (None, value) for name, value in checked.items()}
        _record(account, changes, actor, now, created=True)
    return account


def edit(
    organization_id: UUID, account_id: UUID, values: Mapping[str, JSON], *, actor: JSON, now: datetime
) -> Account:
    """Sets what is given, None clears; what is left out stays."""
    with transaction(organization_id):
        account = get(organization_id, account_id)
        current = values_of(account)
        checked = _checked(organization_id, values, now)
        changes = {
            name: (current.get(name), value)
            for name, value in checked.items()
            if not same(current.get(name), value)
        }
        if changes:
            _set(account, {name: new for name, (_, new) in changes.items()})
            if "externalCustomerId" in changes:
                account.external_id_connector = None
                _require_free_id(account)
            account.updated_at = now
            account.save()
            _call_contacts(account)
            _record(account, changes, actor, now)
    return account


def give_up_owner(organization_id: UUID, member_id: UUID, *, actor: JSON, now: datetime) -> None:
    """Before the member goes: their accounts, deleted ones too, are without an owner then."""
    with transaction(organization_id):
        owned = Account.objects.filter(organization_id=organization_id, owner_id=member_id)
        change: dict[str, tuple[JSON, JSON]] = {"accountOwnerId": (str(member_id), None)}
        rows = [ChangeRow(account_id, change) for account_id in owned.values_list("id", flat=True)]
        owned.update(owner=None, updated_at=now)
        accounts.write_changes(organization_id, rows, by=Author(actor=actor), now=now)
        fields.changed(organization_id, change if rows else (), now=now)


def delete(organization_id: UUID, account_id: UUID, *, actor: JSON, now: datetime) -> None:
    """Leaves a tombstone, which syncs skip; their next rows for it say so, also where they repeat themselves."""
    with transaction(organization_id):
        account = get(organization_id, account_id)
        account.deleted_at = account.updated_at = now
        account.save()
        records.forget_subjects(
            organization_id, [account_id, *contact_rows.subjects(organization_id, [account_id])]
        )
        _record(account, {DELETED: (False, True)}, actor, now)


def restore(organization_id: UUID, account_id: UUID, *, actor: JSON, now: datetime) -> Account:
    with transaction(organization_id):
        account = get(organization_id, account_id, deleted=True)
        account.deleted_at = None
        account.updated_at = now
        _require_free_id(account)
        account.save()
        _call_contacts(account)
        _record(account, {DELETED: (True, False)}, actor, now)
    return account


def _call_contacts(account: Account) -> None:
    """Those that wait for such an account."""
    known = Candidate(account.id, account.external_customer_id, account.company_domain)
    waiting.call(account.organization_id, [known])


def _record(
    account: Account,
    changes: Mapping[str, tuple[JSON, JSON]],
    actor: JSON,
    now: datetime,
    *,
    created: bool = False,
) -> None:
    if created or not accounts.SEARCHED.isdisjoint(changes):
        known = (account.id, account.company_name, account.company_domain, account.external_customer_id)
        searchtexts.note(account.organization_id, [known])
    row = ChangeRow(account.id, changes, created)
    accounts.write_changes(account.organization_id, [row], by=Author(actor=actor), now=now)
    fields.changed(account.organization_id, changes, now=now)


def _set(account: Account, values: Mapping[str, JSON]) -> None:
    custom = dict(account.fields)
    for name, value in values.items():
        text = None if value is None else str(value)
        if name == "companyName":
            account.company_name = text
        elif name == "companyDomain":
            account.company_domain = text
        elif name == "externalCustomerId":
            account.external_customer_id = text
        elif name == "accountOwnerId":
            account.owner_id = UUID(text) if text else None
        elif value is None:
            custom.pop(name, None)
        else:
            custom[name] = value
    account.fields = custom


def _require_free_id(account: Account) -> None:
    if account.external_customer_id is None:
        return
    holder = Account.objects.filter(
        organization_id=account.organization_id,
        external_customer_id=account.external_customer_id,
        deleted_at=None,
    ).exclude(id=account.id)
    if holder.exists():
        raise Conflict(
            f"The external id {account.external_customer_id} already belongs to another account.",
            code="external_id_conflict",
        )


# ---- checking ----


def _checked(organization_id: UUID, values: Mapping[str, JSON], now: datetime) -> dict[str, JSON]:
    """The values in normal form, custom ones under the spelling that the field has. All problems at once."""
    problems: list[Problem] = []
    checked: dict[str, JSON] = {}
    types = FieldTypes(fields.types(organization_id))
    spelling = {name.casefold(): name for name in types.types}
    for name, value in values.items():
        try:
            if name in BUILT_IN:
                checked[name] = _built_in(organization_id, name, value)
            elif not is_custom_field(name):
                problems.append(
                    Problem(name, f"{name} can't be the name of a custom field, as planTier can.")
                )
            else:
                check_size(name, value)
                checked[spelling.get(name.casefold(), name)] = value
        except RowRefused as error:
            problems.append(Problem(name, error.message))
    custom = {name: value for name, value in checked.items() if name not in BUILT_IN}
    try:
        types.require_room(custom)
        for name, value in custom.items():
            types.observe(name, value)
    except RowRefused as error:
        problems.append(Problem("", error.message))
    if problems:
        raise MustFix("invalid_account", "The account can't be saved like this.", problems)
    fields.learn(organization_id, types.drain(), now=now)
    return checked


def _built_in(organization_id: UUID, name: str, value: JSON) -> JSON:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    normal: JSON = None
    if name == "companyDomain":
        normal = normalise.domain(value) if isinstance(value, str) else None
    elif name == "externalCustomerId":
        normal = normalise.external_id(value)
    elif name == "accountOwnerId":
        members = people.owners(organization_id).ids
        normal = (
            value.strip().lower() if isinstance(value, str) and value.strip().lower() in members else None
        )
    elif isinstance(value, str):
        check_size(name, value)
        normal = value.strip()
    if normal is None:
        raise RowRefused("invalid_value", f"This {_NEEDS[name]}.")
    return normal


_NEEDS = {
    "companyName": "has to be a text",
    "companyDomain": "has to be a domain such as example.com",
    "externalCustomerId": f"has to be a number or a text of at most {normalise.EXTERNAL_ID_CHARS} characters",
    "accountOwnerId": "has to be the id of a member",
}
