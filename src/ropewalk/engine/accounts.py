"""Accounts and contacts by hand: each verb one transaction, one line in the audit log, one in the history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from ropewalk.core.actors import Actor
from ropewalk.core.checking import Settings, check
from ropewalk.core.errors import MustFix, Problem
from ropewalk.core.mapping import BUILT_IN
from ropewalk.engine import ranks
from ropewalk.engine.clock import Clock
from ropewalk.store import audit, byhand, contacts
from ropewalk.store.models import Account, Contact
from ropewalk.store.transactions import transaction


class AccountBody(Settings):
    """The built-in fields beside the custom ones. What a value may be is the store's to say, name by name."""

    companyName: Any = None
    companyDomain: Any = None
    externalCustomerId: Any = None
    accountOwnerId: Any = None
    fields: dict[str, Any] = {}


class ContactBody(Settings):
    email: Any = None
    name: Any = None
    phone: Any = None
    role: Any = None
    isPrimary: Any = None


# ---- accounts ----


def create_account(
    organization_id: UUID,
    actor: Actor,
    body: Mapping[str, Any],
    clock: Clock,
    *,
    unread: Sequence[Problem] = (),
) -> Account:
    """`unread`: what a form could not read into the body; with it, nothing is saved, and all problems are told."""
    now = clock.now()
    with _by_an_admin(organization_id, actor), _all_problems(AccountBody, body, unread) as given:
        account = byhand.create(organization_id, _values(given), actor=_author(actor), now=now)
        audit.record(
            organization_id,
            actor,
            "account.created",
            account.id,
            now=clock.now(),
            detail={"fields": sorted(_values(given))},
        )
    return account


def edit_account(
    organization_id: UUID,
    actor: Actor,
    account_id: UUID,
    body: Mapping[str, Any],
    clock: Clock,
    *,
    unread: Sequence[Problem] = (),
) -> Account:
    """Sets what is given, null clears; what is left out stays. `unread` as above."""
    with _by_an_admin(organization_id, actor), _all_problems(AccountBody, body, unread) as given:
        account = byhand.edit(
            organization_id, account_id, _values(given), actor=_author(actor), now=clock.now()
        )
        audit.record(
            organization_id,
            actor,
            "account.edited",
            account_id,
            now=clock.now(),
            detail={"fields": sorted(_values(given))},
        )
    return account


def delete_account(organization_id: UUID, actor: Actor, account_id: UUID, clock: Clock) -> None:
    """Its keys stay behind: syncs skip it as `deleted_here` until it is restored."""
    with _by_an_admin(organization_id, actor):
        name = str(byhand.get(organization_id, account_id))
        byhand.delete(organization_id, account_id, actor=_author(actor), now=clock.now())
        audit.record(
            organization_id, actor, "account.deleted", account_id, now=clock.now(), detail={"name": name}
        )


def restore_account(organization_id: UUID, actor: Actor, account_id: UUID, clock: Clock) -> Account:
    with _by_an_admin(organization_id, actor):
        account = byhand.restore(organization_id, account_id, actor=_author(actor), now=clock.now())
        audit.record(
            organization_id,
            actor,
            "account.restored",
            account_id,
            now=clock.now(),
            detail={"name": str(account)},
        )
    return account


def _values(given: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: given[name] for name in BUILT_IN if name in given}, **given.get("fields", {})}


# ---- contacts ----


def create_contact(
    organization_id: UUID, actor: Actor, account_id: UUID, body: Mapping[str, Any], clock: Clock
) -> Contact:
    with _by_an_admin(organization_id, actor), _all_problems(ContactBody, body) as given:
        contact = contacts.create(organization_id, account_id, given, actor=_author(actor), now=clock.now())
        _note_contact(organization_id, actor, "contact.created", contact, clock)
    return contact


def edit_contact(
    organization_id: UUID, actor: Actor, contact_id: UUID, body: Mapping[str, Any], clock: Clock
) -> Contact:
    with _by_an_admin(organization_id, actor), _all_problems(ContactBody, body) as given:
        contact = contacts.edit(organization_id, contact_id, given, actor=_author(actor), now=clock.now())
        _note_contact(organization_id, actor, "contact.edited", contact, clock, {"fields": sorted(given)})
    return contact


def delete_contact(organization_id: UUID, actor: Actor, contact_id: UUID, clock: Clock) -> None:
    with _by_an_admin(organization_id, actor):
        contact = contacts.get(organization_id, contact_id)
        _note_contact(organization_id, actor, "contact.deleted", contact, clock)
        contacts.delete(organization_id, contact_id, actor=_author(actor), now=clock.now())


# ---- bodies ----


@contextmanager
def _all_problems(
    model: type[Settings], body: Mapping[str, Any], unread: Sequence[Problem] = ()
) -> Iterator[dict[str, Any]]:
    """What is left of the body without what has no place in it; the problems of both come out as one error."""
    shape = [*unread, *_shape_problems(model, body)]
    wrong = {problem.path for problem in shape}
    given = {name: value for name, value in body.items() if name not in wrong}
    custom = {name: value for name, value in given.get("fields", {}).items() if f"fields.{name}" not in wrong}
    if "fields" in given:
        given["fields"] = custom
    try:
        yield given
    except MustFix as error:
        found = [Problem(_path(one.path, custom), one.message) for one in error.problems]
        raise MustFix(error.code, error.message, [*shape, *found]) from None
    if shape:
        # Whatever was written goes back with the transaction around this.
        raise MustFix("invalid", "Some of this can't be taken as it is.", shape)


def _path(path: str, custom: Mapping[str, Any]) -> str:
    return f"fields.{path}" if path in custom else path


def _shape_problems(model: type[Settings], body: Mapping[str, Any]) -> list[Problem]:
    found: list[Problem] = []
    try:
        check(model, body)
    except MustFix as error:
        found += error.problems
    custom = body.get("fields")
    if isinstance(custom, Mapping):
        found += [
            Problem(f"fields.{name}", f"{name} is no custom field; give it beside `fields`.")
            for name in BUILT_IN
            if name in custom
        ]
    return found


# ---- who, and the audit log ----


@contextmanager
def _by_an_admin(organization_id: UUID, actor: Actor) -> Iterator[None]:
    ranks.require_admin(organization_id, actor)
    with transaction(organization_id):
        yield


def _author(actor: Actor) -> Any:
    return actor.record()


def _note_contact(
    organization_id: UUID,
    actor: Actor,
    verb: str,
    contact: Contact,
    clock: Clock,
    detail: Mapping[str, Any] | None = None,
) -> None:
    kept = {"account_id": str(contact.account_id), "email": contact.email, **(detail or {})}
    audit.record(organization_id, actor, verb, contact.id, now=clock.now(), detail=kept)
