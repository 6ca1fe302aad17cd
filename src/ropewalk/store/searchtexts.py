"""By what accounts are searched, many to a row: so a part of a name is found among a million without a look at each.

An index of all parts would cost a first load a third of its time; this costs it nothing that can be measured. What is
written stays when an account changes, beside what it says now: whoever finds an account here looks whether it is so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Count, Sum

from ropewalk.store.database import (
    any_of,
    batches,
    each_row,
    id_column,
    insert,
    mapped,
    on_postgres,
    rows_at_a_time,
    rows_of,
    text_column,
)
from ropewalk.store.models import Account, SearchText
from ropewalk.store.transactions import transaction

TABLE = "ropewalk_searchtext"
LINES = 500
FEWEST = 20_000
"""Below so many, looking at each account is as fast."""
MOST = 500
"""What more accounts have is found soon by looking at them in the order that is wanted."""
SOME = 25
"""Rows that show whether many have it: counting in all of them would take longer than finding them."""
_SCATTERED = 500
_READ = 25
"""Rows in memory, of some 30 KB each."""
_TELLING = 3
"""Letters that few rows have together by chance."""
_LONGEST = 100
_RARE = 50
"""One letter in so many is seldom met."""

Known = tuple[UUID, str | None, str | None, str | None]
"""An account, and its name, domain and external id."""


def note(organization_id: UUID, accounts: Iterable[Known]) -> None:
    """In the transaction that writes them."""
    insert(TABLE, ("organization_id", "lines", "texts", "accounts"), _rows(organization_id, accounts))


def _rows(organization_id: UUID, accounts: Iterable[Known]) -> Iterator[tuple[object, ...]]:
    organization = id_column(organization_id)
    for few in batches(accounts, LINES):
        texts = "\n".join(_line(*said) for _, *said in few)
        yield organization, len(few), text_column(texts), b"".join(one.bytes for one, *_ in few)


def _line(*said: str | None) -> str:
    return "\x1f".join(filter(None, said)).lower().replace("\n", " ")


def has_many(organization_id: UUID) -> bool:
    """Whether looking at each account takes a while."""
    mine = SearchText.objects.filter(organization_id=organization_id)
    return bool(mine.aggregate(lines=Sum("lines", default=0))["lines"] >= FEWEST)


def find(organization_id: UUID, text: str) -> list[UUID] | None:
    """The accounts that have it, or had it. None: look at each, because there are few, or because many have it."""
    wanted = text.lower()
    if "\n" in wanted or not has_many(organization_id):
        return None
    there = _with(organization_id, wanted, SOME)
    if len(there) == SOME and sum(often for _, often in there) <= MOST:
        there += _with(organization_id, wanted, MOST + 1, before=there[-1][0])
    if sum(often for _, often in there) > MOST:
        return None
    found: list[UUID] = []
    for texts, accounts in _read(organization_id, [row for row, _ in there]):
        ids = bytes(accounts)
        found += (
            UUID(bytes=ids[16 * place : 16 * place + 16])
            for place, line in enumerate(texts.split("\n"))
            if wanted in line
        )
    return found


def _with(organization_id: UUID, wanted: str, most: int, *, before: int = 2**63 - 1) -> list[tuple[Any, ...]]:
    """The newest rows that have it, and how often each."""
    if on_postgres():
        return rows_of(
            f"SELECT id, (length(texts) - length(replace(texts, %s, ''))) / %s FROM {TABLE}"
            f" WHERE organization_id = %s AND id < %s AND strpos(texts, %s) > 0 ORDER BY id DESC LIMIT {most}",
            [wanted, len(wanted), id_column(organization_id), before, wanted],
        )
    mine, parameters = "organization_id = %s AND id < %s", [id_column(organization_id), before]
    newest = rows_of(f"SELECT texts FROM {TABLE} WHERE {mine} ORDER BY id DESC LIMIT 1", parameters)
    if not newest:
        return []
    with mapped():
        likely = rows_at_a_time(
            f"SELECT id, texts FROM {TABLE} WHERE {mine} AND texts GLOB %s ORDER BY id DESC",
            [*parameters, _pattern(wanted, newest[0][0])],
            _READ,
        )
        with closing(likely):
            counted = ((row, texts.count(wanted)) for rows in likely for row, texts in rows)
            return list(islice(((row, often) for row, often in counted if often), most))


def _pattern(wanted: str, texts: str) -> str:
    """Of all texts that have what is wanted, and of some more. SQLite looks from one place of the first letter to the
    next: where that is a rare one it is through in half the time, where it is a frequent one `str.count` is faster."""
    begins = [at for at, letter in enumerate(wanted) if letter.isascii() and letter not in "*?["]
    telling = [at for at in begins if at <= len(wanted) - _TELLING] or begins
    often, first = min(((texts.count(wanted[at]), at) for at in telling), default=(len(texts), 0))
    if often > len(texts) // _RARE:
        return "*"
    return "*" + re.sub(r"[*?[]", r"[\g<0>]", wanted[first : first + _LONGEST]) + "*"


def _read(organization_id: UUID, rows: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    condition, listed = any_of("id", rows, "bigint")
    return each_row(
        f"SELECT texts, accounts FROM {TABLE} WHERE organization_id = %s AND {condition}",
        [id_column(organization_id), listed],
    )


def tidy() -> None:
    """Writes anew what is scattered over many rows, or holds more of before than of now."""
    counted = SearchText.objects.values("organization_id").annotate(rows=Count("id"), lines=Sum("lines"))
    for each in counted.order_by("organization_id"):
        of = each["organization_id"]
        if each["rows"] > _SCATTERED + 2 * (each["lines"] // LINES) or (
            each["lines"] > FEWEST and each["lines"] > 2 * Account.objects.filter(organization_id=of).count()
        ):
            rebuild(of)


def rebuild(organization_id: UUID) -> None:
    with transaction(organization_id):
        SearchText.objects.filter(organization_id=organization_id).delete()
        mine = Account.objects.filter(organization_id=organization_id).order_by("id")
        known = mine.values_list("id", "company_name", "company_domain", "external_customer_id")
        # One after the other: PostgreSQL can't be asked for more while it takes rows in.
        for few in batches(known.iterator(LINES), LINES):
            note(organization_id, few)
