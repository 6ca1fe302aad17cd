"""Connectors written as files (api.md §4): applied to an empty installation, they make the same connectors again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, cast
from uuid import UUID

import yaml
from msgspec import Struct
from pydantic import BaseModel

from ropewalk.core.actors import Actor
from ropewalk.core.limits import ANY_CEILING
from ropewalk.engine.clock import Clock
from ropewalk.sources import REGISTRY
from ropewalk.sources.base import HEADER, Kind
from ropewalk.sources.endpoint import Kept
from ropewalk.store import audit, connectors, secrets, streams
from ropewalk.store.grants import PREFIX as GRANTED
from ropewalk.store.models import Connector, Stream
from ropewalk.store.transactions import moment

# Shown although they are what they would be anyway: whoever reads the file looks for them.
_ALWAYS = frozenset({"type", "auth", "matching"})
_NOT_IN_A_NAME = re.compile(r"[^A-Z0-9]+")


class Variable(Struct, frozen=True):
    """An environment variable that `ropewalk apply` reads, and what it stands for."""

    name: str
    what: str


class Exported(Struct, frozen=True):
    connectors: list[dict[str, Any]]
    variables: list[Variable]

    def text(self) -> str:
        lines = []
        if self.variables:
            lines.append(
                "# Secrets stand outside. `ropewalk apply` reads each from the environment variable NAME,"
            )
            lines.append("# or from the file that NAME_FILE names:")
            width = max(len(one.name) for one in self.variables)
            lines += [f"#   {one.name:{width}}  {_comment(one.what)}" for one in self.variables]
            lines.append("")
        return "\n".join([*lines, _yaml(self.connectors)])


def export(
    organization_id: UUID, actor: Actor, clock: Clock, only: Collection[UUID] | None = None
) -> Exported:
    """All that a file can describe, or `only` some, in the order of their names. No secret is read for it."""
    there = [one for one in connectors.every(organization_id) if one.source in REGISTRY]
    there.sort(key=lambda one: (one.name.casefold(), one.name))
    of: dict[UUID, list[Stream]] = {}
    for stream in streams.every(organization_id):
        of.setdefault(stream.connector_id, []).append(stream)
    kept = secrets.every_name(organization_id)
    naming = _Naming()
    exported = Exported([], [])
    for connector in there:
        # Named in any case, so that a variable's name doesn't depend on what else is asked for.
        described, variables = _described(connector, of.get(connector.id, []), kept, naming)
        if only is None or connector.id in only:
            exported.connectors.append(described)
            exported.variables.extend(variables)
    names = [one["name"] for one in exported.connectors]
    with moment():
        audit.record(organization_id, actor, "connector.exported", now=clock.now(), detail={"names": names})
    return exported


def _described(
    connector: Connector,
    its: Iterable[Stream],
    kept: Mapping[tuple[UUID, UUID | None], list[str]],
    naming: _Naming,
) -> tuple[dict[str, Any], list[Variable]]:
    source = REGISTRY[connector.source]
    name = connector.name
    variables: list[Variable] = []

    def outside(secret: str, *of: str) -> str:
        variable = Variable(naming.free(name, *of, secret), f"{' '.join((name, *of))}: {secret}")
        variables.append(variable)
        return f"${{{variable.name}}}"

    described: dict[str, Any] = {"source": connector.source, "name": name}
    if not connector.enabled:
        described["enabled"] = False
    described["settings"] = _written(source.settings.model_validate(connector.settings))
    if stored := [name for name in kept.get((connector.id, None), []) if not name.startswith(GRANTED)]:
        described["secrets"] = {secret: outside(secret) for secret in stored}
    written = {}
    for stream in its:
        stored = kept.get((connector.id, stream.id), [])
        body = _stream(connector, stream)
        own = {one: outside(one, stream.kind) for one in stored if not one.startswith(HEADER)}
        for header, value in body.get("headers", {}).items():
            marked = isinstance(value, Mapping)
            body["headers"][header] = outside(header, stream.kind) if marked else _literal(value)
        written[stream.kind] = body | ({"secrets": own} if own else {})
    if written:
        described["streams"] = written
    return described, variables


def _stream(connector: Connector, stream: Stream) -> dict[str, Any]:
    settings = REGISTRY[connector.source].kinds[cast(Kind, stream.kind)].settings
    return _written(settings.model_validate(streams.settings_now(stream), context=ANY_CEILING))


def _written(settings: BaseModel) -> dict[str, Any]:
    """Without what would be so anyway."""
    written: dict[str, Any] = {}
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        default = not field.is_required() and value == field.get_default(call_default_factory=True)
        if not default or (name in _ALWAYS and value is not None):
            written[field.alias or name] = _plain(value)
    return {"type": written.pop("type"), **written} if "type" in written else written


def _plain(value: Any) -> Any:
    match value:
        case Kept():
            return {"set": True}
        case BaseModel():
            return _Line(_written(value))
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return value


def _literal(text: str) -> str:
    """As `apply` reads it back: `$${` stands for `${` itself."""
    return text.replace("${", "$${")


def _comment(text: str) -> str:
    """On one line, whatever a connector is called."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


class _Naming:
    """Names of environment variables: CRM_TOKEN, CRM_ACCOUNTS_X_TENANT; each is given once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def free(self, *parts: str) -> str:
        name = "_".join(self._words(parts)) or "SECRET"
        wanted = f"_{name}" if name[0].isdigit() else name
        number, found = 1, wanted
        while found in self._taken:
            number += 1
            found = f"{wanted}_{number}"
        self._taken.add(found)
        return found

    @staticmethod
    def _words(parts: Iterable[str]) -> Iterator[str]:
        for part in parts:
            plain = unicodedata.normalize("NFKD", part).encode("ascii", "ignore").decode().upper()
            if word := _NOT_IN_A_NAME.sub("_", plain).strip("_"):
                yield word


def _yaml(connectors: list[dict[str, Any]]) -> str:
    def dumped(*, readable: bool) -> str:
        text = yaml.dump(connectors, Dumper=_Dumper, allow_unicode=readable, sort_keys=False, width=2**31 - 1)
        return str(text).rstrip("\n")

    text = dumped(readable=True)
    # Characters that steer a terminal are escaped, and then all that are not ASCII.
    return text if all(line.isprintable() for line in text.split("\n")) else dumped(readable=False)


class _Line(dict[str, Any]):
    """Stands on one line: `{from: name, to: companyName}`."""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


_Dumper.add_representer(
    _Line,
    lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=True),
)
