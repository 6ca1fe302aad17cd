"""What HubSpot says of an object elsewhere: properties with their labels, owners, and the companies of contacts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, TypeVar

import msgspec

from ropewalk.core import paths
from ropewalk.core.auth import Bearer
from ropewalk.core.errors import MustFix
from ropewalk.core.exchange import Fetch, Request
from ropewalk.core.mapping import MappingEntry
from ropewalk.core.pagination import CursorPages
from ropewalk.core.values import JSON
from ropewalk.sources import reading
from ropewalk.sources.base import Window
from ropewalk.sources.listing import Listing

T = TypeVar("T")

PRIMARY: Final = 1
"""The association type of a contact with its primary company."""
_BATCH: Final = 100
_MOST_BATCHES: Final = 50
_OWNERS_PAGE: Final = 500


class Property(msgspec.Struct):
    name: str
    label: str = ""
    type: str = "string"
    group: str = msgspec.field(default="", name="groupName")


class _Properties(msgspec.Struct):
    results: list[Property]


class _Owner(msgspec.Struct):
    id: str
    email: str | None = None


class _Next(msgspec.Struct):
    after: str


class _Paging(msgspec.Struct):
    next: _Next | None = None


class _Kind(msgspec.Struct):
    category: str = ""
    type: int = msgspec.field(default=0, name="typeId")


class _To(msgspec.Struct):
    id: str | int = msgspec.field(name="toObjectId")
    kinds: list[_Kind] = msgspec.field(default_factory=list, name="associationTypes")

    @property
    def is_primary(self) -> bool:
        return any(each.category == "HUBSPOT_DEFINED" and each.type == PRIMARY for each in self.kinds)


class _From(msgspec.Struct):
    id: str


class _Associated(msgspec.Struct):
    start: _From = msgspec.field(name="from")
    to: list[_To] = []
    paging: _Paging | None = None


class _Associations(msgspec.Struct):
    results: list[_Associated]


class _Named(msgspec.Struct):
    id: str
    properties: dict[str, str | None] = {}


class _Objects(msgspec.Struct):
    results: list[_Named]


def properties_of(mapping: Iterable[MappingEntry]) -> list[str]:
    """The properties that a mapping reads."""
    found = [paths.parse(entry.from_) for entry in mapping if entry.from_]
    return [path[1] for path in found if len(path) > 1 and path[0] == "properties"]


class Lookups:
    """For one reading: what it has been told holds until its end."""

    def __init__(self, api: str, fetch: Fetch) -> None:
        self._api = api
        self._fetch = fetch
        self._domains: dict[str, str | None] = {}

    def properties(self, objects: str) -> list[Property]:
        url = f"{self._api}/crm/v3/properties/{objects}"
        return self._read(Request("GET", url, aside=True), _Properties).results

    @cached_property
    def owners(self) -> Mapping[str, str]:
        """Emails by owner id; those who have left, too."""
        found: dict[str, str] = {}
        for archived in ("true", "false"):
            paging = CursorPages(
                cursor_param="after",
                next_cursor_path="paging.next.after",
                size_param="limit",
                page_size=_OWNERS_PAGE,
            )
            listing = Listing(
                url=f"{self._api}/crm/v3/owners/",
                records_path="results",
                pagination=paging,
                fixed={"archived": archived},
            )
            for page in reading.read(listing, Bearer(), Window(), self._fetch, None):
                for each in page.records:
                    owner = _decoded(bytes(each), _Owner, listing.url)
                    if owner.email:
                        found[owner.id] = owner.email
        return found

    def derive(self, objects: str, added: Sequence[str], records: Sequence[bytes]) -> list[dict[str, Any]]:
        """What is added to the records of a page, in their order."""
        named = [_named(each) for each in records]
        if objects == "companies":
            return [
                {"owner_email": self.owners.get(each.properties.get("hubspot_owner_id") or "")}
                for each in named
            ]
        found = [{"name": _full_name(each.properties)} if "name" in added else {} for each in named]
        if {"company_id", "company_ids", "company_domain"}.isdisjoint(added):
            return found
        companies = self._companies([each.id for each in named if each.id])
        domains = self._domains_of(
            [ids[0] for ids in companies.values() if ids] if "company_domain" in added else []
        )
        for each, told in zip(named, found, strict=True):
            ids = companies.get(each.id, [])
            all_of_it: dict[str, Any] = {
                "company_id": ids[0] if ids else None,
                "company_ids": ids,
                "company_domain": domains.get(ids[0]) if ids else None,
            }
            told |= {name: value for name, value in all_of_it.items() if name in added}
        return found

    def _companies(self, contacts: Sequence[str]) -> dict[str, list[str]]:
        """Of each contact its companies, the primary first."""
        found: dict[str, list[_To]] = {each: [] for each in contacts}
        inputs: list[JSON] = [{"id": each} for each in found]
        url = f"{self._api}/crm/v4/associations/contacts/companies/batch/read"
        batches = 0
        while inputs:
            if batches == _MOST_BATCHES:
                raise MustFix(
                    "not_as_described",
                    f"{url} still had more companies of {len(found)} contacts after {batches} answers.",
                )
            batches += 1
            request = Request("POST", url, body={"inputs": inputs[:_BATCH]}, aside=True)
            inputs = inputs[_BATCH:]
            for each in self._read(request, _Associations).results:
                found.setdefault(each.start.id, []).extend(each.to)
                if each.paging is not None and each.paging.next is not None:
                    inputs.append({"id": each.start.id, "after": each.paging.next.after})
        return {
            contact: [
                *dict.fromkeys(str(each.id) for each in sorted(to, key=lambda each: not each.is_primary))
            ]
            for contact, to in found.items()
        }

    def _domains_of(self, companies: Iterable[str]) -> Mapping[str, str | None]:
        new = [each for each in dict.fromkeys(companies) if each not in self._domains]
        url = f"{self._api}/crm/v3/objects/companies/batch/read"
        for start in range(0, len(new), _BATCH):
            inputs: list[JSON] = [{"id": each} for each in new[start : start + _BATCH]]
            body: JSON = {"properties": ["domain"], "propertiesWithHistory": [], "inputs": inputs}
            found = self._read(Request("POST", url, body=body, aside=True), _Objects).results
            self._domains |= {each.id: each.properties.get("domain") for each in found}
        return self._domains

    def _read(self, request: Request, wanted: type[T]) -> T:
        body = self._fetch(request).body
        return _decoded(body if isinstance(body, bytes) else body.read(), wanted, request.url)


def _decoded(raw: bytes, wanted: type[T], url: str) -> T:
    try:
        return msgspec.json.decode(raw, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MustFix(
            "not_as_described", f"{url} answered otherwise than HubSpot describes: {error}."
        ) from None


def _named(raw: bytes) -> _Named:
    """Nothing for what is no object of HubSpot's: the run says of the row what is wrong with it."""
    try:
        return msgspec.json.decode(raw, type=_Named)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Named("")


def _full_name(properties: Mapping[str, str | None]) -> str | None:
    parts = (properties.get("firstname"), properties.get("lastname"))
    return " ".join(part.strip() for part in parts if part and part.strip()) or None
