"""Vendors whose pages have numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.fakes import Answer, Asked
from tests.fakes.vendors.companies import STAFF, Company, zulu
from tests.fakes.vendors.vendor import Expected, Vendor, Wrong, changed, instant, number, strict


class Books(Vendor):
    """FreshBooks: two envelopes around the array; a domain nowhere."""

    name = "nested envelopes (FreshBooks)"
    path = "/accounting/account/Xr4pZ2/users/clients"
    count, seed = 142, 101
    expected = Expected(
        records_path="response.result.clients",
        pagination=({"type": "page", "page_param": "page", "size_param": "per_page", "first_page": 1},),
        total_paths=("response.result.total",),
        ids=("id", "userid"),
        mapping={"organization": "companyName", "email": "contactEmail"},
        incremental={"param": "search[updated_min]", "format": ("date", "iso8601")},
    )

    def record(self, company: Company) -> dict[str, Any]:
        given, family = company.person.split()
        return {
            "id": 218_000 + company.number,
            "userid": 218_000 + company.number,
            "accounting_systemid": "Xr4pZ2",
            "organization": company.name,
            "fname": given,
            "lname": family,
            "email": company.email,
            "bus_phone": company.phone,
            "p_street": company.street,
            "p_city": company.city,
            "p_code": company.postcode,
            "p_country": company.country,
            "currency_code": "EUR",
            "language": "en",
            "vat_number": None,
            "vis_state": 0,
            "allow_late_fees": True,
            "signup_date": company.created.strftime("%Y-%m-%d %H:%M:%S"),
            "updated": company.updated.strftime("%Y-%m-%d %H:%M:%S"),
        }

    def page(self, asked: Asked) -> Any:
        size = number(asked.params, "per_page", 15, 1, 100)
        at = number(asked.params, "page", 1, 1)
        rows = changed(self.companies, instant(asked.params, "search[updated_min]"))
        shown = rows[(at - 1) * size : at * size]
        result = {
            "clients": [self.record(each) for each in shown],
            "page": at,
            "pages": -(-len(rows) // size),
            "per_page": size,
            "total": len(rows),
        }
        return {"response": {"result": result}}

    def refusal(self, status: int, name: str, message: str) -> Answer:
        error = {"errno": 1012, "field": name, "message": message, "object": "client"}
        return Answer({"response": {"errors": [error]}}, status)


class Teams(Vendor):
    """Teamwork v3: objects by their id stand before the array; `count` is the page's, `pageOffset` counts from 0."""

    name = "keyed objects beside (Teamwork)"
    path = "/projects/api/v3/companies.json"
    count, seed = 163, 102
    expected = Expected(
        records_path="data.companies",
        pagination=({"type": "page", "page_param": "page", "size_param": "pageSize", "first_page": 1},),
        has_more_paths=("meta.page.hasMore",),
        ids=("id",),
        domains=("website",),
        mapping={"name": "companyName"},
        incremental={"param": "updatedAfter", "format": ("iso8601", "date")},
    )

    def record(self, company: Company) -> dict[str, Any]:
        return {
            "id": 71_300 + company.number,
            "name": company.name,
            "website": company.website if company.number % 17 else None,
            "phone": company.phone,
            "addressOne": company.street,
            "city": company.city,
            "zip": company.postcode,
            "countryCode": company.country,
            "industryId": len(company.industry),
            "isOwner": False,
            "canSeePrivate": company.number % 4 == 0,
            "tags": [{"id": 3, "type": "tags"}] if company.number % 5 == 0 else None,
            "createdAt": zulu(company.created),
            "updatedAt": zulu(company.updated),
            "status": "active",
        }

    def page(self, asked: Asked) -> Any:
        size = number(asked.params, "pageSize", 50, 1, 500)
        before = (number(asked.params, "page", 1, 1) - 1) * size
        rows = changed(self.companies, instant(asked.params, "updatedAfter"))
        shown = [self.record(each) for each in rows[before : before + size]]
        users = {
            str(17 + at): {"id": 17 + at, "firstName": who.split(".")[0].title(), "email": who}
            for at, who in enumerate(STAFF)
        }
        paging = {
            "pageOffset": before // size,
            "pageSize": size,
            "count": len(shown),
            "hasMore": before + size < len(rows),
        }
        return {
            "included": {"users": users, "countries": {"DE": {"id": 82, "name": "Germany", "code": "DE"}}},
            "data": {"companies": shown},
            "meta": {"page": paging},
        }


class Press(Vendor):
    """WordPress: a bare array, totals in headers, and a page past the last is an error. `link` leads to itself."""

    name = "totals in headers (WordPress)"
    path = "/wp-json/wp/v2/companies"
    auth = {"type": "basic", "username": "editor"}
    secrets = {"password": "pass word"}
    credential = ("authorization", "Basic ZWRpdG9yOnBhc3Mgd29yZA==")
    count, seed = 127, 103
    expected = Expected(
        records_path="",
        pagination=(
            {"type": "page", "page_param": "page", "size_param": ("per_page", None), "first_page": 1},
            {"type": "link_header"},
        ),
        ids=("id", "acf.customer_number"),
        domains=("acf.company_website",),
        mapping={"title.rendered": "companyName"},
        incremental={"param": "modified_after", "format": ("iso8601",)},
    )

    def record(self, company: Company) -> dict[str, Any]:
        slug = company.domain.split(".")[0]
        return {
            "id": 4_100 + company.number * 3,
            "date_gmt": company.created.strftime("%Y-%m-%dT%H:%M:%S"),
            "modified_gmt": company.updated.strftime("%Y-%m-%dT%H:%M:%S"),
            "guid": {"rendered": f"https://intranet.ropers.example/?p={4_100 + company.number * 3}"},
            "slug": slug,
            "status": "publish",
            "type": "company",
            "link": f"https://intranet.ropers.example/companies/{slug}/",
            "title": {"rendered": company.name},
            "author": company.number % 3 + 1,
            "featured_media": 0,
            "template": "",
            "acf": {
                "company_website": company.website,
                "customer_number": f"K-{20_000 + company.number}",
                "headquarters": company.city,
            },
        }

    def page(self, asked: Asked) -> Answer:
        size = strict(asked.params, "per_page", 10, 1, 100)
        at = number(asked.params, "page", 1, 1)
        rows = changed(self.companies, instant(asked.params, "modified_after"))
        last = -(-len(rows) // size)
        if at > max(last, 1):
            why = "The page number requested is larger than the number of pages available."
            body = {"code": "rest_post_invalid_page_number", "message": why, "data": {"status": 400}}
            return Answer(body, 400)
        links = []
        kept = "".join(f"&{name}={value}" for name, value in asked.query if name != "page")
        if at > 1:
            links.append(f'<{asked.base}{self.path}?page={at - 1}{kept}>; rel="prev"')
        if at < last:
            links.append(f'<{asked.base}{self.path}?page={at + 1}{kept}>; rel="next"')
        headers = {"X-WP-Total": str(len(rows)), "X-WP-TotalPages": str(last)}
        if links:
            headers["Link"] = ", ".join(links)
        return Answer([self.record(each) for each in rows[(at - 1) * size : at * size]], headers=headers)

    def refusal(self, status: int, name: str, message: str) -> Answer:
        body = {
            "code": "rest_invalid_param",
            "message": f"Invalid parameter(s): {name}",
            "data": {"status": status, "params": {name: message}},
        }
        return Answer(body, status)


class Springs(Vendor):
    """Spring Data: the first page is 0, `last` is true where others say "no more", and times are milliseconds."""

    name = "zero-based pages (Spring)"
    path = "/api/customers"
    count, seed = 134, 104
    expected = Expected(
        records_path="content",
        pagination=({"type": "page", "page_param": "page", "size_param": "size", "first_page": 0},),
        total_paths=("totalElements",),
        ids=("customerId",),
        domains=("webSite",),
        mapping={"companyName": "companyName", "accountManager.email": "accountOwnerEmail"},
        incremental={"param": "updatedSince", "format": ("epoch_ms",)},
    )

    def record(self, company: Company) -> dict[str, Any]:
        return {
            "customerId": company.uuid,
            "companyName": company.name,
            "webSite": company.domain,
            "segment": company.industry.upper().replace(" ", "_"),
            "headcount": company.employees,
            "annualRevenue": {"amount": company.revenue, "currency": "EUR"},
            "accountManager": {"email": company.owner, "active": True},
            "createdDate": int(company.created.timestamp() * 1000),
            "updatedDate": int(company.updated.timestamp() * 1000),
            "version": company.number % 9,
        }

    def page(self, asked: Asked) -> Any:
        size = number(asked.params, "size", 20, 1, 2_000)
        at = number(asked.params, "page", 0, 0)
        rows = self.companies
        if "updatedSince" in asked.params:
            since = number(asked.params, "updatedSince", 0, 0)
            if since > 253_402_300_799_000:
                raise Wrong("updatedSince", since)
            rows = changed(rows, datetime.fromtimestamp(since / 1000, UTC))
        shown = rows[at * size : (at + 1) * size]
        pages = -(-len(rows) // size)
        sort = {"sorted": False, "unsorted": True, "empty": True}
        return {
            "content": [self.record(each) for each in shown],
            "pageable": {
                "pageNumber": at,
                "pageSize": size,
                "sort": sort,
                "offset": at * size,
                "paged": True,
                "unpaged": False,
            },
            "last": at >= pages - 1,
            "totalElements": len(rows),
            "totalPages": pages,
            "size": size,
            "number": at,
            "sort": sort,
            "first": at == 0,
            "numberOfElements": len(shown),
            "empty": not shown,
        }

    def refusal(self, status: int, name: str, message: str) -> Answer:
        said = {"timestamp": "2026-03-01T12:00:00.000+00:00", "status": status, "error": message}
        return Answer(said | {"path": self.path}, status)


class Desk(Vendor):
    """Freshdesk without its Link header: a bare array and not a word about paging, neither in the body nor beside it."""

    name = "root array (Freshdesk)"
    path = "/api/v2/companies"
    auth = {"type": "basic", "username": "fd-9a1"}
    secrets = {"password": "X"}
    credential = ("authorization", "Basic ZmQtOWExOlg=")
    count, seed = 128, 105
    expected = Expected(
        records_path="",
        pagination=(
            {"type": "page", "page_param": "page", "size_param": ("per_page", None), "first_page": 1},
        ),
        ids=("id",),
        domains=("domains",),
        mapping={"name": "companyName"},
        incremental={"param": "updated_since", "format": ("iso8601", "date")},
    )

    def record(self, company: Company) -> dict[str, Any]:
        return {
            "id": 51_000_500_000 + company.number,
            "name": company.name,
            "description": None,
            "note": None,
            "domains": [company.domain],
            "health_score": ("Happy", "At risk", "Doing okay")[company.number % 3],
            "account_tier": ("Basic", "Premium", "Enterprise")[company.number % 3],
            "renewal_date": None,
            "industry": company.industry,
            "custom_fields": {"region": company.country},
            "created_at": zulu(company.created),
            "updated_at": zulu(company.updated),
        }

    def page(self, asked: Asked) -> Any:
        size = strict(asked.params, "per_page", 30, 1, 100)
        at = number(asked.params, "page", 1, 1)
        rows = changed(self.companies, instant(asked.params, "updated_since"))
        return [self.record(each) for each in rows[(at - 1) * size : at * size]]

    def refusal(self, status: int, name: str, message: str) -> Answer:
        error = {"field": name, "message": message, "code": "invalid_value"}
        return Answer({"description": "Validation failed", "errors": [error]}, status)


class Prospects(Vendor):
    """Apollo: a search by POST, paged in its body. `breadcrumbs` is an array of objects, too."""

    name = "POST search body (Apollo)"
    path = "/api/v1/accounts/search"
    method = "POST"
    auth = {"type": "api_key", "in": "header", "name": "X-Api-Key"}
    credential = ("x-api-key", "tok-4be1c0ffee")
    count, seed = 131, 106
    expected = Expected(
        records_path="accounts",
        pagination=(
            {
                "type": "page",
                "page_param": "page",
                "size_param": "per_page",
                "first_page": 1,
                "params_in": "body",
            },
        ),
        total_paths=("pagination.total_entries",),
        ids=("id",),
        domains=("domain", "primary_domain", "website_url"),
        mapping={"name": "companyName"},
    )

    def record(self, company: Company) -> dict[str, Any]:
        slug = company.domain.split(".")[0]
        return {
            "id": company.uuid.replace("-", "")[:24],
            "name": company.name,
            "website_url": company.website.replace("https", "http"),
            "linkedin_url": f"http://www.linkedin.com/company/{slug}",
            "twitter_url": None,
            "primary_domain": company.domain,
            "domain": company.domain,
            "phone": company.phone,
            "logo_url": f"https://logos.apollo.example/{slug}.png",
            "team_id": "5f3a0c2e9d1b4a0001c2d3e4",
            "account_stage_id": "5f3a0c2e9d1b4a0001c2d3f9",
            "num_contacts": company.number % 6,
            "source": "crm",
            "created_at": zulu(company.created),
        }

    def page(self, asked: Asked) -> Any:
        given = asked.json or {}
        if not isinstance(given, dict):
            raise Wrong("body", given)
        size = strict(given, "per_page", 25, 1, 100)
        at = number(given, "page", 1, 1)
        shown = [self.record(each) for each in self.companies[(at - 1) * size : at * size]]
        total = len(self.companies)
        return {
            "breadcrumbs": [
                {"label": "Sort", "signal_field_name": "sort_by_field", "value": "account_created_at"}
            ],
            "partial_results_only": False,
            "disable_eu_prospecting": False,
            "accounts": shown,
            "pagination": {
                "page": at,
                "per_page": size,
                "total_entries": total,
                "total_pages": -(-total // size),
            },
            "model_ids": [each["id"] for each in shown],
        }

    def refusal(self, status: int, name: str, message: str) -> Answer:
        return Answer({"error": message, "error_code": "INVALID_REQUEST"}, status if status != 400 else 422)
