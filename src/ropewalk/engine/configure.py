"""Connectors and their streams: made, changed, deleted. All problems of a request at once, and then nothing is saved."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, cast
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from ropewalk.core.actors import Actor
from ropewalk.core.auth import merge
from ropewalk.core.checking import Settings, check
from ropewalk.core.errors import MustFix, Problem
from ropewalk.core.limits import ANY_CEILING
from ropewalk.engine import bindings, logs
from ropewalk.engine.bindings import Needed, origins_of
from ropewalk.engine.clock import Clock
from ropewalk.engine.saving import (
    Saved,
    Secrets,
    StreamSaving,
    collect,
    entered,
    reconnect,
    refuse,
    stream_problems,
    unknown_kinds,
    unknown_secrets,
)
from ropewalk.sources import REGISTRY
from ropewalk.sources.base import Kind, Source
from ropewalk.store import audit, connectors, runs, secrets, streams
from ropewalk.store.models import Connector, Stream
from ropewalk.store.transactions import transaction

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]


class NewConnector(Settings):
    source: str
    name: Name
    settings: dict[str, Any] = {}
    secrets: Secrets = {}
    streams: dict[str, dict[str, Any]] = {}
    enabled: Annotated[bool, Field(strict=True)] = True


class ConnectorChange(Settings):
    """What is left out stays; `settings` are replaced as a whole; a secret that is null is erased."""

    name: Name | None = None
    settings: dict[str, Any] | None = None
    secrets: Secrets = {}
    enabled: Annotated[bool, Field(strict=True)] | None = None


def create_connector(organization_id: UUID, actor: Actor, body: Mapping[str, Any], clock: Clock) -> Connector:
    logs.know_named(body)
    trouble: list[Problem] = []
    asked: NewConnector | None = collect(trouble, "", lambda: check(NewConnector, body))
    slug = body.get("source")
    source: Source | None = (
        collect(trouble, "", lambda: source_named(slug)) if isinstance(slug, str) else None
    )
    if source is not None:
        trouble += unknown_secrets(source, _mapping(body, "secrets"))
        trouble += unknown_kinds(source, _mapping(body, "streams"))
        settings = collect(trouble, "settings", lambda: check(source.settings, _mapping(body, "settings")))
        if trouble:
            trouble += stream_problems(organization_id, source, _mapping(body, "streams"))
    refuse(list(dict.fromkeys(trouble)))
    assert asked is not None and source is not None
    with transaction(organization_id):
        connector = _create(organization_id, asked, source, settings, clock, trouble)
        refuse(trouble)
        detail = {"streams": sorted(asked.streams)}
        _note(organization_id, actor, "connector.created", connector, clock, detail)
    return connector


def _mapping(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A part of a body that may be anything: what is wrong with its shape is told elsewhere."""
    part = body.get(name, {})
    return part if isinstance(part, dict) else {}


def _create(
    organization_id: UUID,
    asked: NewConnector,
    source: Source,
    settings: BaseModel,
    clock: Clock,
    trouble: list[Problem],
) -> Connector:
    now = clock.now()
    connector = connectors.create(
        organization_id,
        source=source.slug,
        name=asked.name,
        settings=settings.model_dump(mode="json", by_alias=True),
        enabled=asked.enabled,
        now=now,
    )
    values = entered(asked.secrets)
    secrets.put(organization_id, connector_id=connector.id, values=values, origins=(), now=now)
    for kind, stream in asked.streams.items():
        collect(
            trouble,
            f"streams.{kind}",
            lambda kind=kind, stream=stream: StreamSaving(connector, kind, stream, clock).save(),
        )
    return connector


def update_connector(
    organization_id: UUID, actor: Actor, connector_id: UUID, body: Mapping[str, Any], clock: Clock
) -> Connector:
    logs.know_named(body)
    asked = check(ConnectorChange, body)
    now = clock.now()
    with transaction(organization_id):
        connector = connectors.get(organization_id, connector_id)
        source = REGISTRY[connector.source]
        trouble = unknown_secrets(source, asked.secrets)
        settings = None
        if asked.settings is not None:
            settings = collect(trouble, "settings", lambda: check(source.settings, asked.settings))
        refuse(trouble)
        after = settings.model_dump(mode="json", by_alias=True) if settings else None
        connector = connectors.update(
            organization_id, connector_id, now=now, name=asked.name, settings=after, enabled=asked.enabled
        )
        changed = _put_secrets(connector, asked.secrets, clock)
        if after is not None:
            given = [name for name, value in asked.secrets.items() if isinstance(value, str)]
            refuse(_keep_bound(connector, given, clock))
        if changed:
            reconnect(connector)
        _note(
            organization_id,
            actor,
            "connector.changed",
            connector,
            clock,
            {"changed": sorted(asked.model_fields_set - {"secrets"}), "secrets": changed},
        )
    return connector


def delete_connector(organization_id: UUID, actor: Actor, connector_id: UUID, clock: Clock) -> None:
    """Its secrets go at once, and its runs end; accounts, history and runs stay under its name."""
    now = clock.now()
    with transaction(organization_id):
        connector = connectors.get(organization_id, connector_id)
        for stream in streams.of_connector(organization_id, connector_id):
            runs.end_open(organization_id, stream.id, now=now)
        connectors.delete(organization_id, connector_id, now=now)
        _note(organization_id, actor, "connector.deleted", connector, clock)


def save_stream(
    organization_id: UUID,
    actor: Actor,
    connector_id: UUID,
    kind: str,
    body: Mapping[str, Any],
    clock: Clock,
    *,
    send_secret_to: Collection[str] = (),
    validate: bool = False,
) -> Saved:
    """`send_secret_to` are origins that the saved secrets may be sent to as well; `validate` only checks."""
    with transaction(organization_id):
        connector = connectors.get(organization_id, connector_id)
        saving = StreamSaving(connector, kind, body, clock, send_secret_to)
        if validate:
            return Saved(None, saving.resets)
        saved = saving.save()
        detail: dict[str, Any] = {"kind": kind, "baseline_reset": saved.baseline_reset}
        if send_secret_to:
            detail["send_secret_to"] = ", ".join(saving.confirmed)
        _note(organization_id, actor, "connector.stream_saved", connector, clock, detail)
    return saved


def delete_stream(organization_id: UUID, actor: Actor, connector_id: UUID, kind: str, clock: Clock) -> None:
    with transaction(organization_id):
        connector = connectors.get(organization_id, connector_id)
        stream = streams.get(organization_id, connector_id, kind)
        runs.end_open(organization_id, stream.id, now=clock.now())
        streams.delete(organization_id, connector_id, kind)
        _note(organization_id, actor, "connector.stream_deleted", connector, clock, {"kind": kind})


# ---- what the verbs share ----


def source_named(slug: str) -> Source:
    source = REGISTRY.get(slug)
    if source is None:
        known = ", ".join(sorted(REGISTRY))
        raise MustFix(
            "unknown_source",
            f"There is no source {slug}; there are {known}.",
            [Problem("source", f"Give one of {known}.")],
        )
    return source


def _put_secrets(connector: Connector, given: Secrets, clock: Clock) -> list[str]:
    """Each bound to where the streams that use it send it now."""
    organization_id, now = connector.organization_id, clock.now()
    used: dict[str, set[str]] = {name: set() for name in given}
    settings: Any = REGISTRY[connector.source].settings.model_validate(connector.settings)
    for stream in streams.of_connector(organization_id, connector.id):
        own = secrets.names(organization_id, connector_id=connector.id, stream_id=stream.id)
        needed = _needed_by(connector, stream, settings)
        for name in given.keys() - set(own) & set(needed.names()):
            used[name] |= needed.origins
    return [
        changed
        for name, value in entered(given).items()
        for changed in secrets.put(
            organization_id,
            connector_id=connector.id,
            values={name: value},
            origins=sorted(used[name]),
            now=now,
        )
    ]


def _keep_bound(connector: Connector, given: Collection[str], clock: Clock) -> list[Problem]:
    """Other settings may send a saved secret elsewhere: to another token URL, say."""
    settings: Any = REGISTRY[connector.source].settings.model_validate(connector.settings)
    found: list[Problem] = []
    for stream in streams.of_connector(connector.organization_id, connector.id):
        needed = _needed_by(connector, stream, settings)
        bound = bindings.load(connector.organization_id, connector.id, stream.id)
        bound.given = [name for name in given if name not in bound.stream]
        found += bound.problems(needed)
        bound.bind(connector.organization_id, connector.id, stream.id, clock.now())
    return list(dict.fromkeys(found))


def _needed_by(connector: Connector, stream: Stream, connector_settings: Any) -> Needed:
    kind = REGISTRY[connector.source].kinds[cast(Kind, stream.kind)]
    settings: Any = kind.settings.model_validate(stream.settings, context=ANY_CEILING)
    auth = merge(connector_settings.auth, settings.auth)
    marked = frozenset(name for name, value in stream.settings["headers"].items() if isinstance(value, dict))
    return Needed(auth, marked, origins_of(settings.url, auth))


def _note(
    organization_id: UUID,
    actor: Actor,
    verb: str,
    connector: Connector,
    clock: Clock,
    detail: dict[str, Any] | None = None,
) -> None:
    audit.record(
        organization_id,
        actor,
        verb,
        connector.id,
        now=clock.now(),
        detail={"name": connector.name} | (detail or {}),
    )
