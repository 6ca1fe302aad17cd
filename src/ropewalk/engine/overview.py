"""An organization at a glance: what came in, how its streams stand, what went wrong lately, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from ropewalk.core.counts import OUTCOMES
from ropewalk.engine.clock import Clock
from ropewalk.store import connectors, growth, people, pushing, status, workers
from ropewalk.store.models import Connector, Organization, PushConnector, Run, Stream
from ropewalk.store.status import Issue, StreamStatus

DAYS = 30
ISSUES = 6

State = Literal[
    "off",
    "running",
    "reconnect",
    "paused",
    "failed",
    "suspicious",
    "truncated",
    "cancelled",
    "untested",
    "waiting",
    "live",
    "healthy",
]
_WELL = frozenset(("healthy", "live", "running"))


class Standing(Struct, frozen=True):
    """How one stream is doing."""

    connector: Connector
    stream: Stream
    status: StreamStatus
    state: State

    @property
    def last_run(self) -> Run | None:
        return self.status.last_run

    @property
    def processed(self) -> int | None:
        """Rows of the last run."""
        return self.last_run.counts.get("processed") if self.last_run else None


class Day(Struct, frozen=True):
    """`accounts`: as many as there were at its end. `rows` by outcome."""

    date: date
    accounts: int
    rows: dict[str, int]

    @property
    def synced(self) -> int:
        return sum(self.rows.values())


class Trouble(Struct, frozen=True):
    connector: Connector
    stream: Stream
    issue: Issue


StepKind = Literal[
    "connect", "no_worker", "reconnect", "failed", "suspicious", "test", "first_sync", "schedule", "invite"
]


class Step(Struct, frozen=True):
    """What to do next; about a stream where `standing` is there."""

    kind: StepKind
    standing: Standing | None = None


class Overview(Struct, frozen=True):
    accounts: int
    contacts: int
    days: Sequence[Day]
    standings: Sequence[Standing]
    pushed: Sequence[PushConnector]
    troubles: Sequence[Trouble]
    steps: Sequence[Step]

    @property
    def new_accounts(self) -> int:
        return self.accounts - self.days[0].accounts

    @property
    def rows(self) -> int:
        return sum(day.synced for day in self.days)

    @property
    def well(self) -> int:
        return sum(each.state in _WELL for each in self.standings)


def of(organization: Organization, clock: Clock) -> Overview:
    """A constant number of queries, whatever there is."""
    now = clock.now()
    found = status.of_connectors(organization.id, connectors.every(organization.id), now=now)
    standings = [
        Standing(each.connector, stream, of_stream, state(each.connector, stream, of_stream))
        for each in found
        for stream, of_stream in each.streams
    ]
    pushed = pushing.listing(organization.id, include_inactive=True)
    accounts, days = _days(organization, now)
    return Overview(
        accounts,
        growth.contacts(organization.id),
        days,
        standings,
        pushed,
        _troubles(standings),
        [*_steps(organization.id, bool(found or pushed), standings, now)],
    )


def state(connector: Connector, stream: Stream, found: StreamStatus) -> State:
    """The worst that can be said of it."""
    if not (connector.enabled and stream.enabled):
        return "off"
    if stream.paused == "reconnect":
        return "reconnect"
    if stream.kind == "events":
        return "live" if stream.tested_at else "untested"
    run = found.last_run
    if run is None:
        return "waiting" if stream.tested_at else "untested"
    if run.status in ("queued", "running"):
        return "running"
    if stream.paused:
        return "paused"
    if run.status == "failed":
        return "failed"
    if run.status == "cancelled":
        return "cancelled"
    if run.verdict in ("suspicious", "truncated") and run.accepted_at is None:
        return "suspicious" if run.verdict == "suspicious" else "truncated"
    return "healthy"


def _days(organization: Organization, now: datetime) -> tuple[int, list[Day]]:
    zone = ZoneInfo(organization.time_zone)
    today = now.astimezone(zone).date()
    dates = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    ends = [datetime.combine(each + timedelta(days=1), time(), zone) for each in dates]
    counted = growth.accounts(organization.id, ends[:-1])
    rows = growth.rows(organization.id, datetime.combine(dates[0], time(), zone), zone)
    none = dict.fromkeys(OUTCOMES, 0)
    days = [
        Day(each, at, rows.get(each, none))
        for each, at in zip(dates, [*counted.at, counted.now], strict=True)
    ]
    return counted.now, days


def _troubles(standings: Sequence[Standing]) -> list[Trouble]:
    found = [
        Trouble(each.connector, each.stream, issue) for each in standings for issue in each.status.issues
    ]
    return sorted(found, key=lambda one: one.issue.at, reverse=True)[:ISSUES]


def _steps(
    organization_id: UUID, is_connected: bool, standings: Sequence[Standing], now: datetime
) -> Iterator[Step]:
    """What stands in the way comes first."""
    if not workers.alive(now):
        yield Step("no_worker")
    if not is_connected:
        yield Step("connect")
    of_state: dict[State, StepKind] = {
        "reconnect": "reconnect",
        "failed": "failed",
        "suspicious": "suspicious",
        "untested": "test",
        "waiting": "first_sync",
    }
    for wrong, kind in of_state.items():
        yield from (Step(kind, each) for each in standings if each.state == wrong)
    for each in standings:
        if each.state == "healthy" and not each.stream.periodic:
            yield Step("schedule", each)
    if len(people.members(organization_id, limit=2).items) == 1:
        yield Step("invite")
