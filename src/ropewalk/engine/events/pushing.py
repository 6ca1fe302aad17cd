"""Push connectors: made, changed, switched off. All problems of a request at once, and then nothing is saved."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from pydantic import AfterValidator, Field, StrictBool, StrictStr, StringConstraints

from ropewalk.core.actors import Actor
from ropewalk.core.checking import Settings, check, refusal
from ropewalk.core.errors import MustFix, Problem
from ropewalk.core.eventschema import METADATA_KEYS, EventKind, EventSchema
from ropewalk.engine.clock import Clock
from ropewalk.store import audit, pushing
from ropewalk.store.models import PushConnector
from ropewalk.store.transactions import transaction

_SLUG: Final = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


def _slug(text: str) -> str:
    if not re.fullmatch(_SLUG, text):
        raise ValueError(
            "Give 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end, such as billing-events."
        )
    return text


def _few(given: dict[str, str]) -> dict[str, str]:
    if len(given) > METADATA_KEYS:
        raise ValueError(f"Give at most {METADATA_KEYS} keys.")
    return given


def _once(given: list[EventKind]) -> list[EventKind]:
    return list(dict.fromkeys(given))


Name = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=255)]
SourceName = Annotated[StrictStr, AfterValidator(_slug), Field(json_schema_extra={"pattern": f"^{_SLUG}$"})]
Kinds = Annotated[
    list[EventKind],
    AfterValidator(_once),
    Field(description="Empty or null: all of them."),
]
Metadata = Annotated[dict[StrictStr, StrictStr], AfterValidator(_few)]


Body = TypeVar("Body", bound=Settings)


class NewPushConnector(Settings):
    name: Name
    source_name: SourceName = Field(description="Events come from `custom:<source_name>`; it never changes.")
    accepted_kinds: Kinds | None = None
    metadata: Metadata = {}
    event_schema: EventSchema | None = None


class PushConnectorChange(Settings):
    """What is left out stays."""

    name: Name = Field(default_factory=str)
    accepted_kinds: Kinds | None = None
    metadata: Metadata = Field(
        default_factory=dict, description="Replaces the whole map, for events from now on."
    )
    event_schema: EventSchema | None = Field(
        default=None, description="Earlier events are keyed anew in the background."
    )
    is_active: StrictBool = Field(default_factory=bool)


def create(
    organization_id: UUID,
    actor: Actor,
    body: Mapping[str, Any],
    clock: Clock,
    *,
    unread: Sequence[Problem] = (),
) -> PushConnector:
    """`unread`: what a form could not read into the body; with it, nothing is saved, and all problems are told."""
    given = _checked(NewPushConnector, body, unread)
    now = clock.now()
    with transaction(organization_id):
        made = pushing.create(
            organization_id,
            name=given.name,
            source_name=given.source_name,
            accepted_kinds=given.accepted_kinds or (),
            metadata=given.metadata,
            event_schema=_kept(given.event_schema),
            created_by=actor,
            now=now,
        )
        detail = {"name": made.name, "source": made.source}
        audit.record(organization_id, actor, "push_connector.created", made.id, now=now, detail=detail)
    return made


def change(
    organization_id: UUID,
    actor: Actor,
    connector_id: UUID,
    body: Mapping[str, Any],
    clock: Clock,
    *,
    unread: Sequence[Problem] = (),
) -> PushConnector:
    given = _checked(PushConnectorChange, body, unread)
    changes: dict[str, Any] = {name: getattr(given, name) for name in given.model_fields_set}
    if "accepted_kinds" in changes:
        changes["accepted_kinds"] = given.accepted_kinds or []
    if "event_schema" in changes:
        changes["event_schema"] = _kept(given.event_schema)
    return _change(organization_id, actor, connector_id, changes, clock)


def deactivate(organization_id: UUID, actor: Actor, connector_id: UUID, clock: Clock) -> PushConnector:
    """It takes nothing from now on; its events stay."""
    return _change(organization_id, actor, connector_id, {"is_active": False}, clock)


def _change(
    organization_id: UUID, actor: Actor, connector_id: UUID, changes: dict[str, Any], clock: Clock
) -> PushConnector:
    now = clock.now()
    with transaction(organization_id):
        before = pushing.connector(organization_id, connector_id)
        differing = {name: value for name, value in changes.items() if getattr(before, name) != value}
        if not differing:
            return before
        if "event_schema" in differing:
            differing["rekeying"] = {}
        found = pushing.change(organization_id, connector_id, now=now, **differing)
        verb, detail = _told(found, differing)
        audit.record(organization_id, actor, verb, connector_id, now=now, detail=detail)
    return found


def _told(found: PushConnector, differing: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    named = {"name": found.name}
    if differing.keys() == {"is_active"}:
        return "push_connector.activated" if found.is_active else "push_connector.deactivated", named
    return "push_connector.changed", {**named, "changed": sorted(differing.keys() - {"rekeying"})}


def _kept(schema: EventSchema | None) -> dict[str, Any] | None:
    return None if schema is None else schema.model_dump(exclude_none=True)


def _checked(model: type[Body], body: Mapping[str, Any], unread: Sequence[Problem]) -> Body:
    try:
        given = check(model, body)
    except MustFix as error:
        raise refusal([*unread, *_told_apart(model, error)]) from None
    if unread:
        raise refusal(unread)
    return given


def _told_apart(model: type[Settings], error: MustFix) -> list[Problem]:
    if model is not PushConnectorChange:
        return [*error.problems]
    return [_IMMUTABLE if each.path == _IMMUTABLE.path else each for each in error.problems]


_IMMUTABLE: Final = Problem(
    "source_name", "The source name never changes: events go under it. Make a new connector for another."
)
