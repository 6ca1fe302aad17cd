"""Event streams as sources of a timeline: each asked when somebody looks, within a deadline and a cap (product.md §7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ropewalk.core import eventnotes, limits, remedies
from ropewalk.core.errors import Cancelled, RopewalkError
from ropewalk.core.eventnotes import Asked, Came
from ropewalk.core.events import Event, EventPlan, MatchBy, Tally, names
from ropewalk.core.redact import Redactor
from ropewalk.core.timeline import Filter, newest_first, ordered
from ropewalk.engine.clock import Clock
from ropewalk.engine.connectors import connection
from ropewalk.engine.connectors.frozen import Frozen
from ropewalk.engine.events.answers import Answers, Flight, answers
from ropewalk.engine.events.eventsource import Answered, EventSource, Failure, Query
from ropewalk.engine.logs import Log
from ropewalk.net.credentials import Credentials
from ropewalk.sources.base import Page, Window
from ropewalk.store import alignment, secrets, streams
from ropewalk.store.models import Account, Connector, Stream
from ropewalk.store.secrets import Sealed

log = Log(__name__)

RETRIES = 1
GRACE_SECONDS = 0.1
"""For what ends at the deadline to say so itself."""
_SECOND = timedelta(seconds=1)
_LAST = datetime.max.replace(tzinfo=UTC) - _SECOND


def account_value(account: Account, match_by: MatchBy) -> str | None:
    return account.company_domain if match_by == "domain" else account.external_customer_id


def asked(settings: Any) -> Asked:
    return Asked(**{name: getattr(settings, name) for name in Asked.__struct_fields__})


def window(settings: Any, now: datetime, account: str | None = None) -> Window:
    """What a stream is asked for, without a page or a filter that says otherwise."""
    since = now - timedelta(days=settings.lookback_days)
    return Window(since=since, until=_up(now), max_records=limits.EVENTS_READ, account=account)


def _up(moment: datetime) -> datetime:
    """To the next whole second: an end is sent without a fraction, and some APIs leave the end itself out."""
    whole = moment.replace(microsecond=0)
    return whole if whole > _LAST else whole + _SECOND


def seconds_for(settings: Any) -> float:
    """A stream's deadline."""
    return float(min(settings.timeout_ms / 1_000, limits.LIVE_SECONDS))


class Way(Struct, frozen=True):
    """How a stream is reached."""

    connector: Connector
    frozen: Frozen
    credentials: Credentials
    clock: Clock


class LiveReading:
    """Of one query. It grows while it reads; `collected` may be looked at meanwhile."""

    def __init__(self, way: Way, window: Window, source: str) -> None:
        self._way = way
        self._window = window
        settings = way.frozen.stream
        self._plan = EventPlan(settings.mapping, settings.match_by, source)
        self._seconds = seconds_for(settings)
        self._deadline = way.clock.monotonic() + self._seconds
        self.collected: list[Event] = []
        self.tally = Tally()
        self.cut = ""
        self.milliseconds = 0
        self.failure: Failure | None = None
        self.timed_out = False
        self.begun = False
        self.redactor = Redactor(way.credentials.values())
        self._weight = 0
        self._ordered: list[Event] | None = None

    @property
    def failed(self) -> bool:
        return self.failure is not None

    @property
    def weight(self) -> int:
        return self._weight

    def run(self) -> None:
        clock = self._way.clock
        began = clock.monotonic()
        try:
            self.begun = began < self._deadline
            if self.begun:
                self._read()
            else:
                self.timed_out, self.failure = True, self.late()
        except RopewalkError as error:
            self._fail(error, self.redactor)
        except Exception as error:
            log.error("live_query_failed", exc_info=error)
            self.failure = Failure("internal", "Ropewalk itself failed here; its log says why.", "")
        self.milliseconds = round((clock.monotonic() - began) * 1_000)
        self._ordered = ordered(self.collected)

    def late(self) -> Failure:
        """Of one that has not ended by its deadline."""
        settings, seconds = self._way.frozen.stream, self._seconds
        message = eventnotes.slow(asked(settings), seconds) if self.begun else eventnotes.crowded(seconds)
        return Failure("timeout", message, "url" if self.begun else "")

    def _read(self) -> None:
        way = self._way
        frozen = way.frozen
        at = (way.connector.organization_id, way.connector.id)
        terms = connection.Terms(way.clock, at, self._deadline, retries=RETRIES)
        with connection.bind(frozen.source, frozen.connector, way.credentials, terms) as fetch:
            opened = connection.Opened(fetch)
            try:
                for page in frozen.reading.read(frozen.connector, frozen.stream, self._window, fetch, None):
                    # What has been collected may be shown before the end.
                    self.redactor = opened.redactor()
                    if not self._take(page):
                        break
            except RopewalkError as error:
                self._fail(error, opened.redactor())
            self.redactor = opened.redactor()

    def _take(self, page: Page) -> bool:
        """Whether more may be read."""
        for raw in page.records:
            found = self._plan.read(raw, self.tally)
            if isinstance(found, Event):
                self.collected.append(found)
                self._weight += found.weight
            if self._weight >= limits.LIVE_BYTES:
                self.cut = "bytes"
                return False
        if page.ending is not None:
            self.cut = next(iter(page.ending.reasons), "")
        return True

    def _fail(self, error: RopewalkError, redactor: Redactor) -> None:
        settings, about = self._way.frozen.stream, remedies.about(error.code)
        self.timed_out = error.code == "timeout" or isinstance(error, Cancelled)
        message = redactor.text(error.message)
        if self.timed_out:
            message = eventnotes.slow(asked(settings), self._seconds)
        auth = self._way.credentials.auth.type
        message += eventnotes.hint(about, auth, getattr(settings, "records_path", None))
        self.failure = Failure(error.code, message, about)

    def events(self) -> list[Event]:
        """In order; so far, if it is still read."""
        return self._ordered if self._ordered is not None else ordered(list(self.collected))


@dataclass
class LiveStream:
    """An event stream, as one of a timeline's sources."""

    connector: Connector
    stream: Stream
    stored: Sealed
    answers: Answers[LiveReading]
    clock: Clock

    @cached_property
    def frozen(self) -> Frozen:
        return Frozen.of(self.connector, self.stream)

    @property
    def key(self) -> str:
        return self.stream.id.hex

    @property
    def name(self) -> str:
        return self.connector.name

    @property
    def connector_id(self) -> UUID:
        return self.connector.id

    def ask(self, query: Query) -> Callable[[], Answered]:
        if not (self.stream.enabled and self.connector.enabled):
            note = "This event stream is disabled; enable it to see its events."
            return lambda: Answered("disabled", notes=[note])
        try:
            return self._asked(query)
        except RopewalkError as error:
            failure = Failure(error.code, error.message, remedies.about(error.code))
            return lambda: Answered("failed", error=failure)

    def _asked(self, query: Query) -> Callable[[], Answered]:
        settings = self.frozen.stream
        value = account_value(query.account, settings.match_by)
        if value is None:
            return lambda: Answered("not_asked", notes=[eventnotes.without_value(settings.match_by)])
        if self._out_of_reach(query):
            since = self._since(query)
            return lambda: Answered(
                "not_asked", since=since, notes=[eventnotes.out_of_reach(asked(settings))]
            )
        connection.load(self.frozen.source)
        flight = self._flight(query, value)
        deadline = self.clock.monotonic() + seconds_for(settings) + GRACE_SECONDS

        def wait() -> Answered:
            landed = flight.landed.wait(max(0.0, deadline - self.clock.monotonic()))
            return self._answered(flight, query, value, landed=landed)

        return wait

    def _way(self) -> Way:
        credentials = connection.credentials_for(self.frozen.needs(), self.stored.open())
        return Way(self.connector, self.frozen, credentials, self.clock)

    def _since(self, query: Query) -> datetime:
        since = query.asked_at - timedelta(days=self.frozen.stream.lookback_days)
        return since if query.filter.start is None else max(since, query.filter.start)

    def _out_of_reach(self, query: Query) -> bool:
        """Whether nothing can be of the time that is wanted: a range that ends before it begins is asked of no API."""
        since, end = self._since(query), query.filter.end
        if end is not None and end <= since:
            return True
        return self.frozen.stream.end_param is not None and since >= _up(query.asked_at)

    def _flight(self, query: Query, value: str) -> Flight[LiveReading]:
        settings, filter = self.frozen.stream, query.filter
        asking = window(settings, query.asked_at, value if settings.account_param else None)
        start = self._since(query)
        ends = [_up(each) for each in (filter.end, query.cursor.time if query.cursor else None) if each]
        asking = replace(asking, since=start, until=min([asking.until or query.asked_at, *ends]))
        # Only what goes into the request makes another query of it: the others are filtered here.
        same = (
            self.stream.id,
            self.stream.updated_at,
            self.connector.updated_at,
            asking.account,
            filter.start if settings.start_param else None,
            filter.end if settings.end_param else None,
        )
        return self.answers.ask(
            self.connector.organization_id,
            same,
            lambda: LiveReading(self._way(), asking, self.key),
            start=start if settings.start_param else None,
            end=asking.until if settings.end_param and query.cursor else None,
            going_on=query.cursor is not None,
            anew=query.anew,
        )

    def _answered(self, flight: Flight[LiveReading], query: Query, value: str, *, landed: bool) -> Answered:
        reading, settings = flight.reading, self.frozen.stream
        everything = reading.events()
        mine = [event for event in everything if any(names(key, value) for key in event.keys)]
        others = len(mine) < len(everything)
        mine = self._not_claimed(mine, value)
        since = self._since(query)
        filter = replace(query.filter, start=since)
        found = [event for event in mine if filter.keeps(event, reading.redactor.values)]
        of_the_time = Filter(start=since, end=query.filter.end)
        came = Came(
            tally=reading.tally,
            found=sum(map(of_the_time.keeps, mine)),
            of_account=len(mine),
            wanted=eventnotes.listed([value]),
            cut=reading.cut,
            order_proven=newest_first([event.at for event in reading.collected]),
            oldest=everything[-1].at if everything else None,
            outside=_outside(
                everything,
                since - _SECOND if settings.start_param else None,
                query.filter.end if settings.end_param else None,
            ),
            others=others,
        )
        answer = Answered(
            events=found,
            milliseconds=reading.milliseconds,
            read=reading.tally.records,
            since=since,
            filtered_at_source=settings.account_param is not None and not others,
            truncated=bool(reading.cut),
            redactor=reading.redactor,
        )
        if not landed:
            answer.status, answer.milliseconds = "timed_out", round(seconds_for(settings) * 1_000)
            answer.error = reading.late()
        elif reading.failure is not None:
            answer.status = "timed_out" if reading.timed_out else "failed"
            answer.error = reading.failure
        if answer.error is not None:
            # What came before it failed is shown, and is not all.
            answer.truncated = bool(everything)
            return answer
        answer.notes = [reading.redactor.text(note) for note in eventnotes.notes(asked(settings), came)]
        return answer

    def _not_claimed(self, events: list[Event], value: str) -> list[Event]:
        """Without those whose id is, to the letter, another account's (product.md §7)."""
        variants = {key for event in events for key in event.keys if key != value and names(key, value)}
        if not variants:
            return events
        taken = alignment.external_ids_of_others(self.connector.organization_id, variants)
        return [
            event for event in events if any(names(key, value) and key not in taken for key in event.keys)
        ]


def of_organization(organization_id: UUID, clock: Clock) -> list[EventSource]:
    there = streams.of_events(organization_id)
    stored = secrets.of_streams(organization_id, there)
    return [LiveStream(each.connector, each, stored[each.id], answers(clock), clock) for each in there]


def _outside(events: Iterable[Event], since: datetime | None, until: datetime | None) -> int:
    """Of what was asked for, how many are not."""
    return sum(
        1
        for event in events
        if (since is not None and event.at < since) or (until is not None and event.at > _up(until))
    )
