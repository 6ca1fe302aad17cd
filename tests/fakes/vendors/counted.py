"""Vendors that are told how many records to pass over, and two that can't be told anything."""

from __future__ import annotations

import re
from typing import Any

from tests.fakes import Answer, Asked
from tests.fakes.vendors.companies import STAFF, Company, zulu
from tests.fakes.vendors.vendor import Expected, Vendor, Wrong, changed, instant, number

FIRST_OFFSET = "first_offset"
"""api.md has no setting yet for offsets that count from 1; this is what its tests expect it to be called."""


class Pipeline(Vendor):
    """Pipedrive v1: says where the next page starts, so that number may be taken for an offset or for a cursor."""

    name = "snake case, offsets (Pipedrive)"
    path = "/api/v1/organizations"
    auth = {"type": "api_key", "in": "header", "name": "x-api-token"}
    credential = ("x-api-token", "tok-4be1c0ffee")
    count, seed = 264, 201
    expected = Expected(
        records_path="data",
        pagination=(
            {"type": "offset", "offset_param": "start", "size_param": "limit"},
            {
                "type": "cursor",
                "cursor_param": "start",
                "next_cursor_path": "additional_data.pagination.next_start",
                "size_param": "limit",
            },
        ),
        has_more_paths=("additional_data.pagination.more_items_in_collection",),
        ids=("id",),
        domains=("website",),
        mapping={"name": "companyName", "owner_id.email": "accountOwnerEmail"},
    )

    def record(self, company: Company) -> dict[str, Any]:
        owner = STAFF.index(company.owner) + 1
        return {
            "id": company.number,
            "owner_id": {"id": owner, "name": company.owner.split("@")[0], "email": company.owner},
            "name": company.name,
            "website": company.website,
            "open_deals_count": company.number % 4,
            "won_deals_count": company.number % 7,
            "people_count": company.employees // 8,
            "active_flag": True,
            "label": 5 if company.number % 2 else None,
            "address": f"{company.street}, {company.city}",
            "address_country": company.country,
            "annual_revenue": company.revenue,
            "add_time": company.created.strftime("%Y-%m-%d %H:%M:%S"),
            "update_time": company.updated.strftime("%Y-%m-%d %H:%M:%S"),
        }

    def page(self, asked: Asked) -> Any:
        start = number(asked.params, "start", 0, 0)
        limit = number(asked.params, "limit", 100, 1, 500)
        more = start + limit < len(self.companies)
        paging = {"start": start, "limit": limit, "more_items_in_collection": more}
        if more:
            paging["next_start"] = start + limit
        people = {str(at): {"id": at, "email": email} for at, email in enumerate(STAFF, 1)}
        return {
            "success": True,
            "data": [self.record(each) for each in self.companies[start : start + limit]],
            "additional_data": {"pagination": paging},
            "related_objects": {"user": people},
        }

    def refusal(self, status: int, name: str, message: str) -> Answer:
        return Answer({"success": False, "error": message, "error_info": None, "data": None}, status)


class Directory(Vendor):
    """SCIM (RFC 7644): the first record is number 1, and anything below counts as 1: who begins with 0 gets a record twice,
    and may lose the last one."""

    name = "1-based offsets (SCIM)"
    path = "/scim/v2/Organizations"
    count, seed = 150, 202
    expected = Expected(
        records_path="Resources",
        pagination=(
            {"type": "offset", "offset_param": "startIndex", "size_param": "count", FIRST_OFFSET: 1},
        ),
        total_paths=("totalResults",),
        ids=("id", "externalId"),
        domains=("domainName",),
        mapping={"displayName": "companyName"},
        incremental={
            "param": "filter",
            "format": ("iso8601",),
            "template": ('meta.lastModified ge "{since}"', 'meta.lastModified gt "{since}"'),
        },
    )
    _FILTER = re.compile(r'meta\.lastModified (gt|ge) "([^"]+)"')

    def record(self, company: Company) -> dict[str, Any]:
        return {
            "schemas": ["urn:ietf:params:scim:schemas:ropers:2.0:Organization"],
            "id": company.uuid,
            "externalId": f"ORG-{company.number:05}",
            "displayName": company.name,
            "domainName": company.domain,
            "active": True,
            "addresses": [{"type": "work", "locality": company.city, "country": company.country}],
            "meta": {
                "resourceType": "Organization",
                "created": zulu(company.created),
                "lastModified": zulu(company.updated),
                "version": f'W/"{company.number * 7919:x}"',
            },
        }

    def page(self, asked: Asked) -> Any:
        start = max(number(asked.params, "startIndex", 1, -(10**9)), 1)
        count = number(asked.params, "count", 50, 0, 200)
        rows = self.companies
        if (said := asked.params.get("filter")) is not None:
            found = self._FILTER.fullmatch(said)
            if found is None:
                raise Wrong("filter", said)
            rows = changed(rows, instant({"filter": found[2]}, "filter"), found[1])
        shown = rows[start - 1 : start - 1 + count]
        return {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": len(rows),
            "startIndex": start,
            "itemsPerPage": len(shown),
            "Resources": [self.record(each) for each in shown],
        }

    def refusal(self, status: int, name: str, message: str) -> Answer:
        schema = "urn:ietf:params:scim:api:messages:2.0:Error"
        kind = {"scimType": "invalidFilter" if name == "filter" else "invalidValue"} if name else {}
        return Answer({"schemas": [schema], "status": str(status), "detail": message, **kind}, status)


class Export(Vendor):
    """An export of everything at once, from somebody's own billing system."""

    name = "no paging at all"
    path = "/export/customers.json"
    auth = {"type": "api_key", "in": "header", "name": "X-API-Key"}
    credential = ("x-api-key", "tok-4be1c0ffee")
    count, seed = 140, 203
    expected = Expected(
        records_path="customers",
        pagination=({"type": "none"},),
        ids=("customer_number",),
        domains=("homepage",),
        mapping={"company": "companyName", "billing_email": "contactEmail"},
    )

    def record(self, company: Company) -> dict[str, Any]:
        return {
            "customer_number": f"{70_000 + company.number}",
            "company": company.name,
            "homepage": company.domain if company.number % 11 else "",
            "billing_email": f"accounts@{company.domain}",
            "plan": ("starter", "pro", "scale")[company.number % 3],
            "seats": company.employees // 4,
            "mrr_cents": company.revenue // 12,
            "trial": company.number % 10 == 0,
        }

    def page(self, asked: Asked) -> Any:
        return {"generated_at": "2026-02-27T04:00:00Z", "currency": "EUR", "customers": self.records}


class Deaf(Vendor):
    """Names a page, a size and a total, takes every parameter, and always gives the same first fifty."""

    name = "paging ignored"
    path = "/rest/firms"
    count, seed = 50, 204
    expected = Expected(
        records_path="items",
        pagination=({"type": "none"},),
        pages_provable=False,
        total_paths=("total", None),
        ids=("firmId",),
        domains=("web",),
        mapping={"firmName": "companyName"},
    )

    def record(self, company: Company) -> dict[str, Any]:
        return {
            "firmId": company.number + 900,
            "firmName": company.name,
            "web": company.website,
            "town": company.city,
            "branch": company.industry,
            "changedOn": zulu(company.updated),
        }

    def page(self, asked: Asked) -> Any:
        return {"success": True, "page": 1, "limit": 50, "total": 400, "items": self.records}
