"""Every address that Django answers."""

from __future__ import annotations

from django.urls import path
from django.views.decorators.http import require_safe

from ropewalk import operating
from ropewalk.api import refusals
from ropewalk.api.v1 import api

urlpatterns = [
    path("healthz", require_safe(operating.healthz)),
    path("readyz", require_safe(operating.readyz)),
    path("metrics", require_safe(operating.metrics)),
    path("v1/", api.urls),
]

handler400 = refusals.bad_request
handler403 = refusals.forbidden
handler404 = refusals.not_found
handler500 = refusals.broken
