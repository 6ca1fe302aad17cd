"""What is worked out from a Stripe customer, beside what Stripe says of it: recurring revenue, the state of its
subscriptions, and decimal amounts beside Stripe's minor units.

Monthly recurring revenue is counted as Stripe's own analytics do: subscriptions that are active or past due, licensed
prices, less coupons that run for ever; without trials, taxes, metered usage, and coupons that end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final, TypeAlias, TypeGuard

from ropewalk.core import normalise
from ropewalk.core.values import JSON

Number: TypeAlias = int | Fraction

VERSION: Final = 1
"""Goes up with any change of what is worked out, or of whom a filter leaves out (`sources.base.Derivation`)."""

ACTIVE: Final = frozenset({"active", "past_due"})
"""What makes a customer an active subscriber."""

_STATES: Final = (
    "active",
    "trialing",
    "past_due",
    "unpaid",
    "paused",
    "incomplete",
    "incomplete_expired",
    "canceled",
)
_A_YEAR: Final = {"day": 365, "week": 52, "month": 12, "year": 1}
# Króna and Ugandan shilling have no minor unit, yet Stripe goes on writing them with two digits.
_DIGITS: Final = {
    **dict.fromkeys(
        (
            "bif",
            "clp",
            "djf",
            "gnf",
            "jpy",
            "kmf",
            "krw",
            "mga",
            "pyg",
            "rwf",
            "vnd",
            "vuv",
            "xaf",
            "xof",
            "xpf",
        ),
        0,
    ),
    **dict.fromkeys(("bhd", "jod", "kwd", "omr", "tnd"), 3),
}
_UNITS: Final = (1, 10, 100, 1_000)
_BEYOND: Final = 2**63
_MAGNITUDE: Final = 30
"""Digits beyond which a number is no amount, and costs more memory than it is worth."""


def derived(customer: Mapping[str, Any]) -> dict[str, Any]:
    """Of one whose subscriptions weren't asked for, only what needs none. Anything may stand anywhere."""
    balance, currency = customer.get("balance"), _code(customer.get("currency"))
    found: dict[str, Any] = {
        "email_domain": _domain(customer.get("email")),
        "currency": currency,
        "balance_amount": amount(balance, currency) if _is_whole(balance) else None,
    }
    subscriptions = listed(customer.get("subscriptions"))
    if subscriptions is None:
        return found
    if not subscriptions:
        # Of most customers there is nothing more to be said.
        return found | _NOTHING
    revenue = Revenue.of(subscriptions, customer.get("discount"))
    revenue.left_out |= _is_cut(customer["subscriptions"])
    currency = found["currency"] = currency or revenue.first_currency
    monthly = revenue.monthly(currency)
    return found | {
        "subscription_status": _state(subscriptions),
        "mrr": monthly,
        "mrr_amount": amount(monthly, currency),
        "mrr_is_partial": revenue.left_out or any(other != currency for other in revenue.by_currency),
    }


_NOTHING: Final = {"subscription_status": None, "mrr": 0, "mrr_amount": 0.0, "mrr_is_partial": False}


def _domain(email: JSON) -> str | None:
    name, at, domain = email.rpartition("@") if isinstance(email, str) else ("", "", "")
    return normalise.domain(domain) if at and name else None


def any_active(subscriptions: JSON) -> bool:
    return any(each.get("status") in ACTIVE for each in listed(subscriptions) or ())


def amount(minor: int | None, currency: str | None) -> float | None:
    """In the currency's own unit: 1999 of usd are 19.99."""
    if minor is None or currency is None:
        return 0.0 if minor == 0 else None
    # Division rounds once, so that the number reads as the decimal that it stands for.
    return minor / _UNITS[_DIGITS.get(currency, 2)]


def listed(value: JSON) -> list[dict[str, Any]] | None:
    """The objects of one of Stripe's lists; None where there is no list."""
    data = value.get("data") if isinstance(value, dict) else value
    return [each for each in data if isinstance(each, dict)] if isinstance(data, list) else None


def _is_cut(value: JSON) -> bool:
    """Whether there is more of a list than could be read."""
    return isinstance(value, dict) and value.get("has_more") is True


class Revenue:
    """Minor units a year, by currency: whole numbers as long as prices let them be. `left_out`: something recurs whose
    amount isn't known, like a price in tiers."""

    def __init__(self) -> None:
        self.by_currency: dict[str, Number] = {}
        self.left_out = False

    @classmethod
    def of(cls, subscriptions: Sequence[Mapping[str, Any]], customers_discount: JSON) -> Revenue:
        revenue = cls()
        for each in subscriptions:
            if each.get("status") in ACTIVE:
                # A subscription's own discount goes before its customer's.
                revenue._add(each, _discounts(each) or [customers_discount])
        return revenue

    @property
    def first_currency(self) -> str | None:
        return next(iter(self.by_currency), None)

    def monthly(self, currency: str | None) -> int | None:
        """In whole minor units, halves up; None for what is beyond all revenue."""
        found = int((self.by_currency.get(currency or "", 0) + 6) // 12)
        return found if -_BEYOND < found < _BEYOND else None

    def _add(self, subscription: Mapping[str, Any], discounts: Sequence[JSON]) -> None:
        sums: dict[str, Number] = {}
        times: Number = 12
        items = subscription.get("items")
        self.left_out |= _is_cut(items)
        for item in listed(items) or ():
            terms = _terms(item)
            if terms is None:
                continue
            currency, times, yearly = terms
            if yearly is None:
                self.left_out = True
            else:
                sums[currency] = sums.get(currency, 0) + yearly
        for currency, yearly in sums.items():
            for discount in discounts:
                if discount is not None:
                    yearly = self._less(yearly, currency, times, discount)
            self.by_currency[currency] = self.by_currency.get(currency, 0) + yearly

    def _less(self, yearly: Number, currency: str, times: Number, discount: JSON) -> Number:
        coupon = _coupon(discount)
        if coupon is None:
            self.left_out = True
            return yearly
        if coupon.get("duration") != "forever":
            return yearly
        percent = _number(coupon.get("percent_off"))
        if percent is not None:
            yearly = yearly * (100 - percent) * Fraction(1, 100)
        elif _is_whole(off := coupon.get("amount_off")) and _code(coupon.get("currency")) == currency:
            yearly -= off * times
        return max(yearly, 0)


def _terms(item: Mapping[str, Any]) -> tuple[str, Number, Number | None] | None:
    """An item's currency, how often a year it is paid, and what for (None where that isn't said); None for what is
    metered, or doesn't recur."""
    price = _object(item.get("price")) or _object(item.get("plan"))
    recurring = _object(price.get("recurring")) or price
    times: Number | None = _A_YEAR.get(str(recurring.get("interval")))
    currency = _code(price.get("currency"))
    if times is None or currency is None or recurring.get("usage_type") == "metered":
        return None
    count = recurring.get("interval_count")
    if _is_whole(count) and count > 1:
        times = Fraction(times, count)
    each = _first_number(price, "unit_amount", "unit_amount_decimal", "amount", "amount_decimal")
    return currency, times, None if each is None else each * _quantity(item, price) * times


def _quantity(item: Mapping[str, Any], price: Mapping[str, Any]) -> int:
    quantity = item.get("quantity")
    if not _is_whole(quantity):
        return 1
    transform = _object(price.get("transform_quantity")) or _object(price.get("transform_usage"))
    divisor = transform.get("divide_by")
    if not _is_whole(divisor) or divisor <= 0:
        return int(quantity)
    return int(-(-quantity // divisor) if transform.get("round") == "up" else quantity // divisor)


def _discounts(subscription: Mapping[str, Any]) -> list[JSON]:
    """One of old, several of late."""
    several = subscription.get("discounts")
    if isinstance(several, list) and several:
        return several
    return [subscription["discount"]] if subscription.get("discount") is not None else []


def _coupon(discount: JSON) -> dict[str, Any] | None:
    """None where there is none, or only its id."""
    if not isinstance(discount, dict):
        return None
    coupon = discount.get("coupon") or _object(discount.get("source")).get("coupon")
    return coupon if isinstance(coupon, dict) else None


def _state(subscriptions: Sequence[Mapping[str, Any]]) -> str | None:
    """The best of them; Stripe lists none that have been cancelled."""
    there = {each.get("status") for each in subscriptions}
    known = next((state for state in _STATES if state in there), None)
    return known or next((each for each in sorted(filter(None, map(str, there)))), None)


def _first_number(of: Mapping[str, Any], *names: str) -> Number | None:
    return next((found for name in names if (found := _number(of.get(name))) is not None), None)


def _number(value: JSON) -> Number | None:
    """Stripe writes fractions of a minor unit as text."""
    if _is_whole(value):
        return value
    if not isinstance(value, float | str):
        return None
    try:
        decimal = Decimal(str(value))
    except InvalidOperation:
        return None
    return Fraction(decimal) if decimal.is_finite() and abs(decimal.adjusted()) < _MAGNITUDE else None


def _object(value: JSON) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _code(value: JSON) -> str | None:
    return value.lower() if isinstance(value, str) and value else None
