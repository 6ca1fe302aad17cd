"""What is asked of a run by a form: each is a verb of the engine, and leads to the run that does it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse

from ropewalk.core.checking import check
from ropewalk.core.errors import MustFix
from ropewalk.engine.operated import clock
from ropewalk.engine.runs import conditions, requests
from ropewalk.store import ledger as rows, runs
from ropewalk.store.models import Run
from ropewalk.web import ledger, pages
from ropewalk.web.access import Signed, open_to
from ropewalk.web.runs import about


@open_to("admin", "POST")
def cancel(request: Signed, run_id: UUID) -> HttpResponseBase:
    access = request.access
    run = requests.cancel(access.organization_id, access.actor, run_id, clock())
    pages.toast(request, "Cancelled." if run.status == "cancelled" else "It stops within moments.")
    return pages.to(request, "run", run_id=run_id)


@open_to("admin", "POST")
def apply(request: Signed, run_id: UUID) -> HttpResponseBase:
    access = request.access
    run, created = requests.apply_dry_run(access.organization_id, access.actor, run_id, clock())
    if not created:
        pages.toast(request, "It is being applied already; this is that run.", "info")
    return pages.to(request, "run", run_id=run.id)


@open_to("admin", "POST")
def retry(request: Signed, run_id: UUID) -> HttpResponseBase:
    access = request.access
    runs.get(access.organization_id, run_id)
    asked = {"reason": request.POST.get("reason") or None}
    reason = check(requests.Retry, asked).reason
    run = requests.retry_rows(access.organization_id, access.actor, run_id, reason, clock())
    return pages.to(request, "run", run_id=run.id)


@open_to("admin", "GET", "POST")
def undo(request: Signed, run_id: UUID) -> HttpResponseBase:
    access = request.access
    run = runs.get(access.organization_id, run_id)
    if request.method == "POST":
        made = requests.undo(access.organization_id, access.actor, run_id, clock())
        return pages.to(request, "run", run_id=made.id)
    why = conditions.why_not(lambda: conditions.can_undo(access.organization_id, run, clock()))
    return _confirm(request, run, "run-undo", why)


@open_to("admin", "GET", "POST")
def accept(request: Signed, run_id: UUID) -> HttpResponseBase:
    access = request.access
    run = runs.get(access.organization_id, run_id)
    if request.method == "POST":
        requests.accept(access.organization_id, access.actor, run_id, clock())
        pages.toast(request, "Accepted. The next run reads on from here.")
        return pages.to(request, "run", run_id=run_id)
    why = conditions.why_not(lambda: conditions.can_accept(access.organization_id, run))
    return _confirm(request, run, "run-accept", why)


def _confirm(request: Signed, run: Run, url: str, why: str) -> HttpResponse:
    return pages.render(request, "ropewalk/run_confirm.html", {**about(run), "url": url, "why": why})


@open_to("admin", "GET", "POST")
def link(request: Signed, run_id: UUID, position: int) -> HttpResponseBase:
    """Which of its candidates a row means, for good."""
    access = request.access
    run = runs.get(access.organization_id, run_id)
    row = rows.row(access.organization_id, run_id, position)
    refused: MustFix | None = None
    if request.method == "POST":
        try:
            account_id = _chosen(request)
        except MustFix as error:
            refused = error
        else:
            requests.link_row(access.organization_id, access.actor, run_id, position, account_id, clock())
            pages.toast(
                request, "Kept for good: from now on this row means that account. Retry the rows to take it."
            )
            path = f"{reverse('run', kwargs={'run_id': run_id})}?outcome={row.outcome}&reason={row.reason}"
            return pages.to_path(request, path)
    context: dict[str, Any] = {**about(run), "row": ledger.row(run, row), "refused": refused}
    return pages.render(request, "ropewalk/run_link.html", context, status=422 if refused else 200)


def _chosen(request: Signed) -> UUID:
    given = request.POST.get("account_id", "")
    if not given:
        raise MustFix("nothing_chosen", "Choose the account that this row means.")
    chosen: UUID = check(requests.Choice, {"account_id": given}).account_id
    return chosen
