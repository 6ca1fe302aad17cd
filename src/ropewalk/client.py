"""Sends events to a push connector and reads them back, with nothing but Python's standard library.

    from ropewalk.client import Client

    with Client("https://ropewalk.example.com", key) as ropewalk:
        ropewalk.push(connector_id, ({"data": row, "external_id": row["id"]} for row in rows))

Items go in batches, compressed. What may work in a while is tried again, waiting as long as the server asks; an item
without an `external_id` is given one before it is first sent, so that a second try makes no second event. A client holds
one connection, and is for one thread.
"""

from __future__ import annotations

import gzip
import json
import random
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final, Literal, Self, TypeAlias
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

Call = Literal["ingest", "ingest/text", "ingest/typed"]
Item: TypeAlias = Mapping[str, Any]
"""As push-api.md §3 has it for the call: `data`, `text`, or `kind` and `payload`; besides `external_id`, `metadata` and
`timestamp`, which may be a datetime."""

MOST_ITEMS: Final = 5_000
BATCH_ITEMS: Final = 1_000
BATCH_BYTES: Final = 4 * 1024 * 1024
RETRY_AFTER_SECONDS: Final = 300.0
_AGAIN: Final = frozenset((408, 425, 429, 500, 502, 503, 504))
_WORTH_COMPRESSING: Final = 1_024


class ClientError(Exception):
    """Whatever this module raises."""


class Unreachable(ClientError):
    """Nobody answered, however often it was tried. What was sent may have been kept; sending it again is safe."""


class Refused(ClientError):
    """The server's answer. `retry_after`: seconds, where it asked to wait longer than this client does."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Mapping[str, Any],
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.retry_after = retry_after

    @property
    def problems(self) -> list[dict[str, str]]:
        """Each with its `path` and `message`."""
        found: list[dict[str, str]] = self.details.get("errors", [])
        return found


@dataclass(frozen=True, slots=True)
class Result:
    """`error` says why an item was rejected, which happens with `partial` alone."""

    external_id: str | None
    outcome: Literal["created", "updated", "duplicate", "rejected"]
    error: Any = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a request was answered once its events were durable; results in the order of its items."""

    events: int
    results: Sequence[Result]


@dataclass(slots=True)
class Pushed:
    """All batches together; `rejected` by the place of the item in what was pushed."""

    events: int = 0
    created: int = 0
    updated: int = 0
    duplicates: int = 0
    rejected: dict[int, Result] = field(default_factory=dict)

    def add(self, accepted: Accepted, first: int) -> None:
        self.events += accepted.events
        for place, result in enumerate(accepted.results, first):
            match result.outcome:
                case "created":
                    self.created += 1
                case "updated":
                    self.updated += 1
                case "duplicate":
                    self.duplicates += 1
                case "rejected":
                    self.rejected[place] = result


class Client:
    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float = 60.0,
        retries: int = 8,
        compress: bool = True,
        context: ssl.SSLContext | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`url`: where the web app is. `context`: for a certificate authority of your own."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("Give a URL such as https://ropewalk.example.com.")
        self._prefix = parts.path.rstrip("/")
        self._retries = retries
        self._compress = compress
        self._sleep = sleep
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        self._connection = (
            HTTPConnection(parts.hostname, parts.port, timeout=timeout)
            if parts.scheme == "http"
            else HTTPSConnection(parts.hostname, parts.port, timeout=timeout, context=context)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    # ---- sending ----

    def push(
        self,
        connector_id: str,
        items: Iterable[Item],
        *,
        call: Call = "ingest",
        partial: bool = False,
        batch_items: int = BATCH_ITEMS,
        after_each: Callable[[Accepted], None] | None = None,
    ) -> Pushed:
        """All of them, in batches. A batch with a bad item raises `Refused` and keeps nothing of that batch; earlier ones
        stay. With `partial` good items are kept, and bad ones listed."""
        pushed, sent = Pushed(), 0
        for batch in batches((encoded(item) for item in items), items=batch_items):
            accepted = self.send(connector_id, batch, call=call, partial=partial)
            pushed.add(accepted, sent)
            sent += len(batch)
            if after_each is not None:
                after_each(accepted)
        return pushed

    def send(
        self, connector_id: str, batch: Sequence[bytes], *, call: Call = "ingest", partial: bool = False
    ) -> Accepted:
        """One request, of items that are `encoded` already."""
        answer = self._asked(
            "POST",
            f"/v1/custom-connectors/{_part(connector_id)}/{call}" + ("?partial=true" if partial else ""),
            b"\n".join(batch),
            "application/x-ndjson",
        )
        return _accepted(answer)

    def validate(self, connector_id: str, items: Iterable[Item], *, call: Call = "ingest") -> int:
        """How many events they would be; nothing is kept."""
        path = f"/v1/custom-connectors/{_part(connector_id)}/{call}?validate=true"
        lines = b"\n".join(encoded(item) for item in items)
        return int(self._asked("POST", path, lines, "application/x-ndjson")["events"])

    def upload(
        self,
        connector_id: str,
        content: bytes,
        *,
        filename: str,
        media_type: str = "application/octet-stream",
        kind: str = "page",
        external_id: str | None = None,
        payload: Mapping[str, Any] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Accepted:
        fields = {"kind": kind, "external_id": external_id or str(uuid4())}
        fields |= {
            name: json.dumps(value)
            for name, value in (("payload", payload), ("metadata", metadata))
            if value is not None
        }
        body, content_type = _multipart(fields, filename, media_type, content)
        path = f"/v1/custom-connectors/{_part(connector_id)}/ingest/typed/upload"
        return _accepted(self._asked("POST", path, body, content_type, compress=False))

    # ---- reading ----

    def connectors(self, *, include_inactive: bool = False) -> list[dict[str, Any]]:
        more = "?include_inactive=true" if include_inactive else ""
        found: list[dict[str, Any]] = self._asked("GET", f"/v1/custom-connectors{more}")
        return found

    def events(self, **filters: str | int) -> Iterator[dict[str, Any]]:
        """Newest first, page by page: `account_id`, `source`, `kind`, `name`, `from_`, `to`, and `metadata` by
        `**{"metadata.key": "value"}`."""
        asked = {name.rstrip("_"): str(value) for name, value in filters.items()}
        while True:
            page = self._asked("GET", f"/v1/events?{urlencode(asked)}")
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            asked["cursor"] = page["next_cursor"]

    def event(self, source: str, external_id: str, *, version: int | None = None) -> dict[str, Any]:
        path = f"/v1/events/{_part(source)}/{_part(external_id)}"
        found: dict[str, Any] = self._asked("GET", path + (f"?version={version}" if version else ""))
        return found

    # ---- asking ----

    def _asked(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "",
        *,
        compress: bool = True,
    ) -> Any:
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = content_type
            if compress and self._compress and len(body) >= _WORTH_COMPRESSING:
                body = gzip.compress(body, 5, mtime=0)
                headers["Content-Encoding"] = "gzip"
        for tried in range(self._retries + 1):
            try:
                status, answered, after = self._once(method, self._prefix + path, body, headers)
            except (OSError, HTTPException) as error:
                # What comes on this connection now may be the answer to what was asked before.
                self._connection.close()
                if tried == self._retries:
                    raise Unreachable(f"{self._connection.host} doesn't answer: {error!r}") from error
                self._sleep(_pause(tried))
                continue
            if status < 300:
                return answered
            if status not in _AGAIN or tried == self._retries or (after or 0) > RETRY_AFTER_SECONDS:
                raise _refused(status, answered, after)
            self._sleep(_pause(tried) if after is None else after)
        raise AssertionError("the last try has answered or raised")

    def _once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, Any, float | None]:
        self._connection.request(method, path, body, dict(headers))
        response = self._connection.getresponse()
        text = response.read()
        try:
            answered = json.loads(text) if text else None
        except ValueError:
            # Something between us and Ropewalk speaks for it.
            answered = None
        return response.status, answered, _seconds(response.getheader("Retry-After"))


def encoded(item: Item) -> bytes:
    """A line of NDJSON. An item without an `external_id` gets one."""
    whole = dict(item)
    if whole.get("external_id") is None:
        whole["external_id"] = str(uuid4())
    return json.dumps(
        whole, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_as_text
    ).encode()


def batches(
    lines: Iterable[bytes], *, items: int = BATCH_ITEMS, size: int = BATCH_BYTES
) -> Iterator[list[bytes]]:
    """As many lines as a request may hold."""
    if not 1 <= items <= MOST_ITEMS:
        raise ValueError(f"A batch has 1 to {MOST_ITEMS} items.")
    batch: list[bytes] = []
    weight = 0
    for line in lines:
        if batch and (len(batch) == items or weight + len(line) + 1 > size):
            yield batch
            batch, weight = [], 0
        batch.append(line)
        weight += len(line) + 1
    if batch:
        yield batch


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("A time needs its zone: datetime.now(UTC), not datetime.now().")
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{type(value).__name__} is nothing that JSON can hold.")


def _part(text: str) -> str:
    return quote(str(text), safe="")


def _accepted(answer: Any) -> Accepted:
    results = [
        Result(each.get("external_id"), each["outcome"], each.get("error")) for each in answer["results"]
    ]
    return Accepted(answer["events"], results)


def _refused(status: int, answered: Any, after: float | None) -> Refused:
    if not isinstance(answered, dict) or "error_code" not in answered:
        return Refused(status, "unknown", f"The answer, HTTP {status}, is not one of Ropewalk's.", {}, after)
    return Refused(status, answered["error_code"], answered["message"], answered.get("details") or {}, after)


def _pause(tried: int) -> float:
    """Doubles, up to half a minute; spread, so that many clients don't come back at the same moment."""
    return min(0.25 * 2.0**tried, 30.0) * (0.5 + random.random())  # noqa: S311


def _seconds(text: str | None) -> float | None:
    if not text:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _multipart(
    fields: Mapping[str, str], filename: str, media_type: str, content: bytes
) -> tuple[bytes, str]:
    boundary = uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    named = filename.translate({ord("\r"): "%0D", ord("\n"): "%0A", ord('"'): "%22"})
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{named}"\r\n'
    parts.append(f"{head}Content-Type: {media_type}\r\n\r\n".encode())
    parts += [content, f"\r\n--{boundary}--\r\n".encode()]
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"
