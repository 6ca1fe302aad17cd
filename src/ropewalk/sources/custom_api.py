"""Custom API: accounts from any REST API that answers with lists of JSON records (product.md §4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from ropewalk.core.auth import AuthSettings, NoAuth, merge
from ropewalk.core.checking import Settings, several
from ropewalk.core.exchange import Fetch, Request
from ropewalk.core.mapping import MappingEntry, Mode, problems as mapping_problems
from ropewalk.core.ranges import bounds, within
from ropewalk.core.values import canonical, digest
from ropewalk.sources import reading
from ropewalk.sources.base import Page, Source, StreamKind, Window
from ropewalk.sources.endpoint import Endpoint

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


class AccountStream(Endpoint):
    matching: Mode = Field("domain", title="Account match by")
    create_missing: bool = Field(True, title="Create new accounts when no match is found")
    mapping: list[MappingEntry] = Field(default=[], title="Mapping", validate_default=True)

    @field_validator("mapping")
    @classmethod
    def _can_be_applied(cls, mapping: list[MappingEntry], info: ValidationInfo) -> list[MappingEntry]:
        context: Mapping[str, Any] = info.context or {}
        if not mapping and context.get("draft"):
            return mapping
        found = mapping_problems(
            mapping, "accounts", info.data.get("matching", ""), context.get("existing", ())
        )
        if found:
            raise several(found, "mapping")
        return mapping


def read(
    connector: ConnectorSettings,
    stream: Endpoint,
    window: Window,
    fetch: Fetch,
    state: Mapping[str, Any] | None,
) -> Iterator[Page]:
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
    if baseline(old) != baseline(new) or set(old.ignore_reasons) - set(new.ignore_reasons):
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
        "accounts": StreamKind(AccountStream, read, first_request, baseline, resets_baseline, keeps_place)
    },
    secrets=("token", "password", "client_secret"),
)
