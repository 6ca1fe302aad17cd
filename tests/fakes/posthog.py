"""A PostHog project's query API, held to its description: answers at once, or later, as a queue of its own decides.

    project = PostHog([event(1, company="acme.example")])
    with serve(project) as url:
        …                               # host of the connector; project_id PROJECT, key KEY

`later` answers so many polls with “not yet”; `busy` so many requests with 429."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.contracts.openapi import description
from tests.fakes import Answer, Asked, Fake, hogql

KEY = "phx_RopewalkReadsEvents"
PROJECT = "4242"
START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def event(number: int, name: str = "$pageview", /, **more: Any) -> dict[str, Any]:
    """`number` minutes before START. `person`: that person's properties; `group_0`: a group's key; all else are the
    event's own properties."""
    person, group = more.pop("person", {}), more.pop("group_0", None)
    return {
        "uuid": f"0195a000-0000-7000-8000-{number:012}",
        "event": name,
        "timestamp": START - timedelta(minutes=number),
        "distinct_id": f"user-{number % 7}",
        "properties": {"$lib": "web", **more},
        "person": {"properties": person},
        "$group_0": group or "",
    }


class PostHog(Fake):
    def __init__(self, events: Sequence[Mapping[str, Any]], *, later: int = 0, busy: int = 0) -> None:
        super().__init__()
        self.events = list(events)
        self.later = later
        self.busy = busy
        self.queries: list[tuple[str, dict[str, Any]]] = []
        self.canned: dict[str, list[list[Any]]] = {}
        """Rows for queries that hold this text: those that no fake carries out."""
        self._waiting: dict[str, tuple[int, Any]] = {}
        self._names = (f"query-{number}" for number in itertools.count(1))
        self.described = description("posthog/posthog.query.trimmed.json")

    def answer(self, asked: Asked) -> Answer:
        self.described.check_request(asked.method, asked.path, asked.query, asked.json)
        answer = self._answered(asked)
        # The description has 200 only; PostHog says 202 while a query goes on.
        status = 200 if answer.status == 202 else answer.status
        if answer.status != 202 or asked.method == "GET":
            self.described.check_answer(asked.method, asked.path, status, answer.body)
        return answer

    def _answered(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return _error(401, "authentication_error", "Invalid API key.")
        if not asked.path.startswith(f"/api/projects/{PROJECT}/"):
            return _error(404, "invalid_request", "Project not found.")
        if self.busy:
            self.busy -= 1
            return _error(429, "throttled_error", "Request was throttled.")
        if asked.method == "GET":
            return self._poll(asked.path.rstrip("/").rpartition("/")[2])
        query = asked.json["query"]
        self.queries.append((query["query"], query.get("values") or {}))
        try:
            rows = self._rows(query["query"], query.get("values") or {})
        except hogql.Refused as refused:
            return _error(400, "validation_error", str(refused))
        if not self.later:
            return Answer({"results": rows, "columns": None, "hasMore": False})
        name = next(self._names)
        self._waiting[name] = (self.later, rows)
        return Answer({"query_status": _status(name)}, 202)

    def _rows(self, query: str, values: Mapping[str, Any]) -> list[list[Any]]:
        for text, rows in self.canned.items():
            if text in query:
                hogql.select(query)
                return rows
        return hogql.run(query, values, self.events)

    def _poll(self, name: str) -> Answer:
        left, rows = self._waiting[name]
        if left > 1:
            self._waiting[name] = (left - 1, rows)
            return Answer({"query_status": _status(name)}, 202)
        done = {"complete": True, "results": {"results": rows, "columns": None}}
        return Answer({"query_status": {**_status(name), **done}})


def _status(name: str) -> dict[str, Any]:
    return {"id": name, "team_id": 1, "complete": False, "error": False, "query_async": True}


def _error(status: int, kind: str, detail: str) -> Answer:
    return Answer({"type": kind, "code": kind, "detail": detail, "attr": None}, status)
