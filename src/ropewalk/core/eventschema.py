"""What push connectors take: kinds of items, and where in a custom item an event's parts are (push-api.md §2, §4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints

from ropewalk.core import paths
from ropewalk.core.checking import Settings
from ropewalk.core.events import MatchBy, as_object, without
from ropewalk.core.values import JSON, MISSING

EventKind = Literal["email", "page", "message", "calendar", "issue", "custom"]
KINDS: Final[tuple[EventKind, ...]] = ("email", "page", "message", "calendar", "issue", "custom")

METADATA_KEYS: Final = 50
SOURCE_PREFIX: Final = "custom:"

Path = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class EventSchema(Settings):
    """Paths into an item's `data` (of a typed item: its `payload`), as an event stream's mapping names them."""

    time: Path | None = None
    name: Path | None = None
    account: Path | None = None
    match_by: MatchBy = Field(
        default="external_id", description="What the value at `account` is compared with."
    )
    user: Path | None = None
    properties: Path | None = None


def said(item: Mapping[str, Any]) -> JSON:
    """What an item is about: its data, its payload, or its text."""
    found: JSON = {"text": item["text"]} if "text" in item else {}
    for part in ("payload", "data"):
        found = item.get(part, found)
    return found


def properties(item: Mapping[str, Any], schema: Mapping[str, str] | None) -> dict[str, JSON]:
    """As of an event stream: what stands at the schema's path, or all that its other paths have not taken."""
    whole = said(item)
    taken = {part: path for part, path in (schema or {}).items() if part != "match_by"}
    if "properties" in taken:
        found = paths.get(whole, paths.parse(taken["properties"]))
        return {} if found is MISSING else as_object(found)
    for path in taken.values():
        whole = without(whole, paths.parse(path))
    return as_object(whole)
