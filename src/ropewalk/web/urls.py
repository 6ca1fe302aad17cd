"""Every page, below /app/."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from ropewalk.web import accounts, home, sign_in


@require_safe
def to_home(_: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(reverse("home"))


urlpatterns = [
    path("", home.home, name="home"),
    path("start", sign_in.start, name="start"),
    path("sign-in", sign_in.sign_in, name="sign-in"),
    path("sign-out", sign_in.sign_out, name="sign-out"),
    path("organization", sign_in.switch, name="switch"),
    path("accounts", accounts.listing, name="accounts"),
]
