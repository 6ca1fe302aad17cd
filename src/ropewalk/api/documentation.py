"""The API's own description: what every operation may answer beside what it says itself, and the page that shows it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.utils.html import escape
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase

from ropewalk.api import ingesting
from ropewalk.api.schemas import Refusal

_SAYS: Final = {
    400: "The request can't be read.",
    401: "No key, an unknown one, or one that was revoked or has expired.",
    403: "`insufficient_scopes`: the key lacks a scope, see `details.missing_scopes`. `permission_denied`: refused.",
    404: "No such resource in this organization.",
    408: "The body came too slowly.",
    409: "Not now, or not beside what is there already.",
    413: "The body is too large, see `details.limit_bytes`.",
    415: "The body is of another type than the one that is taken here.",
    422: "The input failed validation; `details.errors` lists every problem with its path.",
    429: "The key has made its calls of this minute.",
    503: "Storage can't take it now; nothing was kept.",
}
_ALWAYS: Final = (400, 401, 403, 422, 429, 503)
_WITH_BODY: Final = (408, 413, 415)
_STREAMS: Final = ("tail_push_connector",)
"""Operations that answer server-sent events, each of which is:"""
_EVENT: Final = {
    "type": "object",
    "properties": {"event": {"type": "string"}, "id": {"type": "string"}, "data": {}},
}
_SCHEME: Final = "ApiKey"

_HEADERS: Final = {
    "X-Request-Id": ("Names this call in the log.", {"type": "string"}),
    "X-RateLimit-Limit": ("Calls that this key may make in a minute.", {"type": "integer"}),
    "X-RateLimit-Remaining": ("How many of them are left.", {"type": "integer"}),
    "X-RateLimit-Reset": ("Seconds until there are all of them again.", {"type": "integer"}),
    "Retry-After": ("Seconds to wait before trying again.", {"type": "integer"}),
}


def completed(api: NinjaAPI, schema: dict[str, Any]) -> dict[str, Any]:
    schema["paths"] |= ingesting.paths()
    scopes = _scopes(api)
    for method, path, operation in _operations(schema):
        scope = scopes.get(str(operation["operationId"]), ingesting.SCOPE)
        operation["security"] = [{_SCHEME: [scope]}]
        operation["description"] = _described(operation.get("description", ""), scope)
        statuses = [*_ALWAYS]
        named = any(str(each["name"]).endswith("_id") for each in operation["parameters"])
        if "{" in path or named or "requestBody" in operation:
            statuses.append(404)
        if method != "get":
            statuses.append(409)
        if "requestBody" in operation:
            statuses += _WITH_BODY
        answers = operation["responses"]
        if operation["operationId"] in _STREAMS:
            answers[200]["content"] = {"text/event-stream": {"schema": _EVENT}}
        for status in sorted(statuses):
            answers[status] = {
                "description": _SAYS[status],
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}},
            }
        for status, answer in answers.items():
            names = ["X-Request-Id"] if status in (400, 401, 408, 413) else [*_HEADERS][:4]
            names += ["Retry-After"] if status in (429, 503) else []
            answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    components = schema["components"]
    components["schemas"] |= ingesting.schemas()
    components["schemas"]["Refusal"] = Refusal.model_json_schema(ref_template="#/components/schemas/{model}")
    components["schemas"] |= components["schemas"]["Refusal"].pop("$defs", {})
    components["headers"] = {
        name: {"description": says, "schema": of_type} for name, (says, of_type) in _HEADERS.items()
    }
    components["securitySchemes"] = {
        _SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "description": "A key of the organization, `pk_live_…`, whose scopes allow the call.",
        }
    }
    return schema


def _described(text: str, scope: str) -> str:
    return f"{text}\n\nScope: `{scope}`.".strip()


def _operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def _scopes(api: NinjaAPI) -> dict[str, str]:
    return {
        api.get_openapi_operation_id(operation): operation.auth_callbacks[0].scope  # type: ignore[attr-defined]
        for bound in api._get_bound_routers()
        for view in bound.path_operations.values()
        for operation in view.operations
    }


class Page(DocsBase):
    """Everything that the page needs comes from here, and nothing on it is inline: it works offline and under the CSP."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:  # noqa: ARG002
        settings = {
            "url": self.get_openapi_url(api, kwargs),
            "layout": "BaseLayout",
            "deepLinking": True,
            # Otherwise the page asks a validator on the internet for a badge.
            "validatorUrl": None,
        }
        page = _PAGE.format(
            title=escape(api.title),
            style=static("ninja/swagger-ui.css"),
            icon=static("ninja/favicon.svg"),
            bundle=static("ninja/swagger-ui-bundle.js"),
            start=static("ninja/swagger-ui-init.js"),
            settings=json.dumps(settings),
        )
        return HttpResponse(page)


_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} API</title>
<link rel="stylesheet" href="{style}">
<link rel="icon" href="{icon}" type="image/svg+xml">
</head>
<body>
<script type="application/json" id="swagger-settings">{settings}</script>
<div id="swagger-ui"></div>
<script src="{bundle}"></script>
<script src="{start}"></script>
</body>
</html>
"""
