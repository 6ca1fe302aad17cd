"""Reading Stripe's customers: page by page, each with the lists in it read to their ends, what is worked out from it,
and without those that a filter leaves out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from pydantic import JsonValue

from ropewalk.core.auth import Bearer
from ropewalk.core.errors import MustFix, RowRefused
from ropewalk.core.exchange import Fetch
from ropewalk.core.limits import RECORD_BYTES
from ropewalk.core.pagination import CursorPages
from ropewalk.core.paths import Path, join
from ropewalk.core.records import RawRecord, decode, decode_value
from ropewalk.core.values import JSON
from ropewalk.sources import reading
from ropewalk.sources.base import Page, Window
from ropewalk.sources.endpoint import Endpoint
from ropewalk.sources.stripe_derived import derived, has_active_subscription
from ropewalk.sources.stripe_settings import Connector, Customers, Filters

VERSION: Final = "2022-11-15"
"""Of the API: answers keep this shape, whatever version the Stripe account is set to."""

_PAGING: Final = CursorPages(
    cursor_param="starting_after",
    next_cursor_path="data.-1.id",
    has_more_path="has_more",
    size_param="limit",
    page_size=100,
)
_EVERY_PAGE: Final = 2**53
_MORE = re.compile(rb'"has_more"\s*:\s*true')
_encode = msgspec.json.Encoder(decimal_format="number").encode


class _List(Endpoint):
    """One of Stripe's lists: a page leads on by the id of its last object."""

    asked: dict[str, JsonValue] = {}

    @classmethod
    def at(
        cls, url: str, expand: Sequence[str], timeout_ms: int, asked: Mapping[str, JSON] | None = None
    ) -> _List:
        if expand:
            url += ("&" if "?" in url else "?") + urlencode([("expand[]", name) for name in expand])
        return cls(
            url=url,
            headers={"Stripe-Version": VERSION},
            plain_headers=["Stripe-Version"],
            records_path="data",
            pagination=_PAGING,
            timeout_ms=timeout_ms,
            asked=dict(asked or {}),
        )

    def parameters(self, window: Window) -> dict[str, JSON]:  # noqa: ARG002 - Stripe can't be asked what has changed
        return dict(self.asked)


def read(
    connector: Connector, stream: Customers, window: Window, fetch: Fetch, state: Mapping[str, Any] | None
) -> Iterator[Page]:
    customers = _List.at(
        f"{connector.api_url}/v1/customers",
        [f"data.{name}" for name in stream.expand],
        stream.timeout_ms,
        stream.filters.asked(),
    )
    window = replace(
        window,
        max_records=stream.max_records if window.max_records is None else window.max_records,
        max_pages=_EVERY_PAGE if window.max_pages is None else window.max_pages,
    )
    rest = _Rest(connector, stream, fetch)
    for page in reading.read(customers, Bearer(), window, fetch, state):
        yield _kept(page, stream.filters, rest)


def _kept(page: Page, filters: Filters, rest: _Rest) -> Page:
    records: list[RawRecord] = []
    left_out: Counter[str] = Counter()
    for raw in page.records:
        try:
            customer = decode(raw)
        except RowRefused:
            # The run says what is wrong with it.
            records.append(raw)
            continue
        is_whole = not (_MORE.search(raw) and rest.read_on(customer))
        if reason := left_out_by(filters, customer):
            left_out[reason] += 1
        else:
            records.append(_with_derived(bytes(raw) if is_whole else _encode(customer), customer))
    return replace(page, records=records, count=len(records), filtered=dict(left_out))


def _with_derived(record: bytes, customer: Mapping[str, JSON]) -> bytes:
    """As Stripe sent it, with one property more."""
    comma = b"," if customer else b""
    return record.rstrip()[:-1] + comma + b'"__derived":' + _encode(derived(customer)) + b"}"


def left_out_by(filters: Filters, customer: Mapping[str, JSON]) -> str:
    """The first filter that this customer doesn't pass; empty: they pass all."""
    metadata, email = customer.get("metadata"), customer.get("email")
    for pair in filters.metadata:
        key, _, value = pair.partition("=")
        if not isinstance(metadata, dict) or metadata.get(key) != value:
            return "metadata"
    if filters.has_active_subscription not in (None, _word(has_active_subscription(customer))):
        return "has_active_subscription"
    if filters.delinquent not in (None, _word(customer.get("delinquent") is True)):
        return "delinquent"
    if filters.email_contains is not None:
        text = email.casefold() if isinstance(email, str) else ""
        if filters.email_contains.casefold() not in text:
            return "email_contains"
    # Stripe leaves them out of its lists; where one is met all the same, there is nothing of it to be read.
    return "deleted" if customer.get("deleted") is True else ""


def _word(value: bool) -> str:
    return "yes" if value else "no"


@dataclass(frozen=True, slots=True)
class _Rest:
    """Lists within a customer hold their first objects only, ten as a rule, and say where all of them are."""

    connector: Connector
    stream: Customers
    fetch: Fetch

    def read_on(self, customer: dict[str, Any]) -> bool:
        """Puts what is missing into the lists of this customer; whether anything was."""
        found = False
        for cut, path in self._cut(customer, ()):
            self._complete(cut, join(path))
            found = True
        return found

    def _cut(self, value: Any, path: Path) -> Iterator[tuple[dict[str, Any], Path]]:
        """Each list before what is in it: that may have come with its rest."""
        if isinstance(value, list):
            for each in value:
                yield from self._cut(each, path)
        elif isinstance(value, dict):
            if self._is_cut(value):
                yield value, path
            for key, each in value.items():
                yield from self._cut(each, (*path, key))

    @staticmethod
    def _is_cut(value: Mapping[str, Any]) -> bool:
        data, url = value.get("data"), value.get("url")
        return (
            value.get("object") == "list"
            and value.get("has_more") is True
            and isinstance(url, str)
            and url.startswith("/v1/")
            and isinstance(data, list)
            and bool(data)
            and isinstance(data[-1], dict)
            and isinstance(data[-1].get("id"), str)
        )

    def _complete(self, cut: dict[str, Any], path: str) -> None:
        """It stays cut where the customer has gone meanwhile, or has grown beyond what is read of a record."""
        expand = [each.removeprefix(f"{path}.") for each in self.stream.expand if each.startswith(f"{path}.")]
        rest = _List.at(self.connector.api_url + cut["url"], expand, self.stream.timeout_ms)
        after: dict[str, Any] = {"place": cut["data"][-1]["id"], "ending": None}
        window, size = Window(max_pages=_EVERY_PAGE), 0
        try:
            for page in reading.read(rest, Bearer(), window, self.fetch, after):
                for raw in page.records:
                    size += len(bytes(raw))
                    cut["data"].append(decode_value(bytes(raw)))
                if size > RECORD_BYTES:
                    return
        except (MustFix, RowRefused) as error:
            if error.code not in ("not_found_there", "invalid_value"):
                raise
            return
        cut["has_more"] = False
