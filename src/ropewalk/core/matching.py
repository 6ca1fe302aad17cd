"""Matching: which account a row is (product.md §2.3).

The index holds every account that the rows of a batch could be, and is kept up to date while the batch is decided,
so that a row sees what the rows before it did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal
from uuid import UUID

import msgspec

from ropewalk.core.drafts import MatchKeys
from ropewalk.core.mapping import Mode
from ropewalk.core.values import JSON


class ContactState(msgspec.Struct):
    """`values`: name, phone and role, as far as they are set."""

    contact_id: UUID
    email: str
    source: str
    is_primary: bool
    values: dict[str, str] = msgspec.field(default_factory=dict)


class Candidate(msgspec.Struct):
    """An account as it stands. `values` holds its set fields, built-in ones too, `accountOwnerId` as text.

    `external_id_connector` is who set the external id; None where it was set by hand, or there is none.
    """

    account_id: UUID
    external_id: str | None = None
    domain: str | None = None
    external_id_connector: UUID | None = None
    values: dict[str, JSON] = msgspec.field(default_factory=dict)
    deleted: bool = False
    contacts: dict[str, ContactState] = msgspec.field(default_factory=dict)

    def summary(self) -> dict[str, JSON]:
        """What a ledger row shows of a candidate."""
        return {
            "account_id": str(self.account_id),
            "companyName": self.values.get("companyName"),
            "companyDomain": self.domain,
            "externalCustomerId": self.external_id,
        }


Accounts = dict[UUID, Candidate]


class _Domain(msgspec.Struct):
    """The accounts of one domain, by who set their external id: a reseller's domain may have thousands."""

    live: dict[UUID | None, Accounts] = msgspec.field(default_factory=dict)
    dead: dict[UUID | None, Accounts] = msgspec.field(default_factory=dict)


class Index:
    """`by_domain` False: nobody will ask who has a domain."""

    def __init__(
        self,
        candidates: Iterable[Candidate] = (),
        links: Mapping[bytes, UUID] | None = None,
        *,
        by_domain: bool = True,
    ) -> None:
        self.by_id: Accounts = {}
        self.links: dict[bytes, UUID] = dict(links or {})
        self._live_ids: dict[str, Candidate] = {}
        self._dead_ids: dict[str, Accounts] = {}
        self._domains: dict[str, _Domain] = {}
        self._by_domain = by_domain
        for candidate in candidates:
            self.add(candidate)

    def __len__(self) -> int:
        return len(self.by_id)

    def add(self, candidate: Candidate) -> None:
        """Adding an account again replaces what was known of it."""
        self.discard(candidate.account_id)
        self.by_id[candidate.account_id] = candidate
        if candidate.external_id is not None:
            if candidate.deleted:
                self._dead_ids.setdefault(candidate.external_id, {})[candidate.account_id] = candidate
            else:
                self._live_ids[candidate.external_id] = candidate
        if candidate.domain is not None and self._by_domain:
            domain = self._domains.get(candidate.domain)
            if domain is None:
                domain = self._domains[candidate.domain] = _Domain()
            groups = domain.dead if candidate.deleted else domain.live
            groups.setdefault(_id_setter(candidate), {})[candidate.account_id] = candidate

    def discard(self, account_id: UUID) -> None:
        candidate = self.by_id.pop(account_id, None)
        if candidate is None:
            return
        if candidate.external_id is not None:
            if candidate.deleted:
                del self._dead_ids[candidate.external_id][account_id]
            elif self._live_ids.get(candidate.external_id) is candidate:
                del self._live_ids[candidate.external_id]
        if candidate.domain is not None and self._by_domain:
            domain = self._domains[candidate.domain]
            groups = domain.dead if candidate.deleted else domain.live
            del groups[_id_setter(candidate)][account_id]

    def holder(self, external_id: str) -> Candidate | None:
        """The live account that has this external id."""
        return self._live_ids.get(external_id)

    def tombstones(self, external_id: str) -> list[Candidate]:
        dead = self._dead_ids.get(external_id)
        return list(dead.values()) if dead else []

    def of_domain(
        self, name: str, *, deleted: bool = False, except_ids_of: UUID | None = None
    ) -> list[Candidate]:
        """`except_ids_of` leaves out the accounts whose external id that connector set."""
        domain = self._domains.get(name)
        if domain is None:
            return []
        groups = domain.dead if deleted else domain.live
        return list(_accounts(groups, except_ids_of))


def _id_setter(candidate: Candidate) -> UUID | None:
    return None if candidate.external_id is None else candidate.external_id_connector


def _accounts(groups: dict[UUID | None, Accounts], except_ids_of: UUID | None) -> Iterator[Candidate]:
    for connector, accounts in groups.items():
        if connector is None or connector != except_ids_of:
            yield from accounts.values()


class Match(msgspec.Struct, frozen=True):
    """`id_holder` is the live account that has the row's external id, whatever was matched by."""

    kind: Literal["one", "none", "ambiguous", "deleted"]
    candidate: Candidate | None = None
    candidates: tuple[Candidate, ...] = ()
    id_holder: Candidate | None = None


def match(keys: MatchKeys, mode: Mode, index: Index, connector_id: UUID) -> Match:
    """A link comes first; then the external id, then the domain, as far as the mode uses them."""
    holder = None if keys.external_id is None else index.holder(keys.external_id)
    linked = index.by_id.get(index.links.get(keys.link_key(mode), _NOBODY)) if index.links else None
    if linked is not None:
        return Match("deleted" if linked.deleted else "one", linked, id_holder=holder)
    if mode != "domain" and keys.external_id is not None:
        if holder is not None:
            return Match("one", holder, id_holder=holder)
        if dead := index.tombstones(keys.external_id):
            return Match("deleted", dead[-1])
    if mode == "external_id" or keys.domain is None:
        return Match("none", id_holder=holder)
    # Who has another external id from this very connector is another of its customers (subsidiaries).
    others = connector_id if mode == "domain_and_external_id" and keys.external_id is not None else None
    live = index.of_domain(keys.domain, except_ids_of=others)
    if len(live) == 1:
        return Match("one", live[0], id_holder=holder)
    if live:
        return Match("ambiguous", candidates=tuple(live), id_holder=holder)
    if dead := index.of_domain(keys.domain, deleted=True, except_ids_of=others):
        return Match("deleted", dead[-1], id_holder=holder)
    return Match("none", id_holder=holder)


_NOBODY = UUID(int=0)
