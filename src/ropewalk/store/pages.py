"""Lists by cursor: a page starts after the last row of the one before, so that page 20,000 costs what page 1 does."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
from django.db.models import Model, QuerySet

from ropewalk.core.errors import MustFix, Problem
from ropewalk.core.values import JSON

M = TypeVar("M", bound=Model)
N = TypeVar("N", bound=Model)
T = TypeVar("T")

LIMIT = 50
MAX_LIMIT = 500


class Listing(msgspec.Struct, Generic[T], frozen=True):
    items: list[T]
    next_cursor: str | None


def write_cursor(place: JSON) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def read_cursor(text: str) -> Any:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, msgspec.DecodeError, RecursionError):
        raise bad_cursor() from None


def bad_cursor() -> MustFix:
    message = "This cursor is not one that this list gave. Start again without it."
    return MustFix("invalid_cursor", message, [Problem("cursor", message)])


def bounded(limit: int) -> int:
    if not 1 <= limit <= MAX_LIMIT:
        message = f"limit must be between 1 and {MAX_LIMIT}."
        raise MustFix("invalid_limit", message, [Problem("limit", message)])
    return limit


def newest_first(found: QuerySet[M, M], *, limit: int, cursor: str | None) -> Listing[M]:
    return _by_id([found], limit, cursor, newest=True)


def oldest_first(found: QuerySet[M, M], *, limit: int, cursor: str | None) -> Listing[M]:
    return _by_id([found], limit, cursor, newest=False)


def oldest_first_of(
    one: QuerySet[M, M], other: QuerySet[N, N], *, limit: int, cursor: str | None
) -> Listing[M | N]:
    """Of two tables whose keys are in one order; the list goes under the name of the first."""
    return _by_id([one, other], limit, cursor, newest=False)


def _by_id(
    found: Sequence[QuerySet[Any, Any]], limit: int, cursor: str | None, *, newest: bool
) -> Listing[Any]:
    size = bounded(limit)
    after = {}
    if cursor is not None:
        after["id__lt" if newest else "id__gt"] = _place(found[0], read_cursor(cursor))
    rows = [
        row for each in found for row in each.filter(**after).order_by("-id" if newest else "id")[: size + 1]
    ]
    if len(found) > 1:
        rows.sort(key=lambda row: row.pk, reverse=newest)
    if len(rows) <= size:
        return Listing(rows, None)
    last = rows[size - 1].pk
    place: list[JSON] = [found[0].model._meta.db_table, last if isinstance(last, int) else str(last)]
    return Listing(rows[:size], write_cursor(place))


def _place(found: QuerySet[M, M], given: Any) -> Any:
    meta = found.model._meta
    try:
        table, place = given
        if table != meta.db_table:
            raise bad_cursor()
        if meta.pk.get_internal_type() == "UUIDField":
            return UUID(place)
    except (ValueError, TypeError, AttributeError):
        raise bad_cursor() from None
    if type(place) is not int or not 0 <= place < 2**63:
        raise bad_cursor()
    return place
