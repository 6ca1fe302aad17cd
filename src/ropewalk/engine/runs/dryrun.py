"""A dry run is a sync whose decisions go into a temporary file instead of the accounts (product.md §5.5): the same
reading, matching and deciding, exact counts, and nothing written but its own row and ledger."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any
from uuid import UUID

from ropewalk.core import window
from ropewalk.core.contacts import Who
from ropewalk.core.matching import Candidate
from ropewalk.core.window import Chain, Opening
from ropewalk.engine.runs.stage import Learned
from ropewalk.store import accounts, ledger, people, records
from ropewalk.store.accounts import AccountWrites
from ropewalk.store.models import Run
from ropewalk.store.overlay import Overlay, Shadow
from ropewalk.store.records import RecordState, Remembered
from ropewalk.store.transactions import moment
from ropewalk.store.waiting import Waiting

ENTRIES_AT_ONCE = 500
BYTES_AT_ONCE = 2 * 1024 * 1024


class Rehearsal:
    """A `Stage`. Reads take no transaction, and what is written to the ledger is written in moments."""

    previews = True

    def __init__(
        self,
        organization_id: UUID,
        stream_id: UUID,
        run_id: UUID,
        connector_id: UUID,
        hold: Callable[[], None],
    ) -> None:
        """`hold` raises where the run's lease is lost."""
        self._organization = organization_id
        self._stream = stream_id
        self._run = run_id
        self._connector = connector_id
        self._hold = hold
        self._overlay = Overlay()
        self._shadows: dict[UUID, Shadow] = {}

    def batch(self) -> AbstractContextManager[None]:
        return nullcontext()

    def members(self) -> frozenset[str]:
        return people.owners(self._organization).ids

    def candidates(
        self,
        *,
        external_ids: Sequence[str],
        domains: Sequence[str],
        link_keys: Iterable[bytes],
        emails: Sequence[str] | None,
    ) -> tuple[list[Candidate], dict[bytes, UUID]]:
        found, links = accounts.candidates(
            self._organization,
            connector_id=self._connector,
            external_ids=external_ids,
            domains=domains,
            link_keys=link_keys,
            emails=emails,
        )
        there = {one.account_id: one for one in found}
        having = self._overlay.having(external_ids=external_ids, domains=domains)
        self._shadows = self._overlay.shadows([*there.keys() | having])
        elsewhere = [one for one in having if one not in there and not self._shadows[one].created]
        if elsewhere:
            # Accounts that are there under other keys, and would have moved.
            moved, _ = accounts.candidates(
                self._organization, connector_id=self._connector, account_ids=elsewhere, emails=emails
            )
            there |= {one.account_id: one for one in moved}
        there |= {one: Candidate(one) for one in having if self._shadows[one].created}
        for account_id, shadow in self._shadows.items():
            if account_id in there:
                shadow.cast(there[account_id])
        return list(there.values()), links

    def known(self, raw_hashes: Sequence[bytes], *, periodic: bool) -> dict[bytes, int]:
        found = records.known(self._organization, self._stream, raw_hashes, periodic=periodic)
        replaced = self._overlay.replaced(list(found.values()))
        kept = {raw: number for raw, number in found.items() if number not in replaced}
        return kept | self._overlay.known(raw_hashes)

    def by_subject(self, subject_ids: Sequence[UUID], *, periodic: bool) -> dict[UUID, RecordState]:
        there = records.by_subject(self._organization, self._stream, subject_ids, periodic=periodic)
        return there | self._overlay.records(subject_ids)

    def write(self, writes: AccountWrites, learned: Learned) -> None:  # noqa: ARG002 - types stay as they are
        touched: dict[UUID, Shadow] = {}
        for account_id, created, changes in writes.changes:
            shadow = self._shadow(account_id, touched, created=created)
            shadow.change(changes)
            if "externalCustomerId" in changes:
                account = writes.created.get(account_id) or writes.updated[account_id]
                shadow.id_setter = account.external_id_connector
        for account_id, contact in writes.contacts.states():
            self._shadow(account_id, touched).contacts[contact.email] = contact
        self._overlay.put(touched)

    def _shadow(self, account_id: UUID, touched: dict[UUID, Shadow], *, created: bool = False) -> Shadow:
        shadow = touched.setdefault(account_id, self._shadows.get(account_id) or Shadow())
        shadow.created |= created
        return shadow

    def remember(self, rows: Iterable[Remembered], *, periodic: bool) -> Sequence[int]:  # noqa: ARG002
        states: dict[UUID, RecordState] = {}
        new: list[int] = []
        for row in rows:
            number = row.number
            if number is None:
                number = self._overlay.new_number()
                new.append(number)
            states[row.subject_id] = RecordState(number, row.raw_hash, row.draft_hash)
        self._overlay.put_records(states)
        return new

    def wait(self, rows: Sequence[Waiting], no_more: Collection[Who]) -> None:
        """Nobody waits for what is only imagined."""

    def enter(self, entries: Sequence[ledger.Entry]) -> None:
        for few in _few(entries):
            with moment():
                ledger.write(self._organization, self._run, few)
                self._hold()

    def close(self) -> None:
        self._overlay.close()


def _few(entries: Sequence[ledger.Entry]) -> Iterator[list[ledger.Entry]]:
    """As many as are written within a moment, which is all that others wait for them."""
    few: list[ledger.Entry] = []
    size = 0
    for entry in entries:
        few.append(entry)
        size += entry.size
        if len(few) >= ENTRIES_AT_ONCE or size >= BYTES_AT_ONCE:
            yield few
            few, size = [], 0
    if few:
        yield few


# ---- the run that follows ----


def previewed(run: Run) -> dict[str, Any]:
    """Of the dry run that this one applies, its window and its counts; empty where it applies none."""
    kept: dict[str, Any] = run.settings.get("previewed") or {}
    return kept


def window_of(opening: Opening) -> dict[str, Any]:
    """What a dry run keeps of its window, for the run that applies it."""
    return {
        "since": opening.since.isoformat() if opening.since else None,
        "full": opening.full,
        "resume": opening.resume,
    }


def same_window(now: datetime, kept: Mapping[str, Any], chain: Chain | None) -> Opening:
    """Where a dry run went on from the place of a truncated run, and that is still the stream's, so does this one;
    else it reads the window from its start."""
    if chain is not None and kept["resume"] is not None and chain.paging == kept["resume"]:
        return window.open(now, watermark=None, chain=chain, scope=chain.scope)
    since = datetime.fromisoformat(kept["since"]) if kept["since"] else None
    return Opening(now, since, kept["full"])


def differs(previewed: Mapping[str, int], counts: Mapping[str, int]) -> dict[str, int]:
    """By outcome, how many rows more or fewer than the dry run said; rows themselves aren't compared."""
    more = {name: counts[name] - previewed.get(name, 0) for name in counts if name != "processed"}
    return {name: count for name, count in more.items() if count}
