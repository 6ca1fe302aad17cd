"""One of the four calls, as its first line and headers tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl
from uuid import UUID

from ropewalk.core.errors import Problem
from ropewalk.core.items import Form
from ropewalk.core.records import LINES_TYPES
from ropewalk.ingest import refusals
from ropewalk.ingest.refusals import Refusal

PREFIX: Final = "/v1/custom-connectors/"
_PATH: Final = re.compile(PREFIX + r"([^/]+)/ingest(|/text|/typed|/typed/upload)")
_FORMS: Final[Mapping[str, Form]] = {
    "": "data",
    "/text": "text",
    "/typed": "typed",
    "/typed/upload": "upload",
}
_FLAGS: Final = {"true": True, "false": False}
_UTF8: Final = frozenset(("utf-8", "utf8", "us-ascii"))
_REMEMBERED_BYTES: Final = 500
_ENCODINGS: Final = frozenset(("", "identity", "gzip", "x-gzip", "zstd"))


class Call:
    """Callers say the same in call after call, so that most of them were read before. `name` is the end of its path."""

    __slots__ = ("_charset", "_query", "connector_id", "encoding", "form", "is_fine", "is_lines", "is_text", "is_upload",
                 "media_type", "name", "partial", "validate")  # fmt: skip

    def __init__(self, connector: str, name: str, query: bytes, content_type: bytes, encoding: bytes) -> None:
        self.connector_id = _uuid(connector)
        self.name = name
        self.form = _FORMS[name]
        self.is_upload = self.form == "upload"
        self.media_type, self._charset = _types(content_type)
        self.encoding = encoding.decode("latin-1").strip().lower()
        self.is_lines = self.media_type in LINES_TYPES
        self.is_text = self.form == "text" and self.media_type == "text/plain"
        self._query = query
        self.partial = self.validate = self.is_fine = False

    @staticmethod
    def of(path: str, query: bytes, headers: Mapping[bytes, bytes]) -> Call | None:
        """None where the door doesn't serve this path."""
        kind, encoding = headers.get(b"content-type", b""), headers.get(b"content-encoding", b"")
        is_short = len(path) + len(query) + len(kind) + len(encoding) < _REMEMBERED_BYTES
        return (_remembered if is_short else _call)(path, query, kind, encoding)

    def check(self) -> None:
        """Its parameters, type and encoding."""
        if self.is_fine:
            return
        if self._query:
            self._read_query()
        if self.is_upload:
            if self.media_type != "multipart/form-data":
                raise Refusal(415, "Send a form with a file, as `multipart/form-data`.")
            if self.encoding not in ("", "identity"):
                raise Refusal(415, "An upload can't be packed as a whole: send it without Content-Encoding.")
        else:
            self._check_type()
        self.is_fine = True

    def _check_type(self) -> None:
        kind = self.media_type
        if kind not in ("", "application/json") and not (
            kind.endswith("+json") or self.is_lines or self.is_text
        ):
            also = ", `text/plain`" if self.form == "text" else ""
            message = f"Send JSON, with `Content-Type: application/json`{also} or `application/x-ndjson`."
            raise Refusal(415, message)
        if self._charset and self._charset not in _UTF8:
            raise Refusal(415, "Send UTF-8.")
        if self.encoding not in _ENCODINGS:
            raise Refusal(415, "Send the body as it is, or with `Content-Encoding: gzip` or `zstd`.")

    def _read_query(self) -> None:
        problems = []
        seen: dict[str, str] = {}
        # As text: of bytes, it can't give back what isn't ASCII.
        for name, value in parse_qsl(self._query.decode("latin-1"), keep_blank_values=True):
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


def _call(path: str, query: bytes, content_type: bytes, encoding: bytes) -> Call | None:
    found = _PATH.fullmatch(path)
    return Call(found[1], found[2], query, content_type, encoding) if found else None


_remembered = lru_cache(10_000)(_call)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


def _types(content_type: bytes) -> tuple[str, str]:
    """The media type, and the charset if one is named."""
    text = content_type.decode("latin-1")
    charset = re.search(r'charset\s*=\s*"?([^\s";]+)', text, re.IGNORECASE)
    return text.partition(";")[0].strip().lower(), charset[1].lower() if charset else ""


def announced_bytes(headers: Mapping[bytes, bytes]) -> int:
    length = headers.get(b"content-length", b"")
    return int(length) if length.isdigit() and len(length) < 20 else 0


def key_of(authorization: bytes) -> str:
    """The text of the key that a caller brings; empty where there is none."""
    scheme, _, text = authorization.partition(b" ")
    return text.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""
