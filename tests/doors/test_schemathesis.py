"""Whatever a caller sends, the answer is one that the OpenAPI lists, in the shape that it says, and never a 5xx."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, settings as with_settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.generation.meta import TestPhase
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.doors.conftest import World, key_of
from tests.doors.operations import Operation, operations, schema
from tests.engine.cases import CASES

# What a database can't take is tried on both by test_input; `make cases` tries these on both as well.
pytestmark = pytest.mark.any_database

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    ignored_auth,
]
FIRST, THEN_EACH = 10, 160
"""Of the cases at the edges of an operation's schema. A stream has thousands, of which `make cases` tries all."""


@pytest.fixture
def generous(settings: Any) -> None:
    """Many calls in a minute are this test's trade; outgoing ones go nowhere."""
    settings.ROPEWALK = settings.ROPEWALK.model_copy(update={"rate_limit": 1_000_000})


@pytest.fixture
def in_this_transaction() -> Iterator[None]:
    """As Django's own test client has it: between requests, the connection stays."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def headers(world: World, generous: None, in_this_transaction: None) -> dict[str, str]:
    return {"Host": "localhost", "Authorization": f"Bearer {key_of(world.organization)}"}


def build(operation: Operation, app: Any = None) -> Callable[..., None]:
    """Where it is tested: to think of all cases of all operations takes longer than to try those of most."""
    described = schemathesis.openapi.from_dict(schema()).include(operation_id=operation.name)
    described.app = app or get_wsgi_application()
    number = itertools.count()

    @described.hook("filter_case")
    def is_tried(context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
        if CASES or case.meta is None or case.meta.phase.name is not TestPhase.COVERAGE:
            return True
        return (place := next(number)) < FIRST or place % THEN_EACH == 0

    (found,) = described.get_all_operations()
    return build_operation_test(
        config=described.config,
        operation=found.ok(),
        test_func=answers_as_documented,
        given_kwargs={},
        feedback=FeedbackSources(),
        explicit_settings=with_settings(
            max_examples=8 if CASES else 3,
            deadline=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=[*HealthCheck],
        ),
    )


def answers_as_documented(case: schemathesis.Case, headers: dict[str, str], world: World) -> None:
    case.call_and_validate(headers=headers, checks=CHECKS)

    # Once more at things that there are.
    there = {name: str(world.ids[name]) for name in case.path_parameters or {} if name in world.ids}
    if there and case.method != "DELETE":
        case.path_parameters = {**case.path_parameters, **there}
        case.call_and_validate(headers=headers, checks=CHECKS)


@pytest.mark.parametrize("operation", operations(), ids=str)
def test_every_answer_is_documented(operation: Operation, headers: dict[str, str], world: World) -> None:
    build(operation)(headers=headers, world=world)
