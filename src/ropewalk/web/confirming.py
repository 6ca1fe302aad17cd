"""What is asked again before it is done: in a dialog where scripts run, else on a page of its own, which the dialog's
opener leads to."""

from __future__ import annotations

from typing import Literal

from django.http import HttpRequest, HttpResponse
from msgspec import Struct

from ropewalk.web import pages
from ropewalk.web.forms import Form


class Confirmation(Struct, frozen=True):
    """`name` is a word that no other of the page has; `label` stands on what opens it, `verb` on what does it. `path`
    takes the POST, and shows the page at a GET. `why_not`: why it can't be done, by whoever looks or at all. `about`
    tells apart for a screen reader what many rows of a list have alike."""

    name: str
    label: str
    title: str
    text: str
    verb: str
    path: str
    back: str
    tone: Literal["main", "danger"] = "danger"
    why_not: str = ""
    about: str = ""
    form: Form | None = None


def page(request: HttpRequest, asked: Confirmation) -> HttpResponse:
    status = asked.form.status if asked.form else 200
    return pages.render(request, "ropewalk/confirm.html", {"asked": asked}, status=status)
