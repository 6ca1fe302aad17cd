"""Reading Stripe's customers, page by page, each with the lists in it read to their ends; whom a filter leaves out, and what
is worked out from the others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from msgspec.structs import replace

from ropewalk.core.auth import AuthSettings, Bearer
from ropewalk.core.errors import MustFix, RowRefused
from ropewalk.core.exchange import Fetch
from ropewalk.core.limits import RECORD_BYTES
from ropewalk.core.pagination import CursorPages
from ropewalk.core.paths import Path, join
from ropewalk.core.records import decode, decode_value
from ropewalk.core.values import JSON, canonical
from ropewalk.sources import reading
from ropewalk.sources.base import Derivation, Page, Window
from ropewalk.sources.listing import Listing
from ropewalk.sources.stripe_derived import (
    VERSION as DERIVED_VERSION,
    any_active,
    derived,
)
from ropewalk.sources.stripe_settings import Connector, Customers, Filters

VERSION: Final = "2022-11-15"
"""Of the API: answers keep this shape, whatever version the Stripe account is set to."""

AUTH: Final[AuthSettings] = Bearer()

_PAGING: Final = CursorPages(
    cursor_param="starting_after",
    next_cursor_path="data.-1.id",
    has_more_path="has_more",
    size_param="limit",
    page_size=100,
)
# Without its first quote, which stands all over a record, it is found twice as fast.
_MORE = re.compile(rb'has_more"\s*:\s*true')


def listing(
    url: str, expand: Sequence[str], timeout_ms: int, fixed: Mapping[str, JSON] | None = None
) -> Listing:
    """One of Stripe's lists: a page leads on by the id of its last object."""
    if expand:
        url += ("&" if "?" in url else "?") + urlencode([("expand[]", name) for name in expand])
    return Listing(
        url=url,
        headers={"Stripe-Version": VERSION},
        plain_headers=["Stripe-Version"],
        records_path="data",
        pagination=_PAGING,
        timeout_ms=timeout_ms,
        fixed=dict(fixed or {}),
    )


def read(
    connector: Connector, stream: Customers, window: Window, fetch: Fetch, state: Mapping[str, Any] | None
) -> Iterator[Page]:
    customers = listing(
        f"{connector.api_url}/v1/customers",
        [f"data.{name}" for name in stream.expand],
        stream.timeout_ms,
        stream.filters.asked(),
    )
    if window.max_records is None:
        window = replace(window, max_records=stream.max_records)
    return _Rest(connector, stream, fetch).read_on(reading.read(customers, AUTH, window, fetch, state))


def derivation(stream: Customers) -> Derivation:
    filters = stream.filters
    return Derivation(
        DERIVED_VERSION,
        add=derived,
        left_out=(lambda record: left_out_by(filters, customer_of(record))) if filters.applied_here else None,
    )


class Customer(msgspec.Struct):
    """What filters look at; all else is passed over, which is a good deal quicker. Anything may stand anywhere."""

    email: Any = None
    delinquent: Any = None
    metadata: Any = None
    subscriptions: Any = None


_read = msgspec.json.Decoder(Customer).decode


def customer_of(record: bytes) -> Customer:
    """One of whom nothing is known, for what is none: the run says what is wrong with it."""
    try:
        return _read(record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Customer()


def left_out_by(filters: Filters, customer: Customer) -> str | None:
    """The first filter that this customer doesn't pass."""
    metadata, email = customer.metadata, customer.email
    for pair in filters.metadata:
        key, _, value = pair.partition("=")
        if not isinstance(metadata, dict) or metadata.get(key) != value:
            return "metadata"
    if filters.has_active_subscription not in (None, _word(any_active(customer.subscriptions))):
        return "has_active_subscription"
    if filters.delinquent not in (None, _word(customer.delinquent is True)):
        return "delinquent"
    if filters.email_contains is not None:
        text = email.casefold() if isinstance(email, str) else ""
        if filters.email_contains.casefold() not in text:
            return "email_contains"
    return None


def _word(value: bool) -> str:
    return "yes" if value else "no"


class _Rest(msgspec.Struct, frozen=True):
    """Lists within a customer hold their first objects only, ten as a rule, and say where all of them are."""

    connector: Connector
    stream: Customers
    fetch: Fetch

    def read_on(self, pages: Iterator[Page]) -> Iterator[Page]:
        for page in pages:
            records = list(page.records)
            if _MORE.search(b"".join(records)):
                records = [self._whole(bytes(raw)) for raw in records]
            page.records = records
            yield page

    def _whole(self, record: bytes) -> bytes:
        if not _MORE.search(record):
            return record
        try:
            customer = decode(record)
        except RowRefused:
            return record
        found = False
        for cut, path in self._cut(customer, ()):
            self._complete(cut, join(path))
            found = True
        return canonical(customer) if found else record

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
        rest = listing(self.connector.api_url + cut["url"], expand, self.stream.timeout_ms)
        after: dict[str, Any] = {"place": cut["data"][-1]["id"], "ending": None}
        size = 0
        try:
            for page in reading.read(rest, AUTH, Window(), self.fetch, after):
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
