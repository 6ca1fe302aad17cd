"""Drafts: what one record says about an account, in normal forms, before anybody looks for the account.

Only here is it decided what a mapped value means: which are match keys, which become contacts or the owner, and
what makes a row unusable. What a draft holds is exactly what its digest covers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from ropewalk.core import limits, normalise
from ropewalk.core.errors import RowRefused
from ropewalk.core.mapping import INGEST_ONLY, MATCH_FIELDS, Mode
from ropewalk.core.reasons import shown
from ropewalk.core.values import JSON, canonical, digest


class MatchKeys(NamedTuple):
    """Normal forms. Free-mail domains are no keys."""

    domain: str | None = None
    external_id: str | None = None

    def link_key(self, mode: Mode) -> bytes:
        """What a row is known by once an admin has settled which account it is.

        Where the external id can identify the row it does so alone, so that the link outlives a change of domain.
        By domain, an id that is mapped as well tells apart the rows that share the domain.
        """
        if mode != "domain" and self.external_id is not None:
            return digest(canonical(["external_id", self.external_id]))
        return digest(canonical(["domain", self.domain, self.external_id]))


class Owners(msgspec.Struct, frozen=True):
    """The members of the organization. Emails are lower case."""

    ids: frozenset[str] = frozenset()
    by_email: Mapping[str, str] = msgspec.field(default_factory=dict)


class AccountDraft(msgspec.Struct):
    """`values` are what to write: target -> value, None clears. `said` is all that the record says, as bytes, without
    the notices."""

    values: dict[str, JSON]
    keys: MatchKeys
    contact_email: str | None = None
    end_users: tuple[str, ...] = ()
    notices: dict[str, int] = {}
    said: bytes = b""

    def notice(self, code: str) -> None:
        self.notices[code] = self.notices.get(code, 0) + 1

    def digest(self, salt: bytes = b"") -> bytes:
        return digest(self.said, salt)


def account_draft(mapped: dict[str, Any], mode: Mode, owners: Owners) -> AccountDraft:
    """Raises `RowRefused`: missing_match_value, free_mail_domain, invalid_domain or invalid_value."""
    values: dict[str, JSON] = mapped.copy()
    keys = match_keys(mapped, values, mode)
    draft = AccountDraft(values, keys)
    if "companyName" in mapped:
        values["companyName"] = _company_name(mapped["companyName"])
    if not _SAID_OTHERWISE.isdisjoint(mapped):
        for name in _SAID_OTHERWISE.intersection(mapped):
            del values[name]
        _set_owner(mapped, draft, owners)
        _set_contacts(mapped, draft)
    draft.said = canonical([values, keys, draft.contact_email, draft.end_users])  # type: ignore[list-item]
    if len(draft.said) > limits.VALUE_BYTES or b"\\u0000" in draft.said:
        for name, value in values.items():
            check_size(name, value)
    return draft


_SAID_OTHERWISE = frozenset(("accountOwnerId", *INGEST_ONLY))
"""Targets whose values aren't written as they are."""


_NESTED = (list, dict)


def check_size(name: str, value: JSON) -> None:
    """Refuses what can't be stored: more than 64 KiB, or a NUL, which PostgreSQL has no way to keep."""
    if isinstance(value, str):
        # No character takes more than four bytes.
        too_long = len(value) > limits.VALUE_BYTES // 4 and len(value.encode()) > limits.VALUE_BYTES
        has_nul = "\0" in value
    elif not isinstance(value, _NESTED):
        return
    else:
        data = canonical(value)
        too_long = len(data) > limits.VALUE_BYTES
        has_nul = b"\\u0000" in data and _has_nul(value)
    if too_long:
        raise RowRefused(
            "invalid_value",
            f"{name} holds more than {limits.VALUE_BYTES // 1024} KiB: {shown(value)} Map a part of it instead.",
        )
    if has_nul:
        raise RowRefused(
            "invalid_value",
            f"{name} holds a NUL character, which can't be stored: {shown(value)} Fix it at the source.",
        )


def _has_nul(value: JSON) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, list):
        return any(map(_has_nul, value))
    if isinstance(value, dict):
        return any("\0" in key or _has_nul(item) for key, item in value.items())
    return False


# ---- match values ----


def match_keys(mapped: dict[str, Any], values: dict[str, JSON], mode: Mode) -> MatchKeys:
    """Puts the normal forms into `values`. Raises `RowRefused` where nothing is left to match by."""
    free_mail = _match_values(mapped, values, mode)
    keys = MatchKeys(values.get("companyDomain"), values.get("externalCustomerId"))  # type: ignore[arg-type]
    _require_match_value(keys, mode, free_mail)
    return keys


def _match_values(mapped: dict[str, Any], values: dict[str, JSON], mode: Mode) -> str | None:
    """Puts the normal forms into `values`; answers the free-mail domain that was left out, if one was."""
    free_mail = None
    if "companyDomain" in mapped:
        values["companyDomain"] = name = _domain(mapped["companyDomain"])
        if name is not None and normalise.is_free_mail(name):
            free_mail = name
            del values["companyDomain"]
        elif name is None and not _may_clear("companyDomain", mode):
            del values["companyDomain"]
    if "externalCustomerId" in mapped:
        values["externalCustomerId"] = external_id = _external_id(mapped["externalCustomerId"])
        if external_id is None and not _may_clear("externalCustomerId", mode):
            del values["externalCustomerId"]
    return free_mail


def _may_clear(name: str, mode: Mode) -> bool:
    return name not in MATCH_FIELDS[mode]


def _domain(value: JSON) -> str | None:
    name = normalise.domain(value) if isinstance(value, str) else None
    if name is not None or _is_empty(value):
        return name
    if isinstance(value, list):
        raise RowRefused(
            "invalid_domain", f"companyDomain {shown(value)} is a list. Add the transform first."
        )
    raise RowRefused(
        "invalid_domain",
        f"companyDomain {shown(value)} is not a domain. Map a path that holds a domain, a URL or an email.",
    )


def _external_id(value: JSON) -> str | None:
    external_id = normalise.external_id(value)
    if external_id is not None or _is_empty(value):
        return external_id
    raise RowRefused(
        "invalid_value",
        f"externalCustomerId {shown(value)} can't be an id. "
        f"Map a path that holds a text of at most {normalise.EXTERNAL_ID_CHARS} characters or a number.",
    )


def _is_empty(value: JSON) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _require_match_value(keys: MatchKeys, mode: Mode, free_mail: str | None) -> None:
    if (mode != "external_id" and keys.domain is not None) or (
        mode != "domain" and keys.external_id is not None
    ):
        return
    if free_mail is not None and mode != "external_id":
        raise RowRefused(
            "free_mail_domain",
            f"{free_mail} is a free-mail provider, so it names no company. "
            "Map a company's own domain, or match by external id.",
        )
    missing = " and ".join(MATCH_FIELDS[mode])
    raise RowRefused(
        "missing_match_value",
        f"The record has no value for {missing}, so no account can be found for it. "
        "Map a path that every record fills, or fix the record at the source.",
    )


# ---- name, owner, contacts ----


def _company_name(value: JSON) -> str | None:
    if isinstance(value, bool | list | dict):
        raise RowRefused(
            "invalid_value", f"companyName {shown(value)} is not a text. Map a path that holds the name."
        )
    return value if value is None or isinstance(value, str) else str(value)


def _set_owner(mapped: dict[str, Any], draft: AccountDraft, owners: Owners) -> None:
    """A valid id wins over an email. An owner that nobody is leaves the account's owner as it is, with a notice."""
    asked = [(name, mapped[name]) for name in ("accountOwnerId", "accountOwnerEmail") if name in mapped]
    if not asked:
        return
    given = [(name, value) for name, value in asked if value is not None and value != ""]
    unknown = False
    for name, value in given:
        member = _member(name, value, owners)
        if member is not None:
            draft.values["accountOwnerId"] = member
            break
        unknown = True
    else:
        if not given:
            draft.values["accountOwnerId"] = None
    if unknown:
        draft.notice("owner_not_found")


def _member(name: str, value: JSON, owners: Owners) -> str | None:
    if not isinstance(value, str):
        return None
    folded = value.strip().lower()
    if name == "accountOwnerEmail":
        return owners.by_email.get(folded)
    return folded if folded in owners.ids else None


def _set_contacts(mapped: dict[str, Any], draft: AccountDraft) -> None:
    primary = mapped.get("contactEmail")
    if primary is not None and primary != "":
        draft.contact_email = normalise.email(primary) if isinstance(primary, str) else None
        if draft.contact_email is None:
            draft.notice("invalid_contact_email")
    users = mapped.get("endUsers")
    if isinstance(users, str):
        users = users.split(",")
    elif users is None:
        return
    elif not isinstance(users, list):
        users = [users]
    emails: set[str] = set()
    for user in users:
        if user is None or (isinstance(user, str) and not user.strip()):
            continue
        email = normalise.email(user) if isinstance(user, str) else None
        if email is None:
            draft.notice("invalid_contact_email")
        else:
            emails.add(email)
    # Sorted: the order in which a source lists them says nothing.
    draft.end_users = tuple(sorted(emails - {draft.contact_email or ""}))
