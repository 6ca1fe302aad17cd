"""Every page, below /app/."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from ropewalk.web import account, accountediting, accounts, contacts, events, home, sign_in


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
    path("accounts/new", accountediting.new, name="account-new"),
    path("accounts/<uuid:account_id>/", account.details, name="account"),
    path("accounts/<uuid:account_id>/fields/<slug:name>", account.field, name="account-field"),
    path("accounts/<uuid:account_id>/history", account.history, name="account-history"),
    path("accounts/<uuid:account_id>/events", events.page, name="account-events"),
    path("accounts/<uuid:account_id>/events/read", events.read, name="account-timeline"),
    path("accounts/<uuid:account_id>/contacts", contacts.listing, name="account-contacts"),
    path("accounts/<uuid:account_id>/contacts/new", contacts.new, name="contact-new"),
    path("accounts/contacts/<uuid:contact_id>/edit", contacts.edit, name="contact-edit"),
    path("accounts/contacts/<uuid:contact_id>/primary", contacts.make_primary, name="contact-primary"),
    path("accounts/contacts/<uuid:contact_id>/delete", contacts.delete, name="contact-delete"),
    path("accounts/<uuid:account_id>/edit", accountediting.edit, name="account-edit"),
    path("accounts/<uuid:account_id>/delete", accountediting.delete, name="account-delete"),
    path("accounts/<uuid:account_id>/restore", accountediting.restore, name="account-restore"),
]
