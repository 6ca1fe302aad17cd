"""Test: what an endpoint answers, what its records look like, and what each of their fields could be mapped to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any, cast
from uuid import UUID

from ropewalk.core import discover, remedies, suggest
from ropewalk.core.actors import Actor
from ropewalk.core.auth import AuthSettings, merge
from ropewalk.core.checking import Settings, check
from ropewalk.core.errors import MustFix, Problem, RopewalkError, RowRefused
from ropewalk.core.exchange import Fetch, Request, Response
from ropewalk.core.limits import TEST_PAGES
from ropewalk.core.records import decode
from ropewalk.core.redact import Redactor
from ropewalk.core.values import JSON
from ropewalk.engine import connection, logs, sample as sampling, saving
from ropewalk.engine.bindings import HEADER, origins_of
from ropewalk.engine.clock import Clock
from ropewalk.engine.connector_saving import source_named
from ropewalk.engine.frozen import Frozen
from ropewalk.engine.saving import Secrets, collect, refuse
from ropewalk.net.credentials import Credentials
from ropewalk.sources.base import Kind, Page, Source, StreamKind
from ropewalk.store import audit, connectors, streams
from ropewalk.store.secrets import Stored
from ropewalk.store.transactions import transaction

DEADLINE_SECONDS = 30.0
RETRIES = 1
SAMPLE = 200
SHOWN = 10


class Draft(Settings):
    source: str
    kind: str = "accounts"
    settings: dict[str, Any] = {}
    stream: dict[str, Any] = {}
    secrets: Secrets = {}
    connector_id: UUID | None = None


def test_stream(
    organization_id: UUID, actor: Actor, connector_id: UUID, kind: str, clock: Clock
) -> dict[str, Any]:
    connector = connectors.get(organization_id, connector_id)
    stream = streams.get(organization_id, connector_id, kind)
    frozen = Frozen.of(connector, stream)
    stored = connection.saved_secrets(organization_id, connector_id, kind)
    answer = _test(
        organization_id, frozen.reading, frozen.kind, frozen.connector, frozen.stream, stored, clock
    )
    now = clock.now()
    with transaction(organization_id):
        if answer["ok"]:
            # Of these settings, not of what was saved while it was asked.
            streams.change_if_baseline(organization_id, stream.id, stream.baseline, tested_at=now)
        detail = {"name": connector.name, "kind": kind, "ok": answer["ok"]}
        audit.record(organization_id, actor, "connector.stream_tested", connector.id, now=now, detail=detail)
    return answer


def test_draft(organization_id: UUID, body: Mapping[str, Any], clock: Clock) -> dict[str, Any]:
    """Keeps nothing. A secret that is left out is the saved one of `connector_id`, on its own origins only."""
    draft = check(Draft, body)
    source = source_named(draft.source)
    kind = source.kinds.get(cast(Kind, draft.kind))
    if kind is None:
        known = ", ".join(source.kinds)
        raise MustFix(
            "unknown_kind",
            f"{source.name} has no {draft.kind} stream; there are {known}.",
            [Problem("kind", f"Give one of {known}.")],
        )
    settings, stream, auth = _checked(organization_id, draft, source, kind)
    stored: dict[str, Stored] = {}
    if draft.connector_id is not None:
        connectors.get(organization_id, draft.connector_id)
        saved = connection.saved_secrets(organization_id, draft.connector_id, draft.kind)
        stored = {name: one for name, one in saved.items() if draft.secrets.get(name, "") is not None}
    origins = tuple(origins_of(stream.url, auth))
    given = {name: value for name, value in draft.secrets.items() if isinstance(value, str)}
    headers = {HEADER + name: value for name, value in stream.headers.items() if isinstance(value, str)}
    entered = {name: Stored(value, origins) for name, value in given.items()}
    redacted = [
        *given.values(),
        *(v for n, v in headers.items() if n.removeprefix(HEADER).lower() not in stream.plain),
    ]
    tested = cast(Kind, draft.kind)
    return _test(organization_id, kind, tested, settings, stream, stored | entered, clock, redacted)


def _checked(
    organization_id: UUID, draft: Draft, source: Source, kind: StreamKind
) -> tuple[Any, Any, AuthSettings]:
    """The settings of connector and stream, and their auth together; or everything that is wrong with them."""
    trouble = saving.unknown_secrets(source, draft.secrets)
    context = saving.settings_context(organization_id) | {"draft": True}
    settings: Any = collect(trouble, "settings", lambda: check(source.settings, draft.settings))
    stream: Any = collect(trouble, "stream", lambda: check(kind.settings, draft.stream, context))
    auth: Any = None
    if settings is not None and stream is not None:
        auth = collect(trouble, "stream", lambda: merge(settings.auth, stream.auth))
    refuse(trouble)
    return settings, stream, auth


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


def _test(
    organization_id: UUID,
    kind: StreamKind,
    kind_name: Kind,
    settings: Any,
    stream: Any,
    stored: Mapping[str, Stored],
    clock: Clock,
    more_secrets: Sequence[str] = (),
) -> dict[str, Any]:
    credentials = connection.credentials_for(settings, stream, stored)
    logs.know([*credentials.values(), *more_secrets])
    client = connection.client(clock)
    pages: list[Page] = []
    sample: list[dict[str, JSON]] = []
    error: RopewalkError | None = None
    deadline = client.clock() + DEADLINE_SECONDS
    with client.bind(credentials, deadline=deadline, retries=RETRIES) as fetch:
        seen = _Seen(fetch)
        for window in sampling.windows(organization_id, kind, stream, clock.now()):
            error = None
            pages.clear()
            sample.clear()
            try:
                for page in islice(kind.read(settings, stream, window, seen, None), TEST_PAGES):
                    pages.append(page)
                    sample += _objects(page, SAMPLE - len(sample))
            except RopewalkError as caught:
                error = caught
            if error is None or error.code != "unexpected_status":
                break
        redactor = Redactor([*fetch.secrets(), *more_secrets])
        logs.know(fetch.secrets())
        answer = {
            "ok": error is None,
            "request": _request(seen.request, credentials, redactor),
            "response": _response(seen.response, redactor, clock),
            "records": redactor.values(sample[:SHOWN]),
        }
        if kind.live and stream.mapping and sample:
            events = sampling.EventSample(organization_id, stream, sample)
            answer["preview"] = events.told(redactor)
            note = sampling.range_note(kind, settings, stream, window, pages[0], events.events, fetch)
            answer["preview"]["notes"] += [note] if note else []
    found = discover.fields(sample)
    answer |= {
        "fields": [_field(field, redactor) for field in found],
        "suggestions": [_suggestion(one) for one in suggest.suggest(found, kind_name)],
        "proposal": None,
        "message": _message(pages, sample),
    }
    if error is not None:
        answer["error"] = {
            "code": error.code,
            "message": redactor.text(error.message),
            "about": remedies.about(error.code),
        }
    return answer


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
    if credentials.auth.type != "none":
        authenticating = credentials.auth.name if credentials.auth.type == "api_key" else "Authorization"
        headers[authenticating] = redactor.marker
    return {
        "method": request.method,
        "url": redactor.text(request.url),
        "params": redactor.values(dict(request.params)),
        "headers": redactor.values(headers),
        "body": redactor.values(request.body),
    }


def _response(response: Response | None, redactor: Redactor, clock: Clock) -> dict[str, Any] | None:
    if response is None:
        return None
    return {
        "status": response.status,
        "content_type": response.headers.get("content-type", ""),
        "milliseconds": response.milliseconds,
        "headers": redactor.redact(dict(response.headers)),
        "clock_skew_seconds": _skew(response, clock),
    }


def _skew(response: Response, clock: Clock) -> int | None:
    """How far the server's clock is ahead of ours, in whole seconds; an overlap makes good for one that is behind."""
    try:
        date = parsedate_to_datetime(response.headers["date"])
        return round((date - clock.now()).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None


def _field(field: discover.Field, redactor: Redactor) -> dict[str, Any]:
    return {
        "path": field.path,
        "type": field.type,
        "fill_rate": round(field.fill_rate, 4),
        "examples": redactor.values(list(field.examples)),
    }


def _suggestion(one: Any) -> dict[str, Any]:
    return {"from": one.from_, "to": one.to, "score": round(one.score, 2), "reason": one.reason}
