"""Everybody who may come to a page: an owner, an admin and a member of one organization, somebody of another one, and
a stranger who isn't signed in.

Imports of the store stand inside: this file is read before the database is chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.test.client import ClientHandler

from tests.doors.conftest import World, acme, loopback, make_world, world

__all__ = ["acme", "loopback", "world"]

_DJANGO = ClientHandler(enforce_csrf_checks=False)
_STRICT = ClientHandler(enforce_csrf_checks=True)


@pytest.fixture
def elsewhere(db: None) -> World:
    return make_world("Elsewhere")


class Browser:
    """Pages as somebody sees them, without what scripts add. Signed in as `email`, unless that is empty."""

    def __init__(self, email: str = "", *, strict: bool = False, **headers: str) -> None:
        self.client = Client(headers={"Host": "localhost", **headers})
        self.client.handler = _STRICT if strict else _DJANGO
        if email:
            from ropewalk.store.models import User

            self.client.force_login(User.objects.get(email=email))

    def __call__(
        self, method: str, path: str, data: dict[str, Any] | None = None, **headers: str
    ) -> HttpResponse:
        sending = data if method in ("get", "post") else None
        answer: HttpResponse = getattr(self.client, method)(path, sending, headers=headers)
        return answer

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self("get", path, **headers)

    def post(self, path: str, data: dict[str, Any] | None = None, **headers: str) -> HttpResponse:
        return self("post", path, data or {}, **headers)


@pytest.fixture
def owner(world: World) -> Browser:
    return Browser("owner@acme.example")


@pytest.fixture
def member(world: World) -> Browser:
    return Browser("member@acme.example")


@pytest.fixture
def stranger() -> Browser:
    return Browser()


@pytest.fixture
def sign_in_as(world: World, elsewhere: World) -> Callable[[str], Browser]:
    from ropewalk.core.actors import Actor
    from ropewalk.engine.clock import SystemClock
    from ropewalk.engine.members import people

    actor, clock = Actor("cli", "root", "root"), SystemClock()
    people.add_user(world.organization, actor, "admin@acme.example", "admin", clock)
    emails = {
        "stranger": "",
        "elsewhere": "owner@elsewhere.example",
        **{role: f"{role}@acme.example" for role in ("member", "admin", "owner")},
    }
    return lambda who: Browser(emails[who])
