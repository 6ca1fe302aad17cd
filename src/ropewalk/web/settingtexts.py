"""Settings and their choices in words, where their classes only have a name."""

from __future__ import annotations

import inspect
from typing import Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_CHOICES: Final = {
    "none": "None",
    "bearer": "Bearer token",
    "api_key": "API key",
    "basic": "User name and password",
    "oauth2_client_credentials": "OAuth 2 client credentials",
    "oauth": "OAuth",
    "private_app": "Private app’s token",
    "key": "Secret or restricted key",
    "EQ": "is",
    "NEQ": "is not",
    "LT": "is less than",
    "LTE": "is at most",
    "GT": "is more than",
    "GTE": "is at least",
    "BETWEEN": "is between",
    "IN": "is one of",
    "NOT_IN": "is none of",
    "HAS_PROPERTY": "is known",
    "NOT_HAS_PROPERTY": "is unknown",
    "CONTAINS_TOKEN": "contains the word",
    "NOT_CONTAINS_TOKEN": "doesn’t contain the word",
    "header": "A header",
    "query": "The query",
    "body": "The body",
    "page": "Page number",
    "offset": "Offset",
    "cursor": "Cursor",
    "next_url": "URL of the next page",
    "link_header": "Link header",
    "iso8601": "ISO 8601",
    "date": "Date",
    "epoch_s": "Seconds since 1970",
    "epoch_ms": "Milliseconds since 1970",
    "domain": "Domain",
    "external_id": "External ID",
    "domain_and_external_id": "External ID, then domain",
    "GET": "GET",
    "POST": "POST",
    "page_repeated": "A page came again",
    "cursor_cycle": "A cursor came again",
    "fewer_than_total": "Fewer rows than the total says",
    "empty_page": "Empty pages while more was promised",
    "all_skipped": "All rows were skipped",
    "no_rows": "No rows where there were some",
}
_SECRETS: Final = {"token": "Token", "password": "Password", "client_secret": "Client secret"}


def choice(value: str) -> str:
    return _CHOICES.get(value) or label(value)


def secret(name: str) -> str:
    return _SECRETS.get(name) or label(name)


def label(name: str) -> str:
    """`client_id` is "Client id"."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def about(model: type[BaseModel], info: FieldInfo) -> str:
    return info.description or inspect.cleandoc(model.__doc__ or "").partition("\n")[0]
