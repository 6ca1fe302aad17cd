"""Every address that Django answers."""

from __future__ import annotations

from django.urls import include, path
from django.views.decorators.http import require_safe

from ropewalk import operating, refusing
from ropewalk.api.v1 import api
from ropewalk.web import urls as web

urlpatterns = [
    path("healthz", require_safe(operating.healthz)),
    path("readyz", require_safe(operating.readyz)),
    path("metrics", require_safe(operating.metrics)),
    path("v1/", api.urls),
    path("", web.to_home),
    path("app", web.to_home),
    path("app/", include(web)),
]

handler400 = refusing.bad_request
handler403 = refusing.forbidden
handler404 = refusing.not_found
handler500 = refusing.broken
