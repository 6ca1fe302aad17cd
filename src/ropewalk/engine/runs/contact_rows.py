"""The rows of a contact stream: drafts, the accounts and contacts they could be, what deciding them writes, and those
that wait for their account (product.md §2.4)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from ropewalk.core import contacts, mapping, matching
from ropewalk.core.contacts import OWN_IDS, ContactDecision, ContactDraft, MatchBy, Who, contact_draft
from ropewalk.core.decide import Decision, held, outdated
from ropewalk.core.drafts import MatchKeys
from ropewalk.core.mapping import MATCH_FIELDS, MappingEntry
from ropewalk.core.matching import Index, Match
from ropewalk.engine.runs.progress import Progress
from ropewalk.engine.runs.stage import Stage
from ropewalk.store import accounts, waiting
from ropewalk.store.accounts import AccountWrites
from ropewalk.store.ids import new_id
from ropewalk.store.waiting import Waiting

_OWN_IDS = [MappingEntry(from_=name, to=name) for name in OWN_IDS]


class ContactRows:
    """A `Subject` (engine.runs.apply) for one run."""

    def __init__(
        self,
        organization_id: UUID,
        connector_id: UUID,
        settings: Any,
        left_out: Collection[str],  # noqa: ARG002 - a contact has no fields that could be switched off
        stage: Stage,
    ) -> None:
        self._connector = connector_id
        self._stage = stage
        self._match_by: MatchBy = settings.match_by
        self.plan = mapping.compile([*settings.mapping, *_OWN_IDS])
        self.keys = mapping.keys(settings.mapping, self._match_by, "email")
        named = MATCH_FIELDS[self._match_by]
        self._held = held({name: accounts.examples(organization_id, name) for name in named})
        self._matches: dict[MatchKeys, Match] = {}
        self._writes = AccountWrites()
        self._no_more: list[Who] = []
        self._waiting: list[Waiting] = []
        self._loaded: set[UUID] = set()

    def draft(self, mapped: dict[str, Any]) -> ContactDraft:
        return contact_draft(mapped, self._match_by)

    def load(self, drafts: Sequence[ContactDraft]) -> None:
        keys = {draft.keys for draft in drafts}
        index = Index(
            *self._stage.candidates(
                external_ids=[key.external_id for key in keys if key.external_id is not None],
                domains=[key.domain for key in keys if key.domain is not None],
                link_keys=(key.link_key(self._match_by) for key in keys),
                emails=list({draft.email for draft in drafts}),
            ),
            by_domain=self._match_by == "domain",
        )
        # Rows of contacts change no account: what matches stays so for the whole batch.
        self._matches = {key: matching.match(key, self._match_by, index, self._connector) for key in keys}
        for draft in drafts:
            match = self._matches[draft.keys]
            if match.kind == "one" and match.candidate is not None:
                draft.about = contacts.subject(match.candidate.account_id, draft.email)
        self._loaded = {draft.about for draft in drafts if draft.about is not None}
        self._writes = AccountWrites()
        self._no_more, self._waiting = [], []

    def loaded(self) -> Sequence[UUID]:
        return list(self._loaded)

    def find(self, draft: ContactDraft) -> UUID | None:
        return draft.about

    def passed(self, draft: ContactDraft, whole: Callable[[], bytes], decision: Decision) -> Iterable[UUID]:
        if decision.reason == "no_match":
            self._waiting.append(Waiting(waiting.key(*draft.keys), draft.who(), whole()))
        if decision.reason in ("ambiguous_match", "deleted_here"):
            self._no_more.append(draft.who())
            return [contacts.subject(one.account_id, draft.email) for one in decision.candidates]
        return ()

    def notices(self, draft: ContactDraft) -> Mapping[str, int]:
        return draft.notices

    def decide(self, draft: ContactDraft) -> Decision:
        match = self._matches[draft.keys]
        decision = contacts.decide(draft, match, self._match_by, self._held, new_id)
        if isinstance(decision, ContactDecision):
            account = match.candidate
            assert account is not None
            decision.change.apply(account)
            self._writes.contacts.take(account, decision.change)
        if match.kind == "one":
            self._no_more.append(draft.who())
        return decision

    def outdated(self, draft: ContactDraft) -> Decision:
        return outdated(self._matches[draft.keys], "contact")

    def write(self, taken: Sequence[Decision], progress: Progress) -> None:  # noqa: ARG002
        self._stage.write(self._writes, {})
        self._stage.wait(self._waiting, self._no_more)


def link_key(settings: Any, record: dict[str, Any]) -> bytes:
    """What an admin's choice for such a record is kept under."""
    draft = contact_draft(mapping.compile(settings.mapping).apply(record), settings.match_by)
    return draft.keys.link_key(settings.match_by)
