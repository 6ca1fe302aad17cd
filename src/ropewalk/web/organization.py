"""Settings → Organization: its name, its own domains, its time zone, and for how long it keeps pushed events."""

from __future__ import annotations

from zoneinfo import available_timezones

from django.http import HttpResponseBase

from ropewalk.core.errors import MustFix
from ropewalk.engine.members import people
from ropewalk.engine.operated import clock
from ropewalk.web import pages
from ropewalk.web.access import Signed, open_to
from ropewalk.web.forms import Choice, Field, Form
from ropewalk.web.overtaking import Opened


@open_to("admin", "GET", "POST")
def organization(request: Signed) -> HttpResponseBase:
    own = request.access.organization
    saved = {
        "name": own.name,
        "own_domains": own.own_domains,
        "time_zone": own.time_zone,
        "keep_events_days": own.keep_events_days,
    }
    opened = Opened(request.POST, saved)
    form = Form(
        Field("name", "Name", required=True, autocomplete="organization"),
        Field(
            "own_domains",
            "Own domains",
            "lines",
            help="One per line, such as example.com. Events by people of these domains belong to no account.",
        ),
        Field(
            "time_zone",
            "Time zone",
            "select",
            choices=[Choice(each, each.replace("_", " ")) for each in _zones(own.time_zone)],
            help="In which days begin, and times are shown.",
        ),
        Field(
            "keep_events_days",
            "Keep pushed events for",
            "number",
            placeholder="For ever",
            help="Days. Older ones are deleted, with their files. Empty: none are.",
        ),
        values=saved,
    )
    body = form.read(request.POST) if request.method == "POST" else {}
    if body and not opened.overtaken():
        body["name"] = form.text("name")
        try:
            people.update_organization(own.id, request.access.actor, body, clock())
        except MustFix as error:
            form.refuse(error)
        else:
            pages.toast(request, "The organization is saved.")
            return pages.to(request, "organization")
    return pages.with_form(request, "ropewalk/organization.html", form, {"opened": opened})


def _zones(present: str) -> list[str]:
    """By region and city; other names of them are left out, unless one is chosen."""
    found = {each for each in available_timezones() if "/" in each and not each.startswith(("Etc/", "US/"))}
    return ["UTC", *sorted({*found, present} - {"UTC"})]
