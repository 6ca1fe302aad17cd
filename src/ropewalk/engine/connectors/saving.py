"""Saving a stream: its body against what is there, checked whole, and then written with its secrets."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Annotated, Any, Literal, Self, cast
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace
from pydantic import StringConstraints

from ropewalk.core.checking import Settings, check
from ropewalk.core.errors import MustFix, NotFound, Problem
from ropewalk.core.limits import ANY_CEILING
from ropewalk.core.origins import origin
from ropewalk.engine import logs, schedule
from ropewalk.engine.clock import Clock
from ropewalk.engine.connectors.bindings import Bindings
from ropewalk.engine.connectors.tested import mark
from ropewalk.engine.operated import installation
from ropewalk.engine.runs.subjects import ABOUT
from ropewalk.sources import REGISTRY
from ropewalk.sources.base import HEADER, Kind, Source, StreamKind
from ropewalk.sources.endpoint import take_secret_headers
from ropewalk.store import fields, secrets, streams
from ropewalk.store.models import Connector, Stream
from ropewalk.store.secrets import Stored

SecretValue = Annotated[str, StringConstraints(min_length=1, max_length=16_384)]


class Set(Settings):
    """A secret as it is shown: sent back, it leaves the saved one alone."""

    set: Literal[True]


Secrets = dict[str, SecretValue | Set | None]


class StreamSecrets(Settings):
    secrets: Secrets = {}


class Saved(Struct, frozen=True):
    """`stream` is None where it was only to be validated."""

    stream: Stream | None
    baseline_reset: bool


class There(Struct, frozen=True):
    """What a stream's body is checked against: the stream as it is, the secrets of its connector and its own.

    `agreed` are the connector's secrets that are entered together with the stream."""

    before: Stream | None
    connector_secrets: Mapping[str, Stored]
    own_secrets: Mapping[str, Stored]
    agreed: Collection[str] = ()

    @classmethod
    def of(cls, connector: Connector, kind: str) -> Self:
        at = connector.organization_id
        before = next((one for one in streams.of_connector(at, connector.id) if one.kind == kind), None)
        own = secrets.read(at, connector_id=connector.id, stream_id=before.id) if before is not None else {}
        return cls(before, secrets.read(at, connector_id=connector.id), own)


class StreamSaving:
    """A stream's body against what is there: checked whole when made, which only reads; written by `save`."""

    def __init__(
        self,
        connector: Connector,
        kind: str,
        body: Mapping[str, Any],
        clock: Clock,
        send_secret_to: Collection[str] = (),
        there: There | None = None,
        tested: str = "",
    ) -> None:
        """`tested` is the mark of what a draft's test has shown to work (engine.connectors.tested)."""
        self._connector = connector
        self._organization = connector.organization_id
        self._clock = clock
        self._tested = tested
        source = REGISTRY[connector.source]
        self._kind = _kind(source, kind)
        logs.know_named(body)
        self.kind = kind
        self._there = there or There.of(connector, kind)
        self.before = self._there.before
        trouble: list[Problem] = []
        own = {name: body[name] for name in ("secrets",) if name in body}
        asked = collect(trouble, "", lambda: check(StreamSecrets, own))
        self.secrets = asked.secrets if asked else {}
        trouble += unknown_secrets(source, self.secrets)
        rest = {name: value for name, value in body.items() if name != "secrets"}
        self.settings: Any = collect(
            trouble, "", lambda: check(self._kind.settings, rest, settings_context(self._organization))
        )
        if self.settings is not None:
            self._check_bindings(trouble, source.settings.model_validate(connector.settings), send_secret_to)
        refuse(trouble)

    def _check_bindings(
        self, trouble: list[Problem], connector_settings: Any, send_secret_to: Collection[str]
    ) -> None:
        kept, self.header_values = take_secret_headers(
            self.settings.model_dump(mode="json", by_alias=True, exclude_unset=False)
        )
        logs.know(self.header_values.values())
        self.kept = kept
        try:
            needed = REGISTRY[self._connector.source].needs(connector_settings, self.settings)
        except MustFix as error:
            trouble += error.problems
            return
        needed = replace(needed, headers=needed.headers | self.header_values.keys())
        given = {name for name, value in self.secrets.items() if isinstance(value, str)}
        self._needed = needed
        self.confirmed = _confirmed(trouble, send_secret_to, needed.origins)
        self._bindings = Bindings(
            self._there.connector_secrets,
            self._there.own_secrets,
            given=given | {HEADER + name for name in self.header_values},
            confirmed=self.confirmed,
            agreed=self._there.agreed,
        )
        trouble += self._bindings.problems(needed)

    @property
    def _old(self) -> Any:
        if self.before is None:
            return None
        return self._kind.settings.model_validate(self.before.settings, context=ANY_CEILING)

    @property
    def _reads_otherwise(self) -> bool:
        return self._old is not None and self._kind.resets(self._old, self.settings)

    @property
    def resets(self) -> bool:
        """Whether the next run is a full one; what is read live has none."""
        return self._reads_otherwise and not self._kind.live

    @property
    def _was_tested(self) -> bool:
        source = REGISTRY[self._connector.source]
        connector = source.settings.model_validate(self._connector.settings)
        return bool(self._tested) and self._tested == mark(source, self._kind, connector, self.settings)

    @property
    def bound(self) -> Mapping[str, Stored]:
        """The connector's secrets as they will be bound then."""
        return self._bindings.granted()

    def save(self) -> Saved:
        now, old, resets = self._clock.now(), self._old, self.resets
        values: dict[str, Any] = {"enabled": self.settings.enabled} | self._schedule()
        if old is not None and not self._kind.keeps_place(old, self.settings):
            values |= {"chain": None, "chain_seen": None}
        if self._was_tested:
            values["tested_at"] = now
        elif self._reads_otherwise:
            values["tested_at"] = None
        stream = streams.put(
            self._organization,
            connector_id=self._connector.id,
            kind=self.kind,
            settings=self.kept,
            baseline=self._kind.baseline(self.settings).hex(),
            reset=resets,
            now=now,
            **values,
        )
        self._keep_secrets(stream)
        fields.seen(self._organization, self._targets(), now=now)
        return Saved(stream, resets)

    def _targets(self) -> set[str]:
        about = ABOUT.get(cast(Kind, self.kind))
        return {entry.to for entry in self.settings.mapping} if about and about.tracked else set()

    def _schedule(self) -> dict[str, Any]:
        if self._kind.live:
            return {}
        wanted, before = self.settings.schedule, self.before
        values: dict[str, Any] = {"periodic": wanted.periodic, "every_minutes": wanted.every_minutes}
        same = before is not None and (before.periodic, before.every_minutes) == tuple(values.values())
        if before is not None and wanted.periodic and not before.periodic:
            # Whoever turns it on again has seen why it stood still.
            values |= {"paused": "", "auth_failures": 0}
        if not same:
            now = self._clock.now()
            due = schedule.next_run(now, wanted.every_minutes, self._clock.jitter())
            values["next_run_at"] = due if wanted.periodic else None
        return values

    def _keep_secrets(self, stream: Stream) -> None:
        now, origins = self._clock.now(), sorted(self._needed.origins)
        dropped = {name: None for name in self._bindings.stream if name.startswith(HEADER)}
        for name in self._needed.headers:
            dropped.pop(HEADER + name, None)
        values = entered(self.secrets) | dropped
        values |= {HEADER + name: value for name, value in self.header_values.items()}
        changed = secrets.put(
            self._organization,
            connector_id=self._connector.id,
            stream_id=stream.id,
            values=values,
            origins=origins,
            now=now,
        )
        self._bindings.bind(self._organization, self._connector.id, stream.id, now)
        if changed:
            reconnect(self._connector, only=stream)

    def bind_again(self) -> None:
        """For a stream that stays as it is beside a connector that doesn't: lets the secrets go where it sends them."""
        if self.before is not None:
            self._bindings.bind(self._organization, self._connector.id, self.before.id, self._clock.now())


def _confirmed(trouble: list[Problem], said: Collection[str], origins: Collection[str]) -> list[str]:
    """Of the origins that the stream sends its secrets to, those that somebody has said yes to."""
    found: list[str] = []
    for text in said:
        try:
            named = origin(text)
        except ValueError:
            named = text
        if named in origins:
            found.append(named)
        else:
            where = " and ".join(sorted(origins))
            trouble.append(
                Problem("send_secret_to", f"This stream sends nothing to {text}; it sends to {where}.")
            )
    return found


def _kind(source: Source, kind: str) -> StreamKind:
    found = source.kinds.get(cast(Kind, kind))
    if found is None:
        raise NotFound("stream")
    return found


def settings_context(organization_id: UUID) -> dict[str, Any]:
    """What the settings of a stream are checked against: this installation's ceilings, this organization's fields."""
    operated = installation()
    return {
        "max_records": operated.max_records,
        "max_pages": operated.max_pages,
        "existing": [field.name for field in fields.custom(organization_id)],
    }


def stream_problems(organization_id: UUID, source: Source, body: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with streams that can't be saved anyway, because of what stands beside them."""
    found: list[Problem] = []
    context = settings_context(organization_id)
    for name, stream in body.items():
        kind = source.kinds.get(cast(Kind, name))
        if kind is not None and isinstance(stream, Mapping):
            rest = {key: value for key, value in stream.items() if key != "secrets"}
            collect(found, f"streams.{name}", partial(check, kind.settings, rest, context))
    return found


def unknown_kinds(source: Source, given: Collection[str]) -> list[Problem]:
    known = ", ".join(source.kinds)
    return [
        Problem(f"streams.{kind}", f"{source.name} has no such stream; there are {known}.")
        for kind in given
        if kind not in source.kinds
    ]


def unknown_secrets(source: Source, given: Secrets) -> list[Problem]:
    known = ", ".join(source.secrets)
    return [
        Problem(f"secrets.{name}", f"{source.name} has no such secret; there are {known}.")
        for name in given
        if name not in source.secrets
    ]


def entered(given: Secrets) -> dict[str, str | None]:
    """New values, and None for what is to be erased; what was sent back as it is shown stays."""
    return {name: value for name, value in given.items() if not isinstance(value, Set)}


def reconnect(connector: Connector, only: Stream | None = None) -> None:
    """A new secret lets a schedule go on that two refusals had paused."""
    for stream in streams.of_connector(connector.organization_id, connector.id):
        if stream.paused == "reconnect" and (only is None or only.id == stream.id):
            streams.change(connector.organization_id, stream.id, paused="", auth_failures=0)


def collect(trouble: list[Problem], at: str, verb: Any) -> Any:
    """What `verb` answers; its problems go under `at`."""
    try:
        return verb()
    except MustFix as error:
        trouble += error.under(at).problems
        return None


def refuse(trouble: list[Problem]) -> None:
    if trouble:
        where = "; ".join(f"{one.path}: {one.message}" if one.path else one.message for one in trouble)
        raise MustFix("invalid_settings", f"These settings can't be used. {where}", trouble)
