"""Deciding what one row does to the accounts (product.md §2.1, §2.3, §5.2). It changes nothing but what it is told to.

"The latest change wins" is settled before: a row whose draft is the one applied last is never decided. One that is
decided speaks for all its fields, so it is compared with what the account holds now, whoever wrote that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

import msgspec

from ropewalk.core.drafts import AccountDraft
from ropewalk.core.errors import RowRefused
from ropewalk.core.fieldtypes import FieldTypes
from ropewalk.core.mapping import BUILT_IN, Mode
from ropewalk.core.matching import Candidate, ContactState, Index, Match
from ropewalk.core.reasons import outcome as outcome_of, shown
from ropewalk.core.values import JSON

Outcome = Literal["created", "updated", "unchanged", "skipped", "rejected"]
CANDIDATES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Policy:
    """What a run decides by. `fields` learns the types of what is written. `held` says what accounts have where a
    row's match value is nobody's."""

    mode: Mode
    create_missing: bool
    connector_id: UUID
    new_id: Callable[[], UUID]
    fields: FieldTypes = field(default_factory=FieldTypes)
    held: str = ""


@dataclass(frozen=True, slots=True)
class ContactChange:
    """A contact made, or one that lost its mark as the primary to a new one."""

    contact_id: UUID
    email: str
    created: bool
    is_primary: bool


class Decision(msgspec.Struct, frozen=True):
    # A struct: one is made for every row, and a frozen dataclass takes 2 µs to make.

    outcome: Outcome
    reason: str = ""
    message: str = ""
    account_id: UUID | None = None
    changes: Mapping[str, tuple[JSON, JSON]] = {}
    contacts: tuple[ContactChange, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    notices: Mapping[str, int] = {}
    sets_external_id: UUID | None = None
    """The connector, where `changes` set the external id."""

    @property
    def writes(self) -> bool:
        return self.outcome in ("created", "updated")


def refused(error: RowRefused) -> Decision:
    """The decision for a row that got no further than its record or its draft."""
    return Decision(outcome_of(error.code), error.code, error.message)


def decide(draft: AccountDraft, match: Match, policy: Policy) -> Decision:
    """Doesn't touch the candidates: `apply` does, once the decision stands."""
    try:
        if match.candidate is not None and match.kind == "one":
            return _update(draft, match.candidate, match.id_holder, policy)
        if match.kind == "deleted":
            return _deleted(match)
        if match.kind == "ambiguous":
            return _ambiguous(draft, match)
        if not policy.create_missing:
            return _no_match(draft, policy)
        return _create(draft, match.id_holder, policy)
    except RowRefused as error:
        return refused(error)


def apply(decision: Decision, index: Index) -> Candidate | None:
    """Brings the index up to a decision that writes; answers the account as it is now, None if nothing changed."""
    if not decision.writes or decision.account_id is None:
        return None
    account = index.by_id.get(decision.account_id) or Candidate(decision.account_id)
    moved = decision.outcome == "created" or not decision.changes.keys().isdisjoint(_KEYS)
    if moved:
        index.discard(account.account_id)
    for name, (_, new) in decision.changes.items():
        if new is None:
            del account.values[name]
        else:
            account.values[name] = new
    if moved:
        account.domain = _text(account.values.get("companyDomain"))
        account.external_id = _text(account.values.get("externalCustomerId"))
        if "externalCustomerId" in decision.changes:
            account.external_id_connector = decision.sets_external_id
        index.add(account)
    for change in decision.contacts:
        if change.created:
            account.contacts[change.email] = ContactState(
                change.contact_id, change.email, "sync", change.is_primary
            )
        else:
            account.contacts[change.email].is_primary = change.is_primary
    return account


_KEYS = frozenset(("companyDomain", "externalCustomerId"))


def _text(value: JSON) -> str | None:
    return value if isinstance(value, str) else None


# ---- writing ----


def _create(draft: AccountDraft, id_holder: Candidate | None, policy: Policy) -> Decision:
    if id_holder is not None:
        return _id_conflict(draft, id_holder)
    changes: dict[str, tuple[JSON, JSON]] = {
        name: (None, value) for name, value in draft.values.items() if value is not None
    }
    notices = draft.notices | _observe(changes, policy.fields)
    return Decision(
        "created",
        account_id=policy.new_id(),
        changes=changes,
        contacts=_contacts(draft, {}, policy.new_id),
        notices=notices,
        sets_external_id=policy.connector_id if "externalCustomerId" in changes else None,
    )


def _update(draft: AccountDraft, account: Candidate, id_holder: Candidate | None, policy: Policy) -> Decision:
    changes: dict[str, tuple[JSON, JSON]] = {}
    current = account.values
    for name, new in draft.values.items():
        old = current.get(name)
        if old is not new and not same(old, new):
            changes[name] = (old, new)
    if "externalCustomerId" in changes:
        if account.external_id is not None:
            # Only matching by the id itself may rely on it, and then it can't differ: it is somebody's key, so it stays.
            del changes["externalCustomerId"]
        elif id_holder is not None:
            return _id_conflict(draft, id_holder)
    notices = standing_notices(draft, account) | _observe(changes, policy.fields)
    contacts = _contacts(draft, account.contacts, policy.new_id)
    return Decision(
        "updated" if changes or contacts else "unchanged",
        account_id=account.account_id,
        changes=changes,
        contacts=contacts,
        notices=notices,
        sets_external_id=policy.connector_id if "externalCustomerId" in changes else None,
    )


def standing_notices(draft: AccountDraft, account: Candidate) -> dict[str, int]:
    """What is told of a draft every time that it comes, whether it changes something or not."""
    notices = dict(draft.notices)
    mapped = draft.keys.external_id
    if mapped is not None and account.external_id is not None and mapped != account.external_id:
        notices["external_id_differs"] = 1
    return notices


def _observe(changes: Mapping[str, tuple[JSON, JSON]], fields: FieldTypes) -> dict[str, int]:
    notices: dict[str, int] = {}
    written = {name: new for name, (_, new) in changes.items() if name not in BUILT_IN}
    if written:
        fields.require_room(written)
        widened = [name for name, value in written.items() if fields.observe(name, value) == "widened"]
        if widened:
            notices["type_widened"] = len(widened)
    return notices


def same(one: JSON, other: JSON) -> bool:
    """Equal as JSON: true isn't 1, and 1.0 is 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _contacts(
    draft: AccountDraft, known: Mapping[str, ContactState], new_id: Callable[[], UUID]
) -> tuple[ContactChange, ...]:
    changes: list[ContactChange] = []
    if draft.contact_email is not None and draft.contact_email not in known:
        primaries = [contact for contact in known.values() if contact.is_primary]
        takes_mark = all(contact.source == "sync" for contact in primaries)
        if takes_mark:
            changes.extend(ContactChange(c.contact_id, c.email, False, False) for c in primaries)
        changes.append(ContactChange(new_id(), draft.contact_email, True, takes_mark))
    changes.extend(
        ContactChange(new_id(), email, True, False) for email in draft.end_users if email not in known
    )
    return tuple(changes)


# ---- not writing ----


def _no_match(draft: AccountDraft, policy: Policy) -> Decision:
    return Decision(
        "skipped",
        "no_match",
        f"No account has {_keys(draft, policy.mode)}{policy.held}. "
        'Turn on "Create new accounts when no match is found", or fix the match field.',
        notices=draft.notices,
    )


def _keys(draft: AccountDraft, mode: Mode) -> str:
    found = []
    if mode != "domain" and draft.keys.external_id is not None:
        found.append(f"the external id {shown(draft.keys.external_id)}")
    if mode != "external_id" and draft.keys.domain is not None:
        found.append(f"the domain {shown(draft.keys.domain)}")
    return " or ".join(found)


def held(examples: Mapping[str, Sequence[str]]) -> str:
    """Match values that accounts have, by field, as a part of a sentence."""
    told = []
    for name, values in examples.items():
        noun = _NOUNS[name]
        listed = ", ".join(map(shown, values))
        told.append(f"accounts have {noun}s like {listed}" if values else f"no account has any {noun} yet")
    return f"; {' and '.join(told)}" if told else ""


_NOUNS = {"companyDomain": "domain", "externalCustomerId": "external id"}


def _ambiguous(draft: AccountDraft, match: Match) -> Decision:
    # Ids are made in the order of time: the oldest first.
    candidates = sorted(match.candidates, key=lambda candidate: candidate.account_id)
    return Decision(
        "skipped",
        "ambiguous_match",
        f"{len(candidates)} accounts have the domain {shown(draft.keys.domain)}. "
        "Choose the right one here, or match by external id.",
        candidates=tuple(candidates[:CANDIDATES_SHOWN]),
        notices=draft.notices,
    )


def _deleted(match: Match) -> Decision:
    account = match.candidate
    assert account is not None
    called = _called(account)
    return Decision(
        "skipped",
        "deleted_here",
        f"{called[0].upper()}{called[1:]} was deleted by hand. Restore it, and the next change at the source is taken again.",
        account_id=account.account_id,
        candidates=(account,),
    )


def _id_conflict(draft: AccountDraft, holder: Candidate) -> Decision:
    return Decision(
        "skipped",
        "external_id_conflict",
        f"The external id {shown(draft.keys.external_id)} already belongs to {_called(holder)}. "
        "Match by external id, or correct the id there or at the source.",
        candidates=(holder,),
        notices=draft.notices,
    )


def _called(account: Candidate) -> str:
    label = account.values.get("companyName") or account.domain or account.external_id
    return f"the account {shown(label)}" if label else "an account"
