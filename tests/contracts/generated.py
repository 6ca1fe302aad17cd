"""Values that a vendor's description allows, in all their variety: what may be null is, what may be missing is, and
there is more than the description knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

_UNKNOWN = st.sampled_from([None, 0, "", [], {}, {"object": "list", "data": None, "has_more": True}])
_TEXTS = st.sampled_from(
    ["", "active", "usd", "JPY", "month", "19.99", "-1", "1e999999999", "é", "a@b.example"]
)
_NUMBERS = st.sampled_from([0, 1, -1, 12, 2_000, 2**53, -(2**40)])


@st.composite
def allowed(draw: st.DrawFn, schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int = 0) -> Any:
    """`schema` in the words of JSON Schema; deep down only what is required is there."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    if "anyOf" in schema:
        members = (
            schema["anyOf"] if depth < _DEEP else [each for each in schema["anyOf"] if "$ref" not in each]
        )
        return draw(allowed(draw(st.sampled_from(members or schema["anyOf"])), schemas, depth + 1))
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = draw(st.sampled_from(kind))
    match kind:
        case "object":
            return draw(_object(schema, schemas, depth))
        case "array":
            most = 2 if depth < _DEEP else 0
            return draw(st.lists(allowed(schema.get("items", {}), schemas, depth + 1), max_size=most))
        case "string":
            return draw(_TEXTS)
        case "integer":
            return draw(_NUMBERS)
        case "number":
            return draw(st.sampled_from([0, 12.5, 100, 1e300]))
        case "boolean":
            return draw(st.booleans())
        case "null":
            return None
    return draw(_UNKNOWN)


_DEEP = 9


@st.composite
def _object(draw: st.DrawFn, schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int) -> Any:
    found: dict[str, Any] = {}
    required = schema.get("required", ())
    # Few of the many that there may be, so that an example stays small.
    optional = [name for name in schema.get("properties", {}) if name not in required]
    chosen = draw(st.lists(st.sampled_from(optional), max_size=6, unique=True)) if optional else []
    for name in (*required, *(chosen if depth < _DEEP else ())):
        found[name] = draw(allowed(schema["properties"][name], schemas, depth + 1))
    if isinstance(schema.get("additionalProperties"), Mapping):
        found["key"] = draw(allowed(schema["additionalProperties"], schemas, depth + 1))
    if schema.get("additionalProperties") is not False and draw(st.booleans()):
        found["something_new"] = draw(_UNKNOWN)
    return found
