"""A real Django REST Framework app, as its own process: Token auth, three ways of paging, throttling.

    with drf(customers(250)) as crm:
        crm.url("page")         # or "offset", "cursor", "throttled" (which pages, too)
        crm.token               # sent as `Authorization: Token …`
        crm.change("c-00001", name="Another name")
        crm.asked()             # every GET so far: (seconds since the start, target, status, Retry-After or None)

Each answers `{count, next, previous, results}` (by cursor without the count), `next` a full URL.
`?updated_since=` filters by `updated_at`, which a change sets.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.fakes.process import started

STREAMS: dict[str, dict[str, Any]] = {
    "page": {
        "records_path": "results",
        "pagination": {
            "type": "page",
            "page_param": "page",
            "size_param": "page_size",
            "total_path": "count",
        },
    },
    "offset": {
        "records_path": "results",
        "pagination": {
            "type": "offset",
            "offset_param": "offset",
            "size_param": "limit",
            "total_path": "count",
        },
    },
    "cursor": {"records_path": "results", "pagination": {"type": "next_url", "next_url_path": "next"}},
    "throttled": {"records_path": "results", "pagination": {"type": "next_url", "next_url_path": "next"}},
}
"""How a stream reads each of them. Page past the end is a 404 here, as the framework has it."""


class RestFramework:
    token = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b"

    def __init__(self, server: str) -> None:
        self.server = server

    def url(self, paging: str) -> str:
        return f"{self.server}/{paging}/"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self.server + path,
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Token {self.token}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def add(self, records: list[dict[str, Any]]) -> None:
        self.call("POST", "/page/many/", records)

    def change(self, record: str, **fields: Any) -> None:
        self.call("PATCH", f"/page/{record}/", fields)

    def asked(self) -> list[tuple[float, str, int, str | None]]:
        return [tuple(each) for each in self.call("GET", "/asked/")]


@contextmanager
def drf(records: list[dict[str, Any]], *, throttle: str = "5/sec") -> Iterator[RestFramework]:
    with started("tests.fakes.drf", throttle) as server:
        crm = RestFramework(server)
        crm.add(records)
        yield crm


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        app = application(os.path.join(folder, "crm.sqlite"), throttle=sys.argv[1])
        from socketserver import ThreadingMixIn
        from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

        class Server(ThreadingMixIn, WSGIServer):
            daemon_threads = True

        class Quiet(WSGIRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

        server = Server(("127.0.0.1", 0), Quiet)
        server.set_app(app)
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


def application(database: str, *, throttle: str) -> Any:
    import django
    from django.conf import settings

    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": database,
                "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework.authtoken"],
        MIDDLEWARE=["crm.noting"],
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
            "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
            "DEFAULT_THROTTLE_RATES": {"user": throttle},
            "TEST_REQUEST_DEFAULT_FORMAT": "json",
        },
        ROOT_URLCONF="crm",
        SECRET_KEY="for tests",
        USE_TZ=True,
    )
    django.setup()

    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    from django.db import connection, models
    from django.http import JsonResponse
    from django.urls import include, path
    from rest_framework import pagination, serializers, throttling, viewsets
    from rest_framework.authtoken.models import Token
    from rest_framework.decorators import action
    from rest_framework.response import Response
    from rest_framework.routers import DefaultRouter

    class Customer(models.Model):
        id = models.CharField(max_length=50, primary_key=True)
        name = models.CharField(max_length=200)
        website = models.CharField(max_length=200, blank=True)
        plan = models.JSONField(default=dict)
        updated_at = models.DateTimeField(auto_now=True)

        class Meta:
            app_label = "crm"
            ordering = ("id",)

    class CustomerSerializer(serializers.ModelSerializer):
        class Meta:
            model = Customer
            fields = ("id", "name", "website", "plan", "updated_at")

    class Numbered(pagination.PageNumberPagination):
        page_size = 25
        page_size_query_param = "page_size"
        max_page_size = 100

    class Limited(pagination.LimitOffsetPagination):
        default_limit = 25
        max_limit = 100

    class Cursor(pagination.CursorPagination):
        page_size = 40
        ordering = "id"

    class Customers(viewsets.ModelViewSet):
        serializer_class = CustomerSerializer

        def get_queryset(self) -> Any:
            since = self.request.query_params.get("updated_since")
            found = Customer.objects.all()
            return found.filter(updated_at__gte=since) if since else found

        @action(detail=False, methods=["post"])
        def many(self, request: Any) -> Response:
            serializer = self.get_serializer(data=request.data, many=True)
            serializer.is_valid(raise_exception=True)
            Customer.objects.bulk_create(Customer(**row) for row in serializer.validated_data)
            return Response(status=201)

    router = DefaultRouter()
    for name, paging in {"page": Numbered, "offset": Limited, "cursor": Cursor, "throttled": Cursor}.items():
        more: dict[str, Any] = {"pagination_class": paging}
        if name == "throttled":
            more["throttle_classes"] = [throttling.UserRateThrottle]
        router.register(name, type(name.title(), (Customers,), more), basename=name)

    asked: list[tuple[float, str, int, str | None]] = []

    def noting(answer: Any) -> Any:
        def noted(request: Any) -> Any:
            at = time.monotonic()
            response = answer(request)
            if request.method == "GET" and request.path != "/asked/":
                wait = response.headers.get("Retry-After")
                asked.append((at, request.get_full_path(), response.status_code, wait))
            return response

        return noted

    urls: Any = type(sys)("crm")
    urls.urlpatterns = [
        path("asked/", lambda _: JsonResponse(asked, safe=False)),
        path("", include(router.urls)),
    ]
    urls.noting = noting
    sys.modules["crm"] = urls

    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Customer)
    Token.objects.create(key=RestFramework.token, user=User.objects.create(username="ropewalk"))
    return get_wsgi_application()


if __name__ == "__main__":
    main()
