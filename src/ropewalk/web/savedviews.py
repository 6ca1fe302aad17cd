"""Saved views of the list of accounts: kept from what the list shows, and changed by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponseBase, QueryDict
from django.urls import reverse

from ropewalk.core.errors import Conflict, MustFix
from ropewalk.engine import account_lists, views
from ropewalk.engine.operated import clock
from ropewalk.store.models import SavedView
from ropewalk.web import pages
from ropewalk.web.access import Signed, open_to
from ropewalk.web.confirming import Confirmation, page as confirmation_page
from ropewalk.web.forms import Field, Form
from ropewalk.web.lists import Address

KNOWN: Final = ("q", "sort", "view", "columns", "cursor")
_TABS: Final = {"gone": "gone_at_source", "deleted": "deleted"}


# ---- between the list's address and what a view keeps ----


def address_of(sent: QueryDict) -> Address:
    return Address.of(sent, KNOWN, (account_lists.FIELD,))


def parts(address: Address) -> dict[str, str]:
    """As `account_lists.read` takes them."""
    kept = {name: value for name, value in address.given if name not in ("view", "cursor")}
    tab = _TABS.get(address.get("view"))
    return kept | ({tab: "true"} if tab else {})


def query(kept: Iterable[tuple[str, str]]) -> str:
    tabs = {name: tab for tab, name in _TABS.items()}
    return "?" + urlencode([("view", tabs[name]) if name in tabs else (name, value) for name, value in kept])


def menu(request: Signed, address: Address) -> list[tuple[SavedView, str, bool]]:
    """Each with its address, and whether it is what is shown."""
    shown = parts(address)
    mine = request.access
    return [
        (each, reverse("accounts") + query(each.parts.items()), each.parts == shown)
        for each in views.visible(mine.organization_id, mine.actor)
    ]


# ---- pages ----


@open_to("member")
def listing(request: Signed) -> HttpResponseBase:
    found = views.visible(request.access.organization_id, request.access.actor)
    context = {
        "views": [
            (
                each,
                reverse("accounts") + query(each.parts.items()),
                _why_not(request, each),
                _delete(request, each),
            )
            for each in found
        ]
    }
    return pages.render(request, "ropewalk/saved_views.html", context)


@open_to("member", "GET", "POST")
def new(request: Signed) -> HttpResponseBase:
    """The list's address goes along, and is what is kept."""
    address = address_of(request.GET)
    form = _form(request)
    back = reverse("accounts") + address.to()
    if request.method == "POST":
        mine, body = request.access, _body(form, request)
        try:
            saved = views.create(mine.organization_id, mine.actor, {**body, "list": parts(address)}, clock())
        except (MustFix, Conflict) as error:
            form.refuse(error)
        else:
            pages.toast(request, f"The view {saved.name} is saved.")
            return pages.to_path(request, back)
    return pages.with_form(
        request, "ropewalk/saved_view.html", form, {"title": "Save this view", "back": back}
    )


@open_to("member", "GET", "POST")
def change(request: Signed, view_id: UUID) -> HttpResponseBase:
    mine = request.access
    view = views.get(mine.organization_id, mine.actor, view_id)
    form = _form(request, view)
    if request.method == "POST":
        body = _body(form, request)
        try:
            views.change(mine.organization_id, mine.actor, view_id, {**body, "list": view.parts}, clock())
        except (MustFix, Conflict) as error:
            form.refuse(error)
        else:
            pages.toast(request, f"The view {body['name']} is saved.")
            return pages.to(request, "saved-views")
    context = {
        "title": f"Change the view {view.name}",
        "back": reverse("saved-views"),
        "why_not": _why_not(request, view),
    }
    return pages.with_form(request, "ropewalk/saved_view.html", form, context)


def _form(request: Signed, view: SavedView | None = None) -> Form:
    return Form(
        Field("name", "Name", required=True, disabled=_why_not(request, view) if view else ""),
        Field(
            "shared",
            "Everybody in the organization sees it",
            "checkbox",
            disabled="" if request.access.is_admin else "Only admins and owners share views.",
        ),
        values={"name": view.name, "shared": view.member_id is None} if view else None,
    )


def _body(form: Form, request: Signed) -> dict[str, object]:
    given = form.read(request.POST)
    return {"name": form.text("name"), "shared": bool(given.get("shared", form["shared"].value))}


def _why_not(request: Signed, view: SavedView) -> str:
    shared = view.member_id is None and not request.access.is_admin
    return "Only admins and owners change views that are shared." if shared else ""


def _delete(request: Signed, view: SavedView) -> Confirmation:
    shared = view.member_id is None
    return Confirmation(
        name=f"delete-{view.id}",
        label="Delete",
        about=f"the view {view.name}",
        title=f"Delete the view {view.name}?",
        text="Nobody finds it any more; accounts stay as they are."
        if shared
        else "Accounts stay as they are.",
        verb="Delete the view",
        path=reverse("saved-view-delete", kwargs={"view_id": view.id}),
        back=reverse("saved-views"),
        why_not=_why_not(request, view),
    )


@open_to("member", "GET", "POST")
def delete(request: Signed, view_id: UUID) -> HttpResponseBase:
    mine = request.access
    view = views.get(mine.organization_id, mine.actor, view_id)
    if request.method != "POST":
        return confirmation_page(request, _delete(request, view))
    views.delete(mine.organization_id, mine.actor, view_id, clock())
    pages.toast(request, f"The view {view.name} is deleted.")
    return pages.to(request, "saved-views")
