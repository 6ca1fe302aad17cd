"""The rows of a run's ledger as a page shows them: what came, what it would have changed, which accounts it could be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from django.utils.safestring import SafeString
from msgspec import Struct

from ropewalk.core import paths
from ropewalk.engine.runs import report
from ropewalk.engine.runs.report import Group
from ropewalk.store import ledger
from ropewalk.store.models import LedgerRow, Run
from ropewalk.web import fieldtexts, runtexts
from ropewalk.web.lists import Address

PAGE_ROWS: Final = 25
_RECORD_CHARS: Final = 1_500
_NAME_CHARS: Final = 120
_KEYS: Final = ("email", "companyDomain", "externalCustomerId")
_NAMES: Final = ("companyName", "name", *_KEYS)


class Change(Struct, frozen=True):
    field: str
    old: SafeString
    new: SafeString


class Row(Struct, frozen=True):
    position: int
    name: str
    keys: str
    tone: str
    outcome: str
    message: str
    changes: Sequence[Change]
    candidates: Sequence[Mapping[str, Any]]
    record: str
    is_cut: bool
    can_be_linked: bool


class Heap(Struct, frozen=True):
    """A group of the ledger, with the address that shows its rows."""

    group: Group
    tone: str
    outcome: str
    title: str
    href: str
    current: bool


class Shown(Struct, frozen=True):
    heaps: Sequence[Heap]
    chosen: Heap | None
    rows: Sequence[Row]
    next: str
    first: str


def shown(run: Run, address: Address) -> Shown:
    """The rows of the group that the address names; of the first one where it names none."""
    groups = report.groups(run)
    wanted = address.get("outcome"), address.get("reason")
    chosen = next((each for each in groups if (each.outcome, each.reason) == wanted), None)
    chosen = chosen or next(iter(groups), None)
    heaps = [
        Heap(
            each,
            *runtexts.OUTCOMES[each.outcome],
            runtexts.REASONS.get(each.reason, "") or runtexts.OUTCOMES[each.outcome][1],
            address.to(outcome=each.outcome, reason=each.reason or None),
            each is chosen,
        )
        for each in groups
    ]
    if chosen is None:
        return Shown(heaps, None, [], "", "")
    found = ledger.listing(
        run.organization_id,
        run.id,
        outcome=None if chosen.reason else chosen.outcome,
        reason=chosen.reason,
        limit=PAGE_ROWS,
        cursor=address.get("cursor") or None,
    )
    return Shown(
        heaps,
        next(each for each in heaps if each.current),
        [row(run, each) for each in found.items],
        address.to(cursor=found.next_cursor) if found.next_cursor else "",
        address.to() if address.get("cursor") else "",
    )


def row(run: Run, found: LedgerRow) -> Row:
    text = (
        found.record
        if isinstance(found.record, str)
        else json.dumps(found.record, ensure_ascii=False, indent=2)
    )
    return Row(
        found.position,
        *_told(run, found.record),
        *runtexts.OUTCOMES[found.outcome],
        found.message,
        [
            Change(
                fieldtexts.label(name), fieldtexts.shown(each["old"], ""), fieldtexts.shown(each["new"], "")
            )
            # PostgreSQL keeps no order of keys.
            for name, each in sorted((found.changes or {}).items())
        ],
        found.candidates or [],
        text[:_RECORD_CHARS],
        len(text) > _RECORD_CHARS,
        found.reason == "ambiguous_match",
    )


def _told(run: Run, record: Any) -> tuple[str, str]:
    """What the stream's mapping takes for a name, or an undo wrote down as one; and the values it is matched by."""
    if not isinstance(record, Mapping):
        return "", ""
    settings: Mapping[str, Any] = run.settings.get("stream") or {}
    mapped = {each["to"]: each.get("from") for each in settings.get("mapping") or ()}

    def values(targets: Sequence[str]) -> Iterator[str]:
        for target in targets:
            for value in (_at(record, mapped.get(target)), record.get(target)):
                if isinstance(value, str | int) and value != "":
                    yield str(value)[:_NAME_CHARS]

    keys = dict.fromkeys(values(_KEYS))
    return next(values(_NAMES), ""), ", ".join(keys)


def _at(record: Any, path: str | None) -> Any:
    return paths.get(record, paths.parse(path)) if path else None
