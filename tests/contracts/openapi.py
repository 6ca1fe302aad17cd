"""A vendor's OpenAPI 3.0 description, and what is sent and answered held to it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

HERE = Path(__file__).parent
_DEEP = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


class NotDescribed(AssertionError):
    """The vendor's description knows nothing of this."""


@cache
def description(file: str) -> Description:
    return Description(json.loads((HERE / file).read_text()))


class Description:
    def __init__(self, raw: Mapping[str, Any], **more_paths: Any) -> None:
        self.raw = raw
        self.paths: dict[str, Any] = {**raw["paths"], **more_paths}
        self.schemas = _in_json_schema(raw["components"]["schemas"])

    def check_request(
        self, method: str, path: str, query: Sequence[tuple[str, str]], body: Any = None
    ) -> None:
        template, operation = self._operation(method, path)
        params = {(each["in"], each["name"]): each for each in operation.get("parameters", [])}
        said = _deep(query)
        for name, value in said.items():
            if ("query", name) not in params:
                raise NotDescribed(f"{method} {template} has no parameter {name}")
            schema = _in_json_schema(params["query", name]["schema"])
            self._check(_typed(value, schema), schema, f"{method} {template}, {name}")
        for (place, name), each in params.items():
            if place == "query" and each.get("required") and name not in said:
                raise NotDescribed(f"{method} {template} needs {name}")
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            self._check(body, _in_json_schema(schema), f"body of {method} {template}")
        elif body is not None:
            raise NotDescribed(f"{method} {template} has no body")

    def check_answer(self, method: str, path: str, status: int, body: Any) -> None:
        template, operation = self._operation(method, path)
        answers = operation["responses"]
        found = answers.get(str(status), answers.get("default"))
        if found is None:
            raise NotDescribed(f"{method} {template} answers no {status}")
        schema = found["content"]["application/json"]["schema"]
        self._check(body, _in_json_schema(schema), f"{status} of {method} {template}")

    def schema(self, name: str) -> dict[str, Any]:
        """With all that it refers to, in JSON Schema."""
        return {"$ref": f"#/components/schemas/{name}", "components": {"schemas": self.schemas}}

    def answer_schema(self, method: str, path: str, status: int = 200) -> dict[str, Any]:
        _, operation = self._operation(method, path)
        schema = operation["responses"][str(status)]["content"]["application/json"]["schema"]
        return {**_in_json_schema(schema), "components": {"schemas": self.schemas}}

    def _operation(self, method: str, path: str) -> tuple[str, Any]:
        for template, operations in self.paths.items():
            pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path) and method.lower() in operations:
                return template, operations[method.lower()]
        raise NotDescribed(f"{method} {path}")

    def _check(self, value: Any, schema: Any, where: str) -> None:
        whole = {**schema, "components": {"schemas": self.schemas}}
        key = json.dumps(schema, sort_keys=True)
        validator = _validator(id(self.schemas), key, lambda: jsonschema_rs.validator_for(whole))
        for error in validator.iter_errors(value):
            at = "/".join(map(str, error.instance_path))
            raise NotDescribed(f"{where}, at {at or 'the top'}: {error.message[:300]}")


_validators: dict[tuple[int, str], Any] = {}


def _validator(schemas: int, key: str, make: Any) -> Any:
    if (schemas, key) not in _validators:
        _validators[schemas, key] = make()
    return _validators[schemas, key]


def _in_json_schema(node: Any) -> Any:
    """OpenAPI 3.0's `nullable` in the words of JSON Schema."""
    if isinstance(node, list):
        return [_in_json_schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {key: _in_json_schema(each) for key, each in node.items() if key not in ("nullable", "format")}
    if node.get("nullable") is not True:
        return found
    if "enum" in found:
        found["enum"] = [*found["enum"], None]
    if isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
        return found
    return {"anyOf": [found, {"type": "null"}]}


def _deep(query: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """`created[gte]=1` and `expand[]=a` as Stripe reads them."""
    found: dict[str, Any] = {}
    for name, value in query:
        match = _DEEP.fullmatch(unquote(name))
        assert match is not None, name
        top, inner = match[1], re.findall(r"\[([^\[\]]*)\]", match[2])
        if not inner:
            assert top not in found, f"{top} is there twice"
            found[top] = value
        elif inner == [""]:
            found.setdefault(top, []).append(value)
        else:
            (key,) = inner
            found.setdefault(top, {})[key] = value
    return found


def _typed(value: Any, schema: Mapping[str, Any]) -> Any:
    """A query has texts only; numbers are meant where the description says so."""
    if isinstance(value, dict):
        inner = next((each for each in schema.get("anyOf", [schema]) if "properties" in each), {})
        properties = inner.get("properties", {})
        return {key: _typed(each, properties.get(key, {})) for key, each in value.items()}
    if isinstance(value, str) and schema.get("type") == "integer" and re.fullmatch(r"-?\d+", value):
        return int(value)
    if isinstance(value, str) and schema.get("type") == "boolean" and value in ("true", "false"):
        return value == "true"
    return value
