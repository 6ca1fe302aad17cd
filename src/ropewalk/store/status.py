"""How streams are doing: their last run, what went wrong lately, which secrets they have. The same few queries for
one connector and for a page of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, OuterRef, Q, Subquery, Window
from django.db.models.functions import RowNumber
from msgspec import Struct, field

from ropewalk.core import remedies
from ropewalk.core.alignment import Carried, match_field, warnings
from ropewalk.core.remedies import Ended
from ropewalk.store import alignment, waiting
from ropewalk.store.ids import first_id
from ropewalk.store.models import Connector, Run, Secret, Stream

ISSUES = 10
RECENT = timedelta(days=30)


class Issue(Struct, frozen=True):
    run_id: UUID
    at: datetime
    code: str
    message: str


class StreamStatus(Struct):
    """`secrets` are names; `next_run_at` is when the schedule will run it, as things are."""

    secrets: list[str] = field(default_factory=list)
    last_run: Run | None = None
    next_run_at: datetime | None = None
    issues: list[Issue] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    waiting: int | None = None
    """Contacts that wait for their account; None for what isn't a stream of contacts."""


class ConnectorStatus(Struct):
    connector: Connector
    secrets: list[str] = field(default_factory=list)
    streams: list[tuple[Stream, StreamStatus]] = field(default_factory=list)


def of_connectors(
    organization_id: UUID, connectors: Sequence[Connector], *, now: datetime
) -> list[ConnectorStatus]:
    answer = {connector.id: ConnectorStatus(connector) for connector in connectors}
    named = [*answer]
    last_run = (
        Run.objects.filter(connector_id=OuterRef("connector_id"), stream_id=OuterRef("id"), mode="sync")
        .order_by("-id")
        .values("id")[:1]
    )
    found = Stream.objects.filter(organization_id=organization_id, connector_id__in=named)
    statuses: dict[UUID, StreamStatus] = {}
    last_runs: dict[UUID, UUID] = {}
    of_contacts: list[UUID] = []
    for stream in (
        found.annotate(last_run_id=Subquery(last_run)).defer("chain", "chain_seen").order_by("kind")
    ):
        found_of = answer[stream.connector_id]
        statuses[stream.id] = StreamStatus(next_run_at=_next_run_at(found_of.connector, stream))
        found_of.streams.append((stream, statuses[stream.id]))
        if stream.kind == "contacts":
            of_contacts.append(stream.id)
        if stream.last_run_id is not None:
            last_runs[stream.last_run_id] = stream.id
    for stream_id, count in waiting.counts(organization_id, of_contacts).items():
        statuses[stream_id].waiting = count
    for run in Run.objects.filter(organization_id=organization_id, id__in=last_runs):
        statuses[last_runs[run.id]].last_run = run
    for stream_id, issue in _issues(organization_id, named, now):
        if stream_id in statuses:
            statuses[stream_id].issues.append(issue)
    _warn(organization_id, [pair for each in answer.values() for pair in each.streams])
    secrets = Secret.objects.filter(organization_id=organization_id, connector_id__in=named).order_by("name")
    for connector_id, of_stream, name in secrets.values_list("connector_id", "stream_id", "name"):
        (answer[connector_id] if of_stream is None else statuses[of_stream]).secrets.append(name)
    return [*answer.values()]


def _warn(organization_id: UUID, found: Iterable[tuple[Stream, StreamStatus]]) -> None:
    """Contact and event streams that match by what accounts lack."""
    of_field: dict[str, Carried] = {}
    for stream, status in found:
        match_by = stream.settings.get("match_by")
        if match_by is None:
            continue
        carried = match_field(match_by)
        if carried not in of_field:
            of_field[carried] = alignment.carried(organization_id, carried)
        status.warnings = warnings(match_by, of_field[carried])


def _next_run_at(connector: Connector, stream: Stream) -> datetime | None:
    if (
        stream.next_run_at is None
        or stream.paused
        or not (stream.periodic and stream.enabled and connector.enabled)
    ):
        return None
    return max(stream.next_run_at, stream.not_before or stream.next_run_at)


def of_connector(organization_id: UUID, connector: Connector, *, now: datetime) -> ConnectorStatus:
    return of_connectors(organization_id, [connector], now=now)[0]


def of_stream(organization_id: UUID, stream: Stream, *, now: datetime) -> StreamStatus:
    whole = of_connector(organization_id, stream.connector, now=now)
    return next(status for each, status in whole.streams if each.id == stream.id)


def _issues(organization_id: UUID, connectors: Sequence[UUID], now: datetime) -> Iterable[tuple[UUID, Issue]]:
    # Ids grow with time: those of before needn't be read.
    oldest = first_id(now - RECENT)
    found = (
        Run.objects.filter(
            Q(status="failed") | Q(verdict__in=("truncated", "suspicious"), accepted_at=None),
            organization_id=organization_id,
            connector_id__in=connectors,
            id__gte=oldest,
            mode="sync",
        )
        .annotate(place=Window(RowNumber(), partition_by=F("stream_id"), order_by=F("id").desc()))
        .filter(place__lte=ISSUES)
        .order_by("-id")
    )
    for stream_id, run_id, at, *ended in found.values_list(
        "stream_id",
        "id",
        "finished_at",
        "status",
        "verdict",
        "verdict_reasons",
        "counts",
        "error",
        "settings__stream",
        "reasons",
        "mode",
        "trigger",
        "progress__unmatched",
    ):
        issue = remedies.issue(Ended(*ended))
        if stream_id is not None and at is not None and issue is not None:
            yield stream_id, Issue(run_id, at, *issue)
