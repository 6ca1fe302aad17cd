"""The list of accounts: searched, filtered, sorted, with the columns that somebody wants to see."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponseBase
from django.urls import reverse
from msgspec import Struct

from ropewalk.core.errors import MustFix
from ropewalk.core.mapping import BUILT_IN
from ropewalk.engine import account_lists
from ropewalk.store import fields, people, records, search
from ropewalk.store.filters import Filter
from ropewalk.store.models import Account, TrackedField
from ropewalk.store.pages import Listing
from ropewalk.web import fieldtexts, lists, pages, savedviews
from ropewalk.web.access import Signed, open_to
from ropewalk.web.account import WHY_NOT
from ropewalk.web.lists import Address, Cell, Column

_FIELD: Final = account_lists.FIELD
_FIRST_SHOWN: Final = 3
_SCALARS: Final = ("text", "number", "boolean", "date-time")
_WHY_SLOW: Final = "Accounts are sorted by it once it is indexed: Settings, Data Management."
VIEWS: Final = (("", "All"), ("gone", "Gone at source"), ("deleted", "Deleted"))
OPERATORS: Final = (
    ("eq", "is"),
    ("ne", "is not"),
    ("contains", "contains"),
    ("gt", "is more than"),
    ("gte", "is at least"),
    ("lt", "is less than"),
    ("lte", "is at most"),
    ("empty", "is empty"),
    ("filled", "is not empty"),
)


class Row(Struct, frozen=True):
    account: Account
    name: str
    cells: list[Cell]
    is_gone: bool


class Active(Struct, frozen=True):
    """A filter that is on, and the list's address without it."""

    text: str
    without: str


@open_to("member")
def listing(request: Signed) -> HttpResponseBase:
    address = savedviews.address_of(request.GET)
    if (composed := _composed(request)) is not None:
        return pages.to_path(request, request.path + address.with_(composed))
    organization_id = request.access.organization_id
    tracked = fields.custom(organization_id)
    scalars = [each for each in tracked if each.type in _SCALARS]
    every = _columns(tracked, search.slow_sorts(organization_id, scalars))
    chosen = _chosen(every, tracked, address.get("columns"))
    sort = address.get("sort", search.DEFAULT_SORT)
    refused: MustFix | None = None
    try:
        found = _found(organization_id, address, sort)
    except MustFix as error:
        refused, found = error, Listing([], None)
    return pages.render(
        request,
        "ropewalk/accounts.html",
        {
            "q": address.get("q"),
            "carried": {
                "search": list(address.hidden("q")),
                "all": list(address.hidden()),
                "columns": list(address.hidden("columns")),
            },
            "views": [(label, key, address.to(view=key)) for key, label in VIEWS],
            "view": address.get("view"),
            "saved": savedviews.menu(request, address),
            "save": reverse("saved-view-new") + address.to(),
            "export": reverse("accounts-export") + address.to(),
            "active": _active(organization_id, address, {each.key: each.kind for each in every}),
            "sorted_by": _sorted_by(address, every, chosen),
            "unfiltered": address.with_(dict.fromkeys((name for name, _ in address.beginning(_FIELD)), None)),
            "everything": request.path,
            "why_not": WHY_NOT,
            "fields": [each for each in every if each.key not in ("created_at", "updated_at")],
            "operators": OPERATORS,
            "columns": every,
            "chosen": {each.key for each in chosen},
            "headings": lists.headings(chosen, sort, address),
            "rows": _rows(organization_id, found.items, chosen),
            "refused": refused,
            "is_searched": bool(address.get("q") or address.beginning(_FIELD)),
            "next": address.to(cursor=found.next_cursor) if found.next_cursor else "",
            "first": address.to() if address.get("cursor") else "",
        },
        status=422 if refused else 200,
    )


def _composed(request: Signed) -> dict[str, str | None] | None:
    """What the two small forms ask for, as the address that means it."""
    sent = request.GET
    if name := sent.get("add_field", ""):
        operator, value = sent.get("add_operator", "eq"), sent.get("add_value", "").strip()
        if operator in ("empty", "filled"):
            operator, value = "empty", "true" if operator == "empty" else "false"
        else:
            value = _meant(request.access.organization_id, name, value)
        return {f"{_FIELD}{name}" + ("" if operator == "eq" else f".{operator}"): value or None}
    if "choose" in sent:
        return {"columns": ",".join(sent.getlist("column")) or None}
    return None


def _meant(organization_id: UUID, name: str, text: str) -> str:
    """A filter's value as the API wants it: owners have ids there, and people write names."""
    if name == "accountOwnerId":
        called = {
            word.casefold(): str(each.id)
            for each in people.team(organization_id)
            for word in (each.user.name, each.user.email)
        }
        return called.get(text.casefold(), text)
    if name in {each.name for each in fields.custom(organization_id) if each.type == "boolean"}:
        return {"yes": "true", "no": "false"}.get(text.casefold(), text.casefold())
    return text


def _columns(tracked: Sequence[TrackedField], slow: Collection[str]) -> list[Column]:
    def column(key: str, kind: str) -> Column:
        # Owners are told by name and kept by id.
        sorts = key not in slow and key != "accountOwnerId" and kind in _SCALARS
        return Column(key, fieldtexts.label(key), kind, sorts, _WHY_SLOW if key in slow else "")

    return [
        *(column(name, "text") for name in BUILT_IN),
        *(column(each.name, each.type) for each in tracked),
        column("created_at", "date-time"),
        column("updated_at", "date-time"),
    ]


def _chosen(every: Sequence[Column], tracked: Sequence[TrackedField], wanted: str) -> list[Column]:
    """The name always stands first; columns that are gone by now are left out."""
    keys = {*wanted.split(",")}
    if not wanted:
        scalars = [each.name for each in tracked if each.type in _SCALARS]
        keys = {"companyDomain", "externalCustomerId", *scalars[:_FIRST_SHOWN], "updated_at"}
    return [each for each in every if each.key in keys or each.key == "companyName"]


def _found(organization_id: UUID, address: Address, sort: str) -> Listing[Account]:
    view = address.get("view")
    return search.accounts(
        organization_id,
        q=address.get("q"),
        sort=sort,
        where=[Filter.parse(name, value) for name, value in address.beginning(_FIELD)],
        gone_at_source=True if view == "gone" else None,
        deleted=view == "deleted",
        cursor=address.get("cursor") or None,
    )


def _rows(organization_id: UUID, found: Sequence[Account], columns: Sequence[Column]) -> list[Row]:
    gone = records.gone(organization_id, [each.id for each in found])
    owners = people.names(organization_id, {each.owner_id for each in found if each.owner_id})
    others = [each for each in columns if each.key != "companyName"]
    places = {
        each.key: fieldtexts.common_places(account.fields.get(each.key) for account in found)
        for each in others
        if each.is_number
    }
    return [
        Row(
            each,
            str(each),
            [Cell(column, _value(each, column, owners, places.get(column.key, 0))) for column in others],
            each.id in gone,
        )
        for each in found
    ]


def _value(account: Account, column: Column, owners: dict[UUID, str], places: int) -> Any:
    match column.key:
        case "companyDomain":
            value: Any = account.company_domain
        case "externalCustomerId":
            value = account.external_customer_id
        case "accountOwnerId":
            value = owners.get(account.owner_id) if account.owner_id else None
        case "created_at":
            return account.created_at
        case "updated_at":
            return account.updated_at
        case _:
            value = account.fields.get(column.key)
    return fieldtexts.shown(value, column.kind, places)


def _sorted_by(address: Address, every: Sequence[Column], chosen: Sequence[Column]) -> Active | None:
    """What no heading says: the order by a column that isn't shown."""
    sort = address.get("sort")
    by = next((each for each in every if each.key == sort.removeprefix("-")), None)
    if by is None or by in chosen:
        return None
    return Active(f"Sorted by {by.label}, {by.order(sort)}", address.to(sort=None))


def _active(organization_id: UUID, address: Address, kinds: Mapping[str, str]) -> list[Active]:
    words = dict(OPERATORS)
    found = []
    for key, value in address.beginning(_FIELD):
        one = Filter.parse(key, value)
        operator = "filled" if one.operator == "empty" and value == "false" else one.operator
        said = words.get(operator, operator)
        shown = "" if one.operator == "empty" else f" {_told(organization_id, one, kinds)}"
        text = f"{fieldtexts.label(one.name)} {said}{shown}"
        found.append(Active(text, address.with_({key: None})))
    return found


def _told(organization_id: UUID, wanted: Filter, kinds: Mapping[str, str]) -> str:
    if wanted.name == "accountOwnerId":
        with suppress(ValueError):
            owner = UUID(wanted.value)
            return people.names(organization_id, [owner]).get(owner, wanted.value)
    if kinds.get(wanted.name) == "boolean":
        return {"true": "yes", "false": "no"}.get(wanted.value, wanted.value)
    return wanted.value
