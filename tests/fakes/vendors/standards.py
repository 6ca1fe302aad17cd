"""Vendors that keep to a published format, and say by it where the next page is."""

from __future__ import annotations

import re
from typing import Any

from tests.fakes import Answer, Asked
from tests.fakes.vendors.companies import STAFF, Company, zulu
from tests.fakes.vendors.vendor import Expected, Vendor, Wrong, address, changed, instant, number, strict


class Hal(Vendor):
    """HAL, as Laminas and API Platform write it: links relative to the host."""

    name = "HAL"
    path = "/api/companies"
    count, seed = 133, 402
    expected = Expected(
        records_path="_embedded.companies",
        pagination=(
            {"type": "next_url", "next_url_path": "_links.next.href"},
            {"type": "page", "page_param": "page", "size_param": "page_size", "first_page": 1},
        ),
        total_paths=("total_items",),
        ids=("id",),
        domains=("internet_domain",),
        mapping={"legal_name": "companyName"},
        incremental={"param": "modified_since", "format": ("iso8601", "date")},
    )

    def record(self, company: Company) -> dict[str, Any]:
        return {
            "id": 10_000 + company.number,
            "register_entry": f"HRB {52_000 + company.number * 3}",
            "legal_name": company.name,
            "internet_domain": company.domain,
            "sector": company.industry,
            "staff_count": company.employees,
            "modified": zulu(company.updated),
            "_links": {"self": {"href": f"{self.path}/{10_000 + company.number}"}},
        }

    def page(self, asked: Asked) -> Any:
        size = number(asked.params, "page_size", 25, 1, 250)
        at = number(asked.params, "page", 1, 1)
        rows = changed(self.companies, instant(asked.params, "modified_since"))
        pages = max(-(-len(rows) // size), 1)
        kept = {name: value for name, value in asked.query if name not in ("page", "page_size")}

        def link(page: int) -> dict[str, str]:
            return {"href": address(self.path, kept | {"page": page, "page_size": size})}

        links = {"self": link(at), "first": link(1), "last": link(pages)}
        if at > 1:
            links["prev"] = link(at - 1)
        if at < pages:
            links["next"] = link(at + 1)
        shown = [self.record(each) for each in rows[(at - 1) * size : at * size]]
        counts = {"page_count": pages, "page_size": size, "total_items": len(rows), "page": at}
        return {"_links": links, "_embedded": {"companies": shown}, **counts}

    def refusal(self, status: int, name: str, message: str) -> Answer:
        problem = {"type": "about:blank", "title": "Bad Request", "status": status, "detail": message}
        return Answer(problem, status, {"Content-Type": "application/problem+json"})


class JsonApi(Vendor):
    """JSON:API: fields under `attributes`, an array `included` beside, brackets in every parameter."""

    name = "JSON:API"
    path = "/v1/organizations"
    count, seed = 132, 403
    expected = Expected(
        records_path="data",
        pagination=(
            {"type": "next_url", "next_url_path": "links.next"},
            {
                "type": "page",
                "page_param": "page[number]",
                "size_param": "page[size]",
                "first_page": 1,
            },
        ),
        total_paths=("meta.total_count",),
        ids=("id",),
        domains=("attributes.website",),
        mapping={"attributes.name": "companyName"},
        incremental={"param": "filter[updated_at][gte]", "format": ("iso8601", "date")},
    )
    _KNOWN = frozenset({"page[number]", "page[size]", "filter[updated_at][gte]", "filter[name]"})

    def record(self, company: Company) -> dict[str, Any]:
        owner = str(STAFF.index(company.owner) + 1)
        return {
            "type": "organizations",
            "id": str(30_000 + company.number),
            "attributes": {
                "name": company.name,
                "website": company.website,
                "industry": company.industry,
                "employees": company.employees,
                "is_archived": False,
                "created_at": zulu(company.created),
                "updated_at": zulu(company.updated),
            },
            "relationships": {"owner": {"data": {"type": "users", "id": owner}}},
            "links": {"self": f"{self.path}/{30_000 + company.number}"},
        }

    def page(self, asked: Asked) -> Any:
        for name in asked.params:
            if name not in self._KNOWN and name.startswith(("page[", "filter[")):
                raise Wrong(name, asked.params[name])
        size = strict(asked.params, "page[size]", 25, 1, 200)
        at = number(asked.params, "page[number]", 1, 1)
        rows = changed(self.companies, instant(asked.params, "filter[updated_at][gte]"))
        pages = max(-(-len(rows) // size), 1)
        kept = {name: value for name, value in asked.query if name.startswith("filter[")}

        def link(page: int) -> str:
            return asked.base + address(self.path, kept | {"page[number]": page, "page[size]": size})

        people = [
            {"type": "users", "id": str(place), "attributes": {"email": who}}
            for place, who in enumerate(STAFF, 1)
        ]
        return {
            "data": [self.record(each) for each in rows[(at - 1) * size : at * size]],
            "included": people,
            "links": {
                "self": link(at),
                "first": link(1),
                "prev": link(at - 1) if at > 1 else None,
                "next": link(at + 1) if at < pages else None,
                "last": link(pages),
            },
            "meta": {"total_count": len(rows), "page_count": pages},
            "jsonapi": {"version": "1.0"},
        }

    def refusal(self, status: int, name: str, message: str) -> Answer:
        error = {"status": str(status), "title": "Invalid parameter", "detail": message}
        return Answer({"errors": [error | {"source": {"parameter": name}}]}, status)


class OData(Vendor):
    """OData, as Business Central speaks it: dots in the keys of total and link, `$` before every parameter."""

    name = "OData (Business Central)"
    path = "/v2.0/production/api/v2.0/customers"
    query = "?$count=true"
    count, seed = 152, 404
    expected = Expected(
        records_path="value",
        pagination=(
            {"type": "next_url", "next_url_path": r"@odata\.nextLink"},
            {"type": "offset", "offset_param": "$skip", "size_param": ("$top", None)},
        ),
        total_paths=(r"@odata\.count",),
        ids=("number", "id"),
        domains=("website",),
        mapping={"displayName": "companyName", "email": "contactEmail"},
        incremental={
            "param": "$filter",
            "format": ("iso8601",),
            "template": ("lastModifiedDateTime ge {since}", "lastModifiedDateTime gt {since}"),
        },
    )
    _KNOWN = frozenset({"$count", "$skip", "$top", "$filter", "$orderby", "$select", "$expand", "$skiptoken"})
    _FILTER = re.compile(r"lastModifiedDateTime (gt|ge) (\S+)")

    def record(self, company: Company) -> dict[str, Any]:
        return {
            "@odata.etag": f'W/"JzE5OzQ{company.number:06}"',
            "id": company.uuid,
            "number": f"C{10_000 + company.number}",
            "displayName": company.name,
            "type": "Company",
            "addressLine1": company.street,
            "city": company.city,
            "country": company.country,
            "postalCode": company.postcode,
            "phoneNumber": company.phone,
            "email": company.email,
            "website": company.website,
            "salespersonCode": company.owner[:2].upper(),
            "balanceDue": company.revenue / 100,
            "taxLiable": True,
            "blocked": " ",
            "lastModifiedDateTime": zulu(company.updated),
        }

    def page(self, asked: Asked) -> Any:
        for name, value in asked.query:
            if name.startswith("$") and name not in self._KNOWN:
                raise Wrong(name, value)
        rows = self.companies
        if (said := asked.params.get("$filter")) is not None:
            found = self._FILTER.fullmatch(said)
            if found is None:
                raise Wrong("$filter", said)
            rows = changed(rows, instant({"$filter": found[2]}, "$filter"), found[1])
        total = len(rows)
        skip = number(asked.params, "$skip", 0, 0)
        start = number(asked.params, "$skiptoken", skip, 0)
        top = number(asked.params, "$top", total, 0)
        end = min(total, start + top)
        shown = rows[start : min(end, start + 60)]
        body: dict[str, Any] = {"@odata.context": f"{asked.base}/v2.0/$metadata#companies/customers"}
        if asked.params.get("$count") == "true":
            body["@odata.count"] = total
        body["value"] = [self.record(each) for each in shown]
        if start + 60 < end:
            kept = {name: value for name, value in asked.query if name not in ("$skip", "$top")}
            on = kept | {"$skiptoken": start + 60}
            if "$top" in asked.params:
                on["$top"] = str(top - 60)
            body["@odata.nextLink"] = asked.base + address(self.path, on)
        return body

    def refusal(self, status: int, name: str, message: str) -> Answer:
        return Answer({"error": {"code": "BadRequest_InvalidToken", "message": message}}, status)
