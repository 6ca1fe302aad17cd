"""A Stripe, as its description and its sample objects say that it is: lists newest first, ten objects of a list within
a list, errors in its words. What it is asked and what it answers is held to the description.

    stripe = Stripe([customer(1), customer(2, subscriptions=[subscription(2, 1)])])
    with serve(stripe) as url:
        …                              # /v1/customers and the lists within

Written from Stripe's documentation, knowing nothing of how Ropewalk reads it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from tests.contracts.openapi import HERE, Description, description
from tests.fakes import Answer, Asked, Fake

KEY = "rk_test_51RopewalkReads"
START = 1_700_000_000
SAMPLES = json.loads((HERE / "stripe" / "fixtures3.trimmed.json").read_text())["resources"]
_WITHIN = 10
_FILTERS = {"email", *(f"created[{name}]" for name in ("gt", "gte", "lt", "lte"))}


def _paging(*more: str) -> dict[str, Any]:
    """A list within an object, as Stripe documents each of them; the slim description leaves them out."""
    texts = ["starting_after", "ending_before", *more]
    params = [{"in": "query", "name": name, "schema": {"type": "string"}} for name in texts]
    params.append({"in": "query", "name": "limit", "schema": {"type": "integer"}})
    params.append({"in": "query", "name": "expand", "schema": {"type": "array", "items": {"type": "string"}}})
    answer = {
        "type": "object",
        "required": ["data", "has_more", "object", "url"],
        "properties": {"data": {"type": "array"}, "has_more": {"type": "boolean"}},
    }
    error = {"$ref": "#/components/schemas/error"}
    answers = {"200": _json(answer), "default": _json(error)}
    return {"get": {"parameters": params, "responses": answers}}


def _json(schema: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


@cache
def described() -> Description:
    """By the API's version of late 2022."""
    slim = description("stripe/stripe.slim.json")
    found = Description(
        slim.raw,
        **{
            "/v1/customers/{customer}/subscriptions": _paging(),
            "/v1/customers/{customer}/tax_ids": _paging(),
            "/v1/customers/{customer}/sources": _paging("object"),
            "/v1/subscription_items": _paging("subscription"),
        },
    )
    # What can be expanded is an id or the object; the slim description has the ids only.
    method = {"anyOf": [{"type": ["string", "null"]}, {"$ref": "#/components/schemas/payment_method"}]}
    found.schemas["subscription"]["properties"]["default_payment_method"] = method
    return found


def customer(number: int, **changes: Any) -> dict[str, Any]:
    """The same for the same number. Lists of the changes are Stripe's `data`; they show where they are expanded."""
    return {
        **copy.deepcopy(SAMPLES["customer"]),
        "id": f"cus_{number:05}",
        "created": START + number,
        "name": f"Company {number}",
        "email": f"billing@company-{number}.example",
        "discount": None,
        "shipping": None,
        "metadata": {},
        "subscriptions": [],
        "tax_ids": [],
        **changes,
    }


def subscription(customer: int, number: int, *items: dict[str, Any], **changes: Any) -> dict[str, Any]:
    sample = copy.deepcopy(SAMPLES["subscription"])
    identity = f"sub_{customer:05}_{number}"
    held = list(items) or [item()]
    for place, each in enumerate(held):
        each |= {"id": f"si_{customer:05}_{number}_{place}", "subscription": identity}
    return {
        **sample,
        "id": identity,
        "customer": f"cus_{customer:05}",
        "status": "active",
        "current_period_start": START,
        "current_period_end": START + 30 * 86_400,
        "discount": None,
        "pending_update": None,
        "transfer_data": None,
        "items": held,
        **changes,
    }


def item(
    unit_amount: int | None = 2_000,
    quantity: int | None = 1,
    interval: str = "month",
    count: int = 1,
    currency: str = "usd",
    **price: Any,
) -> dict[str, Any]:
    sample = copy.deepcopy(SAMPLES["subscription"]["items"]["data"][0])
    sample.pop("plan")
    recurring = {**sample["price"]["recurring"], "interval": interval, "interval_count": count}
    recurring |= {"usage_type": price.pop("usage_type", "licensed")}
    sample["price"] |= {
        "unit_amount": unit_amount,
        "unit_amount_decimal": None if unit_amount is None else str(unit_amount),
        "currency": currency,
        "recurring": recurring,
        "transform_quantity": None,
        "custom_unit_amount": None,
        **price,
    }
    if quantity is None:
        sample.pop("quantity")
    else:
        sample["quantity"] = quantity
    return sample


def tax_id(customer: int, number: int) -> dict[str, Any]:
    return {
        "id": f"txi_{customer:05}_{number}",
        "object": "tax_id",
        "country": "DE",
        "created": START,
        "customer": f"cus_{customer:05}",
        "livemode": False,
        "type": "eu_vat",
        "value": f"DE{number:09}",
        "verification": None,
    }


def coupon(duration: str = "forever", **changes: Any) -> dict[str, Any]:
    """Of a discount."""
    sample = {**copy.deepcopy(SAMPLES["coupon"]), "duration": duration, "percent_off": None, **changes}
    sample.pop("applies_to", None)
    return sample


def discount(of: dict[str, Any]) -> dict[str, Any]:
    sample = copy.deepcopy(SAMPLES["discount"])
    sample.pop("source", None)
    return {**sample, "coupon": of}


class Stripe(Fake):
    """`busy` answers 429 to so many requests to come; `key` None lets everybody in."""

    def __init__(self, customers: Sequence[dict[str, Any]], key: str | None = KEY, busy: int = 0) -> None:
        super().__init__()
        self.customers = list(customers)
        self.key = key
        self.busy = busy
        self.described = described()
        self._sorted: list[dict[str, Any]] = []

    def answer(self, asked: Asked) -> Answer:
        self.described.check_request(asked.method, asked.path, asked.query)
        answer = self._answered(asked)
        self.described.check_answer(asked.method, asked.path, answer.status, answer.body)
        return answer

    def _answered(self, asked: Asked) -> Answer:
        if self.key is not None and asked.headers.get("authorization") != f"Bearer {self.key}":
            return error(401, "Invalid API Key provided: rk_test_****")
        if "stripe-version" not in asked.headers:
            raise AssertionError("asked in whatever version the Stripe account is set to")
        if self.busy:
            self.busy -= 1
            busy = error(429, "Request rate limit exceeded.", code="rate_limit")
            busy.headers["Stripe-Rate-Limited-Reason"] = "global-rate"
            return busy
        _, _, kind, *below = asked.path.split("/")
        if kind == "customers" and below:
            identity, within = below
            mine = next((each for each in self.customers if each["id"] == identity), None)
            if mine is None:
                return error(
                    404, f"No such customer: '{identity}'", code="resource_missing", param="customer"
                )
            return self._list(mine[within], asked)
        if kind == "subscription_items":
            of = asked.params["subscription"]
            every = [each for one in self.customers for each in one["subscriptions"]]
            return self._list(next(each["items"] for each in every if each["id"] == of), asked)
        if not _FILTERS.intersection(asked.params):
            return self._list(self._newest(), asked)
        return self._list([each for each in self._newest() if _passes(each, asked.params)], asked)

    def _newest(self) -> list[dict[str, Any]]:
        if len(self._sorted) != len(self.customers):
            self._sorted = sorted(self.customers, key=lambda each: (-each["created"], each["id"]))
        return self._sorted

    def _list(self, objects: Sequence[Mapping[str, Any]], asked: Asked) -> Answer:
        params = asked.params
        limit = int(params.get("limit", 10))
        if not 1 <= limit <= 100:
            return error(400, f"Invalid integer: {limit}", param="limit")
        start = 0
        if after := params.get("starting_after"):
            ids = [each["id"] for each in objects]
            if after not in ids:
                return error(
                    400, f"No such object: '{after}'", code="resource_missing", param="starting_after"
                )
            start = ids.index(after) + 1
        expand = [value for name, value in asked.query if name == "expand[]"]
        for name in expand:
            if not name.startswith("data.") or name.count(".") > 3:
                return error(400, f"This property cannot be expanded ({name}).", param="expand")
        inner = [name.removeprefix("data.") for name in expand]
        shown = [_shown(each, inner) for each in objects[start : start + limit]]
        more = start + limit < len(objects)
        return Answer({"object": "list", "url": asked.path, "has_more": more, "data": shown})


def error(status: int, message: str, **more: str) -> Answer:
    return Answer({"error": {"message": message, "type": "invalid_request_error", **more}}, status)


def _passes(each: Mapping[str, Any], params: Mapping[str, str]) -> bool:
    if "email" in params and each["email"] != params["email"]:
        return False
    bounds = {
        "gt": int.__gt__,
        "gte": int.__ge__,
        "lt": int.__lt__,
        "lte": int.__le__,
    }
    return all(
        compare(each["created"], int(params[f"created[{name}]"]))
        for name, compare in bounds.items()
        if f"created[{name}]" in params
    )


def _shown(each: Mapping[str, Any], expand: Sequence[str]) -> dict[str, Any]:
    """A customer's lists only where they are expanded, a subscription's items always."""
    shown = dict(each)
    if each["object"] == "customer":
        for name in ("subscriptions", "tax_ids", "sources"):
            mine = shown.pop(name, [])
            if any(wanted.split(".")[0] == name for wanted in expand):
                deeper = [
                    one.removeprefix(f"{name}.data.") for one in expand if one.startswith(f"{name}.data.")
                ]
                shown[name] = _within(f"/v1/customers/{each['id']}/{name}", mine, deeper)
    elif each["object"] == "subscription":
        shown["items"] = _within(f"/v1/subscription_items?subscription={each['id']}", each["items"], [])
        if "default_payment_method" in expand and isinstance(each["default_payment_method"], str):
            shown["default_payment_method"] = _payment_method(each["default_payment_method"])
    return shown


def _payment_method(identity: str) -> dict[str, Any]:
    nobody = dict.fromkeys(("address", "email", "name", "phone"))
    card = {"id": identity, "object": "payment_method", "type": "card", "billing_details": nobody}
    return {**card, "created": START, "livemode": False}


def _within(url: str, objects: Sequence[Mapping[str, Any]], expand: Sequence[str]) -> dict[str, Any]:
    return {
        "object": "list",
        "data": [_shown(each, expand) for each in objects[:_WITHIN]],
        "has_more": len(objects) > _WITHIN,
        "url": url,
    }


def every(stripe: Stripe) -> Iterator[str]:
    """Ids, newest first."""
    yield from (each["id"] for each in sorted(stripe.customers, key=lambda each: -each["created"]))
