"""Pushed events erased for good: all their versions, and the files that no other event has."""

from __future__ import annotations

from uuid import UUID

from ropewalk.core.actors import Actor
from ropewalk.core.errors import NotFound
from ropewalk.core.pushed import keys_of_account
from ropewalk.engine.clock import Clock
from ropewalk.engine.events import pushedevents
from ropewalk.store import alignment, audit, byhand
from ropewalk.store.events.installed import events
from ropewalk.store.transactions import transaction
from ropewalk.store.uploads import uploads


def of_account(organization_id: UUID, actor: Actor, account_id: UUID, clock: Clock) -> int:
    """Every event that names the account, also where it names others; of one that was deleted, too. How many they were.

    In batches: what is interrupted is begun again."""
    account = byhand.get(organization_id, account_id, deleted=None)
    keys = keys_of_account(account.company_domain, account.external_customer_id)
    erased = 0
    _note(organization_id, actor, account_id, clock, {"account": str(account)})
    exact = bool(keys) and alignment.is_spelled_otherwise(account)
    while keys:
        removed = events().erase_account(organization_id, keys, exact_id=exact)
        if not removed.events:
            break
        events().discard(organization_id, removed.uploads, uploads().delete)
        erased += removed.events
    return erased


def one(organization_id: UUID, actor: Actor, source: str, external_id: str, clock: Clock) -> int:
    connector = pushedevents.sourced(organization_id, source)
    if events().get(organization_id, connector.id, external_id) is None:
        raise NotFound("event")
    _note(organization_id, actor, external_id[:64], clock, {"source": source, "external_id": external_id})
    removed = events().erase_event(organization_id, connector.id, external_id)
    events().discard(organization_id, removed.uploads, uploads().delete)
    return removed.events


def _note(
    organization_id: UUID, actor: Actor, about: UUID | str, clock: Clock, detail: dict[str, str]
) -> None:
    """Before it is done: whatever happens then, somebody has asked for it."""
    with transaction(organization_id):
        audit.record(organization_id, actor, "event.erased", about, now=clock.now(), detail=detail)
