"""Connector files as they are written: YAML whose secrets stand outside, as `${NAME}` (api.md §4)."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

from ropewalk.core.errors import MustFix, Problem

_VARIABLE = re.compile(r"\$\$\{|\$\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEEPEST = 50


class Document(Struct, frozen=True):
    """`name` is what problems are found under: the file's name."""

    name: str
    text: str


class Described(Struct, frozen=True):
    """One connector of a file. `where` goes before the path of a problem; `secrets` were read from outside."""

    where: str
    body: dict[str, Any]
    secrets: frozenset[str] = frozenset()

    def problem(self, path: str, message: str) -> Problem:
        return Problem(f"{self.where}{path}" if path else self.where.rstrip(". "), message)


class _Loader(yaml.SafeLoader):
    """Plain values only. Keys that come twice are refused; dates stay the text that they are."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if not isinstance(name, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {name!r} is no text", key.start_mark
                )
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {name} comes twice", key.start_mark
                )
            seen.add(name)
        return super().construct_mapping(node, deep)


def read(documents: Iterable[Document], environ: Mapping[str, str], *, keep: bool = False) -> list[Described]:
    """All connectors of all files. Whatever can't be read comes as one error that names every place. `keep`: a value that
    is nothing but a variable without a value stays the one that is saved."""
    found: list[Described] = []
    problems: list[Problem] = []
    for document in documents:
        try:
            written = list(_connectors(document))
        except MustFix as error:
            problems += error.problems
            continue
        for where, body in written:
            reading = _Reading(environ, keep=keep)
            filled = reading.connector(body)
            found.append(Described(where, filled, frozenset(reading.secrets)))
            problems += [Problem(f"{where}{path}", message) for path, message in reading.problems]
    if problems:
        raise MustFix("invalid_files", "These connector files can't be read as they are.", problems)
    return found


def variables(documents: Iterable[Document]) -> list[str]:
    """The names of what stands outside, in the order in which they come up. Raises what `read` raises, of files that
    can't be read at all."""
    found: dict[str, None] = {}
    for document in documents:
        for _, body in _connectors(document):
            reading = _Reading(_Noted(found))
            reading.connector(body)
    return [*found]


class _Noted(dict[str, str]):
    """An environment that has everything, and notes what it is asked for."""

    def __init__(self, asked: dict[str, None]) -> None:
        super().__init__()
        self._asked = asked

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ARG002
        self._asked.setdefault(name)
        return "?"


def _connectors(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    content = _load(document)
    if isinstance(content, Mapping):
        yield f"{document.name}: ", dict(content)
    elif isinstance(content, list) and content:
        wrong = []
        for number, item in enumerate(content, start=1):
            if isinstance(item, Mapping):
                yield f"{document.name}: {number}.", dict(item)
            else:
                wrong.append(Problem(f"{document.name}: {number}", "Give an object: a connector."))
        if wrong:
            raise MustFix("invalid_file", "An entry is no connector.", wrong)
    else:
        raise _unreadable(document.name, "There is no connector in this file; give one, or a list of them.")


def _load(document: Document) -> Any:
    try:
        # A subclass of the safe loader.
        content = yaml.load(document.text, _Loader)  # noqa: S506
        _measure(content)
    except yaml.MarkedYAMLError as error:
        # Its own text quotes the file, where a secret may stand.
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise _unreadable(document.name, f"{place}{error.problem or 'this is not YAML'}.") from None
    except yaml.YAMLError:
        raise _unreadable(document.name, "This is not YAML.") from None
    except (RecursionError, ValueError):
        raise _unreadable(
            document.name, "This is nested too deeply, or holds a value that is none."
        ) from None
    return content


def _unreadable(name: str, message: str) -> MustFix:
    return MustFix("invalid_file", f"{name}: {message}", [Problem(name, message)])


def _measure(value: Any, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise ValueError
    if isinstance(value, Mapping):
        for item in value.values():
            _measure(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _measure(item, depth + 1)


class _Reading:
    """Puts what stands outside in its places: secrets, and header values, of the connector and of its streams."""

    def __init__(self, environ: Mapping[str, str], *, keep: bool = False) -> None:
        self._environ = environ
        self._keep = keep
        self.problems: list[tuple[str, str]] = []
        self.secrets: set[str] = set()

    def connector(self, body: Mapping[str, Any]) -> dict[str, Any]:
        filled = self._block(body, "")
        streams = filled.get("streams")
        if isinstance(streams, Mapping):
            filled["streams"] = {
                kind: self._block(stream, f"streams.{kind}.") if isinstance(stream, Mapping) else stream
                for kind, stream in streams.items()
            }
        return filled

    def _block(self, block: Mapping[str, Any], at: str) -> dict[str, Any]:
        filled = dict(block)
        for name in ("secrets", "headers"):
            values = filled.get(name)
            if isinstance(values, Mapping):
                filled[name] = {
                    key: self._value(value, f"{at}{name}.{key}") if isinstance(value, str) else value
                    for key, value in values.items()
                }
        return filled

    def _value(self, text: str, path: str) -> str | dict[str, bool]:
        """`$${` stands for `${` itself."""
        alone = _VARIABLE.fullmatch(text)
        if (
            self._keep
            and alone
            and alone[1]
            and _NAME.fullmatch(alone[1])
            and not self._environ.get(alone[1])
        ):
            return {"set": True}

        def put_in(found: re.Match[str]) -> str:
            return "${" if found[1] is None else self._outside(found[1], path)

        return _VARIABLE.sub(put_in, text)

    def _outside(self, name: str, path: str) -> str:
        if not _NAME.fullmatch(name):
            self._trouble(
                path, "Between ${ and } stands the name of an environment variable, such as ${CRM_TOKEN}."
            )
            return ""
        if value := self._environ.get(name):
            self.secrets.add(value)
            return value
        if file := self._environ.get(f"{name}_FILE"):
            return self._from_file(name, file, path)
        self._trouble(
            path, f"The environment has no {name}. Set {name}, or {name}_FILE to a file that holds it."
        )
        return ""

    def _from_file(self, name: str, file: str, path: str) -> str:
        try:
            value = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            self._trouble(path, f"The file that {name}_FILE names, {file}, can't be read.")
            return ""
        if not value:
            self._trouble(path, f"The file that {name}_FILE names, {file}, is empty.")
        self.secrets.add(value)
        return value

    def _trouble(self, path: str, message: str) -> None:
        self.problems.append((path, message))
