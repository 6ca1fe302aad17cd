"""Fields that have Periodic off: scheduled runs leave them out, and what they passed over is read later (§2.2)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from ropewalk.core.mapping import MATCH_FIELDS
from ropewalk.store import fields, streams

_WRITERS = {"accountownerid": ("accountownerid", "accountowneremail")}
"""Targets that write a field of another name."""


def switched_off(organization_id: UUID, settings: Any) -> frozenset[str]:
    """The stream's targets that scheduled runs leave out now; match fields have no such switch."""
    off = {
        target
        for name in fields.without_periodic(organization_id)
        for target in _WRITERS.get(name.casefold(), (name.casefold(),))
    }
    matched_by = MATCH_FIELDS[settings.matching]
    return frozenset(
        entry.to for entry in settings.mapping if entry.to.casefold() in off and entry.to not in matched_by
    )


def scope(left_out: Collection[str]) -> str:
    """How a run, and a chain of them, tells what it leaves out."""
    return ",".join(sorted(left_out))


def named(scope: str) -> frozenset[str]:
    return frozenset(filter(None, scope.split(",")))


def passed_over(organization_id: UUID, settings: Any, left_out: frozenset[str]) -> bool:
    """Whether a run left out what has been switched on since."""
    return bool(left_out and left_out - switched_off(organization_id, settings))


def read_again(organization_id: UUID, field: str) -> None:
    """A field is written by scheduled runs again: the next run of each stream that maps it is a full one."""
    targets = _WRITERS.get(field.casefold(), (field.casefold(),))
    mapped = [
        stream.id
        for stream in streams.every(organization_id)
        if stream.kind == "accounts"
        and any(str(entry["to"]).casefold() in targets for entry in stream.settings.get("mapping") or ())
    ]
    streams.read_in_full(organization_id, mapped)
