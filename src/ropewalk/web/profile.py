"""Somebody's own page: their name, password and sessions, and the organizations that they belong to."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.urls import reverse
from msgspec.structs import replace

from ropewalk.core.errors import Conflict, MustFix, RetryLater
from ropewalk.engine.members import passwords, people, signin
from ropewalk.engine.operated import clock
from ropewalk.store import people as kept
from ropewalk.web import access, pages, roletexts, sign_in
from ropewalk.web.access import Signed, open_to
from ropewalk.web.confirming import Confirmation, page as confirmation_page
from ropewalk.web.forms import Field, Form


@open_to("member", "GET", "POST")
def profile(request: Signed) -> HttpResponseBase:
    user = request.access.user
    form = Form(
        Field("name", "Your name", autocomplete="name", help="As others in your organizations see you."),
        values={"name": user.name},
    )
    if request.method == "POST":
        form.read(request.POST)
        try:
            people.rename(request.access.actor, form.text("name"), clock())
        except MustFix as error:
            form.refuse(error)
        else:
            pages.toast(request, "Your name is saved.")
            return pages.to(request, "profile")
    context = {
        "everywhere": _everywhere(),
        "leave": _leave(request),
        "memberships": [(each, roletexts.LABELS[each.role]) for each in request.access.memberships],
    }
    return pages.with_form(request, "ropewalk/profile.html", form, context)


@open_to("member", "GET", "POST")
def password(request: Signed) -> HttpResponseBase:
    form = Form(
        Field("present", "Current password", "password", required=True, autocomplete="current-password"),
        replace(sign_in.NEW_PASSWORD, label="New password"),
    )
    if request.method == "POST":
        form.read(request.POST)
        try:
            user = passwords.change(
                request.access.actor,
                present=form.text("present"),
                password=form.text("password"),
                clock=clock(),
            )
        except (MustFix, RetryLater) as error:
            form.refuse(error)
        else:
            access.stay(request, user)
            pages.toast(request, "Your password is changed, and you are signed out everywhere else.")
            return pages.to(request, "profile")
    return pages.with_form(request, "ropewalk/password.html", form)


def _everywhere() -> Confirmation:
    return Confirmation(
        name="everywhere",
        label="Sign out everywhere",
        title="Sign out everywhere?",
        text="You are signed out on all your devices, and on this one.",
        verb="Sign out everywhere",
        path=reverse("profile-sign-out"),
        back=reverse("profile"),
    )


@open_to("member", "GET", "POST")
def sign_out_everywhere(request: Signed) -> HttpResponseBase:
    if request.method != "POST":
        return confirmation_page(request, _everywhere())
    mine = request.access
    signin.sign_out_everywhere(mine.organization_id, mine.actor, mine.member.id, clock())
    access.drop(request)
    pages.toast(request, "You are signed out everywhere.")
    return pages.to(request, "sign-in")


def _leave(request: Signed) -> Confirmation:
    mine = request.access
    why_not = ""
    try:
        kept.require_another_owner(mine.member)
    except Conflict:
        why_not = "You are its last owner. Make somebody else an owner first."
    return Confirmation(
        name="leave",
        label=f"Leave {mine.organization}",
        title=f"Leave {mine.organization}?",
        text="You see nothing of it any more, and its accounts that you own have no owner then. "
        "To come back you need an invitation.",
        verb="Leave",
        path=reverse("profile-leave"),
        back=reverse("profile"),
        why_not=why_not,
    )


@open_to("member", "GET", "POST")
def leave(request: Signed) -> HttpResponseBase:
    if request.method != "POST":
        return confirmation_page(request, _leave(request))
    mine = request.access
    people.remove_member(mine.organization_id, mine.actor, mine.member.id, clock())
    pages.toast(request, f"You have left {mine.organization}.", "info")
    return pages.to(request, "home")
