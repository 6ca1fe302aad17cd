"""What can be said of a Stripe connector and of its customers."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from ropewalk.core import origins, times
from ropewalk.core.checking import Settings, several
from ropewalk.core.errors import Problem
from ropewalk.core.mapping import Mode
from ropewalk.core.values import JSON
from ropewalk.sources.streams import Accounts, Synced, Timeout

API: Final = "https://api.stripe.com"

_EXPAND = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){0,2}")
_METADATA_KEY = 40
_METADATA_VALUE = 500
_FROM_SUBSCRIPTIONS = re.compile(r"__derived\.(mrr|subscription_status)")
_SUBSCRIPTIONS = "subscriptions"


def _moment(text: str) -> str:
    if times.read(text) is None:
        raise PydanticCustomError("time", "Give a date or a time, like 2026-01-31 or 2026-01-31T12:00:00Z.")
    return text


def _expandable(name: str) -> str:
    if not _EXPAND.fullmatch(name):
        raise PydanticCustomError(
            "expand", "Give a property of a customer, like tax_ids, or a path of at most three parts."
        )
    return name


def _pair(text: str) -> str:
    key, sign, value = text.partition("=")
    if not sign or not 0 < len(key) <= _METADATA_KEY or len(value) > _METADATA_VALUE:
        raise PydanticCustomError("pair", "Give a key and its value, like plan=pro.")
    return text


def _yes_or_no(value: Any) -> Any:
    """YAML reads both words as what they mean."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


YesNo = Annotated[Literal["yes", "no"], BeforeValidator(_yes_or_no)]
Moment = Annotated[str, AfterValidator(_moment)]


class Key(Settings):
    secret: ClassVar[str | None] = "token"
    type: Literal["key"] = "key"


class OAuth(Settings):
    secrets: ClassVar[tuple[str, ...]] = ("client_secret",)
    type: Literal["oauth"] = "oauth"
    client_id: Annotated[str, Field(max_length=1_024)] | None = Field(
        None, title="Client ID", description="Of your own platform at Stripe; empty: this installation’s."
    )


class Connector(Settings):
    auth: Annotated[Key | OAuth, Field(discriminator="type", title="Connect by")] = Key()
    api_url: Annotated[str, AfterValidator(origins.origin)] = Field(
        API,
        title="API address",
        description="Another one only for a test server of your own.",
        json_schema_extra={"folded": True},
    )

    @field_validator("api_url")
    @classmethod
    def _is_whom_somebody_said_yes_to(cls, api_url: str, info: ValidationInfo) -> str:
        """A key is entered for an address; access that was granted at Stripe is for Stripe alone."""
        if api_url != API and isinstance(info.data.get("auth"), OAuth) and not _is_here(api_url):
            raise PydanticCustomError(
                "url", "With OAuth this is {api}, or a test server on this machine.", {"api": API}
            )
        return api_url


class Filters(Settings):
    """Which customers are read. Stripe applies the first three itself; the others are applied to what it answers, and
    the run counts whom they leave out."""

    email: Annotated[str, Field(min_length=1, max_length=512)] | None = Field(
        None, title="Filter: email", description="Exactly this one, in upper and lower case too."
    )
    created_after: Moment | None = Field(
        None, title="Filter: created after", description="A date or a time, UTC; that moment itself included."
    )
    created_before: Moment | None = Field(
        None,
        title="Filter: created before",
        description="A date or a time, UTC; that moment itself left out.",
    )
    metadata: list[Annotated[str, AfterValidator(_pair)]] = Field(
        default=[],
        title="Filter: metadata",
        description="A key and its exact value, like plan=pro; all have to hold.",
    )
    has_active_subscription: YesNo | None = Field(
        None, title="Filter: active subscription", description="One that is active or past due."
    )
    delinquent: YesNo | None = Field(
        None, title="Filter: delinquent", description="Their latest invoice is overdue."
    )
    email_contains: Annotated[str, Field(min_length=1, max_length=512)] | None = Field(
        None, title="Filter: email contains", description="In upper or lower case; like @acme.com."
    )

    @field_validator("created_before")
    @classmethod
    def _is_later(cls, before: str | None, info: ValidationInfo) -> str | None:
        after = info.data.get("created_after")
        if before is not None and after is not None and _seconds(before) <= _seconds(after):
            raise PydanticCustomError("time", "This is not after created_after, so no customer could be.")
        return before

    @property
    def applied_here(self) -> bool:
        return self != Filters(
            email=self.email, created_after=self.created_after, created_before=self.created_before
        )

    def asked(self) -> dict[str, JSON]:
        """What Stripe applies itself."""
        found: dict[str, JSON] = {} if self.email is None else {"email": self.email}
        if self.created_after is not None:
            found["created[gte]"] = _seconds(self.created_after)
        if self.created_before is not None:
            found["created[lt]"] = _seconds(self.created_before)
        return found


class Customers(Synced, Accounts):
    # Many a customer has given an email that names no company.
    matching: Mode = Field("domain_and_external_id", title="Account match by")
    expand: list[Annotated[str, AfterValidator(_expandable)]] = Field(
        default=[_SUBSCRIPTIONS],
        title="Expand",
        description="What Stripe leaves out unless it is asked for, like subscriptions, tax_ids, sources.",
    )
    filters: Filters = Field(Filters(), title="Filters")
    timeout_ms: Timeout = 80_000

    @field_validator("expand")
    @classmethod
    def _brings_what_is_mapped(cls, expand: list[str], info: ValidationInfo) -> list[str]:
        mapped = [entry.from_ for entry in info.data.get("mapping", ())]
        needing = [path for path in mapped if _FROM_SUBSCRIPTIONS.match(path)]
        if needing and _SUBSCRIPTIONS not in expand:
            raise PydanticCustomError(
                "expand",
                "{paths} is worked out from the subscriptions; expand subscriptions too.",
                {"paths": " and ".join(needing)},
            )
        return list(dict.fromkeys(expand))

    @field_validator("filters")
    @classmethod
    def _can_be_told(cls, filters: Filters, info: ValidationInfo) -> Filters:
        if filters.has_active_subscription is not None and _SUBSCRIPTIONS not in info.data.get("expand", ()):
            message = "Subscriptions tell this; expand subscriptions too."
            raise several([Problem("has_active_subscription", message)], "")
        return filters


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host.startswith("127.")


def _seconds(text: str) -> int:
    """Of what `_moment` has let pass."""
    found = times.moment(text)
    assert found is not None
    return int(found.at.timestamp())
