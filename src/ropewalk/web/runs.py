"""Runs: the list over all connectors, and the page of one, from its first row to what can be done about its last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponseBase
from django.urls import reverse
from msgspec import Struct

from ropewalk.core.counts import OUTCOMES
from ropewalk.engine.operated import clock
from ropewalk.engine.runs import conditions, report
from ropewalk.store import connectors, runs
from ropewalk.store.models import Run
from ropewalk.web import ledger, live, pages, runtexts
from ropewalk.web.access import Access, Signed, open_to
from ropewalk.web.lists import Address

_ALL_WELL: Final = ["Complete."]
KINDS: Final = (("", "Any kind"), ("accounts", "Accounts"), ("contacts", "Contacts"))


class Offer(Struct, frozen=True):
    """What can be asked of a run. `url` is the name of its address; `why`, why it can't be now. One that `confirms` says
    first what it will do."""

    url: str
    label: str
    why: str = ""
    style: str = ""
    confirms: bool = False


class Line(Struct, frozen=True):
    """A run in a list."""

    run: Run
    connector: str
    title: str
    tone: str
    words: str
    took: str

    @property
    def left_out(self) -> int:
        counted: dict[str, int] = self.run.counts
        return counted.get("skipped", 0) + counted.get("rejected", 0)


def line(run: Run, connector: str, now: datetime) -> Line:
    took = runtexts.duration(report.seconds(run, now))
    return Line(run, connector, runtexts.title(run), *runtexts.badge(run), took)


# ---- all of them ----


@open_to("member")
def listing(request: Signed) -> HttpResponseBase:
    address = Address.of(request.GET, ("connector", "kind", "status", "cursor"))
    named = connectors.names(request.access.organization_id)
    chosen = next((each for each in named if str(each) == address.get("connector")), None)
    found = runs.listing(
        request.access.organization_id,
        connector_id=chosen,
        kind=address.get("kind") or None,
        status=address.get("status") or None,
        cursor=address.get("cursor") or None,
    )
    now = clock().now()
    filters = ("connector", "kind", "status")
    return pages.render(
        request,
        "ropewalk/runs.html",
        {
            "lines": [line(each, named.get(each.connector_id, ""), now) for each in found.items],
            "connectors": sorted(named.items(), key=lambda each: each[1].casefold()),
            "chosen": {"connector": chosen, **{name: address.get(name) for name in filters[1:]}},
            "kinds": KINDS,
            "statuses": runtexts.STATUSES,
            "is_narrowed": any(address.get(name) for name in filters),
            "next": address.to(cursor=found.next_cursor) if found.next_cursor else "",
            "first": address.to() if address.get("cursor") else "",
        },
    )


# ---- one ----


@open_to("member")
def page(request: Signed, run_id: UUID) -> HttpResponseBase:
    run = runs.get(request.access.organization_id, run_id)
    now = clock().now()
    if live.asked_for(request) and live.is_open(run):
        return live.fragment(request, run, now)
    answer = pages.render(request, "ropewalk/run.html", _context(request, run, now))
    return live.in_place(answer) if live.asked_for(request) else answer


def _context(request: Signed, run: Run, now: datetime) -> dict[str, Any]:
    access = request.access
    is_open = live.is_open(run)
    tone, words = runtexts.badge(run)
    sentences = [] if is_open else report.sentences(run)
    return {
        **about(run),
        "tone": tone,
        "words": words,
        "is_open": is_open,
        "each": live.going(run, now) if is_open else None,
        "sentences": sentences,
        # More than the badge, which says that all is well.
        "tells": run.preview or run.accepted_at or sentences != _ALL_WELL,
        "verdict_tone": tone if tone in ("good", "warn", "bad") else "quiet",
        "offers": list(offers(access, run)),
        "figures": [(name, run.counts.get(name, 0)) for name in ("processed", *OUTCOMES)],
        "facts": _facts(run, now),
        "asked_by": runtexts.asked_by(run),
        "notices": [(code, count, runtexts.NOTICES.get(code, "")) for code, count in run.notices.items()],
        "vanished": run.progress.get("vanished") or [],
        "unmatched": run.progress.get("unmatched"),
        "differs": sorted((run.preview or {}).get("differs", {}).items()),
        "ledger": ledger.shown(run, Address.of(request.GET, ("outcome", "reason", "cursor"))),
        "retry": _retry(access, run),
        "creates": (run.settings.get("stream") or {}).get("create_missing"),
        "may_admin": access.why_not("admin"),
        "followers": [line(each, "", now) for each in runs.followers(access.organization_id, run)],
        "announced": f"{runtexts.title(run)}: {words}." if live.asked_for(request) else "",
    }


def about(run: Run) -> dict[str, Any]:
    """What the head of every page about a run says. `has_stream`: it and its connector are still there."""
    named = connectors.names(run.organization_id)
    gone = conditions.why_not(lambda: conditions.stream_of(run.organization_id, run))
    return {
        "run": run,
        "title": runtexts.title(run),
        "connector": named.get(run.connector_id, ""),
        "has_stream": not gone,
        "is_import": runtexts.is_import(run),
        "settings_path": _settings_path(run),
    }


def _settings_path(run: Run) -> str:
    if runtexts.is_import(run):
        return f"{reverse('import', kwargs={'import_id': run.connector_id})}?kind={run.kind}"
    return reverse("stream", kwargs={"connector_id": run.connector_id, "kind": run.kind})


def _facts(run: Run, now: datetime) -> Sequence[tuple[str, str]]:
    facts = [("Duration", runtexts.duration(report.seconds(run, now)))]
    if run.trigger not in ("undo", "retry"):
        facts.append(("Pages read", f"{run.pages:,}"))
    if run.expected_total is not None:
        facts.append(
            ("Rows the source has" if run.trigger != "undo" else "Changes to undo", f"{run.expected_total:,}")
        )
    if run.restarts:
        facts.append(("Begun anew", f"{run.restarts} times" if run.restarts > 1 else "once"))
    for name, told in (("created", "Contacts created"), ("updated", "Contacts updated")):
        if run.contacts.get(name):
            facts.append((told, f"{run.contacts[name]:,}"))
    facts += [(f"Filtered: {name}", f"{count:,}") for name, count in run.filtered.items()]
    return facts


def offers(access: Access, run: Run) -> Iterator[Offer]:
    """What is possible for a run of its sort, also where it can't be just now: then with the reason."""
    organization_id, may_not = access.organization_id, access.why_not("admin")

    def why(check: Any, *given: Any) -> str:
        return may_not or conditions.why_not(lambda: check(*given))

    if live.is_open(run):
        asked = "It is being cancelled." if run.cancel_requested else ""
        yield Offer("run-cancel", "Cancel", may_not or asked)
        return
    if run.mode == "dry_run":
        if run.status == "succeeded":
            yield Offer("run-apply", "Apply", why(conditions.can_apply, organization_id, run), "main")
        return
    if run.verdict == "suspicious" and run.accepted_at is None:
        yield Offer("run-accept", "Accept", why(conditions.can_accept, organization_id, run), confirms=True)
    if run.trigger != "undo" and _wrote(run):
        yield Offer(
            "run-undo",
            "Undo",
            why(conditions.can_undo, organization_id, run, clock()),
            "danger",
            confirms=True,
        )


def _wrote(run: Run) -> bool:
    return any(run.counts.get(name) or run.contacts.get(name) for name in ("created", "updated"))


def _retry(access: Access, run: Run) -> Offer | None:
    if run.mode == "dry_run" or run.trigger == "undo" or not run.reasons:
        return None
    may_not = access.why_not("admin")
    check = conditions.why_not(lambda: conditions.can_retry(access.organization_id, run))
    return Offer("run-retry", "Retry these rows", may_not or check)
