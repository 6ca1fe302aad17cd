"""Whatever a caller sends, the answer is one that the OpenAPI lists, in the shape that it says, and never a 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, settings as with_settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.doors.conftest import World, key_of

application = get_wsgi_application()
described = schemathesis.openapi.from_wsgi("/v1/openapi.json", application, headers={"Host": "localhost"})

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    ignored_auth,
]


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


@described.parametrize()
@with_settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[*HealthCheck],
)
def test_every_answer_is_documented(case: schemathesis.Case, headers: dict[str, str], world: World) -> None:
    case.call_and_validate(headers=headers, checks=CHECKS)

    # Once more at things that there are.
    there = {name: str(world.ids[name]) for name in case.path_parameters or {} if name in world.ids}
    if there and case.method != "DELETE":
        case.path_parameters = {**case.path_parameters, **there}
        case.call_and_validate(headers=headers, checks=CHECKS)
