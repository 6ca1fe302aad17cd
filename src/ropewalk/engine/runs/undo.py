"""Undoing a run from the change log, backwards, in batches (product.md §5.5). A batch is one transaction with the
undo's own progress, so that a killed undo goes on where it was."""

from __future__ import annotations

from datetime import datetime
from typing import cast
from uuid import UUID

from msgspec import Struct, field

from ropewalk.core import limits
from ropewalk.core.counts import Counts
from ropewalk.core.decide import same
from ropewalk.core.errors import RopewalkError
from ropewalk.core.matching import Candidate
from ropewalk.core.reasons import CHANGED_SINCE
from ropewalk.core.undo import LoggedChange, Standing
from ropewalk.core.values import JSON
from ropewalk.engine.logs import Log
from ropewalk.engine.runs.execution import Execution
from ropewalk.store import accounts, byhand, ledger, people, reversal, runs, streams
from ropewalk.store.accounts import AccountWrites, Author, ChangeRow
from ropewalk.store.reversal import ContactRow
from ropewalk.store.transactions import transaction

log = Log(__name__)

_LABELS = ("companyName", "companyDomain", "externalCustomerId", "email")
Changes = dict[str, tuple[JSON, JSON]]


class _Batch(Struct):
    """Accounts and contacts as they are while the batch is undone, and what is still to be written."""

    standing: Standing
    accounts: dict[UUID, Candidate]
    contacts: dict[UUID, ContactRow]
    made: set[UUID]
    claimed: set[UUID]
    owners: frozenset[str]
    writes: AccountWrites = field(default_factory=AccountWrites)
    log: list[ChangeRow] = field(default_factory=list)
    contact_writes: dict[UUID, ContactRow] = field(default_factory=dict)
    removed_accounts: set[UUID] = field(default_factory=set)
    removed_contacts: set[UUID] = field(default_factory=set)
    entries: list[ledger.Entry] = field(default_factory=list)


class _Undone(Struct, frozen=True):
    """What became of one change: what went back, and which fields stay because of whom."""

    back: Changes = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    by: tuple[UUID | None, ...] = ()
    removed: bool = False


class Undo(Execution):
    """Counts and lists the changes of the undone run, of accounts and contacts alike."""

    def begin(self) -> None:
        self.undone = runs.get(self.organization_id, cast(UUID, self.run.of_run))
        kept = runs.resumable(self.run.id).checkpoint
        self.below: int | None = kept["below"] if kept else None
        self.counts = Counts.load(
            {name: getattr(self.run, name) for name in ("counts", "reasons")} if kept else {}
        )
        if not kept:
            self._start()

    def _start(self) -> None:
        """Before anything is undone, the stream is kept from doing it again by itself."""
        total = reversal.count(self.organization_id, self.undone.id)
        with transaction(self.organization_id):
            if self.undone.stream_id is not None:
                streams.reset_baseline(self.organization_id, self.undone.stream_id)
                streams.change(self.organization_id, self.undone.stream_id, paused="undo")
            runs.progress(self.run.id, lease=self.lease, checkpoint={"below": None}, expected_total=total)

    def until_end(self) -> None:
        going_on = True
        while going_on:
            self.check_flags()
            with transaction(self.organization_id):
                going_on = self._batch()

    def tell_others(self, error: RopewalkError, now: datetime) -> None:
        """Nobody: the stream waits for somebody anyway."""

    def _batch(self) -> bool:
        now = self.clock.now()
        changes = reversal.backwards(self.organization_id, self.undone.id, below=self.below)
        if not changes:
            runs.finish(
                self.run.id,
                lease=self.lease,
                status="succeeded",
                now=now,
                verdict="complete",
                **self.counts.record(),
            )
            return False
        batch, counts = self._load(changes), self.counts.copy()
        for change in changes:
            undo = _undo_contact if change.contact_id else _undo_account
            self._count(change, undo(change, batch), batch, counts)
        self._write(batch, now)
        runs.progress(self.run.id, lease=self.lease, checkpoint={"below": changes[-1].id}, **counts.record())
        self.counts, self.below = counts, changes[-1].id
        return True

    # Reading

    def _load(self, changes: list[LoggedChange]) -> _Batch:
        organization_id = self.organization_id
        about = list({change.account_id for change in changes})
        made = reversal.made_by(organization_id, about, self.undone.id)
        rest = [account for account in about if account not in made]
        # Of the accounts that the run created everything counts that ever happened to them.
        told = reversal.log_since(organization_id, list(made), 0)
        told += reversal.log_since(organization_id, rest, changes[-1].id)
        by = {change.run_id for change in told if change.run_id is not None}
        standing = Standing(reversal.undoes(organization_id, by))
        standing.add(told)
        found, _ = accounts.candidates(
            organization_id, connector_id=self.undone.connector_id, account_ids=about
        )
        contacts = reversal.contacts(organization_id, about)
        made_here = {each.contact_id for each in changes if each.created}
        created = [one for one in contacts.values() if one.id in made_here]
        claimed = reversal.claimed(organization_id, list(made), self.undone.stream_id)
        claimed |= reversal.claimed_contacts(organization_id, created, self.undone.stream_id)
        return _Batch(
            standing,
            {account.account_id: account for account in found},
            contacts,
            made,
            claimed,
            people.owners(organization_id).ids,
        )

    # Counting

    def _count(self, change: LoggedChange, undone: _Undone, batch: _Batch, counts: Counts) -> None:
        done = undone.back or undone.removed
        outcome = "updated" if done else "skipped" if undone.kept else "unchanged"
        counts.counts[outcome] += 1
        if undone.kept:
            counts.reasons[CHANGED_SINCE] += 1
        about: dict[str, JSON] = {"account_id": str(change.account_id)}
        if change.contact_id is not None:
            about["contact_id"] = str(change.contact_id)
        account = batch.accounts.get(change.account_id)
        # Of one that has just gone, what it had.
        values: dict[str, JSON] = {name: old for name, (old, _) in undone.back.items()}
        if account is not None:
            values = account.values
        label = next((values[name] for name in _LABELS if values.get(name)), None)
        if label is not None:
            about["name"] = label
        listed = counts.reasons[CHANGED_SINCE] if undone.kept else counts.counts[outcome]
        if listed <= limits.LEDGER_ROWS_PER_REASON:
            batch.entries.append(
                ledger.Entry(
                    counts.processed,
                    outcome,
                    CHANGED_SINCE if undone.kept else "",
                    _sentence(change, undone),
                    about,
                    changes={name: {"old": old, "new": new} for name, (old, new) in undone.back.items()}
                    or None,
                )
            )

    # Writing

    def _write(self, batch: _Batch, now: datetime) -> None:
        organization_id = self.organization_id
        by = Author(run_id=self.run.id, connector_id=self.undone.connector_id)
        for gone in batch.removed_accounts:
            batch.writes.updated.pop(gone, None)
        accounts.write(organization_id, batch.writes, by=by, now=now)
        accounts.write_changes(organization_id, batch.log, by=by, now=now)
        rows = (row for key, row in batch.contact_writes.items() if key not in batch.removed_contacts)
        reversal.write_contacts(rows, now=now)
        reversal.remove_contacts(organization_id, batch.removed_contacts)
        reversal.remove_accounts(organization_id, batch.removed_accounts)
        ledger.write(organization_id, self.run.id, batch.entries)


# ---- one change ----


def _undo_account(change: LoggedChange, batch: _Batch) -> _Undone:
    account = batch.accounts.get(change.account_id)
    if account is None:
        return _Undone()
    standing = batch.standing
    if change.account_id in batch.made:
        # It stays whole, or goes.
        others = standing.others(change, whole_account=True)
        if others or change.account_id in batch.claimed:
            return _Undone(kept=tuple(change.fields), by=tuple(others))
    if change.created:
        return _remove(change, batch, account.values)
    back: Changes = {}
    kept: list[str] = []
    by: dict[UUID | None, None] = {}
    for name, (old, new) in change.fields.items():
        current = account.values.get(name)
        if standing.gone(change, name):
            continue
        if not standing.last(change, name):
            kept.append(name)
            by[standing.setter(change, name)] = None
        elif not same(current, new):
            # Not by anybody who has to say so: a member left, and their accounts have no owner now.
            kept.append(name)
        else:
            standing.take_back(change, name)
            back[name] = (current, _possible(name, old, batch))
    if back:
        _put_back(account, back, batch)
    return _Undone(back, tuple(kept), tuple(by))


def _possible(name: str, old: JSON, batch: _Batch) -> JSON:
    return None if name == "accountOwnerId" and old not in batch.owners else old


def _put_back(account: Candidate, back: Changes, batch: _Batch) -> None:
    for name, (_, old) in back.items():
        if old is None:
            account.values.pop(name, None)
        else:
            account.values[name] = old
    account_id, writes = account.account_id, batch.writes
    if not back.keys().isdisjoint(("companyDomain", "externalCustomerId")):
        writes.moved.add(account_id)
        account.domain = cast(str | None, account.values.get("companyDomain"))
        account.external_id = cast(str | None, account.values.get("externalCustomerId"))
    writes.updated[account_id] = account
    writes.changes.append((account_id, False, back))


def _undo_contact(change: LoggedChange, batch: _Batch) -> _Undone:
    contact = batch.contacts.get(cast(UUID, change.contact_id))
    if contact is None:
        return _Undone()
    standing = batch.standing
    if change.created:
        others = standing.others(change)
        if others or contact.id in batch.claimed:
            return _Undone(kept=tuple(change.fields), by=tuple(others))
        return _remove(change, batch, contact.values)
    back: Changes = {}
    kept: list[str] = []
    by: dict[UUID | None, None] = {}
    for name, (old, _) in change.fields.items():
        if standing.gone(change, name):
            continue
        if not standing.last(change, name):
            kept.append(name)
            by[standing.setter(change, name)] = None
        elif name == "isPrimary" and old and _other_primary(contact, batch):
            kept.append(name)
        else:
            standing.take_back(change, name)
            back[name] = (contact.values[name], old)
            contact.values[name] = old
    if back:
        batch.contact_writes[contact.id] = contact
        batch.log.append(ChangeRow(change.account_id, back, contact_id=contact.id))
    return _Undone(back, tuple(kept), tuple(by))


def _other_primary(contact: ContactRow, batch: _Batch) -> bool:
    return any(
        other.account_id == contact.account_id and other.id != contact.id and other.values["isPrimary"]
        for other in batch.contacts.values()
    )


def _remove(change: LoggedChange, batch: _Batch, values: dict[str, JSON]) -> _Undone:
    back: Changes = {name: (values.get(name), None) for name in change.fields}
    for name in change.fields:
        if batch.standing.last(change, name):
            batch.standing.take_back(change, name)
    row = {**back, byhand.DELETED: (False, True)}
    batch.log.append(ChangeRow(change.account_id, row, contact_id=change.contact_id))
    if change.contact_id is None:
        batch.removed_accounts.add(change.account_id)
        del batch.accounts[change.account_id]
    else:
        batch.removed_contacts.add(change.contact_id)
        del batch.contacts[change.contact_id]
    return _Undone(back, removed=True)


def _sentence(change: LoggedChange, undone: _Undone) -> str:
    what = "contact" if change.contact_id else "account"
    if undone.removed:
        return f"The run had created this {what}; it is gone again."
    if not undone.kept:
        return (
            "" if undone.back else f"This {what} is gone already, or what the run changed has been put back."
        )
    who = " and ".join(dict.fromkeys("by hand" if run is None else f"by run {run}" for run in undone.by))
    since = f" since{', ' + who if who else ''}"
    if change.created:
        return f"The run had created this {what}, which has been used{since}; it stays."
    return f"{', '.join(undone.kept)} changed{since}: kept as it is."
