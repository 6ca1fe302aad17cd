"""How a call's input is read: the body as strict JSON, names of parameters and values checked before anybody sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import Annotated, Any, TypeVar

import msgspec
from django.http import HttpRequest, HttpResponseBase, QueryDict
from ninja import Query
from ninja.operation import Operation
from ninja.parser import Parser
from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from ropewalk.api.refusals import NotJson, NotThisType, Refusal
from ropewalk.core.errors import MustFix, NotFound, Problem
from ropewalk.core.nearest import meant
from ropewalk.store import pages

_NO_NUL = "Text can't hold the character U+0000."

Limit = Annotated[int, Query(ge=1, le=pages.MAX_LIMIT, description="At most so many items.")]
Cursor = Annotated[str | None, Query(description="The `next_cursor` of the page before.")]


def utc(moment: datetime | None) -> datetime | None:
    """A time without a zone is taken for UTC."""
    if moment is None or moment.tzinfo is None:
        return moment and moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        # The first and the last day of the calendar: nothing happened then.
        return moment.replace(tzinfo=UTC)


V = TypeVar("V", bound=Callable[..., Any])


class DocumentedBy:
    """`Annotated[dict[str, Any], DocumentedBy(Model)]`: a body that the engine checks, and that the schema shows."""

    def __init__(self, *models: type[BaseModel]) -> None:
        self.models = models

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = [handler(model.__pydantic_core_schema__) for model in self.models]
        return described[0] if len(described) == 1 else {"anyOf": described}


class StrictJson(Parser):
    def parse_body(self, request: HttpRequest) -> Any:
        # RFC 8259 leaves the type of a body without a name to us; whoever names one has to mean JSON.
        kind = (request.content_type or "").lower()
        if kind and kind != "application/json" and not kind.endswith("+json"):
            raise NotThisType
        try:
            body = msgspec.json.decode(request.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise NotJson from None
        if b"\\u0000" in request.body and (found := list(_with_nul(body, ""))):
            raise MustFix("invalid", "Some of this can't be taken as it is.", found)
        return body


def _with_nul(value: Any, at: str) -> Iterator[Problem]:
    if isinstance(value, str):
        if "\0" in value:
            yield Problem(at, _NO_NUL)
    elif isinstance(value, dict):
        for key, item in value.items():
            below = f"{at}.{key}" if at else str(key)
            if "\0" in key:
                yield Problem(below.replace("\0", "\\u0000"), _NO_NUL)
            else:
                yield from _with_nul(item, below)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _with_nul(item, f"{at}.{place}" if at else str(place))


def known_parameters_only(view: V) -> V:
    """Around every operation: a parameter that nothing reads is refused, with the nearest one that there is."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        operation: Operation | None = getattr(view, "_ninja_operation", None)
        known = _parameters(operation) if operation else []
        open_ended = getattr(view, "also_reads", ())
        if found := list(unfit(request.GET, known, open_ended)):
            raise MustFix("invalid", "Some of this can't be taken as it is.", found)
        return view(request, *args, **kwargs)

    return checked  # type: ignore[return-value]


def also_reads(*prefixes: str) -> Callable[[V], V]:
    """Marks a view that reads parameters by their beginning, like `field.`."""

    def mark(view: V) -> V:
        view.also_reads = prefixes  # type: ignore[attr-defined]
        return view

    return mark


def _parameters(operation: Operation) -> list[str]:
    return [
        name
        for model in operation.models
        if model.__ninja_param_source__ == "query"
        for name in getattr(model, "__ninja_flatten_map__", {})
    ]


def unfit(given: QueryDict, known: Sequence[str], prefixes: Sequence[str] = ()) -> Iterator[Problem]:
    for name, values in given.lists():
        if name not in known and not name.startswith(tuple(prefixes)):
            hint = meant(name, sorted([*known, *(f"{prefix}…" for prefix in prefixes)]))
            yield Problem(name.replace("\0", "\\u0000"), f"There is no such parameter here. {hint}".rstrip())
        elif len(values) > 1:
            yield Problem(name, "Give this once.")
        elif "\0" in values[0]:
            yield Problem(name, _NO_NUL)


def refuse_nul_in_path(run: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    @wraps(run)
    def checked(request: HttpRequest, **parts: Any) -> HttpResponseBase:
        if any("\0" in part for part in parts.values() if isinstance(part, str)):
            return Refusal(404, NotFound("resource").message).answer()
        return run(request, **parts)

    return checked
