"""HogQL, read by PostHog's own parser, and carried out over a few events held in memory.

The parser is made for PostHog's code base and names its classes; what gives JSON needs no more of them than that they
are there."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest


class _Named(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = type(name, (Exception,), {})
        setattr(self, name, found)
        return found


def _parser() -> Any:
    names = ("posthog", "posthog.hogql", "posthog.hogql.ast", "posthog.hogql.base", "posthog.hogql.errors")
    for name in names:
        if name not in sys.modules:
            sys.modules[name] = _Named(name)
            above, _, own = name.rpartition(".")
            if above:
                setattr(sys.modules[above], own, sys.modules[name])
    return pytest.importorskip("hogql_parser")


class Refused(Exception):
    """As PostHog answers it: a query that it doesn't understand."""


def expression(text: str) -> Any:
    return _read(_parser().parse_expr_json(text))


def select(text: str) -> Any:
    return _read(_parser().parse_select_json(text))


def _read(said: str) -> Any:
    found = json.loads(said)
    if found.get("error"):
        raise Refused(found["message"])
    return found


def nodes(tree: Any) -> list[str]:
    """The kinds of everything in it."""
    if isinstance(tree, list):
        return [kind for each in tree for kind in nodes(each)]
    if not isinstance(tree, dict):
        return []
    own = [tree["node"]] if "node" in tree else []
    return own + [kind for each in tree.values() for kind in nodes(each)]


def run(query: str, values: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """`events`: uuid, event, timestamp (a datetime), distinct_id, properties, person, and group keys as $group_0 …"""
    asked = select(query)
    unknown = set(nodes(asked)) - _KINDS
    if unknown:
        raise Refused(f"not carried out here: {unknown}")
    found = [each for each in events if asked["where"] is None or _value(asked["where"], each, values)]
    for order in reversed(asked["order_by"] or ()):
        found.sort(
            key=lambda each, by=order: _value(by["expr"], each, values), reverse=order["order"] == "DESC"
        )
    limit = 100 if asked["limit"] is None else min(_value(asked["limit"], {}, values), 50_000)
    return [[_shown(_value(each, event, values)) for each in asked["select"]] for event in found[:limit]]


_KINDS = {
    "Alias", "And", "ArrayAccess", "Call", "CompareOperation", "Constant", "Field", "JoinExpr", "Not", "Or",
    "OrderExpr", "Placeholder", "SelectQuery", "Tuple",
}  # fmt: skip


def _value(node: Any, event: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    def of(inner: Any) -> Any:
        return _value(inner, event, values)

    match node["node"]:
        case "Constant":
            return node["value"]
        case "Placeholder":
            (name,) = node["expr"]["chain"]
            if name not in values:
                raise Refused(f"Placeholder {{{name}}} is not available in this context.")
            return values[name]
        case "Alias":
            return of(node["expr"])
        case "Field":
            found: Any = event
            for key in node["chain"]:
                found = found.get(key) if isinstance(found, Mapping) else None
            return found
        case "ArrayAccess":
            held = of(node["array"])
            return held.get(of(node["property"])) if isinstance(held, Mapping) else None
        case "And":
            return all(of(each) for each in node["exprs"])
        case "Or":
            return any(of(each) for each in node["exprs"])
        case "Not":
            return not of(node["expr"])
        case "Tuple":
            return [of(each) for each in node["exprs"]]
        case "CompareOperation":
            return _compared(node["op"], of(node["left"]), of(node["right"]))
        case "Call":
            return _FUNCTIONS[node["name"]](*map(of, node["args"]))
    raise Refused(node["node"])


def _compared(sign: str, left: Any, right: Any) -> bool:
    match sign:
        case "==":
            return left is not None and left == right
        case "!=":
            return left != right
        case "in":
            return left in right
    if left is None or right is None:
        return False
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[sign]


def _domain_without_www(text: str | None) -> str:
    host = urlsplit(text if "//" in (text or "") else f"//{text or ''}").hostname or ""
    return host.removeprefix("www.")


_FUNCTIONS: dict[str, Any] = {
    "toDateTime": lambda text: datetime.fromisoformat(text),
    "toString": lambda value: None if value is None else str(value),
    "lower": lambda text: None if text is None else text.lower(),
    "domainWithoutWWW": _domain_without_www,
    "endsWith": lambda text, end: text is not None and text.endswith(end),
}


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(value) if isinstance(value, Mapping) else value
