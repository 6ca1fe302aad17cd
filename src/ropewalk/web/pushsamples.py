"""What a push connector may be sent, ready to be copied: as curl, and as Python."""

from __future__ import annotations

import json
import shlex
from typing import Any, Final

from ropewalk.core import paths
from ropewalk.core.values import JSON
from ropewalk.store.models import PushConnector

_PAYLOADS: Final[dict[str, dict[str, JSON]]] = {
    "email": {
        "from": {"email": "ada@acme.com", "name": "Ada"},
        "to": ["support@example.com"],
        "subject": "Renewal",
        "body": "Can we add ten seats?",
    },
    "page": {"title": "Kick-off notes", "content": "What we agreed on.", "author": "ada@acme.com"},
    "message": {"text": "Can we add ten seats?", "author": "ada@acme.com", "channel": "acme"},
    "calendar": {
        "title": "Renewal call",
        "start": "2026-03-01T14:00:00Z",
        "end": "2026-03-01T14:30:00Z",
        "attendees": ["ada@acme.com"],
    },
    "issue": {"title": "Export is slow", "status": "open", "assignee": "ada@acme.com"},
}
_EXTERNAL_ID: Final = "order-1001"


def curl(connector: PushConnector, address: str) -> str:
    call, item = _sample(connector)
    body = json.dumps({"items": [item]}, ensure_ascii=False, indent=2)
    return " \\\n  ".join(
        [
            "curl",
            f"{address}/v1/custom-connectors/{connector.id}/{call}",
            '-H "Authorization: Bearer $ROPEWALK_KEY"',
            "-H 'Content-Type: application/json'",
            f"--data {shlex.quote(body)}",
        ]
    )


def python(connector: PushConnector, address: str) -> str:
    call, item = _sample(connector)
    named = "" if call == "ingest" else f', call="{call}"'
    items = json.dumps([item], ensure_ascii=False, indent=4)
    return (
        "import os\n\nfrom ropewalk.client import Client\n\n"
        f"items = {items}\n"
        f'with Client("{address}", os.environ["ROPEWALK_KEY"]) as ropewalk:\n'
        f'    ropewalk.push("{connector.id}", items{named})\n'
    )


def _sample(connector: PushConnector) -> tuple[str, dict[str, Any]]:
    """An item that this connector takes, and the call that takes it."""
    accepted = connector.accepted_kinds
    if accepted and "custom" not in accepted:
        kind = accepted[0]
        return "ingest/typed", {"kind": kind, "external_id": f"{kind}-1001", "payload": _PAYLOADS[kind]}
    schema = connector.event_schema or {}
    item: dict[str, Any] = {"external_id": _EXTERNAL_ID, "data": _data(schema)}
    if "account" not in schema:
        item["metadata"] = {"company_domain": "acme.com"}
    return "ingest", item


def _data(schema: dict[str, str]) -> JSON:
    """With something at each of the schema's paths."""
    account = "acme.com" if schema.get("match_by") == "domain" else "cus_42"
    values: dict[str, JSON] = {
        "time": "2026-03-01T12:00:00Z",
        "name": "Order placed",
        "account": account,
        "user": "ada@acme.com",
        "properties": {"amount": 120, "currency": "EUR"},
    }
    data: JSON = {}
    for part, value in values.items():
        if part in schema:
            try:
                data = paths.put(data, paths.parse(schema[part]), value)
            except ValueError:
                # Two of its paths are in each other's way.
                continue
    return data or {"event": "Order placed", "amount": 120, "currency": "EUR"}
