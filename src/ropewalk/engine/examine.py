"""What a test shows: what was asked and answered, the first records, their fields, and how to set it up (§3, §4.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any
from uuid import UUID

from ropewalk.core import discover, remedies, suggest
from ropewalk.core.errors import RopewalkError, RowRefused
from ropewalk.core.exchange import Fetch, Request, Response
from ropewalk.core.limits import TEST_PAGES
from ropewalk.core.records import decode
from ropewalk.core.redact import Redactor
from ropewalk.core.values import JSON
from ropewalk.engine import connection, proposal, sample
from ropewalk.engine.trying import Once
from ropewalk.net.credentials import Credentials
from ropewalk.sources.base import Kind, Page, StreamKind, Window
from ropewalk.sources.endpoint import Endpoint
from ropewalk.store.secrets import Stored

SAMPLE = 200
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Subject:
    """The settings that are tested. `unsaid` are those that a draft leaves to be found."""

    organization_id: UUID
    source: str
    kind: Kind
    reading: StreamKind
    settings: Any
    stream: Any
    stored: Mapping[str, Stored]
    baseline: str = ""
    connector_id: UUID | None = None
    more_secrets: tuple[str, ...] = ()
    unsaid: frozenset[str] = frozenset()

    def credentials(self) -> Credentials:
        return connection.credentials_for(self.settings, self.stream, self.stored)

    def secrets(self) -> tuple[str, ...]:
        return (*self.credentials().values(), *self.more_secrets)


def _suggested(fields: Sequence[discover.Field], subject: Subject) -> list[suggest.Suggestion]:
    return suggest.suggest(fields, subject.kind, getattr(subject.stream, "match_by", ""))


def examine(
    subject: Subject, fetch: Fetch, secrets: Callable[[], Iterable[str]], now: datetime
) -> dict[str, Any]:
    """`secrets` are asked for at the end: access tokens are fetched on the way."""
    seen = _Seen(once := Once(fetch))
    sampled = _sampled(subject, seen, now)
    proposed = None
    if isinstance(subject.stream, Endpoint) and (
        sampled.error is None or sampled.error.code in _MAY_BE_SETTINGS
    ):
        proposed = proposal.propose(subject.reading, subject.kind, subject.settings, subject.stream, once)
    if proposed is not None and (found := proposal.settings(proposed, subject.unsaid)):
        once.allow(TEST_PAGES)
        sampled = _read(subject, subject.stream.model_copy(update=found), seen, sampled.window)
    redactor = Redactor([*secrets(), *subject.more_secrets])
    fields, error = discover.fields(sampled.records), sampled.error
    answer = {
        "ok": error is None,
        "request": _request(seen.request, subject.credentials(), redactor),
        "response": _response(seen.response, redactor, now),
        "records": redactor.values(sampled.records[:SHOWN]),
        "fields": [_field(each, redactor) for each in fields],
        "suggestions": [_suggestion(one) for one in _suggested(fields, subject)],
        "proposal": redactor.values(proposed),
        "message": _message(sampled.pages, sampled.records),
    }
    if error is not None:
        answer["error"] = {
            "code": error.code,
            "message": redactor.text(error.message),
            "about": remedies.about(error.code),
        }
    if subject.reading.live and subject.stream.mapping and sampled.records:
        events = sample.EventSample(subject.organization_id, subject.stream, sampled.records)
        answer["preview"] = events.told(redactor)
        answer["preview"]["notes"] += sample.range_notes(
            subject.reading,
            subject.settings,
            subject.stream,
            sampled.window,
            sampled.pages[0],
            events.events,
            fetch,
        )
    return answer


class _Seen:
    """A `Fetch` that remembers the first exchange, and over it one that failed."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self.request: Request | None = None
        self.response: Response | None = None

    def __call__(self, request: Request) -> Response:
        first, earlier = self.request is None, (self.request, self.response)
        self.request, self.response = request, None
        response = self._fetch(request)
        self.request, self.response = (request, response) if first else earlier
        return response

    def ahead(self, requests: Sequence[Request]) -> None:
        """A test reads two pages at the most."""


@dataclass(slots=True)
class _Sampled:
    window: Window
    pages: list[Page] = field(default_factory=list)
    records: list[dict[str, JSON]] = field(default_factory=list)
    error: RopewalkError | None = None


def _sampled(subject: Subject, fetch: Fetch, now: datetime) -> _Sampled:
    for window in sample.windows(subject.organization_id, subject.reading, subject.stream, now):
        sampled = _read(subject, subject.stream, fetch, window)
        if sampled.error is None or sampled.error.code != "unexpected_status":
            return sampled
    return sampled


def _read(subject: Subject, stream: Any, fetch: Fetch, window: Window) -> _Sampled:
    sampled = _Sampled(window)
    try:
        reading = subject.reading.read(subject.settings, stream, window, fetch, None)
        for page in islice(reading, TEST_PAGES):
            sampled.pages.append(page)
            sampled.records += _objects(page, SAMPLE - len(sampled.records))
    except RopewalkError as caught:
        sampled.error = caught
    return sampled


_MAY_BE_SETTINGS = frozenset(
    {"records_path", "unexpected_status", "not_found_there", "next_page_elsewhere", "next_page_no_url"}
)
"""Errors that other settings of the same URL may not have."""


def _objects(page: Page, most: int) -> list[dict[str, JSON]]:
    found: list[dict[str, JSON]] = []
    for raw in page.records:
        if len(found) >= most:
            break
        try:
            found.append(decode(raw))
        except RowRefused:
            continue
    return found


def _message(pages: Sequence[Page], sample: Sequence[Any]) -> str:
    if not pages:
        return ""
    rows = sum(page.count for page in pages)
    if not rows:
        return "The endpoint answers as it should; there are no records yet."
    if not sample:
        return f"None of the {rows} records is an object, so there are no fields to map."
    return f"{rows} records on {len(pages)} page{'s'[: len(pages) != 1]} read."


def _request(request: Request | None, credentials: Credentials, redactor: Redactor) -> dict[str, Any] | None:
    if request is None:
        return None
    headers = dict(request.headers) | dict.fromkeys(credentials.headers, redactor.marker)
    params, auth = dict(request.params), credentials.auth
    if auth.type == "api_key" and auth.place == "query":
        params[auth.name] = redactor.marker
    elif auth.type != "none":
        headers[auth.name if auth.type == "api_key" else "Authorization"] = redactor.marker
    return {
        "method": request.method,
        "url": redactor.text(request.url),
        "params": redactor.values(params),
        "headers": redactor.values(headers),
        "body": redactor.values(request.body),
    }


def _response(response: Response | None, redactor: Redactor, now: datetime) -> dict[str, Any] | None:
    if response is None:
        return None
    return {
        "status": response.status,
        "content_type": response.headers.get("content-type", ""),
        "milliseconds": response.milliseconds,
        "headers": redactor.redact(dict(response.headers)),
        "clock_skew_seconds": _skew(response, now),
    }


def _skew(response: Response, now: datetime) -> int | None:
    """How far the server's clock is ahead of ours, in whole seconds; an overlap makes good for one that is behind."""
    try:
        date = parsedate_to_datetime(response.headers["date"])
        return round((date - now).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None


def _field(one: discover.Field, redactor: Redactor) -> dict[str, Any]:
    return {
        "path": one.path,
        "type": one.type,
        "fill_rate": round(one.fill_rate, 4),
        "examples": redactor.values(list(one.examples)),
    }


def _suggestion(one: Any) -> dict[str, Any]:
    return {"from": one.from_, "to": one.to, "score": round(one.score, 2), "reason": one.reason}
