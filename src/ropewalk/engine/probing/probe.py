"""Test: what an endpoint answers, what its records look like, and each of their fields could be mapped to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

from ropewalk.core import recording as recordings
from ropewalk.core.actors import Actor
from ropewalk.core.checking import Settings, check
from ropewalk.core.errors import MustFix, Problem
from ropewalk.core.recording import NotRecorded, Recording, Replay
from ropewalk.core.redact import Redactor
from ropewalk.engine import logs
from ropewalk.engine.clock import Clock
from ropewalk.engine.connectors import connection, saving
from ropewalk.engine.connectors.connector_saving import source_named
from ropewalk.engine.connectors.frozen import Frozen
from ropewalk.engine.connectors.saving import Secrets, collect, refuse
from ropewalk.engine.probing.examine import Subject, examine
from ropewalk.engine.probing.recorder import Recorder
from ropewalk.sources.base import Kind, Needs, Source, StreamKind
from ropewalk.sources.endpoint import take_secret_headers
from ropewalk.store import audit, connectors, streams
from ropewalk.store.secrets import Stored
from ropewalk.store.transactions import transaction

DEADLINE_SECONDS = 30.0
RETRIES = 1


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
    with _asking(subject := _saved(organization_id, connector_id, kind), clock) as fetch:
        answer = examine(subject, fetch, fetch.secrets, clock.now())
    _tested(organization_id, actor, connector_id, kind, clock, subject, ok=answer["ok"])
    return answer


def record_stream(
    organization_id: UUID, actor: Actor, connector_id: UUID, kind: str, clock: Clock
) -> tuple[dict[str, Any], Recording]:
    """The same, with a recording of it. What is answered is what the recording gives when it is replayed."""
    subject = _saved(organization_id, connector_id, kind)
    if subject.source.client != "http":
        raise MustFix(
            "not_recordable",
            f"What is asked of {subject.source.name} isn't HTTP that a recording could repeat.",
        )
    with _asking(subject, clock) as fetch:
        recorder, at = Recorder(fetch), clock.now()
        answer = examine(subject, recorder, fetch.secrets, at)
        secrets = (*fetch.secrets(), *subject.more_secrets)
        recording = recordings.record(
            recorder.exchanged, secrets, at=at, source=subject.source.slug, kind=subject.kind
        )
    _tested(organization_id, actor, connector_id, kind, clock, subject, ok=answer["ok"])
    return _replayed(subject, recording), recording


def replay_stream(
    organization_id: UUID, connector_id: UUID, kind: str, recording: Recording
) -> dict[str, Any]:
    """The same without the network, from a recording; it leaves no trace."""
    subject = _saved(organization_id, connector_id, kind)
    slug = subject.source.slug
    if (recording.source, recording.kind) != (slug, subject.kind):
        message = (
            f"The recording is of {recording.source} {recording.kind}, the stream of {slug} {subject.kind}."
        )
        raise MustFix("other_recording", message)
    return _replayed(subject, recording)


def _replayed(subject: Subject, recording: Recording) -> dict[str, Any]:
    secrets = subject.secrets()
    try:
        return examine(subject, Replay(recording, secrets), lambda: secrets, recording.recorded_at)
    except NotRecorded as missing:
        message = (
            f"The recording holds no answer to {Redactor(secrets).quote(missing.asked)}. It was made with other settings, "
            "or by another version; make a new one with --record."
        )
        raise MustFix("not_recorded", message) from None


def _saved(organization_id: UUID, connector_id: UUID, kind: str) -> Subject:
    connector = connectors.get(organization_id, connector_id)
    frozen = Frozen.of(connector, streams.get(organization_id, connector_id, kind))
    stored = connection.saved_secrets(organization_id, connector_id, kind)
    return Subject(
        organization_id,
        frozen.source,
        frozen.kind,
        frozen.connector,
        frozen.stream,
        frozen.needs(),
        stored,
        baseline=frozen.baseline,
        connector_id=connector_id,
    )


def _tested(
    organization_id: UUID,
    actor: Actor,
    connector_id: UUID,
    kind: str,
    clock: Clock,
    subject: Subject,
    *,
    ok: bool,
) -> None:
    connector = connectors.get(organization_id, connector_id)
    stream = streams.get(organization_id, connector_id, kind)
    now = clock.now()
    with transaction(organization_id):
        if ok:
            # Of these settings, not of what was saved while it was asked.
            streams.change_if_baseline(organization_id, stream.id, subject.baseline, tested_at=now)
        detail = {"name": connector.name, "kind": kind, "ok": ok}
        audit.record(organization_id, actor, "connector.stream_tested", connector.id, now=now, detail=detail)


@contextmanager
def _asking(subject: Subject, clock: Clock) -> Iterator[Any]:
    logs.know(subject.secrets())
    deadline = clock.monotonic() + DEADLINE_SECONDS
    at = (subject.organization_id, subject.connector_id) if subject.connector_id else None
    terms = connection.Terms(clock, at, deadline, retries=RETRIES)
    with connection.bind(subject.source, subject.settings, subject.credentials(), terms) as fetch:
        yield fetch
        logs.know(fetch.secrets())


def test_draft(organization_id: UUID, body: Mapping[str, Any], clock: Clock) -> dict[str, Any]:
    """Keeps nothing. A secret that is left out is the saved one of `connector_id`, on its own origins only."""
    logs.know_named(body)
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
    settings, stream, needs = _checked(organization_id, draft, source, kind)
    stored: dict[str, Stored] = {}
    if draft.connector_id is not None:
        connectors.get(organization_id, draft.connector_id)
        saved = connection.saved_secrets(organization_id, draft.connector_id, draft.kind)
        stored = {name: one for name, one in saved.items() if draft.secrets.get(name, "") is not None}
    given = {name: value for name, value in draft.secrets.items() if isinstance(value, str)}
    entered = {name: Stored(value, tuple(needs.origins)) for name, value in given.items()}
    _, headers = take_secret_headers(draft.stream)
    subject = Subject(
        organization_id,
        source,
        cast(Kind, draft.kind),
        settings,
        stream,
        needs,
        stored | entered,
        connector_id=draft.connector_id,
        more_secrets=(*given.values(), *headers.values()),
        unsaid=frozenset({"records_path", "pagination"}.difference(draft.stream)),
    )
    with _asking(subject, clock) as fetch:
        return examine(subject, fetch, fetch.secrets, clock.now())


def _checked(organization_id: UUID, draft: Draft, source: Source, kind: StreamKind) -> tuple[Any, Any, Needs]:
    """The settings of connector and stream, and what they need together; or everything that is wrong with them."""
    trouble = saving.unknown_secrets(source, draft.secrets)
    context = saving.settings_context(organization_id) | {"draft": True}
    settings: Any = collect(trouble, "settings", lambda: check(source.settings, draft.settings))
    stream: Any = collect(trouble, "stream", lambda: check(kind.settings, draft.stream, context))
    needs: Any = None
    if settings is not None and stream is not None:
        needs = collect(trouble, "stream", lambda: source.needs(settings, stream))
    refuse(trouble)
    return settings, stream, needs
