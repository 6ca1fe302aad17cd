"""What a test shows: what was asked and answered, the first records, their fields, and how to set it up (§3, §4.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from msgspec import Struct, field

from ropewalk.core import discover, remedies, suggest
from ropewalk.core.errors import RopewalkError, RowRefused
from ropewalk.core.exchange import Request, Response
from ropewalk.core.limits import TEST_PAGES
from ropewalk.core.records import decode
from ropewalk.core.redact import Redactor
from ropewalk.core.values import JSON
from ropewalk.engine.connectors import connection
from ropewalk.engine.probing import proposal, sample, since
from ropewalk.engine.probing.trying import Once
from ropewalk.net.credentials import Credentials
from ropewalk.sources import rows
from ropewalk.sources.base import Kind, KnownField, Needs, Page, Source, StreamKind, Window
from ropewalk.store.secrets import Stored

SAMPLE = 200


class Subject(Struct, frozen=True):
    """The settings that are tested. `unsaid` are those that a draft leaves to be found."""

    organization_id: UUID
    source: Source
    kind: Kind
    settings: Any
    stream: Any
    needs: Needs
    stored: Mapping[str, Stored]
    baseline: str = ""
    connector_id: UUID | None = None
    more_secrets: tuple[str, ...] = ()
    unsaid: frozenset[str] = frozenset()

    @property
    def reading(self) -> StreamKind:
        return self.source.kinds[self.kind]

    def credentials(self) -> Credentials:
        return connection.credentials_for(self.needs, self.stored)

    def secrets(self) -> tuple[str, ...]:
        return (*self.credentials().values(), *self.more_secrets)


def examine(
    subject: Subject, fetch: Any, secrets: Callable[[], Iterable[str]], now: datetime
) -> dict[str, Any]:
    """`fetch` is what the source's client gives. `secrets` are asked for at the end: access tokens are fetched on the
    way."""
    finds_out = subject.reading.first_request is not None
    seen = _Seen(Once(fetch) if finds_out else fetch) if subject.source.client == "http" else None
    sampled = _sampled(subject, seen or fetch, now)
    proposed = None
    if seen is not None and finds_out:
        sampled, proposed = _proposed(subject, seen, sampled, now)
    known, refused = _known(subject, seen or fetch) if sampled.error is None else ((), None)
    redactor = Redactor([*secrets(), *subject.more_secrets])
    fields = discover.named(discover.fields(sampled.records), known)
    error = sampled.error or refused
    request, response = _exchanged(subject, seen, redactor, now) if seen else fetch.exchanged()
    answer = {
        "ok": error is None,
        "request": redactor.values(request),
        "response": redactor.values(response),
        "records": redactor.values(sampled.records[: subject.reading.shown]),
        "fields": [_field(each, redactor) for each in fields],
        "suggestions": [_suggestion(one) for one in _suggested(fields, known, subject)],
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
        answer["preview"] = _preview(subject, sampled, fetch, redactor)
    return answer


def _proposed(
    subject: Subject, seen: _Seen, sampled: _Sampled, now: datetime
) -> tuple[_Sampled, dict[str, Any] | None]:
    """What an endpoint has to be told to be read, and the sample as it looks then."""
    if sampled.error is not None and sampled.error.code not in _MAY_BE_SETTINGS:
        return sampled, None
    once: Once = seen.fetch
    proposed = proposal.propose(subject.reading, subject.kind, subject.settings, subject.stream, once, now)
    if proposed is not None and (found := proposal.settings(proposed, subject.unsaid)):
        once.allow(TEST_PAGES)
        sampled = _read(subject, subject.stream.model_copy(update=found), seen, sampled.window)
    return sampled, proposed


def _known(subject: Subject, fetch: Any) -> tuple[Sequence[KnownField], RopewalkError | None]:
    ask = subject.reading.fields
    try:
        return (ask(subject.settings, subject.stream, fetch), None) if ask else ((), None)
    except RopewalkError as error:
        return (), error


def _suggested(
    fields: Sequence[discover.Field], known: Sequence[KnownField], subject: Subject
) -> list[suggest.Suggestion]:
    """What the source says first; then what looks like it."""
    told = [
        suggest.Suggestion(each.path, each.to, 1.0, f"{subject.source.name} has this field for it.")
        for each in known
        if each.to
    ]
    taken = {each.to for each in told}
    # Of its own fields the source says more than their names do.
    named = {each.path for each in known}
    others = [each for each in fields if each.path not in named]
    found = suggest.suggest(others, subject.kind, getattr(subject.stream, "match_by", ""))
    return [*told, *(each for each in found if each.to not in taken)]


def _preview(subject: Subject, sampled: _Sampled, fetch: Any, redactor: Redactor) -> dict[str, Any]:
    events = sample.EventSample(subject.organization_id, subject.stream, sampled.records)
    told = events.told(redactor)
    told["notes"] += sample.range_notes(
        subject.reading,
        subject.settings,
        subject.stream,
        sampled.window,
        sampled.pages[0],
        events.events,
        fetch,
    )
    return told


class _Seen:
    """A `Fetch` that remembers the first exchange, and over it one that failed."""

    def __init__(self, fetch: Any) -> None:
        self.fetch = fetch
        self.request: Request | None = None
        self.response: Response | None = None

    def __call__(self, request: Request) -> Response:
        if request.aside:
            looked_up: Response = self.fetch(request)
            return looked_up
        first, earlier = self.request is None, (self.request, self.response)
        self.request, self.response = request, None
        response: Response = self.fetch(request)
        self.request, self.response = (request, response) if first else earlier
        return response

    def ahead(self, requests: Sequence[Request]) -> None:
        """A test reads two pages at the most."""


class _Sampled(Struct):
    window: Window
    pages: list[Page] = field(default_factory=list)
    records: list[dict[str, JSON]] = field(default_factory=list)
    error: RopewalkError | None = None


def _sampled(subject: Subject, fetch: Any, now: datetime) -> _Sampled:
    for window in sample.windows(subject.organization_id, subject.reading, subject.stream, now):
        sampled = _read(subject, subject.stream, fetch, window)
        if sampled.error is None or sampled.error.code != "unexpected_status":
            return sampled
    return sampled


def _read(subject: Subject, stream: Any, fetch: Any, window: Window) -> _Sampled:
    sampled = _Sampled(window)
    try:
        pages = subject.reading.read(subject.settings, stream, window, fetch, None)
        if subject.reading.derivation is not None:
            pages = rows.derived(pages, subject.reading.derivation(stream))
        for page in islice(pages, TEST_PAGES):
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
    return f"{rows:,} record{'s'[: rows != 1]} on {len(pages)} page{'s'[: len(pages) != 1]} read."


def _exchanged(
    subject: Subject, seen: _Seen, redactor: Redactor, now: datetime
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    return _request(seen.request, subject.credentials(), redactor), _response(seen.response, redactor, now)


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
        "clock_skew_seconds": since.skew(response.headers, now),
    }


def _field(one: discover.Field, redactor: Redactor) -> dict[str, Any]:
    return {
        "path": one.path,
        "label": one.label,
        "transform": one.transform,
        "type": one.type,
        "fill_rate": round(one.fill_rate, 4),
        "examples": redactor.values(list(one.examples)),
    }


def _suggestion(one: Any) -> dict[str, Any]:
    return {"from": one.from_, "to": one.to, "score": round(one.score, 2), "reason": one.reason}
