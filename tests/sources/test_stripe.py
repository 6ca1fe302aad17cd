"""Stripe against a fake of it whose paging is its own, which holds what it is asked to Stripe's description."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from ropewalk.core.checking import check
from ropewalk.core.errors import MustFix, RetryLater
from ropewalk.core.exchange import Request, Response
from ropewalk.core.paging import Ending, Pager
from ropewalk.core.values import canonical, digest
from ropewalk.sources.base import Page, Window
from ropewalk.sources.rows import derived as derived_rows
from ropewalk.sources.stripe import SOURCE
from ropewalk.sources.stripe_reading import derivation
from tests.contracts.generated import allowed
from tests.fakes import Fake
from tests.fakes.stripe import (
    KEY,
    SAMPLES,
    START,
    Stripe,
    coupon,
    customer,
    described,
    discount,
    every,
    item,
    subscription,
    tax_id,
)
from tests.sources.fetching import Reached

MAPPING = [{"from": "id", "to": "externalCustomerId"}]
COMPLETE = Ending("complete")
ACCOUNTS = SOURCE.kinds["accounts"]


def stream(**changes: Any) -> Any:
    return check(ACCOUNTS.settings, {"matching": "external_id", "mapping": MAPPING, **changes})


def pages(
    stripe: Stripe,
    window: Window | None = None,
    state: dict[str, Any] | None = None,
    key: str = KEY,
    **changes: Any,
) -> list[Page]:
    return read(Reached(stripe, key), window, state, **changes)


def read(
    fetch: Any, window: Window | None = None, state: dict[str, Any] | None = None, **changes: Any
) -> list[Page]:
    settings = stream(**changes)
    found = ACCOUNTS.read(check(SOURCE.settings, {}), settings, window or Window(), fetch, state)
    return list(derived_rows(found, derivation(settings)))


def rows(got: Sequence[Page]) -> list[dict[str, Any]]:
    return [json.loads(bytes(raw)) for page in got for raw in page.records]


def ids(got: Sequence[Page]) -> list[str]:
    return [row["id"] for row in rows(got)]


def derived(**changes: Any) -> dict[str, Any]:
    (row,) = rows(pages(Stripe([customer(1, **changes)])))
    found: dict[str, Any] = row["__derived"]
    return found


def test_every_customer_is_read_newest_first() -> None:
    stripe = Stripe([customer(number) for number in range(1, 251)])

    got = pages(stripe)

    assert ids(got) == list(every(stripe))
    assert [(page.count, page.ending) for page in got] == [(100, None), (100, None), (50, COMPLETE)]
    assert stripe.lines == [
        "GET /v1/customers?expand%5B%5D=data.subscriptions&limit=100",
        "GET /v1/customers?expand%5B%5D=data.subscriptions&starting_after=cus_00151&limit=100",
        "GET /v1/customers?expand%5B%5D=data.subscriptions&starting_after=cus_00051&limit=100",
    ]
    assert {asked.headers["stripe-version"] for asked in stripe.seen} == {"2022-11-15"}


def test_a_run_that_was_cut_goes_on_where_it_was() -> None:
    stripe = Stripe([customer(number) for number in range(1, 251)])

    first = pages(stripe, max_records=150)
    rest = pages(stripe, state=Pager.continue_from(first[-1].state))

    assert first[-1].ending == Ending("truncated", ("max_records",))
    assert ids(first) + ids(rest) == list(every(stripe))


def test_an_account_without_customers() -> None:
    (page,) = pages(Stripe([]))

    assert (page.count, page.ending) == (0, COMPLETE)


def test_lists_within_a_customer_are_read_to_their_ends() -> None:
    big = customer(
        1,
        subscriptions=[subscription(1, number, *[item() for _ in range(12)]) for number in range(25)],
        tax_ids=[tax_id(1, number) for number in range(120)],
    )
    stripe = Stripe([big, customer(2, subscriptions=[subscription(2, 1)])])

    small, whole = rows(pages(stripe, expand=["subscriptions", "tax_ids"]))

    assert [each["id"] for each in whole["subscriptions"]["data"]] == [
        each["id"] for each in big["subscriptions"]
    ]
    assert {len(each["items"]["data"]) for each in whole["subscriptions"]["data"]} == {12}
    assert [each["id"] for each in whole["tax_ids"]["data"]] == [each["id"] for each in big["tax_ids"]]
    assert '"has_more": true' not in json.dumps(whole)
    assert whole["__derived"]["mrr"] == 25 * 12 * 2_000
    assert small["__derived"]["mrr"] == 2_000


def test_what_is_expanded_below_a_list_is_expanded_in_its_rest_too() -> None:
    paid = [subscription(1, number, default_payment_method=f"pm_{number}") for number in range(11)]
    stripe = Stripe([customer(1, subscriptions=paid)])

    (row,) = rows(pages(stripe, expand=["subscriptions", "subscriptions.data.default_payment_method"]))

    assert [each["default_payment_method"]["id"] for each in row["subscriptions"]["data"]] == [
        f"pm_{number}" for number in range(11)
    ]


def test_a_customer_who_goes_while_their_lists_are_read_stays_as_they_came() -> None:
    stripe = Stripe([customer(1, subscriptions=[subscription(1, number) for number in range(11)])])

    class Going(Reached):
        def __call__(self, request: Any) -> Any:
            answer = super().__call__(request)
            stripe.customers.clear()
            return answer

    (row,) = rows(read(Going(stripe, KEY)))

    assert len(row["subscriptions"]["data"]) == 10
    assert row["__derived"]["mrr_is_partial"] is True


def cut_off(*rest: dict[str, Any], refused: str = "") -> dict[str, Any]:
    """A customer's subscriptions after the first were read, where the rest of them is `rest`, or refused."""
    first = {"id": "sub_1", "status": "active"}
    there = {"object": "list", "url": "/v1/subscriptions", "has_more": True, "data": [first]}

    class Says(Reached):
        def __call__(self, request: Request) -> Response:
            told: Any = {"data": [{"id": "cus_1", "subscriptions": there}]}
            if "/subscriptions" in request.url:
                if refused:
                    raise MustFix(refused, "no")
                told = {"data": rest, "has_more": False}
            return Response(200, {"content-type": "application/json"}, canonical(told), request.url, 1)

    [row] = rows(read(Says(Fake(), KEY)))
    found: dict[str, Any] = row["subscriptions"]
    return found


def test_a_list_that_outgrows_a_record_stays_cut() -> None:
    large = [{"id": f"sub_{number}", "note": "x" * 600_000} for number in range(2, 5)]

    assert cut_off(*large[:1])["has_more"] is False
    assert cut_off(*large)["has_more"] is True


def test_a_list_that_is_refused_is_no_list_that_has_ended() -> None:
    with pytest.raises(MustFix) as caught:
        cut_off(refused="authentication_failed")

    assert caught.value.code == "authentication_failed"


def test_a_customer_that_cannot_be_decoded_is_left_for_the_run_to_reject() -> None:
    raw = b'{"data": [{"id": "cus_1", "balance": 1e999, "tax_ids": {"has_more": true}}]}'

    class Says(Reached):
        def __call__(self, request: Request) -> Response:
            return Response(200, {"content-type": "application/json"}, raw, request.url, 1)

    found = ACCOUNTS.read(check(SOURCE.settings, {}), stream(), Window(), Says(Fake(), KEY), None)

    assert [bytes(each) for page in found for each in page.records] == [raw[len(b'{"data": [') : -2]]


def test_a_run_may_ask_for_fewer_than_the_stream() -> None:
    stripe = Stripe([customer(number) for number in range(1, 6)])

    [page] = pages(stripe, Window(max_records=2), max_records=4)

    assert (page.count, page.ending) == (2, Ending("truncated", ("max_records",)))


def test_stripe_applies_list_filters_itself() -> None:
    stripe = Stripe([customer(number, email=f"{number % 2}@acme.example") for number in range(1, 31)])
    filters = {
        "email": "1@acme.example",
        "created_after": "2023-11-14T22:13:25Z",
        "created_before": "2023-11-14T22:13:41Z",
    }

    got = pages(stripe, filters=filters)

    assert ids(got) == [f"cus_{number:05}" for number in (19, 17, 15, 13, 11, 9, 7, 5)]
    assert stripe.seen[0].params == {
        "expand[]": "data.subscriptions",
        "email": "1@acme.example",
        "created[gte]": str(START + 5),
        "created[lt]": str(START + 21),
        "limit": "100",
    }


def test_customer_filters_are_counted_by_the_first_that_leaves_one_out() -> None:
    stripe = Stripe(
        [
            customer(1, subscriptions=[subscription(1, 1)], metadata={"plan": "pro"}, delinquent=False),
            customer(2, subscriptions=[subscription(2, 1)], metadata={"plan": "free"}),
            customer(3, metadata={"plan": "pro"}),
            customer(4, subscriptions=[subscription(4, 1)], metadata={"plan": "pro"}, delinquent=True),
            customer(5, subscriptions=[subscription(5, 1)], metadata={"plan": "pro"}, email=None),
            customer(6, subscriptions=[subscription(6, 1, status="trialing")], metadata={"plan": "pro"}),
        ]
    )
    filters = {
        "metadata": ["plan=pro"],
        "has_active_subscription": "yes",
        "delinquent": "no",
        "email_contains": "COMPANY-",
    }

    (page,) = pages(stripe, filters=filters)

    assert ids([page]) == ["cus_00001"]
    assert page.filtered == {
        "metadata": 1,
        "has_active_subscription": 2,
        "delinquent": 1,
        "email_contains": 1,
    }


def test_a_customer_without_subscriptions_can_be_wanted_too() -> None:
    stripe = Stripe([customer(1, subscriptions=[subscription(1, 1)]), customer(2)])

    assert ids(pages(stripe, filters={"has_active_subscription": "no"})) == ["cus_00002"]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"expand": ["a.b.c.d"]}, "expand.0"),
        ({"expand": ["Subscriptions"]}, "expand.0"),
        ({"filters": {"created_after": "yesterday"}}, "filters.created_after"),
        (
            {"filters": {"created_after": "2026-02-01", "created_before": "2026-01-01"}},
            "filters.created_before",
        ),
        (
            {"filters": {"created_after": "2026-01-01", "created_before": "2026-01-01T00:00:00Z"}},
            "filters.created_before",
        ),
        ({"filters": {"metadata": ["plan"]}}, "filters.metadata.0"),
        ({"filters": {"has_active_subscription": "yes"}, "expand": []}, "filters.has_active_subscription"),
        ({"mapping": [*MAPPING, {"from": "__derived.mrr", "to": "mrr"}], "expand": ["tax_ids"]}, "expand"),
    ],
)
def test_settings_that_do_not_go_together(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(MustFix) as caught:
        stream(**changes)

    assert [problem.path for problem in caught.value.problems] == [path]


def test_its_api_is_at_a_web_address() -> None:
    with pytest.raises(MustFix) as caught:
        check(SOURCE.settings, {"api_url": "ftp://api.stripe.com"})

    assert [problem.path for problem in caught.value.problems] == ["api_url"]


def test_too_many_requests_and_a_wrong_key() -> None:
    with pytest.raises(RetryLater) as busy:
        pages(Stripe([customer(1)], busy=1))
    with pytest.raises(MustFix) as wrong:
        pages(Stripe([customer(1)]), key="rk_test_of_another")

    assert (busy.value.code, wrong.value.code) == ("rate_limited", "authentication_failed")


# ---- what is worked out ----


def revenue(*items: dict[str, Any], **changes: Any) -> Any:
    return derived(subscriptions=[subscription(1, 1, *items, **changes)])["mrr"]


@pytest.mark.parametrize(
    ("items", "monthly"),
    [
        ([item(2_000)], 2_000),
        ([item(2_000, 3)], 6_000),
        ([item(2_000, None)], 2_000),
        ([item(12_000, 1, "year")], 1_000),
        ([item(3_000, 1, "month", 3)], 1_000),
        ([item(700, 2, "week")], 6_067),
        ([item(100, 1, "day")], 3_042),
        ([item(2_000), item(12_000, 2, "year")], 4_000),
        ([item(None, 1_000, unit_amount_decimal="0.55")], 550),
        ([item(1_000, 25, transform_quantity={"divide_by": 10, "round": "up"})], 3_000),
        ([item(1_000, 25, transform_quantity={"divide_by": 10, "round": "down"})], 2_000),
        ([item(2_000, usage_type="metered")], 0),
        ([item(2_000, type="one_time", recurring=None)], 0),
    ],
)
def test_recurring_revenue_is_counted_by_the_month(items: list[dict[str, Any]], monthly: int) -> None:
    assert revenue(*items) == monthly


@pytest.mark.parametrize(
    ("status", "monthly"),
    [("active", 2_000), ("past_due", 2_000), ("trialing", 0), ("unpaid", 0), ("paused", 0), ("canceled", 0)],
)
def test_only_active_and_past_due_subscriptions_count(status: str, monthly: int) -> None:
    found = derived(subscriptions=[subscription(1, 1, status=status)])

    assert (found["mrr"], found["subscription_status"]) == (monthly, status)


@pytest.mark.parametrize(
    ("changes", "monthly"),
    [
        ({"discounts": [discount(coupon(percent_off=50)), discount(coupon(percent_off=50))]}, 500),
        ({"discounts": [], "discount": discount(coupon(percent_off=50))}, 1_000),
        ({"discounts": ["di_1"]}, 2_000),
        ({"discounts": [{"source": {"coupon": coupon(percent_off=50)}}]}, 1_000),
        ({"items": {"data": [item(None, unit_amount_decimal="much")]}}, 0),
    ],
)
def test_subscriptions_are_read_however_a_version_writes_them(changes: dict[str, Any], monthly: int) -> None:
    written = {**subscription(1, 1, item(2_000)), **changes}
    record = {**customer(1), "currency": "usd", "subscriptions": {"data": [written]}}

    assert derivation(stream()).add(record)["mrr"] == monthly


def test_of_what_is_no_customer_no_filter_knows_anything() -> None:
    left_out = derivation(stream(filters={"metadata": ["plan=pro"]})).left_out
    assert left_out is not None

    assert [left_out(each) for each in (b"[1", b"{}", b'{"metadata":"\xff"}')] == ["metadata"] * 3


@pytest.mark.parametrize(
    ("of", "monthly"),
    [
        (coupon(percent_off=25), 1_500),
        (coupon(percent_off=100), 0),
        (coupon(amount_off=500, currency="usd"), 1_500),
        (coupon(amount_off=500, currency="eur"), 2_000),
        (coupon(amount_off=5_000, currency="usd"), 0),
        (coupon("once", percent_off=50), 2_000),
        (coupon("repeating", percent_off=50, duration_in_months=3), 2_000),
    ],
)
def test_coupons_count_that_run_for_ever(of: dict[str, Any], monthly: int) -> None:
    assert revenue(item(2_000), discount=discount(of)) == monthly


@pytest.mark.parametrize("price", ["1" + "0" * 25, "-1" + "0" * 25])
def test_what_is_beyond_all_revenue_is_none(price: str) -> None:
    assert revenue(item(None, unit_amount_decimal=price)) is None


def test_a_coupon_of_a_year_is_spread_over_it() -> None:
    off = discount(coupon(amount_off=1_200, currency="usd"))

    assert revenue(item(12_000, 1, "year"), discount=off) == 900


def test_a_subscriptions_own_discount_goes_before_its_customers() -> None:
    half, quarter = discount(coupon(percent_off=50)), discount(coupon(percent_off=25))

    assert derived(subscriptions=[subscription(1, 1)], discount=half)["mrr"] == 1_000
    assert derived(subscriptions=[subscription(1, 1, discount=quarter)], discount=half)["mrr"] == 1_500


@pytest.mark.parametrize(
    ("currency", "amount"), [("usd", 19.99), ("jpy", 1_999), ("kwd", 1.999), ("isk", 19.99), ("ugx", 19.99)]
)
def test_amounts_are_in_the_currencys_own_unit_beside_the_minor_one(currency: str, amount: float) -> None:
    found = derived(
        currency=currency, balance=-1_999, subscriptions=[subscription(1, 1, item(1_999, currency=currency))]
    )

    assert (found["mrr"], found["mrr_amount"], found["currency"]) == (1_999, amount, currency)
    assert found["balance_amount"] == -amount


def test_revenue_in_another_currency_is_left_out_and_said() -> None:
    both = [subscription(1, 1, item(2_000)), subscription(1, 2, item(3_000, currency="eur"))]

    found = derived(currency="eur", subscriptions=both)

    assert (found["mrr"], found["currency"], found["mrr_is_partial"]) == (3_000, "eur", True)


def test_tiers_are_left_out_and_said() -> None:
    tiered = item(None, billing_scheme="tiered", tiers_mode="graduated")

    found = derived(subscriptions=[subscription(1, 1, item(2_000), tiered)])

    assert (found["mrr"], found["mrr_is_partial"]) == (2_000, True)


def test_the_best_status_is_told() -> None:
    found = derived(subscriptions=[subscription(1, 1, status="past_due"), subscription(1, 2)])

    assert found["subscription_status"] == "active"


def test_a_customer_without_anything() -> None:
    assert derived(email=None, currency=None) == {
        "email_domain": None,
        "currency": None,
        "balance_amount": 0,
        "subscription_status": None,
        "mrr": 0,
        "mrr_amount": 0,
        "mrr_is_partial": False,
    }


def test_without_subscriptions_nothing_is_said_of_them() -> None:
    (row,) = rows(pages(Stripe([customer(1)]), expand=[]))

    assert row["__derived"] == {"email_domain": "company-1.example", "currency": "usd", "balance_amount": 0}


class Whatever(Reached):
    """Gives this one customer, and nothing more of the lists within."""

    def __init__(self, sent: Any) -> None:
        super().__init__(Fake(), KEY)
        self.sent = sent

    def __call__(self, request: Request) -> Response:
        own = request.url.partition("?")[0].endswith("/v1/customers")
        body = {"object": "list", "has_more": False, "data": [self.sent] if own else []}
        return Response(200, {"content-type": "application/json"}, json.dumps(body).encode(), request.url, 1)


def but_for_more(value: Any) -> Any:
    """Lists that said that there is more have been read to their ends."""
    if isinstance(value, list):
        return [but_for_more(each) for each in value]
    if isinstance(value, dict):
        return {key: but_for_more(each) for key, each in value.items() if key != "has_more"}
    return value


@given(allowed(described().schemas["customer"], described().schemas))
@settings(max_examples=60, deadline=None, suppress_health_check=[*HealthCheck])
def test_whatever_the_description_allows_is_read(sent: Any) -> None:
    """Also nulls, what is missing, and what is new."""
    (row,) = rows(read(Whatever(sent)))

    worked_out = row.pop("__derived")
    assert but_for_more(row) == but_for_more(sent)
    assert set(worked_out) >= {"email_domain", "currency", "balance_amount"}


def test_todays_sample_objects_are_read_too() -> None:
    """Of another version of the API than the one that is asked for."""
    held = {
        "object": "list",
        "data": [SAMPLES["subscription"]],
        "has_more": False,
        "url": "/v1/subscriptions",
    }

    (row,) = rows(read(Whatever({**SAMPLES["customer"], "subscriptions": held})))

    assert (row["__derived"]["mrr"], row["__derived"]["subscription_status"]) == (0, "active")


def test_a_change_of_what_is_worked_out_goes_with_another_version() -> None:
    """By the version unchanged customers are derived anew: where this fails, raise it, and say both here."""
    held = [
        customer(1),
        customer(2, email=None, currency="jpy", balance=-900),
        *(
            customer(3, subscriptions=[subscription(3, number, *items, status=status) for number in (1, 2)])
            for status in ("active", "past_due", "trialing", "canceled")
            for items in (
                [item(2_000, 3)],
                [item(12_000, 1, "year"), item(None, 9, unit_amount_decimal="0.55")],
            )
        ),
        customer(4, subscriptions=[subscription(4, 1, discount=discount(coupon(percent_off=25)))]),
        SAMPLES["customer"],
    ]
    settings = stream(filters={"metadata": ["plan=pro"], "delinquent": "no", "email_contains": "company-2"})
    found = derivation(settings)
    assert found.left_out is not None
    told = [[dict(found.add(each)), found.left_out(canonical(each))] for each in held]

    assert (found.version, digest(canonical(told)).hex()) == (1, "6650c496f632235bfd8373f38313b8ef")
