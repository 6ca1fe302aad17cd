"""Accounts made, edited, deleted and restored by hand."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponseBase
from django.urls import reverse

from ropewalk.core.errors import Conflict, MustFix
from ropewalk.engine import accounts
from ropewalk.engine.operated import clock
from ropewalk.store import byhand
from ropewalk.web import confirming, pages
from ropewalk.web.access import Signed, open_to
from ropewalk.web.account import deletion
from ropewalk.web.accountform import AccountForm


@open_to("admin", "GET", "POST")
def new(request: Signed) -> HttpResponseBase:
    access = request.access
    form = AccountForm(access.organization_id)
    if request.method == "POST":
        body, unread = form.changes(request.POST)
        try:
            made = accounts.create_account(access.organization_id, access.actor, body, clock(), unread=unread)
        except (MustFix, Conflict) as error:
            form.refuse_account(error)
        else:
            pages.toast(request, f"{made} is an account now.")
            return pages.to(request, "account", account_id=made.id)
    return pages.with_form(request, "ropewalk/account_form.html", form, {"back": reverse("accounts")})


@open_to("admin", "GET", "POST")
def edit(request: Signed, account_id: UUID) -> HttpResponseBase:
    access = request.access
    account = byhand.get(access.organization_id, account_id)
    form = AccountForm(access.organization_id, account)
    if request.method == "POST":
        body, unread = form.changes(request.POST)
        try:
            edited = accounts.edit_account(
                access.organization_id, access.actor, account_id, body, clock(), unread=unread
            )
        except (MustFix, Conflict) as error:
            form.refuse_account(error)
        else:
            pages.toast(request, f"{edited} is saved.")
            return pages.to(request, "account", account_id=account_id)
    back = reverse("account", args=[account_id])
    return pages.with_form(request, "ropewalk/account_form.html", form, {"name": str(account), "back": back})


@open_to("admin", "GET", "POST")
def delete(request: Signed, account_id: UUID) -> HttpResponseBase:
    access = request.access
    account = byhand.get(access.organization_id, account_id)
    if request.method != "POST":
        return confirming.page(request, deletion(request, account))
    accounts.delete_account(access.organization_id, access.actor, account_id, clock())
    pages.toast(request, f"{account} is deleted. You can restore it here.")
    return pages.to(request, "account", account_id=account_id)


@open_to("admin", "POST")
def restore(request: Signed, account_id: UUID) -> HttpResponseBase:
    access = request.access
    there = byhand.get(access.organization_id, account_id, deleted=None)
    if there.deleted_at is None:
        pages.toast(request, f"{there} is not deleted.", "info")
        return pages.to(request, "account", account_id=account_id)
    restored = accounts.restore_account(access.organization_id, access.actor, account_id, clock())
    pages.toast(request, f"{restored} is back.")
    return pages.to(request, "account", account_id=account_id)
