"""A list of accounts as CSV (RFC 4180), written while it is read, however long it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from ropewalk.core.actors import Actor
from ropewalk.engine import account_lists, ranks
from ropewalk.engine.account_lists import AccountList
from ropewalk.engine.clock import Clock
from ropewalk.store import audit, people, search
from ropewalk.store.models import Account
from ropewalk.store.transactions import moment

_STEERS: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula where a cell begins with it."""
_MARK: Final = "\ufeff"
"""By which spreadsheets know UTF-8."""

Cell = Callable[[Account], Any]


def export(organization_id: UUID, actor: Actor, parts: Mapping[str, str], clock: Clock) -> Iterator[str]:
    """Asked for, refused and noted at once; the text comes in pieces, as it is taken. `parts`: `account_lists.read`."""
    ranks.require_admin(organization_id, actor)
    listed = account_lists.read(organization_id, parts)
    with moment():
        detail = {"list": dict(parts)}
        audit.record(organization_id, actor, "account.exported", now=clock.now(), detail=detail)
    return _pieces(organization_id, listed)


def _pieces(organization_id: UUID, listed: AccountList) -> Iterator[str]:
    emails = people.owners(organization_id).by_email
    cells = _cells({member_id: email for email, member_id in emails.items()})
    columns = [cells.get(name) or _custom(name) for name in listed.columns]
    yield _MARK + _written([listed.columns])
    for accounts in search.every(organization_id, listed.wanted):
        yield _written([[_safe(cell(account)) for cell in columns] for account in accounts])


def _cells(emails: Mapping[str, str]) -> dict[str, Cell]:
    return {
        "account_id": lambda account: str(account.id),
        "companyName": lambda account: account.company_name,
        "companyDomain": lambda account: account.company_domain,
        "externalCustomerId": lambda account: account.external_customer_id,
        "accountOwnerId": lambda account: account.owner_id and str(account.owner_id),
        account_lists.OWNER_EMAIL: lambda account: emails.get(str(account.owner_id)),
        "created_at": lambda account: _time(account.created_at),
        "updated_at": lambda account: _time(account.updated_at),
    }


def _custom(name: str) -> Cell:
    return lambda account: account.fields.get(name)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _safe(value: Any) -> Any:
    """Numbers stay numbers, whatever they begin with."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return value
        case str():
            return f"'{value}" if value.startswith(_STEERS) else value
    return msgspec.json.encode(value).decode()


def _written(rows: Any) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()
