"""Stripe: customers as accounts (sources.md §2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ropewalk.core.auth import AuthorizationCode, Bearer
from ropewalk.sources import stripe_reading
from ropewalk.sources.base import KnownField, Needs, OAuthApp, Secret, Source, StreamKind
from ropewalk.sources.stripe_settings import Connector, Customers

_FIELDS: Final = (
    KnownField("id", "Customer id", "text", "externalCustomerId"),
    KnownField("name", "Name", "text", "companyName"),
    KnownField("__derived.email_domain", "Domain of the email", "text", "companyDomain"),
    KnownField("__derived.currency", "Currency", "text", "currency"),
    KnownField("__derived.balance_amount", "Balance, in the currency’s own unit", "number"),
)
_OF_SUBSCRIPTIONS: Final = (
    KnownField("__derived.mrr", "Monthly recurring revenue, in minor units", "number"),
    KnownField(
        "__derived.mrr_amount", "Monthly recurring revenue, in the currency’s own unit", "number", "mrr"
    ),
    KnownField("__derived.mrr_is_partial", "Whether some of the revenue could not be counted", "boolean"),
    KnownField(
        "__derived.subscription_status", "Best status of a subscription", "text", "subscriptionStatus"
    ),
)


def needs(connector: Connector, stream: Customers | None) -> Needs:  # noqa: ARG001 - all streams go to one place
    proof = AuthorizationCode() if connector.auth.type == "oauth" else Bearer()
    return Needs(proof, frozenset({connector.api_url}))


def fields(connector: Any, stream: Customers, fetch: Any) -> Sequence[KnownField]:  # noqa: ARG001 - known by heart
    return (*_FIELDS, *_OF_SUBSCRIPTIONS) if "subscriptions" in stream.expand else _FIELDS


def declared(connect: str = "https://connect.stripe.com") -> Source:
    """`connect` is where Stripe asks people for their yes."""
    return Source(
        slug="stripe",
        name="Stripe",
        about="Customers with their subscriptions, recurring revenue and metadata.",
        settings=Connector,
        kinds={
            "accounts": StreamKind(
                Customers,
                stripe_reading.read,
                derivation=stripe_reading.derivation,
                fields=fields,
                tested=("expand", "filters"),
                connect=(),
            )
        },
        needs=needs,
        secrets={
            "token": Secret(
                "Secret or restricted key",
                "Begins with rk_ or sk_. A restricted key needs to read customers and subscriptions only.",
            ),
            "client_secret": Secret(
                "Client secret",
                "The secret key of your own platform; empty where the installation has one.",
            ),
        },
        oauth=OAuthApp(
            authorize_url=f"{connect}/oauth/authorize",
            token_url=f"{connect}/oauth/token",
            scopes=("read_only",),
        ),
        # Stripe's own limit of a live account; a sandbox has a quarter of it, and says so with a 429.
        budgets=lambda _: {"": 6_000},
    )


SOURCE = declared()
