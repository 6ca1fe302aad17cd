"""The rows of an account stream: drafts, the accounts they could be, and what deciding them writes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from ropewalk.core import decide, mapping, matching
from ropewalk.core.decide import Decision, Policy
from ropewalk.core.drafts import AccountDraft, Owners, account_draft
from ropewalk.core.fieldtypes import FieldTypes
from ropewalk.core.mapping import INGEST_ONLY, MATCH_FIELDS, Mode
from ropewalk.core.matching import Index, Match
from ropewalk.engine.runs.progress import Progress
from ropewalk.engine.runs.stage import Stage
from ropewalk.store import accounts, fields, people
from ropewalk.store.accounts import AccountWrites
from ropewalk.store.ids import new_id


class AccountRows:
    """A `Subject` (engine.runs.apply) for one run. It learns field types as it goes; a batch that is rolled back ends it."""

    def __init__(
        self,
        organization_id: UUID,
        connector_id: UUID,
        settings: Any,
        left_out: Collection[str],
        stage: Stage,
    ) -> None:
        self._stage = stage
        self._mode: Mode = settings.matching
        self._owners = people.owners(organization_id)
        self.plan = mapping.compile(settings.mapping, left_out, fields.spelling(organization_id))
        self.keys = mapping.keys(settings.mapping, self._mode)
        self._with_contacts = not self.plan.targets.isdisjoint(INGEST_ONLY[1:])
        types = FieldTypes(fields.types(organization_id))
        named = () if settings.create_missing else MATCH_FIELDS[self._mode]
        held = decide.held({name: accounts.examples(organization_id, name) for name in named})
        self._policy = Policy(self._mode, settings.create_missing, connector_id, new_id, types, held)
        self._index = Index()
        self._writes = AccountWrites()
        self._matched: tuple[AccountDraft, Match] | None = None

    def draft(self, mapped: dict[str, Any]) -> AccountDraft:
        return account_draft(mapped, self._mode, self._owners)

    def load(self, drafts: Sequence[AccountDraft]) -> None:
        self._leave_out_who_left(drafts)
        keys = [draft.keys for draft in drafts]
        by_domain = self._mode != "external_id"
        self._index = Index(
            *self._stage.candidates(
                external_ids=list({key.external_id for key in keys if key.external_id is not None}),
                domains=list({key.domain for key in keys if key.domain is not None}) if by_domain else (),
                link_keys=(key.link_key(self._mode) for key in keys),
                emails=self._emails(drafts) if self._with_contacts else None,
            ),
            by_domain=by_domain,
        )
        self._writes = AccountWrites()
        self._matched = None

    def _leave_out_who_left(self, drafts: Sequence[AccountDraft]) -> None:
        """Members may go while a run does."""
        named = {draft.values.get("accountOwnerId") for draft in drafts} - {None}
        left = named - self._stage.members() if named else set()
        for draft in drafts if left else ():
            if draft.values.get("accountOwnerId") in left:
                del draft.values["accountOwnerId"]
                draft.notice("owner_not_found")

    def _emails(self, drafts: Sequence[AccountDraft]) -> list[str]:
        found = {email for draft in drafts for email in draft.end_users}
        found.update(draft.contact_email for draft in drafts if draft.contact_email is not None)
        return list(found)

    def loaded(self) -> Sequence[UUID]:
        return list(self._index.by_id)

    def find(self, draft: AccountDraft) -> UUID | None:
        match = self._match(draft)
        return match.candidate.account_id if match.candidate and match.kind == "one" else None

    def passed(
        self,
        draft: AccountDraft,  # noqa: ARG002 - the candidates tell
        whole: Callable[[], bytes],  # noqa: ARG002
        decision: Decision,
    ) -> Iterable[UUID]:
        if decision.reason in ("ambiguous_match", "deleted_here"):
            return [candidate.account_id for candidate in decision.candidates]
        return ()

    def notices(self, draft: AccountDraft) -> Mapping[str, int]:
        account = self._match(draft).candidate
        return draft.notices if account is None else decide.standing_notices(draft, account)

    def decide(self, draft: AccountDraft) -> Decision:
        decision = decide.decide(draft, self._match(draft), self._policy)
        self._matched = None
        self._writes.take(decision, decide.apply(decision, self._index))
        return decision

    def _match(self, draft: AccountDraft) -> Match:
        """Asked for a draft again, before anything was decided, it is what it was."""
        if self._matched is None or self._matched[0] is not draft:
            found = matching.match(draft.keys, self._mode, self._index, self._policy.connector_id)
            self._matched = draft, found
        return self._matched[1]

    def outdated(self, draft: AccountDraft) -> Decision:
        return decide.outdated(self._match(draft), "account")

    def write(self, taken: Sequence[Decision], progress: Progress) -> None:
        self._stage.write(self._writes, self._policy.fields.drain())
        for decision in taken:
            for contact in decision.contacts:
                progress.counts.contacts["created" if contact.created else "updated"] += 1


def link_key(settings: Any, record: dict[str, Any]) -> bytes:
    """What an admin's choice for such a record is kept under."""
    draft = account_draft(mapping.compile(settings.mapping).apply(record), settings.matching, Owners())
    return draft.keys.link_key(settings.matching)
