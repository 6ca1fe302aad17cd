"""The test of a draft: what it answered travels along in the page, signed, until the draft is saved; nothing is kept."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import yaml
from django.core import signing
from msgspec import Struct

from ropewalk.sources.base import Kind
from ropewalk.web import settingtexts

_SALT: Final = "ropewalk.web.sample"
_MOST_FIELDS: Final = 300
_MOST_RECORDS: Final = 3
_RECORD_CHARS: Final = 4_000
_EXAMPLE_CHARS: Final = 80
_PATH_CHARS: Final = 512
_KEPT: Final = ("ok", "request", "response", "proposal", "message", "error")
_OF_EVENT: Final = ("time", "name", "account_key", "account", "user_id")
_SECRET: Final = '"$TOKEN"'
PARTS: Final = ("records_path", "pagination", "incremental")
"""Of a proposal, what the form has a place for beside mapping and matching."""


def kept(answer: Mapping[str, Any]) -> dict[str, Any]:
    """As much of a test's answer as a page carries along."""
    found: dict[str, Any] = {name: answer.get(name) for name in _KEPT}
    # Rows of a query are looked at side by side.
    of_query = (answer.get("request") or {}).get("method") == "SQL"
    shown, indent = (len(answer["records"]), None) if of_query else (_MOST_RECORDS, 2)
    found["records"] = [
        _cut(json.dumps(each, ensure_ascii=False, indent=indent), _RECORD_CHARS)
        for each in answer["records"][:shown]
    ]
    found["fields"] = [
        {**each, "examples": [_short(one) for one in each["examples"]]}
        for each in answer["fields"]
        if len(each["path"]) <= _PATH_CHARS
    ][:_MOST_FIELDS]
    there = {each["path"] for each in found["fields"]}
    found["suggestions"] = [each for each in answer["suggestions"] if each["from"] in there]
    if preview := answer.get("preview"):
        events = [{name: _event_text(each, name) for name in _OF_EVENT} for each in preview["events"]]
        found["preview"] = {**preview, "events": events}
    return found


def _event_text(event: Mapping[str, Any], name: str) -> Any:
    value = event[name]
    return _cut(value, _EXAMPLE_CHARS) if isinstance(value, str) else value


def _short(value: Any) -> Any:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return value if len(text) <= _EXAMPLE_CHARS else _cut(text, _EXAMPLE_CHARS)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def packed(organization_id: UUID, kind: Kind, found: Mapping[str, Any]) -> str:
    return signing.dumps(found, salt=f"{_SALT}.{organization_id}.{kind}", compress=True) if found else ""


def unpacked(organization_id: UUID, kind: Kind, text: str) -> dict[str, Any]:
    """Nothing, where it isn't what this organization was given for this kind of stream."""
    try:
        found: dict[str, Any] = signing.loads(text, salt=f"{_SALT}.{organization_id}.{kind}")
    except signing.BadSignature:
        return {}
    return found


# ---- what was found by itself ----


class Found(Struct, frozen=True):
    """A part of the proposal; `is_used`: the form says so already."""

    name: str
    label: str
    text: str
    why: str
    is_proved: bool
    is_used: bool
    is_there: bool


def proposed(found: Mapping[str, Any], body: Mapping[str, Any]) -> list[Found]:
    told = []
    for name in PARTS:
        part = (found.get("proposal") or {}).get(name)
        if part is None or (name == "incremental" and name not in body):
            continue
        value = part["value"]
        told.append(
            Found(
                name,
                _LABELS[name],
                _in_words(name, value),
                part["why"],
                part["proved"],
                value is not None and _says(body.get(name), value),
                value is not None,
            )
        )
    return told


_LABELS: Final = {
    "records_path": "Records",
    "pagination": "Pagination",
    "incremental": "Only what changed",
}


def _in_words(name: str, value: Any) -> str:
    match name, value:
        case _, None:
            return "Nothing found"
        case "records_path", text:
            return f"at {text}" if text else "at the top of the answer"
        case "pagination", {"type": kind}:
            return _paging_in_words(str(kind), value)
        case "incremental", {"param": param, "format": format}:
            overlap = value.get("overlap_seconds")
            again = f", with {overlap:,} seconds read again" if overlap else ""
            return f"{param}, as {settingtexts.choice(format)}{again}"
    return str(yaml.safe_dump(value, default_flow_style=True, width=10_000)).strip()


def _paging_in_words(kind: str, value: Mapping[str, Any]) -> str:
    names = [name for name in value if name.endswith(("_param", "_path", "_header"))]
    leading = [
        str(value[name]) for name in names if value[name] and name not in ("total_path", "has_more_path")
    ]
    total = f", total at {value['total_path']}" if value.get("total_path") else ""
    if kind == "none":
        return f"One page holds everything{total}"
    return settingtexts.choice(kind) + (f" ({', '.join(leading)})" if leading else "") + total


def _says(now: Any, value: Any) -> bool:
    if isinstance(value, Mapping) and isinstance(now, Mapping):
        return all(now.get(name) == one for name, one in value.items())
    return bool(now == value)


# ---- the request, to be repeated elsewhere ----


def curl(found: Mapping[str, Any]) -> str:
    """Secrets stand outside, as $TOKEN."""
    request, auth = found.get("request"), found.get("auth") or {}
    if not request:
        return ""
    parts = ["curl"]
    if request["method"] != "GET":
        parts += ["-X", request["method"]]
    for name, value in request["headers"].items():
        parts += _header(name, value, auth)
    if request["body"] is not None:
        parts += ["--data", shlex.quote(json.dumps(request["body"], ensure_ascii=False))]
    return " ".join([*parts, _address(request)])


def _header(name: str, value: str, auth: Mapping[str, Any]) -> list[str]:
    if not _is_secret(value):
        return ["-H", shlex.quote(f"{name}: {value}")]
    if name.lower() != "authorization" or auth.get("type") in (None, "none", "api_key"):
        return ["-H", shlex.quote(f"{name}: ") + _SECRET]
    if auth["type"] == "basic":
        return ["-u", shlex.quote(f"{auth.get('username') or ''}:") + _SECRET]
    return ["-H", shlex.quote(f"{name}: Bearer ") + _SECRET]


def _address(request: Mapping[str, Any]) -> str:
    params = {name: value for name, value in request["params"].items() if not _is_secret(value)}
    secret = [name for name, value in request["params"].items() if _is_secret(value)]
    url = request["url"]
    if params:
        url += ("&" if "?" in url else "?") + urlencode(params, doseq=True)
    if secret:
        return shlex.quote(f"{url}{'&' if '?' in url else '?'}{secret[0]}=") + _SECRET
    return shlex.quote(url)


def _is_secret(value: Any) -> bool:
    """Whether it is what stands for a secret (core.redact)."""
    return isinstance(value, str) and (
        value in ("***", "•••") or (len(value) == 1 and "\ue000" <= value <= "\uf8ff")
    )
