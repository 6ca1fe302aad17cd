"""Vendors that say where the next page is."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.fakes import Answer, Asked
from tests.fakes.vendors.companies import STAFF, Company, zulu
from tests.fakes.vendors.vendor import Expected, Vendor, Wrong, address, changed, instant, number, strict


class Tickets(Vendor):
    """Zendesk, with its users loaded beside: two arrays of objects, and `links.next` even on the last page."""

    name = "two arrays in one body (Zendesk)"
    path = "/api/v2/organizations.json"
    query = "?page[size]=40&include=users"
    auth = {"type": "basic", "username": "ops@ropers.example/token"}
    secrets = {"password": "zd"}
    credential = ("authorization", "Basic b3BzQHJvcGVycy5leGFtcGxlL3Rva2VuOnpk")
    count, seed = 138, 401
    expected = Expected(
        records_path="organizations",
        pagination=(
            {
                "type": "cursor",
                "cursor_param": "page[after]",
                "next_cursor_path": "meta.after_cursor",
                "size_param": ("page[size]", None),
            },
            {"type": "next_url", "next_url_path": "links.next"},
        ),
        has_more_paths=("meta.has_more",),
        ids=("id", "external_id"),
        domains=("domain_names",),
        mapping={"name": "companyName"},
    )

    def record(self, company: Company) -> dict[str, Any]:
        key = 360_100_000_000 + company.number
        return {
            "url": f"https://ropers.zendesk.example/api/v2/organizations/{key}.json",
            "id": key,
            "name": company.name,
            "shared_tickets": True,
            "shared_comments": False,
            "external_id": f"crm-{company.number:04}",
            "created_at": zulu(company.created),
            "updated_at": zulu(company.updated),
            "domain_names": [company.domain],
            "details": "",
            "notes": None,
            "group_id": None,
            "tags": ["vip"] if company.number % 6 == 0 else [],
            "organization_fields": {"segment": company.industry},
        }

    def page(self, asked: Asked) -> Any:
        size = number(asked.params, "page[size]", 100, 1, 100)
        after = asked.params.get("page[after]")
        start = 0 if after is None else self._place(after)
        rows = self.companies[start : start + size]
        body: dict[str, Any] = {"users": [{"id": at, "email": who} for at, who in enumerate(STAFF, 900)]}
        more = start + size < len(self.companies)
        cursor = base64.b64encode(json.dumps({"o": "nice_id", "v": start + len(rows)}).encode()).decode()
        kept = {"page[size]": size, "include": "users"}
        return body | {
            "organizations": [self.record(each) for each in rows],
            "meta": {"has_more": more, "after_cursor": cursor, "before_cursor": f"b{start}"},
            "links": {
                "prev": asked.base + address(self.path, kept | {"page[before]": f"b{start}"}),
                "next": asked.base + address(self.path, kept | {"page[after]": cursor}),
            },
        }

    @staticmethod
    def _place(cursor: str) -> int:
        try:
            return int(json.loads(base64.b64decode(cursor))["v"])
        except (ValueError, KeyError, TypeError):
            raise Wrong("page[after]", cursor) from None

    def refusal(self, status: int, name: str, message: str) -> Answer:
        return Answer({"error": "InvalidPaginationParameter", "description": message}, status)


class Shop(Vendor):
    """Shopify: the next page stands in the Link header only, and `page` has been refused since 2019."""

    name = "Link headers (Shopify)"
    path = "/admin/api/2024-07/customers.json"
    auth = {"type": "api_key", "in": "header", "name": "X-Shopify-Access-Token"}
    credential = ("x-shopify-access-token", "tok-4be1c0ffee")
    count, seed = 139, 405
    expected = Expected(
        records_path="customers",
        pagination=({"type": "link_header"},),
        ids=("id",),
        mapping={"default_address.company": "companyName", "email": "contactEmail"},
        incremental={"param": "updated_at_min", "format": ("iso8601", "date")},
    )

    def record(self, company: Company) -> dict[str, Any]:
        key = 7_300_000_000_000 + company.number * 32_768
        given, family = company.person.split()
        return {
            "id": key,
            "email": company.email,
            "created_at": zulu(company.created).replace("Z", "+00:00"),
            "updated_at": zulu(company.updated).replace("Z", "+00:00"),
            "first_name": given,
            "last_name": family,
            "orders_count": company.number % 30,
            "state": "enabled",
            "total_spent": f"{company.revenue / 100:.2f}",
            "note": None,
            "verified_email": True,
            "tags": "wholesale, b2b",
            "currency": "EUR",
            "phone": None,
            "default_address": {
                "company": company.name,
                "address1": company.street,
                "city": company.city,
                "zip": company.postcode,
                "country_code": company.country,
            },
            "admin_graphql_api_id": f"gid://shopify/Customer/{key}",
        }

    def page(self, asked: Asked) -> Answer:
        given = dict(asked.params)
        if "page" in given:
            return self.refusal(400, "page", "page cannot be passed. See the pagination documentation.")
        limit = strict(given, "limit", 50, 1, 250)
        if "page_info" in given:
            if set(given) & {"updated_at_min", "created_at_min", "ids", "since_id"}:
                raise Wrong("page_info", given["page_info"])
            start, since = self._place(given["page_info"])
        else:
            start, since = 0, given.get("updated_at_min")
        kept = {} if since is None else {"since": since}
        rows = changed(self.companies, instant(kept, "since"))

        def link(place: int, relation: str) -> str:
            token = base64.urlsafe_b64encode(json.dumps([place, since]).encode()).decode()
            url = asked.base + address(self.path, {"limit": limit, "page_info": token})
            return f'<{url}>; rel="{relation}"'

        links = [link(max(start - limit, 0), "previous")] if start else []
        if start + limit < len(rows):
            links.append(link(start + limit, "next"))
        headers = {"X-Shopify-API-Version": "2024-07"} | ({"Link": ", ".join(links)} if links else {})
        shown = [self.record(each) for each in rows[start : start + limit]]
        return Answer({"customers": shown}, headers=headers)

    @staticmethod
    def _place(token: str) -> tuple[int, str | None]:
        try:
            place, since = json.loads(base64.urlsafe_b64decode(token))
        except (ValueError, TypeError):
            raise Wrong("page_info", token) from None
        return place, since

    def refusal(self, status: int, name: str, message: str) -> Answer:
        return Answer({"errors": {name: message} if name else message}, status)


class Force(Vendor):
    """Salesforce: the query is SOQL in the URL, the next page lives under another path, and `done` is not "has more"."""

    name = "nextRecordsUrl (Salesforce)"
    path = "/services/data/v60.0/query"
    query = "?q=SELECT+Id,Name,Website,AccountNumber,Owner.Email,LastModifiedDate+FROM+Account"
    count, seed = 420, 406
    expected = Expected(
        records_path="records",
        pagination=({"type": "next_url", "next_url_path": "nextRecordsUrl"},),
        total_paths=("totalSize",),
        ids=("Id", "AccountNumber"),
        domains=("Website",),
        mapping={"Name": "companyName", "Owner.Email": "accountOwnerEmail"},
    )
    _BATCH = 200
    _LOCATOR = "01gD0000002HU6KIAW"

    def serves(self, path: str) -> bool:
        return path == self.path or path.startswith(f"{self.path}/{self._LOCATOR}-")

    def record(self, company: Company) -> dict[str, Any]:
        key = f"001{company.number:012}AAV"
        return {
            "attributes": {"type": "Account", "url": f"/services/data/v60.0/sobjects/Account/{key}"},
            "Id": key,
            "Name": company.name,
            "Website": company.domain if company.number % 9 else None,
            "AccountNumber": f"CD{company.number + 355_000}",
            "Owner": {
                "attributes": {"type": "User", "url": "/services/data/v60.0/sobjects/User/005D"},
                "Email": company.owner,
            },
            "LastModifiedDate": company.updated.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        }

    def page(self, asked: Asked) -> Any:
        start = 0
        if asked.path == self.path:
            query = asked.params.get("q", "")
            if not query.upper().startswith("SELECT "):
                return self.refusal(400, "q", "unexpected token: query string is required")
        else:
            start = int(asked.path.rpartition("-")[2])
        end = start + self._BATCH
        body: dict[str, Any] = {"totalSize": len(self.companies), "done": end >= len(self.companies)}
        if not body["done"]:
            body["nextRecordsUrl"] = f"{self.path}/{self._LOCATOR}-{end}"
        return body | {"records": [self.record(each) for each in self.companies[start:end]]}

    def refusal(self, status: int, name: str, message: str) -> Answer:
        code = "INVALID_SESSION_ID" if status == 401 else "MALFORMED_QUERY"
        return Answer([{"message": message, "errorCode": code}], status)
