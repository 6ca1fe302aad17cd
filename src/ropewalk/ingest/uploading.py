"""A form with a file, taken apart as it comes: the file goes to the disk, the rest is small."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ropewalk.core import limits
from ropewalk.core.errors import Problem
from ropewalk.ingest import refusals
from ropewalk.ingest.refusals import Refusal

UPLOAD_BODY_BYTES: Final = limits.UPLOAD_BYTES + 2 * limits.ITEM_BYTES
"""The file, the other fields and what stands between them."""
_FIELDS: Final = ("kind", "external_id", "payload", "metadata")
_JSON: Final = frozenset(("payload", "metadata"))
_NOT_A_FORM: Final = "The body isn't a form (RFC 7578), or it was cut off."
_encode = msgspec.json.Encoder().encode


class Uploaded(msgspec.Struct):
    """`item` is a typed item, the file's name, type, size and digest in it."""

    item: bytes
    digest: str
    file: Path


class _Part(msgspec.Struct):
    name: str = ""
    file_name: str | None = None
    content_type: str = ""
    value: bytearray = msgspec.field(default_factory=bytearray)


class Uploading:
    def __init__(self, content_type: str) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise Refusal(400, "The Content-Type of a form names its boundary.")
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header,
                    "on_headers_finished": self._named,
                    "on_part_data": self._data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
            )
        except FormParserError:
            raise Refusal(400, "The boundary of a form has at most 256 characters.") from None
        self._target: IO[bytes] = tempfile.NamedTemporaryFile(prefix="ropewalk-upload-", delete=False)  # noqa: SIM115
        self.path = Path(self._target.name)
        self._digest = sha256()
        self._bytes = self._small = 0
        self._headers: dict[str, str] = {}
        self._name = self._value = b""
        self._part = _Part()
        self._file: _Part | None = None
        self._fields: dict[str, bytes] = {}
        self._problems: list[Problem] = []
        self._is_whole = False

    def feed(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except FormParserError:
            raise Refusal(400, _NOT_A_FORM) from None

    def end(self) -> Uploaded:
        self._target.close()
        if not self._is_whole:
            raise Refusal(400, _NOT_A_FORM)
        if self._file is None:
            self._problems.append(Problem("file", "This is required: a part with a file name."))
        item = self._item()
        if self._problems or self._file is None:
            raise refusals.invalid(self._problems)
        digest = self._digest.hexdigest()
        name = self._file.file_name or ""
        item["file"] = {
            "name": name,
            "content_type": self._file.content_type or "application/octet-stream",
            "bytes": self._bytes,
            "sha256": digest,
        }
        payload = item["payload"]
        if item["kind"] == "page" and name and payload.keys().isdisjoint(("title", "url")):
            payload["title"] = name
        return Uploaded(_encode(item), digest, self.path)

    def discard(self) -> None:
        self._target.close()
        self.path.unlink(missing_ok=True)

    def _item(self) -> dict[str, Any]:
        item: dict[str, Any] = {"kind": "page", "payload": {}}
        for name, value in self._fields.items():
            try:
                item[name] = msgspec.json.decode(value) if name in _JSON else value.decode()
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise Refusal(400, f"{name}: this isn't {'JSON' if name in _JSON else 'UTF-8'}.") from None
        if not isinstance(item["payload"], Mapping):
            self._problems.append(Problem("payload", "Give an object."))
            item["payload"] = {}
        return item

    # ---- what the parser calls ----

    def _begin(self) -> None:
        self._part = _Part()
        self._headers = {}

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value.decode("utf-8", "replace")
        self._name = self._value = b""

    def _named(self) -> None:
        kind, options = parse_options_header(
            self._headers.get("content-disposition", "").encode().decode("latin-1")
        )
        told = {name: value.decode("utf-8", "replace") for name, value in options.items()}
        self._part.name = told.get(b"name", "") if kind == b"form-data" else ""
        self._part.file_name = told.get(b"filename")
        self._part.content_type = self._headers.get("content-type", "")[:200]
        self._is_file = self._part.name == "file" and self._part.file_name is not None

    _is_file = False

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._bytes += end - start
            if self._bytes > limits.UPLOAD_BYTES:
                raise refusals.too_large(limits.UPLOAD_BYTES)
            piece = memoryview(data)[start:end]
            self._digest.update(piece)
            self._target.write(piece)
            return
        self._small += end - start
        if self._small > limits.ITEM_BYTES:
            raise refusals.too_large(limits.ITEM_BYTES)
        self._part.value += data[start:end]

    def _end_part(self) -> None:
        name = self._part.name
        if self._is_file and self._file is None:
            self._file = self._part
        elif name == "file":
            message = "Give this once." if self._file else "This part has no file name."
            self._problems.append(Problem("file", message))
        elif name not in _FIELDS:
            listed = ", ".join(("file", *_FIELDS))
            self._problems.append(
                Problem(name[:100].replace("\0", "\\u0000"), f"There is no such field; there are {listed}.")
            )
        elif name in self._fields:
            self._problems.append(Problem(name, "Give this once."))
        else:
            self._fields[name] = bytes(self._part.value)

    def _end(self) -> None:
        self._is_whole = True
