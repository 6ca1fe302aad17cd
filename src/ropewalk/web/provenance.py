"""Who set a value, and what a change did, as people read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString
from msgspec import Struct

from ropewalk.store import connectors, people
from ropewalk.store.byhand import DELETED
from ropewalk.store.models import Change
from ropewalk.web import fieldtexts

Way = Literal["sync", "hand", "key", "shell", "ropewalk"]

_WAYS: Final[Mapping[str, Way]] = {"user": "hand", "api_key": "key", "cli": "shell", "system": "ropewalk"}
_WORDS: Final[Mapping[Way, str]] = {
    "sync": "Sync",
    "hand": "By hand",
    "key": "API key",
    "shell": "Command line",
    "ropewalk": "Ropewalk",
}
_OWNER: Final = "accountOwnerId"


class Author(Struct, frozen=True):
    """`run_href`: its run's page, where there is one."""

    label: str
    way: Way
    at: datetime
    run_href: str

    @property
    def words(self) -> str:
        return _WORDS[self.way]


class Step(Struct, frozen=True):
    """One field, from one value to another; `href` leads to its own history."""

    name: str
    label: str
    old: SafeString
    new: SafeString


class Told(Struct, frozen=True):
    """`is_first`: before it there was nothing."""

    title: str
    steps: Sequence[Step]
    author: Author
    is_first: bool


def run_href(run_id: UUID | None) -> str:
    """The one place that knows where a run's page is."""
    if run_id is None:
        return ""
    try:
        return reverse("run", kwargs={"run_id": run_id})
    except NoReverseMatch:
        return ""


class Tellers:
    """With the names that changes only hold the ids of; read at once, for as many changes as there are."""

    def __init__(
        self, organization_id: UUID, changes: Iterable[Change], kinds: Mapping[str, str] | None = None
    ) -> None:
        owners = {
            UUID(value)
            for change in changes
            for value in change.fields.get(_OWNER, {}).values()
            if isinstance(value, str)
        }
        self.connectors = connectors.names(organization_id)
        self._owners = people.names(organization_id, owners)
        self._kinds = kinds or {}

    def author(self, change: Change) -> Author:
        actor: Mapping[str, Any] = change.actor or {}
        if change.connector is not None or change.run is not None:
            label = self.connectors.get(change.connector, "A sync") if change.connector else "A sync"
            return Author(label, "sync", change.at, run_href(change.run))
        way = _WAYS.get(str(actor.get("type")), "ropewalk")
        return Author(str(actor.get("label") or _WORDS[way]), way, change.at, "")

    def told(self, change: Change) -> Told:
        fields = dict(change.fields)
        title = "Account created" if change.created else "Changed"
        if (gone := fields.pop(DELETED, None)) is not None:
            title = "Account deleted" if gone["new"] else "Account restored"
        steps = [
            Step(
                name,
                fieldtexts.label(name),
                self.value(name, values.get("old")),
                self.value(name, values.get("new")),
            )
            for name, values in sorted(fields.items())
        ]
        return Told(title, steps, self.author(change), change.created)

    def value(self, name: str, value: Any) -> SafeString:
        if name == _OWNER and isinstance(value, str):
            value = self._owners.get(UUID(value), value)
        return fieldtexts.whole(value, self._kinds.get(name, "text"))
