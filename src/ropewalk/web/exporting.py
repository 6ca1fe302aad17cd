"""The list of accounts as a file: what the list shows, all of its pages."""

from __future__ import annotations

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone

from ropewalk.engine import account_csv
from ropewalk.engine.operated import clock
from ropewalk.web import savedviews
from ropewalk.web.access import Signed, open_to

_NAME = "companyName"


@open_to("admin")
def accounts(request: Signed) -> HttpResponseBase:
    """With the columns that somebody has chosen, else all of them."""
    parts = savedviews.parts(savedviews.address_of(request.GET))
    if chosen := parts.get("columns"):
        parts["columns"] = ",".join([_NAME, *(each for each in chosen.split(",") if each != _NAME)])
    mine = request.access
    pieces = account_csv.export(mine.organization_id, mine.actor, parts, clock())
    day = timezone.localdate(clock().now())
    return StreamingHttpResponse(
        (piece.encode() for piece in pieces),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="accounts-{day}.csv"'},
    )
