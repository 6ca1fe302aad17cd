"""A body or a settings block against its pydantic model: every problem at once, each in words that mend it."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from ropewalk.core.errors import MustFix, Problem

M = TypeVar("M", bound=BaseModel)

_PLAIN = {
    "missing": "This is required.",
    "extra_forbidden": "There is no such key here.",
    "string_type": "This has to be text.",
    "bool_type": "This has to be true or false.",
    "bool_parsing": "This has to be true or false.",
    "int_type": "This has to be a whole number.",
    "int_parsing": "This has to be a whole number.",
    "list_type": "This has to be a list.",
    "dict_type": "This has to be an object.",
    "model_type": "This has to be an object.",
    "model_attributes_type": "This has to be an object.",
}


def check(model: type[M], data: object, at: str = "", context: dict[str, Any] | None = None) -> M:
    """`at` goes before every path, for a block inside a larger body; `context` is for the model's validators."""
    try:
        return model.model_validate(data, context=context)
    except ValidationError as error:
        raise MustFix("invalid", "Some of this can't be taken as it is.", problems(model, error, at)) from None


def problems(model: type[BaseModel], error: ValidationError, at: str = "") -> list[Problem]:
    found = [
        Problem(_dotted(at, _visible(model, each["loc"])), _sentence(model, each))
        for each in error.errors(include_url=False, include_input=False)
    ]
    return sorted(set(found), key=lambda problem: problem.path)


def together(*parts: MustFix | None) -> None:
    """Raises the problems of all the parts as one error, if there are any."""
    raised = [part for part in parts if part is not None]
    if raised:
        raise MustFix(raised[0].code, raised[0].message, [each for part in raised for each in part.problems])


def _sentence(model: type[BaseModel], error: Any) -> str:
    kind, context = error["type"], error.get("ctx") or {}
    if kind == "extra_forbidden":
        *parents, name = error["loc"]
        known = sorted(_known_keys(model, parents))
        near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]}?" if near else f" Known here: {', '.join(known)}." if known else ""
        return _PLAIN[kind] + hint
    if kind in {"literal_error", "enum", "union_tag_invalid"}:
        expected = context.get("expected") or context.get("expected_tags")
        return f"This has to be one of {expected}."
    if kind == "union_tag_not_found":
        return f"Say which {str(context.get('discriminator', 'type')).strip(chr(39))} it is."
    if kind in _PLAIN:
        return _PLAIN[kind]
    message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return message if message.endswith((".", "?")) else f"{message}."


def _dotted(at: str, location: Sequence[object]) -> str:
    return ".".join([*([at] if at else []), *(str(part) for part in location)])


def _visible(model: type[BaseModel], location: Sequence[Any]) -> list[object]:
    """Pydantic puts the tag of a discriminated union, or the branch of a plain one, into the path: leave it out."""
    shown: list[object] = []
    here: list[Any] = [model]
    for part in location:
        below = [step for each in here for step in _step(each, part)]
        if below:
            shown.append(part)
            here = below
        elif not _is_branch(here, part):
            shown.append(part)
            here = []
    return shown


def _is_branch(here: list[Any], part: object) -> bool:
    for each in here:
        for option in _options(each):
            if isinstance(option, type) and issubclass(option, BaseModel):
                tags = {repr(arg) for field in option.model_fields.values() for arg in get_args(field.annotation)}
                if part == option.__name__ or repr(part) in tags:
                    return True
            elif part in {getattr(option, "__name__", None), str(option)}:
                return True
    return isinstance(part, str) and part.startswith(("function-", "constrained-", "dict[", "list[", "tagged-"))


def _known_keys(model: type[BaseModel], parents: Sequence[Any]) -> set[str]:
    here: list[Any] = [model]
    for part in parents:
        below = [step for each in here for step in _step(each, part)]
        if below:
            here = below
        elif len(tagged := [option for each in here for option in _options(each) if _has_tag(option, part)]):
            here = tagged
    return {
        field.alias or name
        for each in here
        for option in _options(each)
        if isinstance(option, type) and issubclass(option, BaseModel)
        for name, field in option.model_fields.items()
    }


def _has_tag(option: Any, part: object) -> bool:
    return (
        isinstance(option, type)
        and issubclass(option, BaseModel)
        and any(part in get_args(field.annotation) for field in option.model_fields.values())
    )


def _step(annotation: Any, part: object) -> Iterator[Any]:
    for option in _options(annotation):
        origin, arguments = get_origin(option), get_args(option)
        if isinstance(option, type) and issubclass(option, BaseModel):
            for name, field in option.model_fields.items():
                if part in {name, field.alias}:
                    yield field.annotation
        elif origin in {list, tuple, set, frozenset} and isinstance(part, int):
            yield arguments[0]
        elif origin is dict and isinstance(part, str):
            yield arguments[1]


def _options(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        yield from _options(get_args(annotation)[0])
    elif get_origin(annotation) in {Union, types.UnionType}:
        for option in get_args(annotation):
            yield from _options(option)
    else:
        yield annotation
