"""Every page, below /app/."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from ropewalk.web import (
    account,
    accountediting,
    accounts,
    connectorfiles,
    connectors,
    contacts,
    data,
    events,
    home,
    panel,
    runs,
    setup,
    sign_in,
    verbs,
)


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
    path("settings/connectors", connectors.listing, name="connectors"),
    path("settings/connectors/gallery", connectors.gallery, name="gallery"),
    path("settings/connectors/new", setup.connect, name="connect"),
    path("settings/connectors/file", connectorfiles.paste, name="connector-paste"),
    path("settings/connectors/<uuid:connector_id>/connection", connectors.connection, name="connection"),
    path("settings/connectors/<uuid:connector_id>/file", connectorfiles.shown, name="connector-file"),
    path("settings/connectors/<uuid:connector_id>/delete", connectors.delete, name="connector-delete"),
    path("settings/connectors/<uuid:connector_id>/<slug:kind>/", setup.stream, name="stream"),
    path(
        "settings/connectors/<uuid:connector_id>/<slug:kind>/delete",
        connectors.delete_stream,
        name="stream-delete",
    ),
    path("settings/connectors/<uuid:connector_id>/", panel.page, name="connector"),
    path("settings/connectors/<uuid:connector_id>/switch", panel.switch, name="connector-switch"),
    path("settings/connectors/<uuid:connector_id>/<slug:kind>/run", panel.run, name="stream-run"),
    path(
        "settings/connectors/<uuid:connector_id>/<slug:kind>/switch",
        panel.switch_stream,
        name="stream-switch",
    ),
    path("settings/connectors/runs/", runs.listing, name="runs"),
    path("settings/connectors/runs/<uuid:run_id>/", runs.page, name="run"),
    path("settings/connectors/runs/<uuid:run_id>/cancel", verbs.cancel, name="run-cancel"),
    path("settings/connectors/runs/<uuid:run_id>/apply", verbs.apply, name="run-apply"),
    path("settings/connectors/runs/<uuid:run_id>/retry", verbs.retry, name="run-retry"),
    path("settings/connectors/runs/<uuid:run_id>/accept", verbs.accept, name="run-accept"),
    path("settings/connectors/runs/<uuid:run_id>/undo", verbs.undo, name="run-undo"),
    path("settings/connectors/runs/<uuid:run_id>/rows/<int:position>/link", verbs.link, name="run-link"),
    path("settings/data-sync", data.page, name="data"),
    path("settings/data-sync/switch", data.switch, name="field-switch"),
]
