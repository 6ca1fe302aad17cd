"""Whether what contact and event streams match by is there: how many accounts carry it, and who maps it (product.md §3)."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db.models import Count, Q
from django.db.models.functions import Lower
from msgspec import Struct

from ropewalk.core.alignment import Carried
from ropewalk.core.events import MatchBy
from ropewalk.core.mapping import MATCH_FIELDS
from ropewalk.store.models import Account, Stream

_COLUMNS = {"companyDomain": "company_domain", "externalCustomerId": "external_customer_id"}


def carried(organization_id: UUID, field: str) -> Carried:
    mine = Account.objects.filter(organization_id=organization_id, deleted_at=None)
    counted = mine.aggregate(accounts=Count("id"), carrying=Count(_COLUMNS[field]))
    streams = Stream.objects.filter(
        organization_id=organization_id, kind="accounts", connector__deleted_at=None
    ).values_list("settings", flat=True)
    mapped = any(entry.get("to") == field for settings in streams for entry in settings.get("mapping") or ())
    return Carried(counted["accounts"], counted["carrying"], mapped)


def examples(organization_id: UUID, field: str, *, limit: int = 3) -> list[str]:
    """Some of the values that accounts have."""
    column = _COLUMNS[field]
    mine = Account.objects.filter(organization_id=organization_id, deleted_at=None)
    found = mine.filter(**{f"{column}__isnull": False}).order_by("id").values_list(column, flat=True)
    return [str(value) for value in found[:limit]]


def external_ids_of_others(organization_id: UUID, ids: Collection[str]) -> frozenset[str]:
    """Those of these ids that are an account's, to the letter."""
    found = Account.objects.filter(
        organization_id=organization_id, external_customer_id__in=sorted(ids), deleted_at=None
    )
    return frozenset(str(each) for each in found.values_list("external_customer_id", flat=True))


def is_spelled_otherwise(account: Account) -> bool:
    """Whether another account's external id differs from this one's only in case."""
    others = Account.objects.filter(
        organization_id=account.organization_id,
        external_customer_id__iexact=account.external_customer_id,
        deleted_at=None,
    )
    return account.external_customer_id is not None and others.exclude(id=account.id).exists()


class Owner(Struct, frozen=True):
    account_id: UUID
    name: str


def owners(organization_id: UUID, match_by: MatchBy, keys: Collection[str]) -> dict[str, Owner]:
    """By match value, ignoring case, an account that has it. Ids are compared to the letter first."""
    column = _COLUMNS[MATCH_FIELDS[match_by][0]]
    mine = Account.objects.filter(organization_id=organization_id, deleted_at=None)
    found: dict[str, Owner] = {}
    exact = Q(**{f"{column}__in": sorted(keys)})
    for account in mine.filter(exact).order_by("-id"):
        found[str(getattr(account, column)).casefold()] = Owner(account.id, str(account))
    missing = {key.casefold() for key in keys} - found.keys()
    if match_by == "external_id" and missing:
        folded = mine.annotate(folded=Lower(column)).filter(folded__in=sorted(missing))
        for account in folded.order_by("-id"):
            found[str(getattr(account, column)).casefold()] = Owner(account.id, str(account))
    return found
