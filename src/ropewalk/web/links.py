"""Where links lead that let somebody in: to an invitation, to a new password. They are for whoever has them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase

from ropewalk.core.errors import MustFix, Refused, RetryLater, RopewalkError
from ropewalk.engine.members import invitations, passwords, signin
from ropewalk.engine.members.invitations import Invited
from ropewalk.engine.operated import clock
from ropewalk.store.models import User
from ropewalk.web import access, pages, roletexts, sign_in
from ropewalk.web.access import Visit, open_to
from ropewalk.web.forms import Field, Form


@open_to("everybody", "GET", "POST")
def invitation(request: Visit, token: str) -> HttpResponseBase:
    """Three may come by one link: who is new here, who has a password here, and who has signed in already."""
    try:
        invited = invitations.invited(token, clock())
    except Refused as error:
        return _over(request, error)
    user = request.user if isinstance(request.user, User) else None
    form = _form(invited, signed_in=user is not None)
    if request.method == "POST":
        form.read(request.POST)
        try:
            return _accepted(request, token, invited, form)
        except (MustFix, Refused, RetryLater) as error:
            form.refuse(error)
    context = {
        "invited": invited,
        "role": roletexts.LABELS[invited.role],
        "role_text": roletexts.TEXTS[invited.role],
        "user": user,
        "is_other": user is not None and user.email != invited.email,
    }
    return pages.with_form(request, "ropewalk/invitation.html", form, context)


def _form(invited: Invited, *, signed_in: bool) -> Form:
    if signed_in:
        return Form()
    if invited.is_user:
        return Form(Field("password", "Password", "password", required=True, autocomplete="current-password"))
    return Form(Field("name", "Your name", autocomplete="name"), sign_in.NEW_PASSWORD)


def _accepted(request: Visit, token: str, invited: Invited, form: Form) -> HttpResponseBase:
    if not request.user.is_authenticated and not invited.is_user:
        password = form.text("password")
        ip = access.address(request)
        member = invitations.accept(
            token, name=form.text("name"), password=password, address=ip, clock=clock()
        )
        return sign_in.enter(request, member.user.email, password)
    if not isinstance(request.user, User):
        access.sign_in(request, invited.email, form.text("password"))
    actor = signin.actor(request.user, access.address(request))  # type: ignore[arg-type]
    member = invitations.join(token, actor, clock())
    access.enter(request, member.organization_id)
    pages.toast(request, f"Welcome to {invited.organization}.")
    return pages.to(request, "home")


@open_to("everybody", "GET", "POST")
def reset(request: Visit, token: str) -> HttpResponseBase:
    try:
        email = passwords.reset_for(token, clock())
    except Refused as error:
        return _over(request, error)
    form = Form(sign_in.NEW_PASSWORD)
    if request.method == "POST":
        form.read(request.POST)
        password = form.text("password")
        try:
            passwords.reset(token, password=password, address=access.address(request), clock=clock())
        except MustFix as error:
            form.refuse(error)
        else:
            return sign_in.enter(request, email, password)
    return pages.with_form(request, "ropewalk/reset.html", form, {"email": email})


def _over(request: HttpRequest, error: RopewalkError) -> HttpResponseBase:
    return pages.render(request, "ropewalk/link_over.html", {"message": error.message}, status=410)
