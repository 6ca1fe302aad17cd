"""HubSpot, as its pages and its SDK describe it: objects with properties, lists, a search that ends at 10,000 results,
owners, associations, access tokens that end. Written without a look at how we read it; every request and every answer is
held to the SDK's contract."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tests.fakes import Answer, Asked, Fake
from tests.fakes.contracts.sdk import Contract

WINDOW = 10_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _sorts(value: Any) -> bool:
    """The SDK types sorts as texts; HubSpot's pages (and its own answers to issues of the SDK) send objects."""
    return isinstance(value, list) and all(
        isinstance(each, str) or {*each} == {"propertyName", "direction"} for each in value
    )


CONTRACT = Contract(
    "hubspot/hubspot.sdk-contract.json",
    {
        ("PublicObjectSearchRequest", "sorts"): _sorts,
        # Its pages: `"after": "200"`; the SDK: an int.
        ("PublicObjectSearchRequest", "after"): lambda value: str(value).isdigit(),
    },
)


@cache
def iso(milliseconds: int) -> str:
    moment = EPOCH + timedelta(milliseconds=milliseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def ms(moment: datetime) -> int:
    return round((moment - EPOCH) / timedelta(milliseconds=1))


@dataclass
class Thing:
    id: int
    changed: int
    properties: dict[str, str | None]
    archived: bool = False


@dataclass
class Shelf:
    """The objects of one type, in the order of their ids and of their changes."""

    changed_by: str
    schema: list[dict[str, Any]]
    by_id: dict[int, Thing] = field(default_factory=dict)
    _order: list[tuple[int, int]] = field(default_factory=list)
    _ids: list[int] = field(default_factory=list)
    _fresh: bool = False

    def put(self, thing: Thing) -> None:
        self.by_id[thing.id] = thing
        self._fresh = False

    def _sort(self) -> None:
        if not self._fresh:
            self._order = sorted((each.changed, each.id) for each in self.by_id.values() if not each.archived)
            self._ids = sorted(self.by_id)
            self._fresh = True

    def page(self, after: int, limit: int, *, archived: bool) -> tuple[list[Thing], bool]:
        self._sort()
        start = bisect.bisect_right(self._ids, after)
        found: list[Thing] = []
        for number in self._ids[start:]:
            thing = self.by_id[number]
            if thing.archived is archived:
                if len(found) == limit:
                    return found, True
                found.append(thing)
        return found, False

    def searched(self, groups: list[list[dict[str, Any]]], sort: str) -> list[int]:
        """Their ids."""
        self._sort()
        order = [number for _, number in self._ranged(groups)]
        if sort == "hs_object_id":
            order.sort()
        if len(groups) == 1 and all(rule["propertyName"] == self.changed_by for rule in groups[0]):
            groups = []
        return order if not groups else [number for number in order if self._found(number, groups)]

    def _found(self, number: int, groups: list[list[dict[str, Any]]]) -> bool:
        thing = self.by_id[number]
        return any(all(self._fits(thing, rule) for rule in group) for group in groups)

    def _ranged(self, groups: list[list[dict[str, Any]]]) -> list[tuple[int, int]]:
        """Where there is one group, what its bounds of the change leave; by bisection, for 25,000 objects are many."""
        low, high = 0, len(self._order)
        for rule in groups[0] if len(groups) == 1 else []:
            if rule["propertyName"] == self.changed_by:
                value, operator = int(rule["value"]), rule["operator"]
                if operator in ("GTE", "EQ"):
                    low = max(low, bisect.bisect_left(self._order, (value, 0)))
                if operator == "GT":
                    low = max(low, bisect.bisect_left(self._order, (value + 1, 0)))
                if operator == "EQ":
                    high = min(high, bisect.bisect_left(self._order, (value + 1, 0)))
        return self._order[low:high]

    def _fits(self, thing: Thing, rule: dict[str, Any]) -> bool:
        name, operator = rule["propertyName"], rule["operator"]
        own: Any = thing.properties.get(name)
        if name == self.changed_by:
            own = str(thing.changed)
        elif name == "hs_object_id":
            own = str(thing.id)
        if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
            return (own not in (None, "")) == (operator == "HAS_PROPERTY")
        if operator in ("IN", "NOT_IN"):
            return (str(own).lower() in rule["values"]) == (operator == "IN")
        if operator == "CONTAINS_TOKEN":
            return rule["value"].lower() in str(own or "").lower().split()
        if own in (None, ""):
            return operator == "NEQ"
        given, wanted = _comparable(own, rule["value"])
        compared: dict[str, Callable[[], bool]] = {
            "EQ": lambda: given == wanted,
            "NEQ": lambda: given != wanted,
            "LT": lambda: given < wanted,
            "LTE": lambda: given <= wanted,
            "GT": lambda: given > wanted,
            "GTE": lambda: given >= wanted,
            "BETWEEN": lambda: wanted <= given <= _comparable(own, rule["highValue"])[1],
        }
        return compared[operator]()


def _comparable(own: str, given: str) -> tuple[Any, Any]:
    try:
        return float(own), float(given)
    except ValueError:
        return own.lower(), given.lower()


class Refusal(Exception):
    def __init__(
        self, status: int, message: str, category: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        body = {"status": "error", "message": message, "correlationId": "c0ffee", "category": category}
        self.answer = Answer(body, status, headers or {})


def prop(name: str, label: str, kind: str = "string", group: str = "companyinformation") -> dict[str, Any]:
    return {
        "name": name, "label": label, "type": kind, "fieldType": "text", "description": "", "groupName": group,
        "options": [], "hidden": False, "displayOrder": -1,
    }  # fmt: skip


class HubSpot(Fake):
    """`token` lets in for ever. `before(asked)` may refuse, by raising `Refusal`, whatever is asked next."""

    def __init__(self, token: str = "pat-eu1-private") -> None:
        super().__init__()
        self.tokens = {token}
        self.refreshing: dict[str, str] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.renewals = 0
        self.expires_in = 1_800
        self.before: Callable[[Asked], None] = lambda _: None
        self.wrong: list[str] = []
        self.owners: list[dict[str, Any]] = []
        self.associations: dict[int, list[tuple[int, list[dict[str, Any]]]]] = {}
        self.shelves = {
            "companies": Shelf(
                "hs_lastmodifieddate",
                [
                    prop("name", "Company name"),
                    prop("domain", "Company domain name"),
                    prop("hubspot_owner_id", "Company owner", "enumeration"),
                    prop("annualrevenue", "Annual revenue", "number"),
                    prop("lifecyclestage", "Lifecycle stage", "enumeration"),
                    prop("hs_lastmodifieddate", "Last modified", "datetime", "history"),
                    prop("hs_object_id", "Record ID", "number", "history"),
                ],
            ),
            "contacts": Shelf(
                "lastmodifieddate",
                [
                    prop("email", "Email", group="contactinformation"),
                    prop("firstname", "First name", group="contactinformation"),
                    prop("lastname", "Last name", group="contactinformation"),
                    prop("phone", "Phone number", "phone_number", "contactinformation"),
                    prop("jobtitle", "Job title", group="contactinformation"),
                    prop("lastmodifieddate", "Last modified", "datetime", "history"),
                ],
            ),
        }

    # ---- what is in it ----

    def company(
        self, number: int, changed: datetime, *, archived: bool = False, **properties: str | None
    ) -> None:
        given = {"name": f"Company {number}", "domain": f"c{number}.example"} | properties
        self.shelves["companies"].put(Thing(number, ms(changed), given, archived))

    def contact(self, number: int, changed: datetime, **properties: str | None) -> None:
        self.shelves["contacts"].put(Thing(number, ms(changed), properties))

    def associate(self, contact: int, company: int, *, primary: bool = False) -> None:
        kinds = [{"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None}]
        if primary:
            kinds.append({"category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary"})
        self.associations.setdefault(contact, []).append((company, kinds))

    def owner(self, number: int, email: str, *, archived: bool = False) -> None:
        self.owners.append(
            {
                "id": str(number), "email": email, "firstName": "O", "lastName": "W", "userId": number, "type": "PERSON",
                "createdAt": iso(0), "updatedAt": iso(0), "archived": archived,
            }
        )  # fmt: skip

    # ---- answering ----

    def answer(self, asked: Asked) -> Any:
        if asked.path == "/oauth/authorize":
            return self._asks(asked.params)
        if asked.path == "/favicon.ico":
            return Answer(b"", 404)
        self.wrong += CONTRACT.request(asked.method, asked.path, asked.query, asked.body)
        try:
            self.before(asked)
            if asked.path == "/oauth/v1/token":
                return self._token(dict(parse_qsl(asked.body.decode())))
            self._let_in(asked)
            return self._answered(asked)
        except Refusal as refusal:
            self.wrong += CONTRACT.answer("companies", "Error", refusal.answer.body)
            return refusal.answer

    def _let_in(self, asked: Asked) -> None:
        given = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if given not in self.tokens:
            raise Refusal(401, "The OAuth token used to make this call expired.", "EXPIRED_AUTHENTICATION")

    def _answered(self, asked: Asked) -> Any:
        match asked.path.strip("/").split("/"):
            case ["crm", "v3", "properties", name]:
                return {"results": self.shelves[name].schema}
            case ["crm", "v3", "owners"]:
                return self._owners(asked.params)
            case ["crm", "v3", "objects", name]:
                return self._list(name, asked.params)
            case ["crm", "v3", "objects", name, "search"]:
                return self._search(name, asked.json)
            case ["crm", "v3", "objects", name, "batch", "read"]:
                return self._batch(name, asked.json)
            case ["crm", "v4", "associations", "contacts", "companies", "batch", "read"]:
                return self._associated(asked.json)
        raise Refusal(404, f"No {asked.path}", "OBJECT_NOT_FOUND")

    def _said(self, area: str, model: str, value: Any) -> Any:
        self.wrong += CONTRACT.answer(area, model, value)
        return value

    def _shown(self, name: str, thing: Thing, wanted: Iterable[str]) -> dict[str, Any]:
        shelf, properties = self.shelves[name], {}
        for each in (*wanted, "hs_object_id", shelf.changed_by, "createdate"):
            properties[each] = {
                "hs_object_id": str(thing.id),
                shelf.changed_by: iso(thing.changed),
                "createdate": iso(0),
            }.get(each, thing.properties.get(each))
        return {
            "id": str(thing.id),
            "properties": properties,
            "createdAt": iso(0),
            "updatedAt": iso(thing.changed),
            "archived": thing.archived,
        }

    def _list(self, name: str, params: dict[str, str]) -> Any:
        limit = int(params.get("limit", 10))
        if limit > 100:
            raise Refusal(400, "limit is at most 100", "VALIDATION_ERROR")
        wanted = [each for each in params.get("properties", "").split(",") if each]
        after = int(params.get("after", 0)) - 1 if "after" in params else 0
        found, more = self.shelves[name].page(after, limit, archived=params.get("archived") == "true")
        answer: dict[str, Any] = {"results": [self._shown(name, each, wanted) for each in found]}
        if more:
            answer["paging"] = {
                "next": {"after": str(found[-1].id + 1), "link": f"?after={found[-1].id + 1}"}
            }
        return self._said(name, "CollectionResponseSimplePublicObjectWithAssociationsForwardPaging", answer)

    def _search(self, name: str, body: dict[str, Any]) -> Any:
        limit, after = body.get("limit", 10), int(body.get("after", 0))
        groups = [group["filters"] for group in body.get("filterGroups", [])]
        if limit > 200 or after + limit > WINDOW:
            raise Refusal(400, f"There are {WINDOW} results at most.", "VALIDATION_ERROR")
        if len(groups) > 5 or sum(map(len, groups)) > 18 or any(len(group) > 6 for group in groups):
            raise Refusal(400, "Too many filters.", "VALIDATION_ERROR")
        sorts = body.get("sorts") or [{"propertyName": "createdate", "direction": "ASCENDING"}]
        if len(sorts) > 1:
            raise Refusal(400, "One sort at most.", "VALIDATION_ERROR")
        shelf = self.shelves[name]
        found = shelf.searched(groups, sorts[0]["propertyName"])
        page = [shelf.by_id[number] for number in found[after : after + limit]]
        wanted = body.get("properties", [])
        answer: dict[str, Any] = {
            "total": len(found),
            "results": [self._shown(name, each, wanted) for each in page],
        }
        if after + limit < len(found):
            answer["paging"] = {"next": {"after": str(after + limit)}}
        return self._said(name, "CollectionResponseWithTotalSimplePublicObjectForwardPaging", answer)

    def _batch(self, name: str, body: dict[str, Any]) -> Any:
        ids = [int(each["id"]) for each in body["inputs"]]
        if len(ids) > 100:
            raise Refusal(400, "100 inputs at most.", "VALIDATION_ERROR")
        there = [self.shelves[name].by_id[each] for each in ids if each in self.shelves[name].by_id]
        answer = {
            "status": "COMPLETE", "startedAt": iso(0), "completedAt": iso(0),
            "results": [self._shown(name, each, body["properties"]) for each in there if not each.archived],
        }  # fmt: skip
        return self._said(name, "BatchResponseSimplePublicObject", answer)

    def _owners(self, params: dict[str, str]) -> Any:
        limit, after = int(params.get("limit", 100)), int(params.get("after", 0))
        archived = params.get("archived") == "true"
        there = [each for each in self.owners if each["archived"] is archived]
        answer: dict[str, Any] = {"results": there[after : after + limit]}
        if after + limit < len(there):
            answer["paging"] = {"next": {"after": str(after + limit)}}
        return self._said("owners", "CollectionResponsePublicOwnerForwardPaging", answer)

    def _associated(self, body: dict[str, Any]) -> Any:
        results = []
        for each in body["inputs"]:
            there, after = self.associations.get(int(each["id"]), []), int(each.get("after", 0))
            if not there:
                continue
            # Real pages hold hundreds; two make a contact with three companies take two.
            part: dict[str, Any] = {
                "from": {"id": each["id"]},
                "to": [
                    {"toObjectId": str(company), "associationTypes": kinds}
                    for company, kinds in there[after : after + 2]
                ],
            }
            if after + 2 < len(there):
                part["paging"] = {"next": {"after": str(after + 2)}}
            results.append(part)
        answer = {"status": "COMPLETE", "startedAt": iso(0), "completedAt": iso(0), "results": results}
        return Answer(
            self._said("associations_v4", "BatchResponsePublicAssociationMultiWithLabel", answer),
            200 if len(results) == len(body["inputs"]) else 207,
        )

    # ---- access ----

    def _asks(self, asked: dict[str, str]) -> Answer:
        """The page on which somebody says yes."""
        code = self.consent(asked["redirect_uri"], asked["client_id"])
        back = f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"
        page = (
            f'<!doctype html><html lang="en"><title>HubSpot</title><a href="{escape(back)}">Connect app</a>'
        )
        return Answer(page, 200, {"Content-Type": "text/html"})

    def consent(self, redirect_uri: str, client_id: str = "app-id") -> str:
        """Somebody says yes on HubSpot's page: the code that they are sent back with."""
        code = f"code-{len(self.codes)}"
        self.codes[code] = {"redirect_uri": redirect_uri, "client_id": client_id}
        return code

    def _token(self, form: dict[str, str]) -> Any:
        if (form.get("client_id"), form.get("client_secret")) != ("app-id", "app-secret"):
            raise Refusal(400, "missing or invalid client", "BAD_CLIENT_ID")
        match form["grant_type"]:
            case "authorization_code":
                asked = self.codes.pop(form["code"], None)
                if asked is None or asked["redirect_uri"] != form.get("redirect_uri"):
                    raise Refusal(400, "missing or invalid auth code", "BAD_AUTH_CODE")
            case "refresh_token":
                if self.refreshing.pop(form["refresh_token"], None) is None:
                    raise Refusal(400, "missing or invalid refresh token", "BAD_REFRESH_TOKEN")
        self.renewals += 1
        access, refresh = f"access-{self.renewals}-of-hubspot", f"refresh-{self.renewals}-of-hubspot"
        self.tokens.add(access)
        self.refreshing[refresh] = access
        answer = {
            "access_token": access, "refresh_token": refresh, "expires_in": self.expires_in, "token_type": "bearer",
        }  # fmt: skip
        return self._said("oauth", "TokenResponseIF", answer)

    def end(self, token: str) -> None:
        self.tokens.discard(token)


def limited(seconds: float) -> Refusal:
    """HubSpot's 429 has no Retry-After."""
    headers = {
        "X-HubSpot-RateLimit-Interval-Milliseconds": str(round(seconds * 1_000)),
        "X-HubSpot-RateLimit-Remaining": "0",
        "X-HubSpot-RateLimit-Max": "100",
    }
    return Refusal(429, "You have reached your ten_secondly_rolling limit.", "RATE_LIMITS", headers)
