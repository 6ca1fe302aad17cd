"""Custom API: accounts, contacts and events from any REST API that answers with lists of JSON records (product.md §4, §7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from ropewalk.core import limits
from ropewalk.core.auth import AuthSettings, NoAuth, merge
from ropewalk.core.checking import Settings, several
from ropewalk.core.exchange import Fetch, Request
from ropewalk.core.mapping import MappingEntry, Mode, problems as mapping_problems
from ropewalk.core.pagination import ParamName
from ropewalk.core.ranges import bounds, within
from ropewalk.core.values import JSON, canonical, digest
from ropewalk.core.window import format_since
from ropewalk.sources import reading
from ropewalk.sources.base import Kind, Page, Source, StreamKind, Window
from ropewalk.sources.endpoint import Endpoint, SyncedEndpoint, misnamed

_REQUESTS_PER_MINUTE = (1, 100_000)

_NO_BASELINE = frozenset(
    {"enabled", "schedule", "timeout_ms", "max_records", "create_missing", "ignore_reasons"}
)
"""Settings of a stream that say nothing about what its records are or become (§3)."""
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


class AccountStream(SyncedEndpoint):
    matching: Mode = Field("domain", title="Account match by")
    create_missing: bool = Field(True, title="Create new accounts when no match is found")
    mapping: list[MappingEntry] = Field(default=[], title="Mapping", validate_default=True)

    @field_validator("mapping")
    @classmethod
    def _can_be_applied(cls, mapping: list[MappingEntry], info: ValidationInfo) -> list[MappingEntry]:
        return checked(mapping, "accounts", info.data.get("matching", ""), info.context or {})


class ContactStream(SyncedEndpoint):
    """Contacts attach to accounts that are there; they never create any (§6)."""

    match_by: Literal["domain", "external_id"] = Field("domain", title="Account match by")
    mapping: list[MappingEntry] = Field(default=[], title="Mapping", validate_default=True)

    @field_validator("mapping")
    @classmethod
    def _can_be_applied(cls, mapping: list[MappingEntry], info: ValidationInfo) -> list[MappingEntry]:
        return checked(mapping, "contacts", info.data.get("match_by", ""), info.context or {})


class EventStream(Endpoint):
    """Read live, when an account is looked at: nothing of it is copied (§7)."""

    match_by: Literal["domain", "external_id"] = Field("domain", title="Account match by")
    start_param: ParamName | None = Field(
        None, title="Start parameter", description="Carries the begin of the time range, ISO 8601 in UTC."
    )
    end_param: ParamName | None = Field(
        None, title="End parameter", description="Carries the end of the time range."
    )
    lookback_days: Annotated[
        int,
        Field(strict=True),
        AfterValidator(within(*limits.LOOKBACK_DAYS)),
        bounds(*limits.LOOKBACK_DAYS),
    ] = Field(limits.DEFAULT_LOOKBACK_DAYS, title="Lookback", description="Days that are asked for.")
    account_param: ParamName | None = Field(
        None,
        title="Account parameter",
        description="Carries the account’s domain or external id, so that the API filters by itself.",
    )
    mapping: list[MappingEntry] = Field(default=[], title="Mapping", validate_default=True)

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

    @field_validator("mapping")
    @classmethod
    def _can_be_applied(cls, mapping: list[MappingEntry], info: ValidationInfo) -> list[MappingEntry]:
        return checked(mapping, "events", info.data.get("match_by", ""), info.context or {})

    def parameters(self, window: Window) -> dict[str, JSON]:
        found: dict[str, JSON] = {}
        for name, moment in ((self.start_param, window.since), (self.end_param, window.until)):
            if name is not None and moment is not None:
                found[name] = format_since(moment)
        if self.account_param is not None and window.account is not None:
            found[self.account_param] = window.account
        return found


def checked(
    mapping: list[MappingEntry], kind: Kind, matching: str, context: Mapping[str, Any]
) -> list[MappingEntry]:
    if not mapping and context.get("draft"):
        return mapping
    if found := mapping_problems(mapping, kind, matching, context.get("existing", ())):
        raise several(found, "mapping")
    return mapping


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


def baseline(stream: Endpoint) -> bytes:
    """A fingerprint of the settings whose change makes the next run a full one. Values of secret headers are none of
    them. What only matters in one direction is left to `resets_baseline`."""
    kept: dict[str, Any] = stream.model_dump(mode="json", by_alias=True, exclude=set(_NO_BASELINE))
    kept["headers"] = {
        name.lower(): value if name.lower() in stream.plain else None
        for name, value in kept["headers"].items()
    }
    kept["pagination"] = {
        name: value for name, value in kept["pagination"].items() if name not in _NO_BASELINE_PAGING
    }
    return digest(canonical(kept))


def resets_baseline(old: Endpoint, new: Endpoint) -> bool:
    """Also where accounts are created from now on, or a reason counts again: what was passed over has to be read."""
    if baseline(old) != baseline(new):
        return True
    if (
        isinstance(old, SyncedEndpoint)
        and isinstance(new, SyncedEndpoint)
        and set(old.ignore_reasons) - set(new.ignore_reasons)
    ):
        return True
    return getattr(new, "create_missing", False) and not getattr(old, "create_missing", False)


def keeps_place(old: Endpoint, new: Endpoint) -> bool:
    """Whether a truncated run's place still fits: page numbers and offsets were counted in pages of the old size."""
    size = "page_size"
    same = getattr(old.pagination, size, None) == getattr(new.pagination, size, None)
    return same and baseline(old) == baseline(new)


SOURCE = Source(
    slug="custom_api",
    name="Custom API",
    settings=ConnectorSettings,
    kinds={
        "accounts": StreamKind(AccountStream, read, first_request, baseline, resets_baseline, keeps_place),
        "contacts": StreamKind(ContactStream, read, first_request, baseline, resets_baseline, keeps_place),
        "events": StreamKind(
            EventStream, read, first_request, baseline, resets_baseline, keeps_place, live=True
        ),
    },
    secrets=("token", "password", "client_secret"),
)
