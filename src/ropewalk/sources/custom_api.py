"""Custom API: accounts, contacts and events from any REST API that answers with lists of JSON records (product.md §4, §7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from msgspec.structs import replace
from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from ropewalk.core import limits
from ropewalk.core.auth import AuthSettings, ClientCredentials, NoAuth, merge
from ropewalk.core.checking import Settings
from ropewalk.core.exchange import Fetch, Request
from ropewalk.core.origins import origin
from ropewalk.core.pagination import ParamName
from ropewalk.core.ranges import bounds, within
from ropewalk.core.values import JSON
from ropewalk.core.window import format_since
from ropewalk.sources import reading
from ropewalk.sources.base import Needs, Page, Secret, Source, StreamKind, Window
from ropewalk.sources.baseline import fingerprint, kept_settings, reads_more
from ropewalk.sources.endpoint import Endpoint, Kept, SyncedEndpoint, misnamed
from ropewalk.sources.streams import Accounts, Contacts, Events, Lookback

_REQUESTS_PER_MINUTE = (1, 100_000)

_NO_BASELINE_PAGING = frozenset({"page_size", "max_pages"})


class ConnectorSettings(Settings):
    auth: Annotated[AuthSettings, Field(title="Auth")] = NoAuth()
    requests_per_minute: (
        Annotated[
            int,
            Field(strict=True),
            AfterValidator(within(*_REQUESTS_PER_MINUTE)),
            bounds(*_REQUESTS_PER_MINUTE),
        ]
        | None
    ) = Field(
        None,
        title="Requests per minute",
        description="Shared by all streams of the connector; empty: no limit.",
    )


class AccountStream(Accounts, SyncedEndpoint):
    pass


class ContactStream(Contacts, SyncedEndpoint):
    pass


class EventStream(Events, Endpoint):
    """Read live, when an account is looked at: nothing of it is copied (§7)."""

    start_param: ParamName | None = Field(
        None, title="Start parameter", description="Carries the begin of the time range, ISO 8601 in UTC."
    )
    end_param: ParamName | None = Field(
        None, title="End parameter", description="Carries the end of the time range."
    )
    lookback_days: Lookback = limits.DEFAULT_LOOKBACK_DAYS
    account_param: ParamName | None = Field(
        None,
        title="Account parameter",
        description="Carries the account’s domain or external id, so that the API filters by itself.",
    )

    @field_validator("start_param", "end_param", "account_param")
    @classmethod
    def _has_a_name_of_its_own(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name is None:
            return name
        for other in ("start_param", "end_param"):
            if info.data.get(other) == name:
                raise PydanticCustomError(
                    "name", "This is the {other} already; give another name.", {"other": other}
                )
        if wrong := misnamed(name, info.data):
            raise PydanticCustomError("name", "{wrong}", {"wrong": wrong})
        return name

    def parameters(self, window: Window) -> dict[str, JSON]:
        found: dict[str, JSON] = {}
        for name, moment in ((self.start_param, window.since), (self.end_param, window.until)):
            if name is not None and moment is not None:
                found[name] = format_since(moment)
        if self.account_param is not None and window.account is not None:
            found[self.account_param] = window.account
        return found


def read(
    connector: ConnectorSettings,
    stream: Endpoint,
    window: Window,
    fetch: Fetch,
    state: Mapping[str, Any] | None,
) -> Iterator[Page]:
    if window.max_records is None:
        most = stream.max_records if isinstance(stream, SyncedEndpoint) else limits.EVENTS_READ
        window = replace(window, max_records=most)
    return reading.read(stream, merge(connector.auth, stream.auth), window, fetch, state)


def first_request(connector: ConnectorSettings, stream: Endpoint, window: Window) -> Request:
    return reading.first_request(stream, merge(connector.auth, stream.auth), window)


def needs(connector: ConnectorSettings, stream: Endpoint | None) -> Needs:
    if stream is None:
        return Needs(connector.auth)
    auth = merge(connector.auth, stream.auth)
    origins = {origin(stream.url)}
    if isinstance(auth, ClientCredentials):
        origins.add(origin(auth.token_url))
    headers = {name for name, value in stream.headers.items() if isinstance(value, Kept)}
    return Needs(auth, frozenset(origins), frozenset(headers))


def baseline(stream: Endpoint) -> bytes:
    """Values of secret headers are none of what counts."""
    kept = kept_settings(stream)
    kept["headers"] = {
        name.lower(): value if name.lower() in stream.plain else None
        for name, value in kept["headers"].items()
    }
    kept["pagination"] = {
        name: value for name, value in kept["pagination"].items() if name not in _NO_BASELINE_PAGING
    }
    return fingerprint(kept)


def resets_baseline(old: Endpoint, new: Endpoint) -> bool:
    return baseline(old) != baseline(new) or reads_more(old, new)


def keeps_place(old: Endpoint, new: Endpoint) -> bool:
    """Whether a truncated run's place still fits: page numbers and offsets were counted in pages of the old size."""
    size = "page_size"
    same = getattr(old.pagination, size, None) == getattr(new.pagination, size, None)
    return same and baseline(old) == baseline(new)


def _kind(settings: type[Endpoint], *, live: bool = False) -> StreamKind:
    return StreamKind(
        settings,
        read,
        baseline,
        resets_baseline,
        keeps_place,
        live=live,
        first_request=first_request,
        tested=("url", "method", "body", "records_path", "headers"),
        connect=("url",),
    )


SOURCE = Source(
    slug="custom_api",
    name="Custom API",
    about="Any REST API that answers with lists of JSON records: a CRM, a billing system, your own backend.",
    settings=ConnectorSettings,
    kinds={
        "accounts": _kind(AccountStream),
        "contacts": _kind(ContactStream),
        "events": _kind(EventStream, live=True),
    },
    needs=needs,
    secrets={
        "token": Secret("Token"),
        "password": Secret("Password"),
        "client_secret": Secret("Client secret"),
    },
    budgets=lambda settings: {"": settings.requests_per_minute} if settings.requests_per_minute else {},
    begins={"auth": {"type": "bearer"}},
)
