"""Every page, below /app/."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from ropewalk.web import accounts, connectorfiles, connectors, home, setup, sign_in


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
]
