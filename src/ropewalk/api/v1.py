"""The JSON API: its routers, its errors and its schema, put together."""

from __future__ import annotations

from copy import deepcopy
from functools import cached_property
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError, ValidationErrorContext
from ninja.openapi.docs import DocsBase

from ropewalk import __version__
from ropewalk.api import (
    accounts,
    connectors,
    contacts,
    fields,
    imports,
    keys,
    organization,
    pushed,
    pushing,
    reading,
    refusals,
    runs,
    streams,
    views,
)
from ropewalk.api.documentation import Page, completed
from ropewalk.core.checking import problems
from ropewalk.core.errors import NotFound, Problem, RopewalkError
from ropewalk.store.transactions import UNAVAILABLE


class Invalid(ValidationError):
    """What ninja found wrong with parameters and body; `elsewhere`: with the address itself."""

    def __init__(self, found: list[Problem], *, elsewhere: bool) -> None:
        super().__init__([])
        self.found = found
        self.elsewhere = elsewhere


class Api(NinjaAPI):
    def validation_error_from_error_contexts(
        self, error_contexts: list[ValidationErrorContext[Any]]
    ) -> ValidationError:
        found: list[Problem] = []
        elsewhere = False
        for context in error_contexts:
            model, source = context.model, context.model.__ninja_param_source__
            elsewhere |= source == "path"
            for problem in problems(context.pydantic_validation_error, model, {}):
                path = problem.path
                if source == "body":
                    # Its first part is the name of our own argument.
                    path = path.partition(".")[2]
                found.append(Problem(path, problem.message))
        return Invalid(found, elsewhere=elsewhere)

    def get_openapi_operation_id(self, operation: Any) -> str:
        return str(operation.view_func.__name__)

    @cached_property
    def _completed(self) -> dict[str, Any]:
        return completed(self, super().get_openapi_schema())

    def get_openapi_schema(self, *, path_prefix: str | None = None, path_params: Any = None) -> Any:  # noqa: ARG002
        return deepcopy(self._completed)


def _refused(_: HttpRequest, error: Any) -> HttpResponse:
    response: HttpResponse = error.answer()
    return response


def _ours(_: HttpRequest, error: Any) -> HttpResponse:
    return refusals.of(error)


def _invalid(_: HttpRequest, error: Any) -> HttpResponse:
    # An address whose parts don't even look like ours names nothing.
    return refusals.of(NotFound("resource")) if error.elsewhere else refusals.invalid(error.found)


def _unread(_: HttpRequest, error: Any) -> HttpResponse:
    """Ninja wraps whatever the parser raises."""
    match error.__cause__:
        case refusals.Refusal() as refusal:
            return refusal.answer()
        case RopewalkError() as ours:
            return refusals.of(ours)
    return refusals.NotJson().answer()


def _too_large(*_: Any) -> HttpResponse:
    return refusals.TooLarge().answer()


def _unavailable(*_: Any) -> HttpResponse:
    return refusals.unavailable()


def _make() -> Api:
    page: DocsBase = Page()
    made = Api(
        title="Ropewalk",
        version=__version__,
        description="Strands of customer data run in; one account per customer comes out.",
        urls_namespace="v1",
        docs=page,
        parser=reading.StrictJson(),
    )
    made.add_exception_handler(refusals.Refusal, _refused)
    made.add_exception_handler(RopewalkError, _ours)
    made.add_exception_handler(ValidationError, _invalid)
    made.add_exception_handler(HttpError, _unread)
    made.add_exception_handler(RequestDataTooBig, _too_large)
    for unavailable in UNAVAILABLE:
        made.add_exception_handler(unavailable, _unavailable)
    made.add_decorator(reading.refuse_nul_in_path, mode="view")
    made.add_decorator(reading.known_parameters_only, mode="operation")
    for module in (
        connectors,
        pushing,
        pushed,
        streams,
        runs,
        accounts,
        views,
        contacts,
        imports,
        fields,
        organization,
        keys,
    ):
        made.add_router("", module.router)
    return made


api = _make()
