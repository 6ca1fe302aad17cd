"""Reading an endpoint: from paging's asks to requests, and from answers to pages of raw records (§4.2, §4.3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Protocol
from urllib.parse import unquote_plus, urlencode, urljoin, urlsplit, urlunsplit

from msgspec import Struct

from ropewalk.core import limits, links, paths
from ropewalk.core.auth import ApiKey, AuthSettings
from ropewalk.core.errors import MustFix, Problem, RetryLater
from ropewalk.core.exchange import Fetch, Request, Response
from ropewalk.core.origins import origin
from ropewalk.core.pagination import CursorPages, LinkHeaderPages, NextUrlPages
from ropewalk.core.paging import Ask, Facts, Pager
from ropewalk.core.paths import Path
from ropewalk.core.records import RawRecord
from ropewalk.core.splitting import Split, beginning, split
from ropewalk.core.values import JSON, MISSING, Missing, canonical
from ropewalk.sources.base import Page, Window
from ropewalk.sources.endpoint import Endpoint

_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_ECHOED = frozenset({"access_token", "api_key", "apikey", "client_secret", "password"})
"""Parameters of a next page's URL that are there because a server repeats how it was asked."""
_TRUE = frozenset({"true", "yes", "y", "1"})
_FALSE = frozenset({"false", "no", "n", "0"})


class Asks(Protocol):
    """Turns what the pager asks for into requests, and answers into what it wants to hear, beside their records."""

    def request(self, ask: Ask) -> Request: ...

    def hear(
        self, request: Request, response: Response, number: int
    ) -> tuple[Facts, Iterable[RawRecord]]: ...


def read(
    endpoint: Endpoint, auth: AuthSettings, window: Window, fetch: Fetch, state: Mapping[str, Any] | None
) -> Iterator[Page]:
    """Pages from where `state` says to the end, the last with its ending; a state that had one gives that again."""
    most = endpoint.most_pages if window.max_pages is None else window.max_pages
    pager = Pager(endpoint.pagination, window.max_records, most, state)
    yield from walk(Asking(endpoint, auth, window), pager, fetch, state)


def walk(asks: Asks, pager: Pager, fetch: Fetch, state: Mapping[str, Any] | None) -> Iterator[Page]:
    while (ask := pager.ask()) is not None:
        request = asks.request(ask)
        facts, records = asks.hear(request, fetch(request), pager.run_pages + 1)
        take = pager.receive(facts)
        if upcoming := pager.ahead(limits.CONCURRENT_PAGES):
            fetch.ahead([asks.request(each) for each in upcoming])
        if take.count < facts.count:
            records = _Part(records, take.skip, take.count)
        yield Page(pager.run_pages, records, take.count, pager.state(), pager.total, pager.ending)
    if state is not None and state["ending"]:
        yield Page(pager.run_pages, (), 0, pager.state(), pager.total, pager.ending)


def first_request(endpoint: Endpoint, auth: AuthSettings, window: Window) -> Request:
    """The one that a test of this endpoint begins with."""
    return Asking(endpoint, auth, window).request(Pager(endpoint.pagination).ask() or Ask())


class _Part(Struct, frozen=True):
    records: Iterable[RawRecord]
    skip: int
    count: int

    def __iter__(self) -> Iterator[RawRecord]:
        return islice(self.records, self.skip, self.skip + self.count)


class Asking:
    """Turns asks into requests and answers into facts, for one endpoint and window."""

    def __init__(self, endpoint: Endpoint, auth: AuthSettings, window: Window) -> None:
        self._endpoint = endpoint
        self._paging = endpoint.pagination
        self._key_param = auth.name if isinstance(auth, ApiKey) and auth.place == "query" else None
        self._origin = origin(endpoint.url)
        self._headers = tuple(
            (name, value) for name, value in endpoint.headers.items() if isinstance(value, str)
        )
        self._fixed = endpoint.parameters(window)

    def request(self, ask: Ask) -> Request:
        url, trusted = self._endpoint.url, True
        query: dict[str, JSON] = {}
        body: JSON = self._endpoint.body
        if self._paging.params_in == "body":
            for name, value in (self._fixed | dict(ask.params)).items():
                body = paths.put(body, paths.parse(name), value)
        elif ask.url is None:
            query = self._fixed | dict(ask.params)
        if ask.url is None:
            url = without(url, query)
        else:
            url, trusted = ask.url, self._admit(ask.url)
        return Request(
            method=self._endpoint.method,
            url=url,
            params=tuple((name, text_of(value)) for name, value in query.items()),
            headers=self._headers,
            body=body,
            timeout_ms=self._endpoint.timeout_ms,
            credentials=trusted,
            lane=self._endpoint.lane,
        )

    def _admit(self, url: str) -> bool:
        """Whether the credential goes along."""
        target = origin(url)
        if target != self._origin and target not in self._paging.allowed_origins:
            message = (
                f"The next page is said to be at {target}, another origin than {self._origin}. "
                "If pages may be read from there, without the credential, list it in allowed_origins."
            )
            raise MustFix("next_page_elsewhere", message, [Problem("pagination.allowed_origins", message)])
        return target == self._origin

    def hear(self, request: Request, response: Response, number: int) -> tuple[Facts, Iterable[RawRecord]]:
        endpoint = self._endpoint
        found = split_page(response, endpoint.url, endpoint.records_path, _wanted(endpoint), number)
        return self._facts(request, response, found), found.records

    def _facts(self, request: Request, response: Response, found: Split) -> Facts:
        cursor = found.found.get("cursor", MISSING)
        asked = _with_params(request) if self._paging.NEXT == "url" else None
        return Facts(
            count=found.count,
            fingerprint=found.fingerprint,
            cursor=None if isinstance(cursor, Missing) else cursor,
            next_url=None if asked is None else self._next_url(response, found, asked),
            total=total_of(found.found.get("total", MISSING)),
            has_more=has_more_of(found.found.get("has_more", MISSING)),
            asked=None if asked is None else self._same_spelling(asked),
        )

    def _next_url(self, response: Response, found: Split, asked: str) -> str | None:
        paging = self._paging
        said: JSON | Missing = MISSING
        if isinstance(paging, LinkHeaderPages):
            said = links.next_link(response.headers.get("link", ""))
        elif isinstance(paging, NextUrlPages) and paging.next_url_header is not None:
            said = response.headers.get(paging.next_url_header.lower())
        elif isinstance(paging, NextUrlPages):
            said = found.found["next_url"]
        if said is None or said is False or isinstance(said, Missing) or said == "":
            return None
        if not isinstance(said, str):
            raise self._no_url(f"Where the next page’s URL should be, there is {text_of(said)[:80]}")
        try:
            url = urljoin(asked, said.strip())
            origin(url)
        except ValueError:
            raise self._no_url(f"The next page is said to be at “{said[:80]}”") from None
        return self._same_spelling(url)

    def _no_url(self, what: str) -> MustFix:
        place = "next_url_path"
        if isinstance(self._paging, NextUrlPages) and self._paging.next_url_header is not None:
            place = "next_url_header"
        message = f"{what}, which is no URL."
        return MustFix("next_page_no_url", message, [Problem(f"pagination.{place}", message)])

    def _same_spelling(self, url: str) -> str:
        """Without what must not be kept (credentials that a server echoes) and what makes no difference; over https
        where that is configured."""
        parts = urlsplit(url)
        scheme, host = parts.scheme, parts.netloc.rpartition("@")[2]
        own = urlsplit(self._endpoint.url)
        if (
            scheme == "http"
            and own.scheme == "https"
            and parts.hostname == own.hostname
            and parts.port in (None, 80)
        ):
            scheme, host = own.scheme, own.netloc
        kept = [each for each in parts.query.split("&") if not self._is_secret(each)]
        return urlunsplit((scheme, host, parts.path or "/", "&".join(kept), ""))

    def _is_secret(self, param: str) -> bool:
        name = unquote_plus(param.partition("=")[0])
        return name == self._key_param or name.lower() in _ECHOED


def split_page(
    response: Response, url: str, records_path: str, wanted: Mapping[str, Path], number: int
) -> Split:
    """The records of a page, and what stands at the paths `wanted`; or what is wrong with it."""
    where = f"Page {number}: {_shown(url)} answered {response.status}"
    if not 200 <= response.status < 300:
        raise _refusal(response, f"{where}. It said: “{beginning(response.body)}”")
    content_type = response.headers.get("content-type", "")
    try:
        return split(response.body, content_type, paths.parse(records_path), dict(wanted))
    except MustFix as error:
        problems = [Problem(each.path, f"{where}. {each.message}") for each in error.problems]
        raise MustFix(error.code, f"{where}. {error.message}", problems) from None


def _refusal(response: Response, message: str) -> MustFix | RetryLater:
    """What `net` says of such an answer, for a fetch that leaves it to us."""
    if response.status in _RETRIED:
        return RetryLater("rate_limited" if response.status == 429 else "unavailable", message)
    if response.status in (401, 403):
        return MustFix("authentication_failed", message, [Problem("auth", message)])
    code = "not_found_there" if response.status == 404 else "unexpected_status"
    return MustFix(code, message, [Problem("url", message)])


def _wanted(endpoint: Endpoint) -> dict[str, Path]:
    paging = endpoint.pagination
    named = {"total": paging.total_path, "has_more": paging.has_more_path}
    if isinstance(paging, CursorPages):
        named["cursor"] = paging.next_cursor_path
    elif isinstance(paging, NextUrlPages):
        named["next_url"] = paging.next_url_path
    return {name: paths.parse(text) for name, text in named.items() if text is not None}


def total_of(value: JSON | Missing) -> int | None:
    """A whole number that isn't negative, also as text; anything else is no total."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None


def has_more_of(value: JSON | Missing) -> bool | None:
    """What says neither yes nor no says nothing."""
    text = text_of(value).strip().lower() if isinstance(value, bool | int | str) else ""
    if text in _TRUE:
        return True
    return False if text in _FALSE else None


def text_of(value: JSON) -> str:
    """A value as a query carries it."""
    if isinstance(value, str):
        return value
    return canonical(value).decode()


def without(url: str, names: Iterable[str]) -> str:
    """The URL less the parameters that are about to be added: a page number that stands in it would go out twice."""
    taken = set(names)
    before, mark, query = url.partition("?")
    kept = [each for each in query.split("&") if unquote_plus(each.partition("=")[0]) not in taken]
    return before + (mark + "&".join(kept) if any(kept) else "")


def _with_params(request: Request) -> str:
    if not request.params:
        return request.url
    return request.url + ("&" if "?" in request.url else "?") + urlencode(request.params)


def _shown(url: str) -> str:
    return url.partition("?")[0]
