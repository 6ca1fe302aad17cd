"""Deciding what one row does to the accounts (product.md §2.1, §2.3, §5.2). It changes nothing but what it is told to.

"The latest change wins" is settled before: a row whose draft is the one applied last is never decided. One that is
decided speaks for all its fields, so it is compared with what the account holds now, whoever wrote that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from ropewalk.core.drafts import AccountDraft, MatchKeys
from ropewalk.core.errors import RowRefused
from ropewalk.core.fieldtypes import FieldTypes
from ropewalk.core.mapping import Mode
from ropewalk.core.matching import Candidate, ContactState, Index, Match
from ropewalk.core.reasons import CHANGED_SINCE, outcome as outcome_of, shown
from ropewalk.core.values import JSON


class Fresh(Mapping[str, tuple[JSON, JSON]]):
    """The changes of an account that is made: each value is new. Thousands of pairs a batch are spared."""

    __slots__ = ("new",)

    def __init__(self, new: dict[str, JSON]) -> None:
        self.new = new

    def __getitem__(self, name: str) -> tuple[JSON, JSON]:
        return None, self.new[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.new)

    def __len__(self) -> int:
        return len(self.new)

    def __contains__(self, name: object) -> bool:
        return name in self.new


Outcome = Literal["created", "updated", "unchanged", "skipped", "rejected"]
CANDIDATES_SHOWN = 20


class Policy(msgspec.Struct, frozen=True):
    """What a run decides by. `fields` learns the types of what is written. `held` says what accounts have where a
    row's match value is nobody's."""

    mode: Mode
    create_missing: bool
    connector_id: UUID
    new_id: Callable[[], UUID]
    fields: FieldTypes = msgspec.field(default_factory=FieldTypes)
    held: str = ""


class ContactChange(msgspec.Struct, frozen=True):
    """A contact made or changed; without `values` (name -> old and new) one that lost its mark as the primary."""

    contact_id: UUID
    email: str
    created: bool
    is_primary: bool
    values: Mapping[str, tuple[str | None, str | None]] = msgspec.field(default_factory=dict)

    def logged(self) -> Mapping[str, tuple[JSON, JSON]]:
        """What the change log says of it."""
        if self.created:
            made: dict[str, tuple[JSON, JSON]] = {
                "email": (None, self.email),
                "source": (None, "sync"),
                "isPrimary": (None, self.is_primary),
            }
            return made | dict(self.values)
        return self.values or {"isPrimary": (not self.is_primary, self.is_primary)}

    def apply(self, account: Candidate) -> None:
        contact = account.contacts.get(self.email)
        if contact is None:
            contact = account.contacts[self.email] = ContactState(
                self.contact_id, self.email, "sync", self.is_primary
            )
        contact.is_primary = self.is_primary
        for name, (_, new) in self.values.items():
            if new is None:
                del contact.values[name]
            else:
                contact.values[name] = new


class Matched(Protocol):
    """A draft, as far as finding its account goes."""

    keys: MatchKeys
    notices: dict[str, int]


class Decision(msgspec.Struct, frozen=True):
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
    about: UUID | None = None
    """What the stream's memory knows the row's subject by, where that is not the account."""

    @property
    def subject_id(self) -> UUID | None:
        return self.about or self.account_id

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
            return deleted_here(match)
        if match.kind == "ambiguous":
            return ambiguous(draft, match)
        if not policy.create_missing:
            return _no_match(draft, policy)
        return _create(draft, match.id_holder, policy)
    except RowRefused as error:
        return refused(error)


def apply(decision: Decision, index: Index) -> Candidate | None:
    """Brings the index up to a decision that writes; answers the account as it is now, None if nothing changed."""
    if not decision.writes or decision.account_id is None:
        return None
    changes = decision.changes
    account = None if isinstance(changes, Fresh) else index.by_id.get(decision.account_id)
    moved = account is None or not changes.keys().isdisjoint(_KEYS)
    if account is None:
        account = Candidate(decision.account_id, values=_set_by(changes))
    else:
        if moved:
            index.discard(account.account_id)
        # What created it may hold the same values still.
        account.values = account.values.copy()
        for name, (_, new) in changes.items():
            if new is None:
                del account.values[name]
            else:
                account.values[name] = new
    if moved:
        account.domain = _text(account.values.get("companyDomain"))
        account.external_id = _text(account.values.get("externalCustomerId"))
        if "externalCustomerId" in changes:
            account.external_id_connector = decision.sets_external_id
        index.add(account)
    for change in decision.contacts:
        change.apply(account)
    return account


def _set_by(changes: Mapping[str, tuple[JSON, JSON]]) -> dict[str, JSON]:
    return changes.new if isinstance(changes, Fresh) else {name: new for name, (_, new) in changes.items()}


_KEYS = frozenset(("companyDomain", "externalCustomerId"))


def _text(value: JSON) -> str | None:
    return value if isinstance(value, str) else None


# ---- writing ----


def _create(draft: AccountDraft, id_holder: Candidate | None, policy: Policy) -> Decision:
    if id_holder is not None:
        return _id_conflict(draft, id_holder)
    values = draft.values
    if None in values.values():
        values = {name: value for name, value in values.items() if value is not None}
    notices = _observe(draft.notices, values, policy.fields)
    return Decision(
        "created",
        account_id=policy.new_id(),
        changes=Fresh(values),
        contacts=_contacts(draft, {}, policy.new_id),
        notices=notices,
        sets_external_id=policy.connector_id if "externalCustomerId" in values else None,
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
    written = {name: new for name, (_, new) in changes.items()}
    notices = _observe(standing_notices(draft, account), written, policy.fields)
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


def _observe(notices: dict[str, int], written: Mapping[str, JSON], fields: FieldTypes) -> dict[str, int]:
    """The notices, with one of the custom fields whose type `written` widens."""
    if telling := fields.telling(written):
        fields.require_room({name: written[name] for name in telling})
        widened = sum(fields.observe(name, written[name]) == "widened" for name in telling)
        if widened:
            return notices | {"type_widened": widened}
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
    if draft.contact_email is None and not draft.end_users:
        return ()
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
        f"No account has {keys_of(draft, policy.mode)}{policy.held}. "
        'Turn on "Create new accounts when no match is found", or fix the match field.',
        notices=draft.notices,
    )


def keys_of(draft: Matched, mode: Mode) -> str:
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


def ambiguous(draft: Matched, match: Match) -> Decision:
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


def deleted_here(match: Match) -> Decision:
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


def outdated(match: Match, what: str) -> Decision:
    account = match.candidate
    return Decision(
        "skipped",
        CHANGED_SINCE,
        f"A later run has read a newer record for this {what}; this one is not applied over it.",
        candidates=(account,) if account else (),
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
