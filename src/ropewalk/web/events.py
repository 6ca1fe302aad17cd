"""An account's events: a page that is there at once, and its timeline, which waits for the sources, after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import groupby
from math import ceil
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from msgspec import Struct

from ropewalk.core.errors import MustFix, Problem
from ropewalk.core.timeline import Filter
from ropewalk.engine.events import activity, timeline
from ropewalk.engine.events.eventsource import EventSource, Status
from ropewalk.engine.events.timeline import Item, Timeline, Told
from ropewalk.engine.operated import clock
from ropewalk.store.models import Account
from ropewalk.web import charts, fieldtexts, pages
from ropewalk.web.access import Signed, open_to
from ropewalk.web.account import around, opened
from ropewalk.web.charts import Chart, Series
from ropewalk.web.forms import Choice, Field, Form
from ropewalk.web.lists import Address

_FILTERS: Final = ("source", "name", "q", "from", "to")
_BADGES: Final[Mapping[Status, tuple[str, str]]] = {
    "ok": ("good", "Answered"),
    "failed": ("bad", "Failed"),
    "timed_out": ("warn", "Too slow"),
    "not_asked": ("quiet", "Not asked"),
    "disabled": ("quiet", "Off"),
}
_EVENTS: Final = 30
"""On a page: with their properties, which are there unopened, it stays light."""
_BARS: Final = 90
_FEWEST_BARS: Final = 14
_DAY: Final = timedelta(days=1)
_PROPERTIES: Final = 100
_YEARS: Final = range(1900, 9000)


class Source(Struct, frozen=True):
    """`sentences`: what went wrong, or what else there is to know. `fails`: it stands above the list."""

    name: str
    tone: str
    words: str
    count: int
    milliseconds: int
    fails: bool
    can_retry: bool
    sentences: Sequence[str]
    facts: str


class Property(Struct, frozen=True):
    name: str
    value: SafeString


class Event(Struct, frozen=True):
    item: Item
    properties: Sequence[Property]
    changes: Sequence[tuple[str, SafeString, SafeString]]
    more: int

    @property
    def about(self) -> str:
        """Whom, or what, it is about."""
        return self.item.user_id or ", ".join(label for label, _, _ in self.changes)


@open_to("member")
def page(request: Signed, account_id: UUID) -> HttpResponseBase:
    """Asks nobody: the timeline comes after it."""
    account = opened(request, account_id)
    if account.deleted_at is not None:
        return pages.to(request, "account", account_id=account_id)
    address = Address.of(request.GET, (*_FILTERS, "cursor"))
    form = _form(timeline.sources(account.organization_id, clock()), address)
    return pages.render(request, "ropewalk/account_events.html", _shell(request, account, form, address))


@open_to("member")
def read(request: Signed, account_id: UUID) -> HttpResponseBase:
    """The timeline: a fragment for the page above; a page of its own where nothing fetches fragments."""
    account = opened(request, account_id)
    if account.deleted_at is not None:
        return pages.to(request, "account", account_id=account_id)
    address = Address.of(request.GET, (*_FILTERS, "cursor"))
    form = _form(timeline.sources(account.organization_id, clock()), address)
    context = (
        _shell(request, account, form, address)
        if not request.htmx
        else {**_links(account, address), "form": form}
    )
    try:
        context |= _timeline(account, form, address, anew="retry" in request.GET)
    except MustFix as error:
        form.refuse(error)
        context["refused"] = error
    if not request.htmx:
        return pages.render(request, "ropewalk/account_events.html", context, status=form.status)
    answer = HttpResponse(
        render_to_string("ropewalk/parts/timeline.html", {**context, "is_fragment": True}, request),
        status=form.status,
    )
    where = context["here"] + address.with_({"cursor": address.get("cursor") or None}).removesuffix("?")
    if request.htmx.current_url_abs_path not in (where, f"{where}?"):
        answer["HX-Push-Url"] = where
    return answer


def _shell(request: Signed, account: Account, form: Form, address: Address) -> dict[str, Any]:
    return {**around(request, account, "account-events"), **_links(account, address), "form": form}


def _links(account: Account, address: Address) -> dict[str, Any]:
    reading = reverse("account-timeline", args=[account.id])
    here = {"cursor": address.get("cursor") or None}
    return {
        "here": reverse("account-events", args=[account.id]),
        "reading": reading,
        "again": reading + address.with_(here),
        "retry": reading + address.with_({**here, "retry": "1"}),
        "is_narrowed": any(address.get(name) for name in _FILTERS),
    }


def _form(sources: Sequence[EventSource], address: Address) -> Form:
    named = [Choice(str(each.connector_id or each.name), each.name) for each in sources]
    return Form(
        Field("source", "Source", "select", choices=[Choice("", "All sources"), *named]),
        Field("name", "Event name", autocomplete="off"),
        Field("q", "Text", placeholder="Anywhere in it", autocomplete="off"),
        Field("from", "From", "date"),
        Field("to", "To", "date"),
        values={name: address.get(name) for name in _FILTERS},
    )


def _timeline(account: Account, form: Form, address: Address, *, anew: bool) -> dict[str, Any]:
    wanted = Filter(
        start=_midnight(form, "from"),
        end=_midnight(form, "to", after=_DAY),
        name=form["name"].shown,
        text=form["q"].shown,
    )
    cursor = address.get("cursor") or None
    now = clock().now()
    found = timeline.read(
        account.organization_id,
        account.id,
        clock(),
        wanted=wanted,
        source=form["source"].shown,
        cursor=cursor,
        limit=_EVENTS,
        anew=anew,
    )
    sources = [_source(each) for each in found.sources]
    reading = reverse("account-timeline", args=[account.id])
    is_whole = cursor is None and wanted == Filter() and not form["source"].shown
    return {
        "timeline": found,
        "failing": [each for each in sources if each.fails],
        "sources": [each for each in sources if not each.fails],
        "activity": activity.of(found, now) if is_whole else None,
        "is_whole": is_whole,
        "days_chart": _per_day(found, timezone.localtime(now).date()),
        "groups": _groups(found.items, timezone.localtime(now).date()),
        "names": sorted({each.name for each in found.items}),
        "next": reading + address.to(cursor=found.next_cursor) if found.next_cursor else "",
        "first": reading + address.to() if cursor else "",
    }


def _day(form: Form, name: str) -> date | None:
    text = form[name].shown
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.year not in _YEARS:
        message = "Give a day, such as 2026-03-01."
        raise MustFix("invalid_range", message, [Problem(name, message)])
    return found


def _midnight(form: Form, name: str, *, after: timedelta = timedelta()) -> datetime | None:
    """Of the organization's days: a day that is named belongs to the range."""
    day = _day(form, name)
    return None if day is None else timezone.make_aware(datetime.combine(day + after, time.min))


def _source(told: Told) -> Source:
    answer = told.answer
    tone, words = _BADGES[answer.status]
    facts = [f"{answer.count:,} event{'s' * (answer.count != 1)}", f"{answer.milliseconds:,} ms"]
    if answer.filtered_at_source:
        facts.append("only this account was asked for")
    if answer.truncated:
        facts.append("not all")
    sentences = [*([answer.error.message] if answer.error else []), *answer.notes]
    fails = answer.status != "ok"
    return Source(
        name=told.source.name,
        tone=tone,
        words=words,
        count=answer.count,
        milliseconds=answer.milliseconds,
        fails=fails,
        can_retry=answer.status in ("failed", "timed_out"),
        sentences=sentences,
        facts=", ".join(facts),
    )


def _per_day(found: Timeline, today: date) -> Chart | None:
    """The days as the API counts them, in UTC; of many days, several to a bar."""
    if not found.days:
        return None
    last = max(today, *found.days)
    first = min(*found.days, last - (_FEWEST_BARS - 1) * _DAY)
    length = (last - first).days + 1
    step = ceil(length / _BARS)
    counts = [0] * ceil(length / step)
    for day, count in found.days.items():
        counts[(day - first).days // step] += count
    labels = [f"{at.day} {at:%b}" for at in (first + place * step * _DAY for place in range(len(counts)))]
    total = found.days.total()
    busiest, most = max(found.days.items(), key=lambda each: each[1])
    described = f"{total:,} in {length:,} days, most on {busiest.day} {busiest:%B} ({most:,})."
    title = "Events per day" if step == 1 else f"Events per {step} days"
    return charts.bars(title, described, labels, [Series("Events", counts)])


def _groups(items: Sequence[Item], today: date) -> list[tuple[str, list[Event]]]:
    days = groupby(items, key=lambda item: timezone.localtime(item.time).date())
    return [(_named(day, today), [_event(item) for item in of_day]) for day, of_day in days]


def _named(day: date, today: date) -> str:
    near = {0: "Today", 1: "Yesterday"}.get((today - day).days)
    full = f"{day:%A}, {day.day} {day:%B %Y}"
    return f"{near}, {day.day} {day:%B}" if near else full


def _event(item: Item) -> Event:
    """A change of fields reads as one; of very many properties the first are shown."""
    properties = dict(item.properties)
    changes = _changes(properties.get("changes"))
    if changes:
        del properties["changes"]
    shown = list(properties.items())[:_PROPERTIES]
    return Event(
        item,
        [Property(name, fieldtexts.whole(value, "text")) for name, value in shown],
        changes,
        len(properties) - len(shown),
    )


def _changes(given: Any) -> list[tuple[str, SafeString, SafeString]]:
    if not isinstance(given, dict):
        return []
    if not all(isinstance(each, dict) and {*each} == {"old", "new"} for each in given.values()):
        return []
    return [
        (fieldtexts.label(name), fieldtexts.whole(each["old"], "text"), fieldtexts.whole(each["new"], "text"))
        for name, each in sorted(given.items())
    ]
