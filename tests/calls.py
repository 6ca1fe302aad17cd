"""The JSON API as the holder of a key calls it, in this process."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.test.client import ClientHandler

_DJANGO = ClientHandler(enforce_csrf_checks=False)
"""One for all: it loads every door."""


class Api:
    def __init__(self, key: str | None, **headers: str) -> None:
        self.key = key
        given = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = Client(headers={"Host": "localhost", **given, **headers})
        self.client.handler = _DJANGO

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        more: dict[str, Any] = {}
        if body is not None:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            more = {"data": raw, "content_type": "application/json"}
        answer: HttpResponse = self.client.generic(method.upper(), path, headers=headers, **more)
        if answer.streaming:
            answer.getvalue()
            answer.close()
        return answer

    def get(self, path: str) -> Any:
        answer = self("get", path)
        assert answer.status_code == 200, answer.content
        return json.loads(answer.content)
