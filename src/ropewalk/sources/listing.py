"""A list that a source knows how to read: an endpoint that nobody has to describe, and of which nothing is cut off."""

from __future__ import annotations

from pydantic import JsonValue

from ropewalk.core.values import JSON
from ropewalk.sources.base import Window
from ropewalk.sources.endpoint import Endpoint


class Listing(Endpoint):
    """`fixed`: parameters that go out with every request, beside those of paging."""

    fixed: dict[str, JsonValue] = {}

    def parameters(self, window: Window) -> dict[str, JSON]:  # noqa: ARG002 - they are the same for all windows
        return self.fixed

    @property
    def most_pages(self) -> int | None:
        return None
