"""Which changes of a stream's settings make its next run a full one (product.md §3)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from pydantic import BaseModel

from ropewalk.core.values import canonical, digest

SAYS_NOTHING: Final = frozenset(
    {"enabled", "schedule", "timeout_ms", "max_records", "create_missing", "ignore_reasons"}
)
"""Settings of a stream that say nothing about what its records are or become."""


def kept_settings(stream: BaseModel, leave_out: Collection[str] = ()) -> dict[str, Any]:
    """What is left of the settings without those."""
    return stream.model_dump(mode="json", by_alias=True, exclude={*SAYS_NOTHING, *leave_out})


def of(stream: BaseModel) -> bytes:
    """A fingerprint of the settings whose change makes the next run a full one. What only matters in one direction is
    left to `resets`."""
    return fingerprint(kept_settings(stream))


def fingerprint(settings: dict[str, Any]) -> bytes:
    return digest(canonical(settings))


def same(old: BaseModel, new: BaseModel) -> bool:
    return of(old) == of(new)


def resets(old: BaseModel, new: BaseModel) -> bool:
    return not same(old, new) or reads_more(old, new)


def reads_more(old: Any, new: Any) -> bool:
    """Where accounts are created from now on, or a reason counts again: what was passed over has to be read."""
    if set(getattr(old, "ignore_reasons", ())) - set(getattr(new, "ignore_reasons", ())):
        return True
    return getattr(new, "create_missing", False) and not getattr(old, "create_missing", False)
