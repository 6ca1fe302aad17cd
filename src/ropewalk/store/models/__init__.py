"""The tables. Every unique key and index leads with the organization or with something that belongs to one.

Tables that are written by the batch carry no foreign key constraints: a check a row and key costs more than the row.
Their rows are written under the organization's lock, from ids that were read under it.
"""

from __future__ import annotations

from ropewalk.store.models.access import Attempts, Invitation, ResetLink
from ropewalk.store.models.accounts import (
    Account,
    Change,
    Contact,
    MatchLink,
    SearchText,
    TrackedField,
)
from ropewalk.store.models.audit import AuditEntry
from ropewalk.store.models.connectors import (
    Budget,
    Connector,
    Grant,
    Secret,
    Stream,
    StreamRecord,
    WaitingContact,
)
from ropewalk.store.models.people import ApiKey, Member, Organization, User
from ropewalk.store.models.pushing import PushConnector
from ropewalk.store.models.runs import LedgerRow, Run, RunState, Worker
from ropewalk.store.models.views import SavedView

__all__ = [
    "Account",
    "ApiKey",
    "Attempts",
    "AuditEntry",
    "Budget",
    "Change",
    "Connector",
    "Contact",
    "Grant",
    "Invitation",
    "LedgerRow",
    "MatchLink",
    "Member",
    "Organization",
    "PushConnector",
    "ResetLink",
    "Run",
    "RunState",
    "SavedView",
    "SearchText",
    "Secret",
    "Stream",
    "StreamRecord",
    "TrackedField",
    "User",
    "WaitingContact",
    "Worker",
]
