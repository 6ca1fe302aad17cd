"""Coming in and going out: the first start, signing in and out, and changing to another organization."""

from __future__ import annotations

import ipaddress
from typing import Final

from django.http import HttpRequest, HttpResponseBase

from ropewalk.core.errors import Conflict, MustFix, Problem, Refused, RetryLater
from ropewalk.engine.members import founding, people
from ropewalk.engine.operated import clock
from ropewalk.web import access, pages
from ropewalk.web.access import Signed, Visit, open_to
from ropewalk.web.forms import NOT_YET, Field, Form

_OWN_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
NEW_PASSWORD: Final = Field(
    "password",
    "Password",
    "password",
    required=True,
    autocomplete="new-password",
    help="At least 10 characters. A sentence is good.",
)


@open_to("everybody", "GET", "POST")
def start(request: Visit) -> HttpResponseBase:
    """Only while there is no organization; from elsewhere, only with the code that `serve` prints."""
    if not founding.is_open():
        return pages.to(request, "sign-in")
    code = request.POST.get("code") or request.GET.get("code") or ""
    if not (_from_here(request) or founding.fits(code)):
        return pages.render(request, "ropewalk/start_elsewhere.html", status=403)
    form = Form(
        Field(
            "organization",
            "Organization",
            required=True,
            autocomplete="organization",
            help="The name of your company. You can change it later.",
        ),
        Field("name", "Your name", autocomplete="name"),
        Field("email", "Your email address", "email", required=True, autocomplete="username"),
        NEW_PASSWORD,
    )
    if request.method == "POST":
        form.read(request.POST)
        try:
            people.first_start(
                organization=form.text("organization"),
                email=form.text("email"),
                name=form.text("name"),
                password=form.text("password"),
                address=access.address(request),
                clock=clock(),
            )
        except Conflict as error:
            pages.toast(request, error.message, "warning")
            return pages.to(request, "sign-in")
        except MustFix as error:
            form.refuse(error)
        else:
            return enter(request, form.text("email"), form.text("password"))
    return pages.with_form(request, "ropewalk/start.html", form, {"code": code})


def _from_here(request: HttpRequest) -> bool:
    """Asked from this machine, under a name of its own: not through a proxy that others reach."""
    name = request.get_host().rpartition(":")[0] or request.get_host()
    try:
        local = ipaddress.ip_address(access.address(request)).is_loopback
    except ValueError:
        return False
    return local and name in _OWN_NAMES


def enter(request: HttpRequest, email: str, password: str) -> HttpResponseBase:
    """Whoever has just chosen a password needn't type it again."""
    try:
        access.sign_in(request, email, password)
    except RetryLater as error:
        pages.toast(request, error.message, "warning")
        return pages.to(request, "sign-in")
    return pages.to(request, "home")


@open_to("everybody", "GET", "POST")
def sign_in(request: Visit) -> HttpResponseBase:
    after = access.after_sign_in(request)
    if request.user.is_authenticated:
        return pages.to_path(request, after)
    form = Form(
        Field("email", "Email address", "email", required=True, autocomplete="username"),
        Field("password", "Password", "password", required=True, autocomplete="current-password"),
    )
    if request.method == "POST":
        form.read(request.POST)
        try:
            _require_both(form)
            access.sign_in(request, form.text("email"), form.text("password"))
        except (MustFix, Refused, RetryLater) as error:
            form.refuse(error)
        else:
            return pages.to_path(request, after)
    elif founding.is_open():
        return pages.to(request, "start")
    context = {"next": request.POST.get("next") or request.GET.get("next", "")}
    return pages.with_form(request, "ropewalk/sign_in.html", form, context)


def _require_both(form: Form) -> None:
    asked = {"email": "Enter your email address.", "password": "Enter your password."}
    if missing := [Problem(name, sentence) for name, sentence in asked.items() if not form.text(name)]:
        raise MustFix("incomplete", NOT_YET, missing)


@open_to("everybody", "POST")
def sign_out(request: Visit) -> HttpResponseBase:
    access.sign_out(request)
    return pages.to(request, "sign-in")


@open_to("member", "POST")
def switch(request: Signed) -> HttpResponseBase:
    chosen = access.switch(request, request.POST.get("organization", ""))
    pages.toast(request, f"You are in {chosen.name} now.", "info")
    return pages.to(request, "home")
