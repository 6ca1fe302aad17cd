"""Checks for numbers in settings: outside their range they are refused with the range, never clamped (§8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import Field, ValidationInfo
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError


def within(low: int, high: int) -> Callable[[int], int]:
    def check(value: int) -> int:
        if not low <= value <= high:
            raise _out_of_range(low, high)
        return value

    return check


def below_ceiling(name: str, low: int, high: int) -> Callable[[int, ValidationInfo], int]:
    """As `within`, but an installation may raise `high`: validate with `context={name: its own ceiling}`."""

    def check(value: int, info: ValidationInfo) -> int:
        ceilings: Mapping[str, int] = info.context or {}
        top = ceilings.get(name, high)
        if not low <= value <= top:
            raise _out_of_range(low, top)
        return value

    return check


def bounds(low: int, high: int | None = None) -> Any:
    """The range as the form and the docs see it."""
    extra: dict[str, Any] = {"minimum": low} if high is None else {"minimum": low, "maximum": high}
    made: FieldInfo = Field(json_schema_extra=extra)
    return made


def _out_of_range(low: int, high: int) -> PydanticCustomError:
    return PydanticCustomError(
        "out_of_range", "Give a whole number from {low} to {high}.", {"low": low, "high": high}
    )
