"""One of the four calls, as its first line and headers tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

from ropewalk.core.errors import Problem
from ropewalk.core.items import Form
from ropewalk.core.records import LINES_TYPES
from ropewalk.ingest import refusals
from ropewalk.ingest.refusals import Refusal

PREFIX: Final = "/v1/custom-connectors/"
_PATH: Final = re.compile(PREFIX + r"([^/]+)/ingest(|/text|/typed|/typed/upload)")
_FORMS: Final[Mapping[str, Form]] = {"": "data", "/text": "text", "/typed": "typed", "/typed/upload": "typed"}
_FLAGS: Final = {"true": True, "false": False}
_UTF8: Final = frozenset(("utf-8", "utf8", "us-ascii"))
_ENCODINGS: Final = frozenset(("", "identity", "gzip", "x-gzip", "zstd"))


def named(path: str) -> re.Match[str] | None:
    """Whether the door serves this path."""
    return _PATH.fullmatch(path) if path.startswith(PREFIX) else None


@lru_cache(10_000)
def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


@lru_cache(1_000)
def _types(content_type: bytes) -> tuple[str, str]:
    """The media type, and the charset if one is named."""
    text = content_type.decode("latin-1")
    charset = re.search(r'charset\s*=\s*"?([^\s";]+)', text, re.IGNORECASE)
    return text.partition(";")[0].strip().lower(), charset[1].lower() if charset else ""


@dataclass(slots=True)
class Call:
    connector: str
    form: Form
    is_upload: bool
    headers: Mapping[bytes, bytes]
    query: bytes
    partial: bool = False
    validate: bool = False

    @classmethod
    def of(cls, scope: Mapping[str, Any], path: re.Match[str]) -> Call:
        connector, call = path.groups()
        return cls(
            connector, _FORMS[call], call.endswith("upload"), dict(scope["headers"]), scope["query_string"]
        )

    @property
    def connector_id(self) -> UUID | None:
        return _uuid(self.connector)

    @property
    def key(self) -> str:
        """The text of the key that it brings; empty where it brings none."""
        scheme, _, text = self.headers.get(b"authorization", b"").partition(b" ")
        return text.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""

    @property
    def announced_bytes(self) -> int:
        length = self.headers.get(b"content-length", b"")
        return int(length) if length.isdigit() and len(length) < 20 else 0

    @property
    def encoding(self) -> str:
        return self.headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()

    @property
    def media_type(self) -> str:
        return _types(self.headers.get(b"content-type", b""))[0]

    @property
    def is_lines(self) -> bool:
        return self.media_type in LINES_TYPES

    @property
    def is_text(self) -> bool:
        return self.form == "text" and self.media_type == "text/plain"

    def check(self) -> None:
        """Its parameters, type and encoding."""
        if self.query:
            self._read_query()
        if self.is_upload:
            if self.media_type != "multipart/form-data":
                raise Refusal(415, "Send a form with a file, as `multipart/form-data`.")
            if self.encoding not in ("", "identity"):
                raise Refusal(415, "An upload can't be packed as a whole: send it without Content-Encoding.")
            return
        kind = self.media_type
        if kind not in ("", "application/json") and not (
            kind.endswith("+json") or self.is_lines or self.is_text
        ):
            also = ", `text/plain`" if self.form == "text" else ""
            message = f"Send JSON, with `Content-Type: application/json`{also} or `application/x-ndjson`."
            raise Refusal(415, message)
        _, charset = _types(self.headers.get(b"content-type", b""))
        if charset and charset not in _UTF8:
            raise Refusal(415, "Send UTF-8.")
        if self.encoding not in _ENCODINGS:
            raise Refusal(415, "Send the body as it is, or with `Content-Encoding: gzip` or `zstd`.")

    def _read_query(self) -> None:
        problems = []
        seen: dict[str, str] = {}
        # As text: of bytes, it can't give back what isn't ASCII.
        for name, value in parse_qsl(self.query.decode("latin-1"), keep_blank_values=True):
            told = name.replace("\0", "\\u0000")
            if name not in ("partial", "validate"):
                message = "There is no such parameter here. Known here: partial, validate."
                problems.append(Problem(told, message))
            elif name in seen:
                problems.append(Problem(told, "Give this once."))
            elif value.lower() not in _FLAGS:
                problems.append(Problem(told, "Give true or false."))
            seen[name] = value.lower()
        if problems:
            raise refusals.invalid(problems)
        self.partial = _FLAGS[seen.get("partial", "false")]
        self.validate = _FLAGS[seen.get("validate", "false")]
