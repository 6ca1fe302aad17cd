"""Every page, below /app/."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from ropewalk.web import (
    accounts,
    apikeys,
    auditlog,
    connectorfiles,
    connectors,
    data,
    exporting,
    home,
    links,
    members,
    organization,
    panel,
    profile,
    runs,
    savedviews,
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
    path("invitation/<str:token>", links.invitation, name="invitation"),
    path("reset/<str:token>", links.reset, name="reset"),
    path("profile", profile.profile, name="profile"),
    path("profile/password", profile.password, name="profile-password"),
    path("profile/sign-out", profile.sign_out_everywhere, name="profile-sign-out"),
    path("profile/leave", profile.leave, name="profile-leave"),
    path("accounts", accounts.listing, name="accounts"),
    path("accounts/export", exporting.accounts, name="accounts-export"),
    path("accounts/views", savedviews.listing, name="saved-views"),
    path("accounts/views/new", savedviews.new, name="saved-view-new"),
    path("accounts/views/<uuid:view_id>", savedviews.change, name="saved-view"),
    path("accounts/views/<uuid:view_id>/delete", savedviews.delete, name="saved-view-delete"),
    path("settings/members", members.listing, name="members"),
    path("settings/members/invite", members.invite, name="member-invite"),
    path("settings/members/<uuid:member_id>", members.member, name="member"),
    path("settings/members/<uuid:member_id>/role", members.change_role, name="member-role"),
    path("settings/members/<uuid:member_id>/reset-link", members.reset_link, name="member-reset-link"),
    path("settings/members/<uuid:member_id>/sign-out", members.sign_out, name="member-sign-out"),
    path("settings/members/<uuid:member_id>/remove", members.remove, name="member-remove"),
    path("settings/invitations/<uuid:invitation_id>/revoke", members.revoke, name="invitation-revoke"),
    path("settings/api-keys", apikeys.listing, name="api-keys"),
    path("settings/api-keys/new", apikeys.new, name="api-key-new"),
    path("settings/api-keys/<uuid:key_id>/revoke", apikeys.revoke, name="api-key-revoke"),
    path("settings/audit-log", auditlog.listing, name="audit-log"),
    path("settings/organization", organization.organization, name="organization"),
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
