"""What is worked out from a Stripe customer, beside what Stripe says of it: recurring revenue, the state of its
subscriptions, and decimal amounts beside Stripe's minor units.

Monthly recurring revenue is counted as Stripe's own analytics do: subscriptions that are active or past due, licensed
prices, less coupons that run for ever; without trials, taxes, metered usage, and coupons that end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from math import floor
from typing import Any, Final, TypeGuard

from ropewalk.core import normalise
from ropewalk.core.values import JSON

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
_MONTHS: Final = {
    "day": Fraction(12, 365),
    "week": Fraction(12, 52),
    "month": Fraction(1),
    "year": Fraction(12),
}
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
_BEYOND: Final = 2**63
_MAGNITUDE: Final = 30
"""Digits beyond which a number is no amount, and costs more memory than it is worth."""


def derived(customer: Mapping[str, JSON]) -> dict[str, Any]:
    """Of one whose subscriptions weren't asked for, only what needs none."""
    email, balance, currency = customer.get("email"), customer.get("balance"), _code(customer.get("currency"))
    found: dict[str, Any] = {
        "email_domain": normalise.domain(email) if isinstance(email, str) and "@" in email else None,
        "currency": currency,
        "balance_amount": amount(balance, currency) if _is_whole(balance) else None,
    }
    subscriptions = listed(customer.get("subscriptions"))
    if subscriptions is None:
        return found
    revenue = Revenue.of(subscriptions, customer.get("discount"))
    revenue.left_out |= _is_cut(customer.get("subscriptions"))
    currency = found["currency"] = currency or revenue.first_currency
    monthly = revenue.monthly(currency)
    return found | {
        "subscription_status": _state(subscriptions),
        "mrr": monthly,
        "mrr_amount": amount(monthly, currency),
        "mrr_is_partial": revenue.left_out or any(other != currency for other in revenue.by_currency),
    }


def has_active_subscription(customer: Mapping[str, JSON]) -> bool:
    return any(each.get("status") in ACTIVE for each in listed(customer.get("subscriptions")) or ())


def amount(minor: int | None, currency: str | None) -> float | None:
    """In the currency's own unit: 1999 of usd are 19.99."""
    if minor is None or currency is None:
        return 0.0 if minor == 0 else None
    units: int = 10 ** _DIGITS.get(currency, 2)
    # Division rounds once, so that the number reads as the decimal that it stands for.
    return minor / units


def listed(value: JSON) -> list[dict[str, Any]] | None:
    """The objects of one of Stripe's lists; None where there is no list."""
    data = value.get("data") if isinstance(value, dict) else value
    return [each for each in data if isinstance(each, dict)] if isinstance(data, list) else None


def _is_cut(value: JSON) -> bool:
    """Whether there is more of a list than could be read."""
    return isinstance(value, dict) and value.get("has_more") is True


class Revenue:
    """Minor units a month. `left_out`: something recurs whose amount isn't known, like a price in tiers."""

    def __init__(self) -> None:
        self.by_currency: dict[str, Fraction] = defaultdict(Fraction)
        self.left_out = False

    @classmethod
    def of(cls, subscriptions: Sequence[Mapping[str, Any]], customers_discount: JSON) -> Revenue:
        revenue = cls()
        for each in subscriptions:
            if each.get("status") in ACTIVE:
                # A subscription's own discount goes before its customer's.
                revenue._add(each, [*_discounts(each)] or [customers_discount])
        return revenue

    @property
    def first_currency(self) -> str | None:
        return next(iter(self.by_currency), None)

    def monthly(self, currency: str | None) -> int | None:
        """In whole minor units, halves up; None for what is beyond all revenue."""
        found = floor(self.by_currency.get(currency or "", Fraction(0)) + Fraction(1, 2))
        return found if found < _BEYOND else None

    def _add(self, subscription: Mapping[str, Any], discounts: Sequence[JSON]) -> None:
        sums: dict[str, Fraction] = defaultdict(Fraction)
        months = Fraction(1)
        items = subscription.get("items")
        self.left_out |= _is_cut(items)
        for item in listed(items) or ():
            terms = _Terms.of(item)
            if terms is None:
                continue
            if terms.monthly is None:
                self.left_out = True
                continue
            months = terms.months
            sums[terms.currency] += terms.monthly
        for currency, monthly in sums.items():
            for discount in discounts:
                monthly = self._less(monthly, currency, months, discount)
            self.by_currency[currency] += monthly

    def _less(self, monthly: Fraction, currency: str, months: Fraction, discount: JSON) -> Fraction:
        coupon = _coupon(discount)
        if coupon is None:
            self.left_out |= discount is not None
            return monthly
        if coupon.get("duration") != "forever":
            return monthly
        percent = _number(coupon.get("percent_off"))
        if percent is not None:
            monthly *= 1 - percent / 100
        elif _is_whole(coupon.get("amount_off")) and _code(coupon.get("currency")) == currency:
            monthly -= coupon["amount_off"] / months
        return max(monthly, Fraction(0))


class _Terms:
    """What an item of a subscription costs, and how often. `monthly` is None where that isn't said."""

    __slots__ = ("currency", "monthly", "months")

    def __init__(self, currency: str, months: Fraction, monthly: Fraction | None) -> None:
        self.currency, self.months, self.monthly = currency, months, monthly

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> _Terms | None:
        """None for what is metered, free of charge by nature, or doesn't recur."""
        price = _object(item.get("price")) or _object(item.get("plan"))
        recurring = _object(price.get("recurring")) or price
        unit = _MONTHS.get(str(recurring.get("interval")))
        currency = _code(price.get("currency"))
        if unit is None or currency is None or recurring.get("usage_type") == "metered":
            return None
        count = recurring.get("interval_count")
        months = unit * (count if _is_whole(count) and count > 0 else 1)
        each = _first_number(price, "unit_amount_decimal", "unit_amount", "amount_decimal", "amount")
        monthly = None if each is None else each * _quantity(item, price) / months
        return cls(currency, months, monthly)


def _quantity(item: Mapping[str, Any], price: Mapping[str, Any]) -> int:
    quantity = item.get("quantity")
    if not _is_whole(quantity):
        return 1
    transform = _object(price.get("transform_quantity")) or _object(price.get("transform_usage"))
    divisor = transform.get("divide_by")
    if not _is_whole(divisor) or divisor <= 0:
        return int(quantity)
    return int(-(-quantity // divisor) if transform.get("round") == "up" else quantity // divisor)


def _discounts(subscription: Mapping[str, Any]) -> Iterator[JSON]:
    """One of old, several of late."""
    several = subscription.get("discounts")
    if isinstance(several, list) and several:
        yield from several
    elif subscription.get("discount") is not None:
        yield subscription["discount"]


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


def _first_number(of: Mapping[str, Any], *names: str) -> Fraction | None:
    return next((found for name in names if (found := _number(of.get(name))) is not None), None)


def _number(value: JSON) -> Fraction | None:
    """Stripe writes fractions of a minor unit as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
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
