"""HubSpot: companies as accounts, and contacts by the companies that they are associated with (sources.md §1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Struct
from msgspec.structs import replace
from pydantic import Field, field_validator

from ropewalk.core.auth import AuthorizationCode, Bearer
from ropewalk.core.checking import Settings
from ropewalk.core.exchange import Fetch
from ropewalk.core.fieldtypes import FieldType
from ropewalk.core.origins import origin
from ropewalk.core.pagination import CursorPages
from ropewalk.sources import anchored, reading, rows
from ropewalk.sources.base import (
    Choices,
    KnownField,
    Needs,
    OAuthApp,
    Option,
    Page,
    Secret,
    Source,
    StreamKind,
    Window,
)
from ropewalk.sources.hubspot_lookups import Lookups, properties_of
from ropewalk.sources.hubspot_search import OVERLAP_SECONDS, SEARCH_LANE, Rule, fit, search
from ropewalk.sources.listing import Listing
from ropewalk.sources.streams import Accounts, Contacts, Synced

LIST_PAGE = 100
_ARCHIVED_PAGES = 10
"""Deleted objects are counted, and only so far: a portal may have thrown away a hundred thousand."""
_LONGEST_QUERY = 4_000
"""Characters of property names in a URL; beyond, they go into the body of a search."""
_TYPES: Mapping[str, FieldType] = {
    "string": "text",
    "phone_number": "text",
    "enumeration": "text",
    "number": "number",
    "bool": "boolean",
    "date": "date-time",
    "datetime": "date-time",
}


class PrivateApp(Settings):
    secret: ClassVar[str | None] = "token"
    type: Literal["private_app"] = "private_app"


class OAuth(Settings):
    secrets: ClassVar[tuple[str, ...]] = ("client_secret",)
    type: Literal["oauth"] = "oauth"
    client_id: Annotated[str, Field(max_length=1_024)] | None = Field(
        None, title="Client ID", description="Of your own app at HubSpot; empty: this installation’s."
    )


class ConnectorSettings(Settings):
    auth: Annotated[PrivateApp | OAuth, Field(discriminator="type", title="Connect by")] = PrivateApp()


class CompanyRule(Rule):
    property: Annotated[str, Field(min_length=1, max_length=255)] = Field(
        title="Property", json_schema_extra={"choices": "company_properties"}
    )


class ContactRule(Rule):
    property: Annotated[str, Field(min_length=1, max_length=255)] = Field(
        title="Property", json_schema_extra={"choices": "contact_properties"}
    )


class _Changing(Synced):
    """Once a run has succeeded, only what has changed since is read."""

    @property
    def overlap_seconds(self) -> int:
        return OVERLAP_SECONDS


_FILTERS = "Of one group all rules have to hold; of the groups, one. Empty: everything is read."


class Companies(_Changing, Accounts):
    REQUIRED: ClassVar[tuple[str, ...]] = ("companyName",)

    filters: list[CompanyRule] = Field(default=[], title="Filters", description=_FILTERS)

    _fit = field_validator("filters")(fit)


class People(_Changing, Contacts):
    filters: list[ContactRule] = Field(default=[], title="Filters", description=_FILTERS)

    _fit = field_validator("filters")(fit)


class Objects(Struct, frozen=True):
    """One type of HubSpot's objects. `changed`: the property that says when one changed last; `made_for`: targets, by the
    path that HubSpot has for them; `derived`: what is added to records, and the properties that it takes."""

    name: str
    changed: str
    made_for: Mapping[str, str]
    derived: Mapping[str, tuple[str, tuple[str, ...]]]


COMPANIES = Objects(
    "companies",
    "hs_lastmodifieddate",
    {"properties.name": "companyName", "properties.domain": "companyDomain", "id": "externalCustomerId"},
    {"owner_email": ("Company owner’s email", ("hubspot_owner_id",))},
)
CONTACTS = Objects(
    "contacts",
    "lastmodifieddate",
    {"properties.email": "email", "properties.phone": "phone", "properties.jobtitle": "role"},
    {
        "name": ("First and last name", ("firstname", "lastname")),
        "company_id": ("Primary company’s ID", ()),
        "company_domain": ("Primary company’s domain", ()),
        "company_ids": ("IDs of all its companies, the primary first", ()),
    },
)
_DERIVED_FOR = {
    "owner_email": "accountOwnerEmail",
    "name": "name",
    "company_id": "externalCustomerId",
    "company_domain": "companyDomain",
}


class Portal(Struct, frozen=True):
    """Where HubSpot is: `api`, an origin."""

    api: str

    def read(
        self,
        of: Objects,
        connector: ConnectorSettings,  # noqa: ARG002 - how it is asked doesn't hang on it
        stream: Any,
        window: Window,
        fetch: Fetch,
        state: Mapping[str, Any] | None,
    ) -> Iterator[Page]:
        if window.max_records is None:
            window = replace(window, max_records=stream.max_records)
        lookups = Lookups(self.api, fetch)
        added = self._added(of, stream, window)
        asked = self._properties(of, stream, window, added, lookups)
        too_long = len(",".join(asked)) > _LONGEST_QUERY
        if window.since is not None or window.sample or stream.filters or too_long:
            found = search(self.api, of.name, of.changed, asked, stream, window)
            pages = anchored.read(found, window, fetch, state)
        else:
            pages = reading.read(self._list(of, asked), Bearer(), window, fetch, state)
        if state is None and not window.sample:
            pages = _telling(pages, self._archived(of, fetch))
        yield from rows.adding(pages, partial(lookups.derive, of.name, added)) if added else pages

    def _list(self, of: Objects, asked: Sequence[str], *, archived: bool = False) -> Listing:
        paging = CursorPages(
            cursor_param="after",
            next_cursor_path="paging.next.after",
            size_param="limit",
            page_size=LIST_PAGE,
        )
        return Listing(
            url=f"{self.api}/crm/v3/objects/{of.name}",
            records_path="results",
            pagination=paging,
            fixed={"properties": ",".join(asked), "archived": "true" if archived else "false"},
        )

    def _archived(self, of: Objects, fetch: Fetch) -> int:
        """How many have been deleted at HubSpot lately; it keeps them for a while."""
        listing, window = self._list(of, ["hs_object_id"], archived=True), Window(max_pages=_ARCHIVED_PAGES)
        return sum(page.count for page in reading.read(listing, Bearer(), window, fetch, None))

    def _added(self, of: Objects, stream: Any, window: Window) -> tuple[str, ...]:
        """What is mapped of that which HubSpot doesn't say by itself; for a sample, all of it."""
        mapped = {entry.from_ for entry in stream.mapping}
        return tuple(name for name in of.derived if window.sample or f"{rows.DERIVED}.{name}" in mapped)

    def _properties(
        self, of: Objects, stream: Any, window: Window, added: Sequence[str], lookups: Lookups
    ) -> list[str]:
        """Those that are mapped, and what is needed beside; for a sample, all that there are."""
        if window.sample:
            return [each.name for each in lookups.properties(of.name)]
        needed = [name for each in added for name in of.derived[each][1]]
        return [*dict.fromkeys([*properties_of(stream.mapping), *needed, of.changed])]

    def fields(self, of: Objects, _: ConnectorSettings, stream: Any, fetch: Fetch) -> Sequence[KnownField]:
        told = [
            KnownField(
                f"properties.{each.name}",
                each.label,
                _TYPES.get(each.type),
                of.made_for.get(f"properties.{each.name}", ""),
                is_text=True,
            )
            for each in Lookups(self.api, fetch).properties(of.name)
        ]
        derived = [
            KnownField(f"{rows.DERIVED}.{name}", label, None, _target(name, stream))
            for name, (label, _) in of.derived.items()
        ]
        return [KnownField("id", "Record ID", "text", of.made_for.get("id", "")), *told, *derived]

    def choices(self, of: Objects, _: ConnectorSettings, fetch: Fetch) -> Sequence[Option]:
        found = Lookups(self.api, fetch).properties(of.name)
        return [
            Option(each.name, each.label, each.group, each.type)
            for each in sorted(found, key=lambda each: (each.group, each.label.casefold()))
        ]


def _target(name: str, stream: Any) -> str:
    """The company's id says nothing where contacts find their account by its domain, nor the other way round."""
    by = {"company_id": "external_id", "company_domain": "domain"}.get(name)
    return "" if by is not None and by != stream.match_by else _DERIVED_FOR.get(name, "")


def _telling(pages: Iterator[Page], archived: int) -> Iterator[Page]:
    for page in pages:
        if archived:
            page.filtered["archived"] = archived
            archived = 0
        yield page


def declared(api: str = "https://api.hubapi.com", app: str = "https://app.hubspot.com") -> Source:
    portal = Portal(api)

    def kind(settings: type[Synced], of: Objects) -> StreamKind:
        return StreamKind(settings, partial(portal.read, of), fields=partial(portal.fields, of), connect=())

    def needs(connector: ConnectorSettings, stream: Any) -> Needs:  # noqa: ARG001
        proof = AuthorizationCode() if connector.auth.type == "oauth" else Bearer()
        return Needs(proof, frozenset({origin(api)}))

    return Source(
        slug="hubspot",
        name="HubSpot",
        about="Companies as accounts, with their owners, and contacts by the companies that they belong to.",
        settings=ConnectorSettings,
        kinds={"accounts": kind(Companies, COMPANIES), "contacts": kind(People, CONTACTS)},
        needs=needs,
        secrets={
            "token": Secret("Access token", "Of a private app, under Settings → Integrations at HubSpot."),
            "client_secret": Secret(
                "Client secret", "Of your own app; empty where the installation has one."
            ),
        },
        choices={
            "company_properties": Choices("Fetch properties", partial(portal.choices, COMPANIES)),
            "contact_properties": Choices("Fetch properties", partial(portal.choices, CONTACTS)),
        },
        oauth=OAuthApp(
            authorize_url=f"{app}/oauth/authorize",
            token_url=f"{api}/oauth/v1/token",
            scopes=(
                "oauth",
                "crm.objects.companies.read",
                "crm.objects.contacts.read",
                "crm.objects.owners.read",
                "crm.schemas.companies.read",
                "crm.schemas.contacts.read",
            ),
        ),
        budgets=lambda connector: {"": 660 if connector.auth.type == "oauth" else 600, SEARCH_LANE: 300},
        wait_header="X-HubSpot-RateLimit-Interval-Milliseconds",
    )


SOURCE = declared()
