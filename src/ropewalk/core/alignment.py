"""Whether a contact or event stream can find its accounts by what it matches by (product.md §3)."""

from __future__ import annotations

from msgspec import Struct

from ropewalk.core.mapping import MATCH_FIELDS

ENOUGH = 0.8
_WORDS = {"companyDomain": "a company domain", "externalCustomerId": "an external customer id"}


class Carried(Struct, frozen=True):
    """Of `accounts`, so many have the match field; `mapped`: an account stream maps it."""

    accounts: int
    carrying: int
    mapped: bool


def match_field(match_by: str) -> str:
    return MATCH_FIELDS[match_by][0]


def warnings(match_by: str, carried: Carried) -> list[str]:
    field = match_field(match_by)
    told = []
    if carried.carrying < ENOUGH * carried.accounts:
        share = carried.carrying / carried.accounts
        told.append(
            f"Only {carried.carrying:,} of {carried.accounts:,} accounts ({share:.0%}) have {_WORDS[field]}, by which "
            "this stream matches: the others get nothing from it."
        )
    if not carried.mapped:
        told.append(
            f"No account stream maps {field}, by which this stream matches: map it, or match by the other value."
        )
    return told
