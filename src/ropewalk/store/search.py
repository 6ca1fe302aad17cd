"""The list of accounts: searched, filtered, sorted, and paged without counting, whatever its length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Expression, F, Q, QuerySet
from django.db.models.expressions import RawSQL
from msgspec import Struct

from ropewalk.core import normalise
from ropewalk.core.errors import MustFix, Problem
from ropewalk.core.mapping import BUILT_IN
from ropewalk.store import anycase, fieldindexes, fields, fieldsql, filters, pages, searchtexts
from ropewalk.store.database import batches, id_column, on_postgres
from ropewalk.store.filters import Filter
from ropewalk.store.models import Account, StreamRecord, TrackedField
from ropewalk.store.pages import Listing, bad_cursor, bounded, read_cursor, write_cursor

DEFAULT_SORT = "-created_at"
ALWAYS_THERE = ("created_at", "updated_at")
_BATCH = 1_000
FEW = 2_000
"""So many accounts are put in order as fast as they are found; what more have is soon met in the order that is wanted."""

Condition = Q | RawSQL


class Wanted(Struct, frozen=True):
    """A list but for its page."""

    q: str = ""
    sort: str = DEFAULT_SORT
    where: tuple[Filter, ...] = ()
    gone_at_source: bool | None = None
    deleted: bool = False

    @property
    def by(self) -> str:
        return self.sort.removeprefix("-")

    @property
    def down(self) -> bool:
        return self.sort.startswith("-")

    def order(self) -> list[Any]:
        if self.by == "created_at":
            return self.in_order()
        if self.down:
            return [F("sort_key").desc(nulls_last=True), "-id"]
        return [F("sort_key").asc(nulls_last=True), "id"]

    def in_order(self) -> list[str]:
        """Among accounts that have the value, or none of which has: as indexes have them."""
        names = ["id"] if self.by == "created_at" else ["sort_key", "id"]
        return [f"-{name}" if self.down else name for name in names]


def accounts(
    organization_id: UUID,
    *,
    q: str = "",
    sort: str = DEFAULT_SORT,
    where: Sequence[Filter] = (),
    gone_at_source: bool | None = None,
    deleted: bool = False,
    limit: int = pages.LIMIT,
    cursor: str | None = None,
) -> Listing[Account]:
    """`sort`: a field, created_at or updated_at, after `-` from the highest. Accounts without the value come last."""
    size = bounded(limit)
    wanted = Wanted(q, sort, tuple(where), gone_at_source, deleted)
    found, types = _selected(organization_id, wanted)
    after: Place | None = None
    if cursor is not None:
        after = _place(read_cursor(cursor), sort, of_number=types.get(wanted.by) == "number")
    return _page(found, wanted, size, after)


def every(organization_id: UUID, wanted: Wanted) -> Iterator[list[Account]]:
    """All that are listed, in the list's order, a batch at a time. What is deleted meanwhile is left out."""
    found, _ = _selected(organization_id, wanted)
    keys = found.order_by(*wanted.order()).values_list("id", flat=True).iterator(_BATCH)
    for few in batches(keys, _BATCH):
        rows = Account.objects.filter(organization_id=organization_id).in_bulk(few)
        yield [rows[account_id] for account_id in few if account_id in rows]


def require(organization_id: UUID, wanted: Wanted) -> None:
    """That there can be such a list; nothing is read of it."""
    _selected(organization_id, wanted)


def slow_sorts(organization_id: UUID, fields_of: Sequence[TrackedField]) -> set[str]:
    """The custom fields by which so many accounts would be sorted one by one."""
    if not searchtexts.has_many(organization_id):
        return set()
    built = fieldindexes.built()
    return {one.name for one in fields_of if fieldindexes.called(one.name, one.type) not in built}


def _selected(organization_id: UUID, wanted: Wanted) -> tuple[QuerySet[Account, Account], Mapping[str, str]]:
    custom = bool(wanted.where) or wanted.by not in ("created_at", "updated_at", *BUILT_IN)
    types = dict.fromkeys(BUILT_IN, "text") | (dict(fields.types(organization_id)) if custom else {})
    key, conditions = _conditions(wanted, types)
    few = None
    if text := wanted.q.strip():
        conditions.append(_searched(text))
        few = searchtexts.find(organization_id, text)
    if few is None and not wanted.deleted:
        few, reached = _reached(organization_id, wanted, types)
        conditions += reached
    if few is None:
        found = Account.objects.filter(organization_id=organization_id)
    else:
        found = Account.objects.filter(_also_of(organization_id), id__in=few)
    found = found.filter(*conditions, deleted_at__isnull=not wanted.deleted)
    if wanted.gone_at_source is not None:
        gone = StreamRecord.objects.filter(
            stream__organization_id=organization_id, gone_since__isnull=False
        ).values("subject_id")
        found = found.filter(id__in=gone) if wanted.gone_at_source else found.exclude(id__in=gone)
    return found.annotate(sort_key=key), types


def _also_of(organization_id: UUID) -> RawSQL:
    """Where ids are known. SQLite takes an organization for a few accounts, and would look at all that it has instead."""
    column = f"{fieldsql.TABLE}.organization_id"
    own = column if on_postgres() else f"+{column}"
    return RawSQL(f"{own} = %s", (id_column(organization_id),), output_field=BooleanField())  # noqa: S611


def _reached(
    organization_id: UUID, wanted: Wanted, types: Mapping[str, str]
) -> tuple[list[UUID] | None, list[Condition]]:
    """Accounts that a filter leaves, where an index shows that they are few; else what makes the database ask an index
    that has them in the order of the list. It takes one query for each filter at most: left to choose, a database may
    put all that pass a filter in order, however many they are."""
    reaches = [one for each in wanted.where if (one := filters.reach(each, types))]
    built = fieldindexes.built() if any(one.name not in BUILT_IN for one in reaches) else ()
    there = Account.objects.filter(organization_id=organization_id, deleted_at=None)
    in_order: list[Condition] = []
    for one in reaches:
        if one.name not in BUILT_IN and fieldindexes.called(one.name, one.kind) not in built:
            continue
        if wanted.by == (ALWAYS_THERE[0] if one.at_once else one.name):
            in_order.append(one.condition)
            continue
        by_key = there.filter(one.condition).order_by(RawSQL(one.key, ()))  # noqa: S611
        few = list(by_key.values_list("id", flat=True)[: FEW + 1])
        if len(few) <= FEW:
            return few, in_order
    return None, in_order


def named(organization_id: UUID, text: str, *, limit: int) -> list[Account]:
    """The accounts that are known by exactly this, the newest first: by external id, else by domain, else by name; in
    another case only where nothing is spelled like it."""
    there = Account.objects.filter(organization_id=organization_id, deleted_at=None).order_by("-id")
    wanted = text.strip()
    domain = normalise.domain(wanted)
    ways = (
        Q(external_customer_id=wanted),
        Q(external_customer_id__iexact=wanted),
        Q(company_domain=domain) if domain else None,
        Q(company_name=wanted),
        Q(company_name__iexact=wanted),
    )
    for way in ways:
        if way is not None and (found := list(there.filter(way)[:limit])):
            return found
    return []


def _conditions(wanted: Wanted, types: Mapping[str, str]) -> tuple[Expression | F, list[Condition]]:
    """All problems at once."""
    name = wanted.by
    problems = anycase.too_long("q", wanted.q)
    conditions: list[Condition] = []
    key: Expression | F
    # Ids grow with time, and have an index.
    columns = {"created_at": "id", "updated_at": "updated_at"}
    if name in columns:
        key = F(columns[name])
    else:
        made = filters.sort_key(name, types)
        if isinstance(made, Problem):
            problems.append(made)
        else:
            key = made
    for one in wanted.where:
        condition = filters.condition(one, types)
        if isinstance(condition, Problem):
            problems.append(condition)
        else:
            conditions.append(condition)
    if problems:
        raise MustFix("invalid_filter", "This list can't be made.", problems)
    return key, conditions


def _searched(text: str) -> Q:
    return (
        Q(company_name__icontains=text)
        | Q(company_domain__icontains=text)
        | Q(external_customer_id__icontains=text)
    )


Place = tuple[Any, UUID]
"""The sort key and the id of the last account of the page before."""


def _place(place: Any, sort: str, *, of_number: bool) -> Place:
    try:
        of_sort, value, last = place
        last = UUID(last)
        if of_sort != sort:
            raise bad_cursor()
        if sort.removeprefix("-") == "updated_at":
            value = datetime.fromisoformat(value)
        elif sort.removeprefix("-") == "created_at":
            value = UUID(value)
        elif value is not None:
            value = _number(value) if of_number else _text(value)
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise bad_cursor() from None
    return value, last


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise TypeError
    return value


def _page(
    found: QuerySet[Account, Account], wanted: Wanted, size: int, after: Place | None
) -> Listing[Account]:
    # First the ids alone: sorting a million accounts must not carry their fields along.
    keys = _keys(found, wanted, size + 1, after)
    rows = Account.objects.in_bulk([account_id for account_id, _ in keys[:size]])
    items = [rows[account_id] for account_id, _ in keys[:size] if account_id in rows]
    if len(keys) <= size:
        return Listing(items, None)
    last, value = keys[size - 1]
    if isinstance(value, datetime):
        value = value.isoformat()
    elif isinstance(value, UUID):
        value = str(value)
    return Listing(items, write_cursor([wanted.sort, value, str(last)]))


def _keys(
    found: QuerySet[Account, Account], wanted: Wanted, most: int, after: Place | None
) -> list[tuple[UUID, Any]]:
    """Accounts with the value, and those without it, each asked for in an order that an index can have."""
    side = "lt" if wanted.down else "gt"
    value, last = after or (None, None)
    filled, empty = found.filter(sort_key__isnull=False), found.filter(sort_key=None)  # type: ignore[misc]
    if after is not None:
        # The first condition says nothing more than the second, but where to begin.
        begins = {f"sort_key__{side}e": value}
        further = Q(**{f"sort_key__{side}": value}) | Q(**{f"id__{side}": last})
        filled = filled.filter(further, **begins) if value is not None else filled.none()
        empty = empty.filter(**{f"id__{side}": last}) if value is None else empty
    keys: list[tuple[UUID, Any]] = []
    for part in (filled, empty):
        if len(keys) < most and (part is filled or wanted.by not in ALWAYS_THERE):
            keys += part.order_by(*wanted.in_order()).values_list("id", "sort_key")[: most - len(keys)]  # type: ignore[misc]
    return keys
