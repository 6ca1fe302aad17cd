"""What the settings of a stream say whatever its source: how rows are matched, what becomes of them, when they are read.

A source whose streams have no URL of their own builds its settings of these: `class Companies(Synced, Accounts)`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, AliasChoices, Field, ValidationInfo, field_validator

from ropewalk.core import limits
from ropewalk.core.checking import Settings, several
from ropewalk.core.mapping import MappingEntry, Mode, problems as mapping_problems
from ropewalk.core.ranges import below_ceiling, bounds, within
from ropewalk.core.verdict import SUSPICIOUS
from ropewalk.sources.base import Kind

Reason = Literal[SUSPICIOUS]  # type: ignore[valid-type]


class Schedule(Settings):
    """When the stream is synced by itself."""

    periodic: bool = Field(False, title="Sync periodically")
    every_minutes: Annotated[
        int, Field(strict=True), AfterValidator(within(*limits.EVERY_MINUTES)), bounds(*limits.EVERY_MINUTES)
    ] = Field(limits.DEFAULT_EVERY_MINUTES, title="Every … minutes")


class Synced(Settings):
    """One that runs read, by hand and by schedule. Nothing is cut off unless somebody says so."""

    enabled: bool = Field(True, title="Enabled")
    max_records: Annotated[
        Annotated[
            int,
            Field(strict=True),
            AfterValidator(below_ceiling("max_records", 1, limits.MAX_RECORDS)),
            bounds(1, limits.MAX_RECORDS),
        ]
        | None,
        Field(
            validation_alias=AliasChoices("max_records", "maxRecords"),
            title="Most records",
            description="A run that reaches it ends as truncated, the next goes on; empty: no limit.",
        ),
    ] = None
    schedule: Schedule = Field(Schedule(), title="Schedule")
    ignore_reasons: list[Reason] = Field(
        default=[], title="Reasons switched off", description="They no longer make a run suspicious."
    )

    @property
    def overlap_seconds(self) -> int | None:
        """None: every run is a full one."""
        return None

    @property
    def place_expires(self) -> bool:
        """Whether a place that a run kept is good for a while only."""
        return True


class Accounts(Settings):
    REQUIRED: ClassVar[tuple[str, ...]] = ()
    """Targets that the source can't do without, beside the match field."""

    matching: Mode = Field("domain", title="Account match by")
    create_missing: bool = Field(True, title="Create new accounts when no match is found")
    mapping: list[MappingEntry] = Field(default=[], title="Mapping", validate_default=True)

    @field_validator("mapping")
    @classmethod
    def _can_be_applied(cls, mapping: list[MappingEntry], info: ValidationInfo) -> list[MappingEntry]:
        return _checked(mapping, "accounts", info.data.get("matching", ""), info.context or {}, cls.REQUIRED)


class Contacts(Settings):
    """Contacts attach to accounts that are there; they never create any (§6)."""

    match_by: Literal["domain", "external_id"] = Field("domain", title="Account match by")
    mapping: list[MappingEntry] = Field(default=[], title="Mapping", validate_default=True)

    @field_validator("mapping")
    @classmethod
    def _can_be_applied(cls, mapping: list[MappingEntry], info: ValidationInfo) -> list[MappingEntry]:
        return _checked(mapping, "contacts", info.data.get("match_by", ""), info.context or {})


Lookback = Annotated[
    int,
    Field(
        strict=True,
        title="Lookback",
        description="Days that are asked for.",
    ),
    AfterValidator(within(*limits.LOOKBACK_DAYS)),
    bounds(*limits.LOOKBACK_DAYS),
]
Timeout = Annotated[
    int,
    Field(strict=True, title="Timeout", description="Milliseconds for one request."),
    AfterValidator(within(*limits.TIMEOUT_MS)),
    bounds(*limits.TIMEOUT_MS),
]


class Events(Settings):
    match_by: Literal["domain", "external_id"] = Field("domain", title="Account match by")
    mapping: list[MappingEntry] = Field(default=[], title="Mapping", validate_default=True)

    @field_validator("mapping")
    @classmethod
    def _can_be_applied(cls, mapping: list[MappingEntry], info: ValidationInfo) -> list[MappingEntry]:
        return _checked(mapping, "events", info.data.get("match_by", ""), info.context or {})


class Live(Settings):
    """Read when an account is looked at, of a source that filters by time and by account itself."""

    enabled: bool = Field(True, title="Enabled")
    lookback_days: Lookback = limits.DEFAULT_LOOKBACK_DAYS
    timeout_ms: Timeout = limits.DEFAULT_TIMEOUT_MS

    # What a Custom API's stream is asked with by name (engine.events.live, core.eventnotes).
    start_param: ClassVar[str | None] = "start"
    end_param: ClassVar[str | None] = "end"
    account_param: ClassVar[str | None] = "account"


def _checked(
    mapping: list[MappingEntry],
    kind: Kind,
    matching: str,
    context: Mapping[str, Any],
    also: tuple[str, ...] = (),
) -> list[MappingEntry]:
    if not mapping and context.get("draft"):
        return mapping
    if found := mapping_problems(mapping, kind, matching, context.get("existing", ()), also=also):
        raise several(found, "mapping")
    return mapping
