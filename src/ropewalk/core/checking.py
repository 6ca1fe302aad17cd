"""Reading settings: everything that is wrong at once, each at its field, in words that say how to mend it (§9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from ropewalk.core.errors import MustFix, Problem
from ropewalk.core.nearest import meant

_ID: Final = "Give an id such as 01a2020a-41bc-7032-8941-ff392f121167."
_TIME: Final = "Give a time such as 2026-11-21T12:00:00Z."

_SENTENCES: Final = {
    "bool_parsing": "Give true or false.",
    "bool_type": "Give true or false.",
    "date_from_datetime_parsing": "Give a date such as 2026-11-21.",
    "datetime_from_date_parsing": _TIME,
    "datetime_object_invalid": _TIME,
    "datetime_parsing": _TIME,
    "datetime_type": _TIME,
    "dict_type": "Give an object.",
    "float_type": "Give a number.",
    "greater_than_equal": "Give at least {ge}.",
    "int_parsing": "Give a whole number.",
    "int_type": "Give a whole number.",
    "less_than_equal": "Give at most {le}.",
    "list_type": "Give a list.",
    "literal_error": "Give one of {expected}.",
    "missing": "This is required.",
    "model_attributes_type": "Give an object.",
    "model_type": "Give an object.",
    "string_too_long": "Give at most {max_length} characters.",
    "string_too_short": "This can’t be empty.",
    "string_type": "Give a text.",
    "uuid_parsing": _ID,
    "uuid_type": _ID,
}

Model = TypeVar("Model", bound=BaseModel)


class Settings(BaseModel):
    """What the form, the API and connector files are drawn from: unknown keys are refused, values stay out of errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True)


def check(model: type[Model], data: object, context: Mapping[str, Any] | None = None) -> Model:
    """`MustFix("invalid_settings")` with every problem. `context`: `max_records`, `max_pages` (the installation's
    ceilings), `existing` (names of the organization's custom fields), `draft` (true: the mapping may still be empty)."""
    try:
        return model.model_validate(data, context=dict(context or {}))
    except ValidationError as error:
        raise refusal(problems(error, model, data)) from None


def refusal(found: Sequence[Problem]) -> MustFix:
    where = "; ".join(f"{each.path}: {each.message}" if each.path else each.message for each in found)
    return MustFix("invalid_settings", f"These settings can't be used. {where}", found)


def problems(error: ValidationError, model: type[BaseModel], data: object) -> tuple[Problem, ...]:
    schema: dict[str, Any] = model.model_json_schema()
    found: dict[tuple[str, str], Problem] = {}
    for each in error.errors(include_url=False, include_input=False):
        problem = _problem(each, schema, data)
        # A value that fits no member of a union is told once for each of them.
        of_type = "type" if each["type"].endswith("_type") else problem.message
        found.setdefault((problem.path, of_type), problem)
    return tuple(found.values())


def several(found: Sequence[Problem], below: str) -> ValidationError:
    """For a field's own validator that finds more than one thing wrong; `below` is the field's path in `found`."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError("problem", "{message}", {"message": each.message}),
            loc=_loc(each.path.removeprefix(below).removeprefix(".")),
            input=None,
        )
        for each in found
    ]
    return ValidationError.from_exception_data("settings", details)


def _problem(error: ErrorDetails, schema: dict[str, Any], data: object) -> Problem:
    kind, context = error["type"], error.get("ctx", {})
    path = _path(error["loc"], data)
    if kind == "extra_forbidden":
        return Problem(path, _unknown(str(error["loc"][-1]), _keys_at(schema, error["loc"][:-1])))
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tag = context["discriminator"].strip("'")
        expected = context.get("expected_tags", "").replace("'", "") or ", ".join(
            _tags_at(schema, error["loc"])
        )
        return Problem(f"{path}.{tag}" if path else tag, f"Give one of {expected}.")
    if kind == "literal_error":
        context = {"expected": context["expected"].replace("'", "").replace(" or ", ", ")}
    sentence = _SENTENCES.get(kind)
    return Problem(
        path, error["msg"].removeprefix("Value error, ") if sentence is None else sentence.format(**context)
    )


def _path(loc: Sequence[int | str], data: object) -> str:
    """Without the parts that name a member of a union, which stand in no body."""
    parts: list[str] = []
    for place, part in enumerate(loc):
        if _holds(data, part):
            data = data[part]  # type: ignore[index]
        elif place < len(loc) - 1 or not isinstance(data, Mapping):
            continue
        parts.append(str(part))
    return ".".join(parts)


def _holds(data: object, part: int | str) -> bool:
    if isinstance(data, Mapping):
        return part in data
    return isinstance(data, list | tuple) and isinstance(part, int) and part < len(data)


def _loc(path: str) -> tuple[int | str, ...]:
    return tuple(int(part) if part.isdigit() else part for part in path.split(".")) if path else ()


def _unknown(key: str, known: Sequence[str]) -> str:
    hint = meant(key, known)
    return f"There is no such setting; {hint[:1].lower()}{hint[1:]}"


def _keys_at(schema: dict[str, Any], loc: Sequence[int | str]) -> list[str]:
    return sorted({key for node in _nodes(schema, loc) for key in node.get("properties", {})})


def _tags_at(schema: dict[str, Any], loc: Sequence[int | str]) -> list[str]:
    return [tag for node in _nodes(schema, loc) for tag in node.get("discriminator", {}).get("mapping", {})]


def _nodes(schema: dict[str, Any], loc: Sequence[int | str]) -> list[dict[str, Any]]:
    """What the schema says of a place."""
    nodes = _opened(schema, schema)
    for part in loc:
        nodes = [inner for node in nodes for below in _below(node, part) for inner in _opened(schema, below)]
    return nodes


def _below(node: dict[str, Any], part: int | str) -> list[dict[str, Any]]:
    if isinstance(part, int):
        return [node["items"]] if "items" in node else []
    if part in node.get("properties", {}):
        return [node["properties"][part]]
    tagged = node.get("discriminator", {}).get("mapping", {})
    return [{"$ref": tagged[part]}] if part in tagged else []


def _opened(schema: dict[str, Any], node: dict[str, Any]) -> list[dict[str, Any]]:
    """A node, its reference followed, and the members of its union."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    found = [node]
    if "discriminator" not in node:
        for member in node.get("anyOf", []):
            found.extend(_opened(schema, member))
    return found
