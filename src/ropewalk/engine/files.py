"""Connector files made so: what a file says is compared with what there is, and only what differs is done.

Everything happens in one transaction: where one thing can't be done, nothing is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, cast
from uuid import UUID

from ropewalk.core.actors import Actor
from ropewalk.core.auth import merge
from ropewalk.core.checking import check
from ropewalk.core.errors import Conflict, MustFix, NotFound, Problem
from ropewalk.engine import bindings, configure, documents, logs, saving
from ropewalk.engine.bindings import HEADER
from ropewalk.engine.clock import Clock
from ropewalk.engine.documents import Described, Document
from ropewalk.sources import REGISTRY
from ropewalk.sources.base import Kind
from ropewalk.sources.endpoint import take_secret_headers
from ropewalk.store import connectors, secrets, streams
from ropewalk.store.models import Connector, Stream
from ropewalk.store.transactions import transaction

Action = Literal["created", "changed", "unchanged"]

# A file was within the ceilings of the day when its settings were saved; here they are only compared.
_ANY_CEILING = {"max_records": 2**63, "max_pages": 2**63}


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting: `path` is dotted from the connector. Values of secrets are never in it."""

    path: str
    old: Any
    new: Any


@dataclass(slots=True)
class Done:
    """What became of one connector of the files. `resets`: kinds whose next run is a full one because of it."""

    name: str
    action: Action
    differences: list[Difference] = field(default_factory=list)
    resets: list[str] = field(default_factory=list)


def apply(
    organization_id: UUID,
    actor: Actor,
    files: Iterable[Document],
    environ: Mapping[str, str],
    clock: Clock,
) -> list[Done]:
    """Makes it so; deletes nothing. All problems of all files at once, with paths like `crm.yaml: 2.settings.auth`."""
    described = documents.read(files, environ)
    for one in described:
        logs.know(one.secrets)
    applying = _Applying(organization_id, actor, clock)
    with transaction(organization_id):
        done = applying.all(described)
        if applying.problems:
            raise MustFix(
                "invalid_files", "Nothing was applied: these have to be mended first.", applying.problems
            )
    return done


class _Applying:
    def __init__(self, organization_id: UUID, actor: Actor, clock: Clock) -> None:
        self._organization = organization_id
        self._actor = actor
        self._clock = clock
        self.problems: list[Problem] = []

    def all(self, described: Sequence[Described]) -> list[Done]:
        done = []
        taken: dict[str, str] = {}
        for one in described:
            name = str(one.body.get("name", "")).strip().casefold()
            if name and name in taken:
                self.problems.append(
                    one.problem("name", f"This connector is described before, at {taken[name]}.")
                )
                continue
            taken[name] = one.where.rstrip(". ")
            with self._problems_of(one):
                done.append(self._one(one))
        return done

    @contextmanager
    def _problems_of(self, one: Described) -> Iterator[None]:
        try:
            yield
        except MustFix as error:
            found = error.problems or (Problem("", error.message),)
            self.problems += [one.problem(each.path, each.message) for each in found]
        except (Conflict, NotFound) as error:
            self.problems.append(one.problem("", error.message))

    def _one(self, one: Described) -> Done:
        asked = check(configure.NewConnector, one.body)
        self._require_kinds(asked)
        before = connectors.named(self._organization, asked.name)
        if before is None:
            made = configure.create_connector(self._organization, self._actor, one.body, self._clock)
            return Done(made.name, "created")
        if before.source != asked.source:
            raise MustFix(
                "invalid_files",
                "A connector keeps its source.",
                [
                    Problem(
                        "source", f"{before.name} is a {before.source} connector; give this one another name."
                    )
                ],
            )
        done = Done(asked.name, "unchanged")
        trouble: list[Problem] = []
        self._settings(before, asked, done, trouble)
        for kind, stream in asked.streams.items():
            try:
                self._stream(before, asked, kind, stream, done)
            except MustFix as error:
                trouble += error.under(f"streams.{kind}").problems
        if trouble:
            raise MustFix("invalid_files", "This connector can't be like this.", trouble)
        return done

    def _require_kinds(self, asked: configure.NewConnector) -> None:
        source = REGISTRY.get(asked.source)
        if source is None:
            return
        have = ", ".join(source.kinds)
        wrong = [
            Problem(f"streams.{kind}", f"{source.name} has no {kind} stream; it has {have}.")
            for kind in asked.streams
            if kind not in source.kinds
        ]
        if wrong:
            raise MustFix("invalid_files", "There is no such stream.", wrong)

    # ---- the connector itself ----

    def _settings(
        self, before: Connector, asked: configure.NewConnector, done: Done, trouble: list[Problem]
    ) -> None:
        try:
            wanted = check(REGISTRY[before.source].settings, asked.settings).model_dump(
                mode="json", by_alias=True
            )
        except MustFix as error:
            trouble += error.under("settings").problems
            return
        differences = [
            *_differences(before.name, asked.name, "name"),
            *_differences(before.enabled, asked.enabled, "enabled"),
            *_differences(before.settings, wanted, "settings"),
            *self._secret_differences(before, asked.secrets),
        ]
        if not differences:
            return
        body = {
            "name": asked.name,
            "enabled": asked.enabled,
            "settings": asked.settings,
            "secrets": asked.secrets,
        }
        try:
            configure.update_connector(self._organization, self._actor, before.id, body, self._clock)
        except MustFix as error:
            trouble += error.problems
        done.action = "changed"
        done.differences += differences

    def _secret_differences(
        self, connector: Connector, given: saving.Secrets, stream: Stream | None = None
    ) -> list[Difference]:
        entered = {name: value for name, value in given.items() if isinstance(value, str)}
        stored = secrets.names(
            self._organization, connector_id=connector.id, stream_id=stream.id if stream else None
        )
        erased = [name for name, value in given.items() if value is None and name in stored]
        same = secrets.same(
            self._organization,
            connector_id=connector.id,
            stream_id=stream.id if stream else None,
            values=entered,
        )
        changed = [name for name in entered if not same[name]]
        return [Difference(f"secrets.{name}", None, None) for name in sorted([*changed, *erased])]

    # ---- its streams ----

    def _stream(
        self,
        connector: Connector,
        asked: configure.NewConnector,
        kind: str,
        body: Mapping[str, Any],
        done: Done,
    ) -> None:
        before = next(
            (one for one in streams.of_connector(self._organization, connector.id) if one.kind == kind), None
        )
        # It may have been changed a moment ago.
        now = connectors.get(self._organization, connector.id)
        confirmed = self._entered_again(now, asked, kind, body)
        configure.save_stream(
            self._organization, self._actor, connector.id, kind, body, self._clock,
            send_secret_to=confirmed, validate=True,
        )  # fmt: skip
        differences = self._stream_differences(now, before, kind, body)
        if not differences:
            return
        saved = configure.save_stream(
            self._organization, self._actor, connector.id, kind, body, self._clock, send_secret_to=confirmed
        )
        done.action = "changed"
        done.differences += differences
        if saved.baseline_reset:
            done.resets.append(kind)

    def _entered_again(
        self, connector: Connector, asked: configure.NewConnector, kind: str, body: Mapping[str, Any]
    ) -> list[str]:
        """The origins that the file's own secret is to go to now as well. Whoever writes the secret beside the URL has said so."""
        try:
            settings: Any = _stream_settings(connector, kind, body)
            source: Any = REGISTRY[connector.source].settings.model_validate(connector.settings)
            auth = merge(source.auth, settings.auth)
        except (MustFix, ValueError):
            return []
        if auth.secret is None or not isinstance(asked.secrets.get(auth.secret), str):
            return []
        stored = secrets.read(self._organization, connector_id=connector.id).get(auth.secret)
        if stored is None or not stored.origins:
            return []
        return sorted(bindings.origins_of(settings.url, auth) - set(stored.origins))

    def _stream_differences(
        self, connector: Connector, before: Stream | None, kind: str, body: Mapping[str, Any]
    ) -> list[Difference]:
        at = f"streams.{kind}"
        if before is None:
            return [Difference(at, None, "new")]
        wanted, header_values = take_secret_headers(
            _stream_settings(connector, kind, body).model_dump(mode="json", by_alias=True)
        )
        entered: dict[str, Any] = dict(body.get("secrets") or {})
        entered |= {HEADER + name: value for name, value in header_values.items()}
        saved = {**before.settings, "enabled": before.enabled}
        if "schedule" in wanted:
            saved["schedule"] = {"periodic": before.periodic, "every_minutes": before.every_minutes}
        return [
            *_differences(saved, wanted, at),
            *(
                Difference(f"{at}.{_as_written(one.path)}", None, None)
                for one in self._secret_differences(connector, entered, before)
            ),
        ]


def _as_written(path: str) -> str:
    """A header's value is kept as a secret, but stands among the headers."""
    return path.replace(f"secrets.{HEADER}", "headers.")


def _stream_settings(connector: Connector, kind: str, body: Mapping[str, Any]) -> Any:
    rest = {name: value for name, value in body.items() if name != "secrets"}
    return (
        REGISTRY[connector.source].kinds[cast(Kind, kind)].settings.model_validate(rest, context=_ANY_CEILING)
    )


def _differences(old: Any, new: Any, path: str) -> Iterator[Difference]:
    """Down to the settings that differ; lists are compared as a whole."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(name), new.get(name), f"{path}.{name}")
    elif old != new:
        yield Difference(path, old, new)
