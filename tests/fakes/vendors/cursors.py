"""Vendors that hand out a cursor."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from tests.fakes import Answer, Asked
from tests.fakes.vendors.companies import Company, zulu
from tests.fakes.vendors.vendor import Expected, Vendor, Wrong, number, strict


class Payments(Vendor):
    """Stripe: the cursor is the last record's id, and an unknown parameter an error. `created[gte]` is no "changed since"."""

    name = "last id as cursor (Stripe)"
    path = "/v1/customers"
    count, seed = 135, 301
    expected = Expected(
        records_path="data",
        # Only a whole page has a record at the number in the path; -1 would say it for every page.
        pagination=tuple(
            {"type": "cursor", "cursor_param": "starting_after", "size_param": "limit", **last}
            for last in (
                {"next_cursor_path": "data.99.id", "page_size": 100},
                {"next_cursor_path": "data.9.id", "page_size": 10},
                {"next_cursor_path": "data.-1.id"},
            )
        ),
        has_more_paths=("has_more",),
        ids=("id",),
        mapping={"name": "companyName", "email": "contactEmail"},
    )
    _KNOWN = frozenset({
        "limit", "starting_after", "ending_before", "email", "created", "created[gt]", "created[gte]",
        "created[lt]", "created[lte]", "expand[]", "test_clock",
    })  # fmt: skip

    def record(self, company: Company) -> dict[str, Any]:
        return {
            "id": f"cus_{company.uuid.replace('-', '')[:14]}",
            "object": "customer",
            "address": {"city": company.city, "country": company.country, "line1": company.street},
            "balance": 0,
            "created": int(company.created.timestamp()),
            "currency": "eur",
            "default_source": None,
            "delinquent": company.number % 19 == 0,
            "description": None,
            "email": company.email,
            "invoice_prefix": company.uuid[:8].upper(),
            "livemode": False,
            "metadata": {},
            "name": company.name,
            "phone": company.phone,
            "preferred_locales": [],
            "tax_exempt": "none",
        }

    def page(self, asked: Asked) -> Any:
        for name in asked.params:
            if name not in self._KNOWN:
                return self.refusal(400, name, f"Received unknown parameter: {name}")
        limit = strict(asked.params, "limit", 10, 1, 100)
        earliest = number(asked.params, "created[gte]", 0, 0)
        rows = [self.record(each) for each in self.companies if each.created.timestamp() >= earliest]
        start = 0
        if (after := asked.params.get("starting_after")) is not None:
            places = [at for at, row in enumerate(rows, 1) if row["id"] == after]
            if not places:
                return self.refusal(400, "starting_after", f"No such customer: '{after}'")
            (start,) = places
        return {
            "object": "list",
            "data": rows[start : start + limit],
            "has_more": start + limit < len(rows),
            "url": self.path,
        }

    def refusal(self, status: int, name: str, message: str) -> Answer:
        error = {"code": "parameter_unknown", "message": message, "param": name}
        return Answer({"error": error | {"type": "invalid_request_error"}}, status)


class Hub(Vendor):
    """HubSpot: fields under `properties`, the next page as a cursor and as a link."""

    name = "properties and after (HubSpot)"
    path = "/crm/v3/objects/companies"
    count, seed = 136, 302
    expected = Expected(
        records_path="results",
        pagination=(
            {
                "type": "cursor",
                "cursor_param": "after",
                "next_cursor_path": "paging.next.after",
                "size_param": "limit",
            },
            {"type": "next_url", "next_url_path": "paging.next.link"},
        ),
        ids=("id", "properties.hs_object_id"),
        domains=("properties.domain",),
        mapping={"properties.name": "companyName"},
    )

    def record(self, company: Company) -> dict[str, Any]:
        key = str(18_400_000_000 + company.number * 113)
        return {
            "id": key,
            "properties": {
                "createdate": zulu(company.created),
                "domain": company.domain if company.number % 13 else None,
                "hs_lastmodifieddate": zulu(company.updated),
                "hs_object_id": key,
                "name": company.name,
            },
            "createdAt": zulu(company.created),
            "updatedAt": zulu(company.updated),
            "archived": False,
        }

    def page(self, asked: Asked) -> Any:
        limit = strict(asked.params, "limit", 10, 1, 100)
        after = number(asked.params, "after", 0, 0)
        rows = [row for row in self.records if int(row["id"]) > after]
        body: dict[str, Any] = {"results": rows[:limit]}
        if len(rows) > limit:
            last = rows[limit - 1]["id"]
            link = f"{asked.base}{self.path}?limit={limit}&after={last}"
            body["paging"] = {"next": {"after": last, "link": link}}
        return body

    def refusal(self, status: int, name: str, message: str) -> Answer:
        said = {
            "status": "error",
            "message": message,
            "correlationId": "aeb5f871-7f07-4993-9211-075dc63e7cbf",
        }
        return Answer(said | {"category": "VALIDATION_ERROR"}, status)


class Register(Vendor):
    """Square: `cursor` goes in and comes out under the same name, and is not there on the last page."""

    name = "cursor in, cursor out (Square)"
    path = "/v2/customers"
    count, seed = 230, 303
    expected = Expected(
        records_path="customers",
        pagination=(
            {
                "type": "cursor",
                "cursor_param": "cursor",
                "next_cursor_path": "cursor",
                "size_param": ("limit", None),
            },
        ),
        ids=("id", "reference_id"),
        mapping={"company_name": "companyName", "email_address": "contactEmail"},
    )

    def record(self, company: Company) -> dict[str, Any]:
        given, family = company.person.split()
        return {
            "id": company.uuid.replace("-", "").upper()[:26],
            "created_at": zulu(company.created),
            "updated_at": zulu(company.updated),
            "given_name": given,
            "family_name": family,
            "company_name": company.name,
            "email_address": company.email,
            "phone_number": company.phone,
            "address": {
                "address_line_1": company.street,
                "locality": company.city,
                "country": company.country,
            },
            "reference_id": f"R{company.number:06}",
            "preferences": {"email_unsubscribed": False},
            "creation_source": "THIRD_PARTY",
            "version": company.number % 5,
        }

    def page(self, asked: Asked) -> Any:
        limit = strict(asked.params, "limit", 100, 1, 100)
        cursor = asked.params.get("cursor")
        start = 0 if cursor is None else self._place(cursor)
        body: dict[str, Any] = {
            "customers": [self.record(each) for each in self.companies[start : start + limit]]
        }
        if start + limit < len(self.companies):
            body["cursor"] = base64.b64encode(f"square:{start + limit}".encode()).decode()
        return body

    @staticmethod
    def _place(cursor: str) -> int:
        try:
            return int(base64.b64decode(cursor, validate=True).decode().removeprefix("square:"))
        except (binascii.Error, ValueError):
            raise Wrong("cursor", cursor) from None

    def refusal(self, status: int, name: str, message: str) -> Answer:
        kind = "AUTHENTICATION_ERROR" if status == 401 else "INVALID_REQUEST_ERROR"
        error = {"category": kind, "code": "INVALID_VALUE", "detail": message, "field": name}
        return Answer({"errors": [error]}, status)


class Cloud(Vendor):
    """Google's list methods: an empty `nextPageToken` ends them, and the size parameter is never said."""

    name = "camel case, page tokens (Google)"
    path = "/v1/accounts"
    count, seed = 129, 304
    expected = Expected(
        records_path="accounts",
        pagination=(
            {
                "type": "cursor",
                "cursor_param": "pageToken",
                "next_cursor_path": "nextPageToken",
                "size_param": ("pageSize", None),
            },
        ),
        total_paths=("totalSize",),
        ids=("accountId",),
        domains=("websiteUri",),
        mapping={"displayName": "companyName", "ownerEmail": "accountOwnerEmail"},
    )

    def record(self, company: Company) -> dict[str, Any]:
        return {
            "accountId": f"{company.number * 48_611 + 10**9}",
            "displayName": company.name,
            "websiteUri": company.website + "/",
            "ownerEmail": company.owner,
            "hqLocation": {"regionCode": company.country, "locality": company.city},
            "employeeCount": company.employees,
            "lifecycleState": "ACTIVE",
            "createTime": zulu(company.created),
            "updateTime": zulu(company.updated),
            "etag": f"BwWW{company.number:04}=",
        }

    def page(self, asked: Asked) -> Any:
        size = number(asked.params, "pageSize", 50, 0, 1_000) or 50
        start = self._place(asked.params.get("pageToken", ""))
        more = start + size < len(self.companies)
        return {
            "accounts": [self.record(each) for each in self.companies[start : start + size]],
            "nextPageToken": f"CAE{start + size:05x}" if more else "",
            "totalSize": len(self.companies),
        }

    @staticmethod
    def _place(token: str) -> int:
        try:
            return int(token.removeprefix("CAE"), 16) if token else 0
        except ValueError:
            raise Wrong("pageToken", token) from None

    def refusal(self, status: int, name: str, message: str) -> Answer:
        said = "INVALID_ARGUMENT" if status == 400 else "UNAUTHENTICATED"
        return Answer({"error": {"code": status, "message": message, "status": said}}, status)
