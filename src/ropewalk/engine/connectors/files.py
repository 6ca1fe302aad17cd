"""Connector files made so: what a file says is compared with what there is, and only what differs is done.

`plan` compares, which only reads; `apply` compares and does it, in one transaction: where one thing can't be done,
nothing is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct, field

from ropewalk.core.actors import Actor
from ropewalk.core.errors import Conflict, MustFix, NotFound, Problem
from ropewalk.engine import logs
from ropewalk.engine.clock import Clock
from ropewalk.engine.connectors import configure, documents
from ropewalk.engine.connectors.connector_saving import ConnectorSaving
from ropewalk.engine.connectors.documents import Described, Document
from ropewalk.engine.connectors.saving import Secrets, StreamSaving
from ropewalk.sources import REGISTRY
from ropewalk.sources.base import HEADER
from ropewalk.store import connectors, secrets, streams
from ropewalk.store.models import Connector, Stream
from ropewalk.store.transactions import transaction

Action = Literal["created", "changed", "unchanged", "deleted"]


class Difference(Struct, frozen=True):
    """One setting: `path` is dotted from the connector. Values of secrets are never in it."""

    path: str
    old: Any
    new: Any


class Outcome(Struct):
    """What becomes of one connector, and of its `streams` by kind. `resets`: kinds whose next run is a full one."""

    name: str
    action: Action
    differences: list[Difference] = field(default_factory=list)
    streams: dict[str, Action] = field(default_factory=dict)
    resets: list[str] = field(default_factory=list)


def plan(
    organization_id: UUID,
    files: Iterable[Document],
    environ: Mapping[str, str],
    clock: Clock,
    *,
    prune: bool = False,
    keep: bool = False,
) -> list[Outcome]:
    """What `apply` would do. It reads, and keeps nobody waiting."""
    compared = _Comparing(organization_id, clock, prune=prune).all(_read(files, environ, keep=keep))
    return [one.outcome for one in compared]


def apply(
    organization_id: UUID,
    actor: Actor,
    files: Iterable[Document],
    environ: Mapping[str, str],
    clock: Clock,
    *,
    prune: bool = False,
    agreed: Collection[str] | None = None,
    keep: bool = False,
) -> list[Outcome]:
    """Makes it so. All problems of all files at once, with paths like `crm.yaml: 2.settings.auth`.

    `prune` deletes what is in no file: if `agreed` is given, only what it names (as `deletions` does). `keep`: variables
    that `environ` hasn't leave what is saved alone, instead of being problems."""
    described = _read(files, environ, keep=keep)
    with transaction(organization_id):
        compared = _Comparing(organization_id, clock, prune=prune).all(described)
        outcomes = [one.outcome for one in compared]
        if agreed is not None and set(deletions(outcomes)) - set(agreed):
            raise Conflict("Something was added meanwhile that would be deleted too. Look at the plan again.")
        for one in compared:
            _carry_out(one, organization_id, actor, clock)
    return outcomes


def deletions(outcomes: Iterable[Outcome]) -> list[str]:
    """In words: connectors by their name, streams as `CRM contacts`."""
    return [
        gone
        for one in outcomes
        for gone in (
            [one.name]
            if one.action == "deleted"
            else [f"{one.name} {kind}" for kind, action in one.streams.items() if action == "deleted"]
        )
    ]


def undescribed(organization_id: UUID, outcomes: Iterable[Outcome]) -> list[str]:
    """The names of the connectors that are in no file."""
    described = {one.name.casefold() for one in outcomes}
    return [one.name for one in _describable(organization_id) if one.name.casefold() not in described]


def _describable(organization_id: UUID) -> list[Connector]:
    """Those that a file can describe, by name."""
    there = [one for one in connectors.every(organization_id) if one.source in REGISTRY]
    return sorted(there, key=lambda one: (one.name.casefold(), one.name))


def _read(files: Iterable[Document], environ: Mapping[str, str], *, keep: bool) -> list[Described]:
    described = documents.read(files, environ, keep=keep)
    for one in described:
        logs.know(one.secrets)
    return described


class _Compared(Struct, frozen=True):
    """`saving` is None for what is to be deleted; `itself`: the connector differs, not only its streams."""

    outcome: Outcome
    saving: ConnectorSaving | None = None
    before: Connector | None = None
    itself: Sequence[Difference] = ()


def _carry_out(compared: _Compared, organization_id: UUID, actor: Actor, clock: Clock) -> None:
    outcome, saving, before = compared.outcome, compared.saving, compared.before
    if saving is None:
        assert before is not None
        configure.delete_connector(organization_id, actor, before.id, clock)
        return
    if before is None:
        configure.keep_new(saving, organization_id, actor, clock)
        return
    if compared.itself:
        named = {one.path.partition(".")[0] for one in compared.itself} - {"secrets"}
        configure.keep_changed(saving, organization_id, actor, clock, named)
    for kind, action in outcome.streams.items():
        if action == "deleted":
            configure.delete_stream(organization_id, actor, before.id, kind, clock)
        elif action == "unchanged":
            saving.streams[kind].bind_again()
        else:
            configure.keep_stream(saving.streams[kind], organization_id, actor, saving.connector, clock)


class _Comparing:
    """Only reads, so that whoever only plans waits for nobody."""

    def __init__(self, organization_id: UUID, clock: Clock, *, prune: bool) -> None:
        self._organization = organization_id
        self._clock = clock
        self._prune = prune
        self._problems: list[Problem] = []

    def all(self, described: Sequence[Described]) -> list[_Compared]:
        found = []
        taken: dict[str, str] = {}
        for one in described:
            name = str(one.body.get("name", "")).strip().casefold()
            if name and name in taken:
                self._problems.append(
                    one.problem("name", f"This connector is described before, at {taken[name]}.")
                )
                continue
            taken[name] = one.where.rstrip(". ")
            with self._problems_of(one):
                found.append(self._one(one))
        if self._problems:
            raise MustFix(
                "invalid_files", "Nothing was applied: these have to be mended first.", self._problems
            )
        if self._prune:
            for each in _describable(self._organization):
                if each.name.casefold() not in taken:
                    found.append(_Compared(Outcome(each.name, "deleted"), before=each))
        return found

    @contextmanager
    def _problems_of(self, one: Described) -> Iterator[None]:
        try:
            yield
        except MustFix as error:
            found = error.problems or (Problem("", error.message),)
            self._problems += [one.problem(each.path, each.message) for each in found]
        except (Conflict, NotFound) as error:
            self._problems.append(one.problem("", error.message))

    def _one(self, one: Described) -> _Compared:
        name, source = one.body.get("name"), one.body.get("source")
        before = connectors.named(self._organization, name.strip()) if isinstance(name, str) else None
        if before is not None and isinstance(source, str) and before.source != source:
            raise MustFix(
                "invalid_files",
                "A connector keeps its source.",
                [
                    Problem(
                        "source", f"{before.name} is a {before.source} connector; give this one another name."
                    )
                ],
            )
        saving = ConnectorSaving(self._organization, one.body, self._clock, before)
        if before is None:
            made = Outcome(saving.connector.name, "created", streams=dict.fromkeys(saving.streams, "created"))
            return _Compared(made, saving)
        itself = [
            *_differences(before.name, saving.connector.name, "name"),
            *_differences(before.enabled, saving.connector.enabled, "enabled"),
            *_differences(before.settings, saving.connector.settings, "settings"),
            *self._secret_differences(before, saving.secrets),
        ]
        outcome = Outcome(saving.connector.name, "unchanged", list(itself))
        for kind, stream in saving.streams.items():
            self._compare_stream(before, kind, stream, outcome)
        if self._prune:
            there = [each.kind for each in streams.of_connector(self._organization, before.id)]
            outcome.streams |= {kind: "deleted" for kind in there if kind not in saving.streams}
        if itself or {*outcome.streams.values()} - {"unchanged"}:
            outcome.action = "changed"
        return _Compared(outcome, saving, before, itself)

    def _compare_stream(
        self, connector: Connector, kind: str, saving: StreamSaving, outcome: Outcome
    ) -> None:
        before = saving.before
        if before is None:
            outcome.streams[kind] = "created"
            return
        there = streams.settings_now(before)
        at = f"streams.{kind}"
        found = list(_differences(there, saving.kept, at))
        entered = saving.secrets | {HEADER + name: value for name, value in saving.header_values.items()}
        marked = {one.path for one in found}
        for one in self._secret_differences(connector, entered, before):
            # A header's value is kept as a secret, but stands among the headers.
            path = f"{at}.{one.path}".replace(f"secrets.{HEADER}", "headers.")
            if path not in marked:
                found.append(Difference(path, None, None))
        outcome.streams[kind] = "changed" if found else "unchanged"
        outcome.differences += found
        if saving.resets:
            outcome.resets.append(kind)

    def _secret_differences(
        self, connector: Connector, given: Secrets, stream: Stream | None = None
    ) -> list[Difference]:
        of: dict[str, Any] = {"connector_id": connector.id, "stream_id": stream.id if stream else None}
        entered = {name: value for name, value in given.items() if isinstance(value, str)}
        stored = secrets.names(self._organization, **of)
        same = secrets.same(self._organization, values=entered, **of)
        changed = [name for name in entered if not same[name]]
        erased = [name for name, value in given.items() if value is None and name in stored]
        return [Difference(f"secrets.{name}", None, None) for name in sorted([*changed, *erased])]


def _differences(old: Any, new: Any, path: str) -> Iterator[Difference]:
    """Down to the settings that differ; lists are compared as a whole."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(name), new.get(name), f"{path}.{name}")
    elif old != new:
        yield Difference(path, old, new)
