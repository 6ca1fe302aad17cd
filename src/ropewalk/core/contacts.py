"""Contacts of a stream: what one record says about a contact, and what that does (product.md §2.4). Contacts never
make accounts, and say nothing about the one that they belong to.

"The latest change wins" as for accounts (core.decide).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec

from ropewalk.core import limits, normalise
from ropewalk.core.decide import ContactChange, Decision, ambiguous, deleted_here, keys_of
from ropewalk.core.drafts import MatchKeys, check_size, match_keys
from ropewalk.core.errors import RowRefused
from ropewalk.core.mapping import CONTACT_TEXTS
from ropewalk.core.matching import Match
from ropewalk.core.reasons import shown
from ropewalk.core.values import JSON, canonical, digest

MatchBy = Literal["domain", "external_id"]
OWN_IDS = ("id", "_id", "Id", "ID", "uuid")
"""Where records have an id of their own."""


class Who(NamedTuple):
    """What tells one contact from another while its account is not known: its email and what it is matched by. And
    `person`, which stays when the match value changes: its email and its record's own id, where that has one."""

    identity: str
    person: str | None


class ContactDraft(msgspec.Struct):
    """`values`: name, phone and role as far as they were given, None clears. `said` is all of it, as bytes. `about` is
    its subject, once its account is known."""

    email: str
    keys: MatchKeys
    values: dict[str, str | None]
    notices: dict[str, int] = {}
    said: bytes = b""
    own_id: str | None = None
    about: UUID | None = None

    def who(self) -> Who:
        identity = digest(canonical([self.email, self.keys])).hex()  # type: ignore[list-item]
        if self.own_id is None:
            return Who(identity, None)
        return Who(identity, digest(canonical([self.email, self.own_id])).hex())

    def digest(self, salt: bytes = b"") -> bytes:
        return digest(self.said, salt)


def contact_draft(mapped: dict[str, Any], match_by: MatchBy) -> ContactDraft:
    """`mapped` may hold one of `OWN_IDS` too. Raises `RowRefused`: missing_email, invalid_email, or what `match_keys`
    raises."""
    email = _email(mapped.get("email"))
    keys = match_keys(mapped, {}, match_by)
    values = {name: _text(name, mapped[name]) for name in CONTACT_TEXTS if name in mapped}
    draft = ContactDraft(email, keys, values, own_id=_own_id(mapped))
    draft.said = canonical([email, keys, values])  # type: ignore[list-item]
    if len(draft.said) > limits.VALUE_BYTES or b"\\u0000" in draft.said:
        for name, value in values.items():
            check_size(name, value)
    return draft


def _email(value: JSON) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        raise RowRefused(
            "missing_email",
            "The record has no email, and a contact can't do without one. "
            "Map a path that every record fills, or fix the record at the source.",
        )
    if isinstance(value, list):
        raise RowRefused("invalid_email", f"email {shown(value)} is a list. Add the transform first.")
    email = normalise.email(value) if isinstance(value, str) else None
    if email is None:
        raise RowRefused(
            "invalid_email",
            f"email {shown(value)} is no email address. Map another path, or fix the record at the source.",
        )
    return email


def _own_id(mapped: Mapping[str, JSON]) -> str | None:
    for name in OWN_IDS:
        if name in mapped:
            return normalise.external_id(mapped[name])
    return None


def _text(name: str, value: JSON) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool | list | dict):
        raise RowRefused("invalid_value", f"{name} {shown(value)} is not a text. Map a path that holds one.")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None


def subject(account_id: UUID, email: str) -> UUID:
    """What a stream's memory knows a contact by. It outlives the contact: one that was deleted by hand is not made
    again by a record that says what it said before."""
    return UUID(bytes=digest(account_id.bytes + email.encode()))


class ContactDecision(Decision, frozen=True, kw_only=True):
    """One that writes."""

    change: ContactChange


def decide(
    draft: ContactDraft,
    match: Match,
    match_by: MatchBy,
    held: str,
    new_id: Callable[[], UUID],
) -> ContactDecision | Decision:
    """`held` says what accounts are known by, for who has to compare (core.decide)."""
    account = match.candidate
    if match.kind == "deleted":
        return deleted_here(match)
    if match.kind == "ambiguous":
        return ambiguous(draft, match)
    if account is None:
        return Decision("skipped", "no_match", _no_match(draft, match_by, held))
    there = account.contacts.get(draft.email)
    about = subject(account.account_id, draft.email)
    changes = _changes(draft, there.values if there else {})
    if there is not None and not changes:
        return Decision("unchanged", account_id=account.account_id, about=about)
    change = ContactChange(
        there.contact_id if there else new_id(),
        draft.email,
        there is None,
        there is not None and there.is_primary,
        changes,
    )
    return ContactDecision(
        "updated" if there else "created",
        account_id=account.account_id,
        changes=changes if there else {"email": (None, draft.email), **changes},
        about=about,
        change=change,
    )


def _changes(draft: ContactDraft, current: Mapping[str, str]) -> dict[str, tuple[str | None, str | None]]:
    return {name: (current.get(name), new) for name, new in draft.values.items() if current.get(name) != new}


def _no_match(draft: ContactDraft, match_by: MatchBy, held: str) -> str:
    return (
        f"No account has {keys_of(draft, match_by)}{held}. Contacts attach to existing accounts only: sync accounts "
        "first, or fix the match field. The contact waits, and is taken when such an account appears."
    )
