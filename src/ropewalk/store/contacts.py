"""Contacts by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from ropewalk.core import normalise
from ropewalk.core.drafts import check_size
from ropewalk.core.errors import Conflict, MustFix, NotFound, Problem, RowRefused
from ropewalk.core.values import JSON
from ropewalk.store import accounts, anycase, byhand, pages
from ropewalk.store.accounts import Author, ChangeRow
from ropewalk.store.ids import new_id
from ropewalk.store.models import Contact
from ropewalk.store.pages import Listing
from ropewalk.store.transactions import transaction

_TEXTS = ("name", "phone", "role")
_SETTABLE = ("email", *_TEXTS, "isPrimary")


def listing(
    organization_id: UUID,
    *,
    account_id: UUID | None = None,
    q: str = "",
    limit: int = pages.LIMIT,
    cursor: str | None = None,
) -> Listing[Contact]:
    """Newest first; those of deleted accounts are left out."""
    if problems := anycase.too_long("q", q):
        raise MustFix("invalid_filter", "This list can't be made.", problems)
    found = _living(organization_id).select_related("account")
    if account_id is not None:
        byhand.get(organization_id, account_id)
        found = found.filter(account_id=account_id)
    if q.strip():
        found = found.filter(email__icontains=q.strip()) | found.filter(name__icontains=q.strip())
    return pages.newest_first(found, limit=limit, cursor=cursor)


def get(organization_id: UUID, contact_id: UUID) -> Contact:
    found = _living(organization_id).filter(id=contact_id).first()
    if found is None:
        raise NotFound("contact")
    return found


def _living(organization_id: UUID) -> QuerySet[Contact, Contact]:
    return Contact.objects.filter(
        organization_id=organization_id, account__organization_id=organization_id, account__deleted_at=None
    )


def create(
    organization_id: UUID, account_id: UUID, values: Mapping[str, JSON], *, actor: JSON, now: datetime
) -> Contact:
    """`values`: email, and optionally name, phone, role, isPrimary."""
    with transaction(organization_id):
        byhand.get(organization_id, account_id)
        checked = _checked({"email": None, **values})
        contact = Contact(
            id=new_id(),
            organization_id=organization_id,
            account_id=account_id,
            source="manual",
            created_at=now,
            updated_at=now,
        )
        changes = _set(contact, checked)
        changes["source"] = (None, "manual")
        _require_free_email(contact)
        contact.save(force_insert=True)
        _record(contact, changes, actor, now, created=True)
    return contact


def edit(
    organization_id: UUID, contact_id: UUID, values: Mapping[str, JSON], *, actor: JSON, now: datetime
) -> Contact:
    with transaction(organization_id):
        contact = get(organization_id, contact_id)
        changes = _set(contact, _checked(values))
        if changes:
            _require_free_email(contact)
            contact.updated_at = now
            contact.save()
            _record(contact, changes, actor, now)
    return contact


def delete(organization_id: UUID, contact_id: UUID, *, actor: JSON, now: datetime) -> None:
    with transaction(organization_id):
        contact = get(organization_id, contact_id)
        changes: dict[str, tuple[JSON, JSON]] = {
            name: (value, None) for name, value in _values(contact).items() if value is not None
        }
        _record(contact, {**changes, byhand.DELETED: (False, True)}, actor, now)
        contact.delete()


def _values(contact: Contact) -> dict[str, JSON]:
    return {
        "email": contact.email or None,
        "name": contact.name,
        "phone": contact.phone,
        "role": contact.role,
        "isPrimary": contact.is_primary,
    }


def _set(contact: Contact, values: Mapping[str, JSON]) -> dict[str, tuple[JSON, JSON]]:
    before = _values(contact)
    changes = {name: (before[name], value) for name, value in values.items() if before[name] != value}
    for name, (_, new) in changes.items():
        setattr(contact, "is_primary" if name == "isPrimary" else name, new)
    return changes


def _record(
    contact: Contact,
    changes: Mapping[str, tuple[JSON, JSON]],
    actor: JSON,
    now: datetime,
    *,
    created: bool = False,
) -> None:
    """With the mark that others lose to it: an account has one primary."""
    rows = [ChangeRow(contact.account_id, changes, created, contact.id)]
    if changes.get("isPrimary", (None, False))[1]:
        others = Contact.objects.filter(
            organization_id=contact.organization_id, account_id=contact.account_id, is_primary=True
        ).exclude(id=contact.id)
        rows += [
            ChangeRow(contact.account_id, {"isPrimary": (True, False)}, contact_id=other.id)
            for other in others
        ]
        others.update(is_primary=False, updated_at=now)
    accounts.write_changes(contact.organization_id, rows, by=Author(actor=actor), now=now)


def _require_free_email(contact: Contact) -> None:
    same = Contact.objects.filter(
        organization_id=contact.organization_id, account_id=contact.account_id, email=contact.email
    )
    if same.exclude(id=contact.id).exists():
        raise Conflict(f"This account has a contact {contact.email} already.")


def _checked(values: Mapping[str, JSON]) -> dict[str, JSON]:
    problems: list[Problem] = []
    checked: dict[str, JSON] = {}
    for name, value in values.items():
        if name not in _SETTABLE:
            problems.append(Problem(name, f"A contact has no {name}; it has {', '.join(_SETTABLE)}."))
        elif name == "email":
            email = normalise.email(value) if isinstance(value, str) else None
            checked[name] = email
            if email is None:
                problems.append(Problem(name, "A contact needs an email address such as ada@example.com."))
        elif name == "isPrimary":
            checked[name] = value
            if not isinstance(value, bool):
                problems.append(Problem(name, "isPrimary is true or false."))
        elif value is not None and not isinstance(value, str):
            problems.append(Problem(name, f"{name} has to be a text."))
        else:
            checked[name] = (value or "").strip() or None
            try:
                check_size(name, value)
            except RowRefused as error:
                problems.append(Problem(name, error.message))
    if problems:
        raise MustFix("invalid_contact", "The contact can't be saved like this.", problems)
    return checked
