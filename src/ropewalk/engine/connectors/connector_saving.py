"""Saving a connector with its streams: the whole body against what is there, checked by reading alone, then written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, cast
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from ropewalk.core.checking import Settings, check
from ropewalk.core.errors import MustFix, Problem
from ropewalk.core.limits import ANY_CEILING
from ropewalk.engine import logs
from ropewalk.engine.clock import Clock
from ropewalk.engine.connectors.bindings import Bindings
from ropewalk.engine.connectors.saving import (
    Secrets,
    StreamSaving,
    There,
    collect,
    entered,
    reconnect,
    refuse,
    stream_problems,
    unknown_kinds,
    unknown_secrets,
)
from ropewalk.sources import REGISTRY
from ropewalk.sources.base import Kind, Needs, Source
from ropewalk.store import connectors, secrets, streams
from ropewalk.store.models import Connector, Stream
from ropewalk.store.secrets import Stored

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


class ConnectorSaving:
    """A body against what is there, `before`. Making one only reads, and raises `MustFix` with every problem of the
    connector as it would be; `save` writes the connector, and each of `streams` is written by its own `save`."""

    def __init__(
        self,
        organization_id: UUID,
        body: Mapping[str, Any],
        clock: Clock,
        before: Connector | None = None,
        model: type[NewConnector | ConnectorChange] = NewConnector,
        tested: Mapping[str, str] | None = None,
    ) -> None:
        self._organization = organization_id
        self._tested = tested or {}
        self._clock = clock
        self.before = before
        logs.know_named(body)
        trouble: list[Problem] = []
        asked: Any = collect(trouble, "", lambda: check(model, body))
        self._bodies = _part(body, "streams") if model is NewConnector else {}
        source = self._source(body, trouble)
        settings: BaseModel | None = None
        if source is not None:
            trouble += unknown_secrets(source, _part(body, "secrets"))
            trouble += unknown_kinds(source, self._bodies)
            wanted = body.get("settings", {} if model is NewConnector else None)
            if isinstance(wanted, dict):
                settings = collect(trouble, "settings", lambda: check(source.settings, wanted))
            if trouble:
                trouble += stream_problems(organization_id, source, self._bodies)
        refuse(list(dict.fromkeys(trouble)))
        assert source is not None
        self.secrets: Secrets = asked.secrets
        self.connector = self._as_it_would_be(source, asked, settings)
        self._check_streams(trouble, new_settings=settings is not None)
        refuse(list(dict.fromkeys(trouble)))

    def _source(self, body: Mapping[str, Any], trouble: list[Problem]) -> Source | None:
        if self.before is not None:
            return REGISTRY[self.before.source]
        slug = body.get("source")
        return collect(trouble, "", lambda: source_named(slug)) if isinstance(slug, str) else None

    def _as_it_would_be(self, source: Source, asked: Any, settings: BaseModel | None) -> Connector:
        before = self.before
        made = Connector(organization_id=self._organization, source=source.slug)
        if before is not None:
            made.id, made.name = before.id, before.name
            made.settings, made.enabled = before.settings, before.enabled
        if asked.name is not None:
            made.name = asked.name
        if asked.enabled is not None:
            made.enabled = asked.enabled
        if settings is not None:
            made.settings = settings.model_dump(mode="json", by_alias=True)
        return made

    def _check_streams(self, trouble: list[Problem], *, new_settings: bool) -> None:
        there = {one.kind: one for one in self._read(streams.of_connector)}
        kept = [one for kind, one in there.items() if kind not in self._bodies]
        own = {
            kind: secrets.read(self._organization, connector_id=self.connector.id, stream_id=one.id)
            for kind, one in there.items()
        }
        needs = self._needs(trouble, kept)
        self._own_needs = self._of_itself()
        self._origins = self._used_by(needs, own)
        bound = self._entered_into(
            secrets.read(self._organization, connector_id=self.connector.id) if self.before else {}
        )
        given = {name for name, value in self.secrets.items() if isinstance(value, str)}
        self._kept: list[tuple[Stream, Bindings]] = []
        if new_settings:
            # Other settings may send a saved secret elsewhere: to another token URL, say.
            trouble += Bindings(bound, {}, given).problems(self._own_needs)
            for stream in kept:
                if stream.kind in needs:
                    bindings = Bindings(bound, own[stream.kind], given - own[stream.kind].keys())
                    trouble += bindings.problems(needs[stream.kind])
                    self._kept.append((stream, bindings))
                    bound = bindings.granted()
        self.streams: dict[str, StreamSaving] = {}
        for kind, body in self._bodies.items():
            state = There(there.get(kind), bound, own.get(kind, {}), agreed=given)
            saving = collect(
                trouble,
                f"streams.{kind}",
                lambda kind=kind, body=body, state=state: StreamSaving(
                    self.connector, kind, body, self._clock, there=state, tested=self._tested.get(kind, "")
                ),
            )
            if saving is not None:
                self.streams[kind] = saving
                bound = saving.bound

    def _of_itself(self) -> Needs:
        """Where its source goes whatever its streams say; nothing, where they say it."""
        source = REGISTRY[self.connector.source]
        return source.needs(source.settings.model_validate(self.connector.settings), None)

    def _read(self, of_connector: Any) -> list[Stream]:
        return of_connector(self._organization, self.connector.id) if self.before else []

    def _needs(self, trouble: list[Problem], kept: list[Stream]) -> dict[str, Needs]:
        found = {}
        settings: Any = REGISTRY[self.connector.source].settings.model_validate(self.connector.settings)
        for stream in kept:
            needed = collect(
                trouble,
                "settings",
                lambda stream=stream: _needed_by(self.connector.source, stream, settings),
            )
            if needed is not None:
                found[stream.kind] = needed
        return found

    def _used_by(
        self, needs: Mapping[str, Needs], own: Mapping[str, Mapping[str, Stored]]
    ) -> dict[str, list[str]]:
        """Where the streams that stay as they are send each of the entered secrets."""
        itself = self._own_needs
        used = {name: {*itself.origins} if name in itself.names() else set() for name in self.secrets}
        for kind, needed in needs.items():
            for name in self.secrets.keys() - own[kind].keys() & set(needed.names()):
                used[name] |= needed.origins
        return {name: sorted(origins) for name, origins in used.items()}

    def _entered_into(self, bound: dict[str, Stored]) -> Mapping[str, Stored]:
        """The connector's secrets as they will be: what is entered again keeps its origins, what is new has none yet."""
        for name, value in entered(self.secrets).items():
            old = bound.pop(name, None)
            if value is not None:
                origins = old.origins if old is not None and old.value == value else ()
                bound[name] = Stored(value, tuple(dict.fromkeys([*origins, *self._origins[name]])))
        return bound

    def save(self) -> list[str]:
        """Answers the names of the secrets that changed."""
        now, connector = self._clock.now(), self.connector
        values: dict[str, Any] = {
            "name": connector.name,
            "settings": connector.settings,
            "enabled": connector.enabled,
            "now": now,
        }
        if self.before is None:
            connectors.create(
                self._organization, connector_id=connector.id, source=connector.source, **values
            )
        else:
            connectors.update(self._organization, connector.id, **values)
        changed = [
            name
            for name, value in entered(self.secrets).items()
            if secrets.put(
                self._organization,
                connector_id=connector.id,
                values={name: value},
                origins=self._origins[name],
                now=now,
            )
        ]
        for stream, bindings in self._kept:
            bindings.bind(self._organization, connector.id, stream.id, now)
        if changed:
            reconnect(connector)
        return changed


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


def _part(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A part of a body that may be anything: what is wrong with its shape is told elsewhere."""
    part = body.get(name, {})
    return part if isinstance(part, dict) else {}


def _needed_by(source: str, stream: Stream, connector_settings: Any) -> Needs:
    of = REGISTRY[source]
    kind = of.kinds[cast(Kind, stream.kind)]
    return of.needs(connector_settings, kind.settings.model_validate(stream.settings, context=ANY_CEILING))
