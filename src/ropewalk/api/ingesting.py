"""The ingest calls in the API's description. They are answered before Django, by the ingest door."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ropewalk.api.schemas import ingest

SCOPE: Final = "ingest"
_REF: Final = "#/components/schemas/{model}"
_LINES: Final = "One item a line."
_MODELS: Final[tuple[type[BaseModel], ...]] = (
    ingest.DataItems,
    ingest.TextItems,
    ingest.TypedItems,
    ingest.Upload,
    ingest.Accepted,
    ingest.Valid,
)
_CALLS: Final[dict[str, tuple[str, str, type[BaseModel]]]] = {
    "": ("ingest_data", "Any JSON, as events of the kind `custom`.", ingest.DataItems),
    "/text": ("ingest_text", "Texts; as `text/plain` one, the whole body.", ingest.TextItems),
    "/typed": (
        "ingest_typed",
        "Emails, pages, messages, calendar events, issues, and custom ones.",
        ingest.TypedItems,
    ),
    "/typed/upload": ("ingest_upload", "A file, with what is said of it.", ingest.Upload),
}


def schemas() -> dict[str, Any]:
    _, found = models_json_schema([(each, "validation") for each in _MODELS], ref_template=_REF)
    defined: dict[str, Any] = found["$defs"]
    return defined


def paths() -> dict[str, Any]:
    base = "/v1/custom-connectors/{push_connector_id}/ingest"
    return {f"{base}{call}": {"post": _operation(call, *described)} for call, described in _CALLS.items()}


def _operation(call: str, name: str, says: str, body: type[BaseModel]) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": says,
        "description": "202 is answered after the events are durable. A batch is taken as a whole, or not at all.",
        "tags": ["push connectors"],
        "parameters": [
            {
                "in": "path",
                "name": "push_connector_id",
                "required": True,
                "schema": {"type": "string", "format": "uuid"},
            },
            _flag("partial", "Keep good items, and answer the others as `rejected`."),
            _flag("validate", "Only check, and keep nothing."),
        ],
        "requestBody": {"required": True, "content": _content(call, body)},
        "responses": {
            200: {"description": "OK", "content": _json(ingest.Valid)},
            202: {"description": "Accepted", "content": _json(ingest.Accepted)},
        },
    }


def _flag(name: str, says: str) -> dict[str, Any]:
    schema = {"type": "boolean", "default": False}
    return {"in": "query", "name": name, "required": False, "schema": schema, "description": says}


def _content(call: str, body: type[BaseModel]) -> dict[str, Any]:
    if body is ingest.Upload:
        return {"multipart/form-data": {"schema": {"$ref": _REF.format(model=body.__name__)}}}
    content = _json(body)
    if call == "/text":
        content["text/plain"] = {"schema": {"type": "string", "minLength": 1}}
    content["application/x-ndjson"] = {"schema": {"type": "string", "description": _LINES}}
    return content


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF.format(model=model.__name__)}}}
