"""What push connectors take: kinds of items, and where in a custom item an event's parts are (push-api.md §2, §4)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from ropewalk.core.checking import Settings
from ropewalk.core.events import MatchBy

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
