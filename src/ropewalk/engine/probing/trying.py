"""Asking an endpoint this and that, to find out how it pages: each request once, and not too many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct
from pydantic import TypeAdapter

from ropewalk.core import limits, paths
from ropewalk.core.envelope import Answer
from ropewalk.core.errors import RetryLater, RopewalkError, RowRefused
from ropewalk.core.exchange import Fetch, Request, Response
from ropewalk.core.pagination import PagingSettings, SinglePage
from ropewalk.core.paging import Verdict
from ropewalk.core.records import whole
from ropewalk.core.values import JSON, canonical
from ropewalk.sources.base import StreamKind, Window
from ropewalk.sources.endpoint import Endpoint, SyncedEndpoint
from ropewalk.sources.reading import text_of, without

TOGETHER = 12
"""Names that go out together: one that means something else may spoil it for its neighbours."""
SINGLES = 8
"""Names that are tried one by one where an endpoint refuses several at once."""
PATIENCE = 2
"""Failures that may pass, after which an endpoint isn't asked any further."""

_paging: TypeAdapter[PagingSettings] = TypeAdapter(PagingSettings)


def paging_settings(value: Mapping[str, Any]) -> PagingSettings:
    """A ValueError where they don't go together."""
    return _paging.validate_python(value)


class Enough(Exception):
    """There are no requests or no patience left; what isn't proved by now is a guess."""


class Once:
    """A `Fetch` that keeps what it was answered, errors too, and lets only so many requests through."""

    def __init__(self, fetch: Fetch, most: int = limits.PROOF_REQUESTS) -> None:
        self._fetch = fetch
        self._most = most
        self._kept: dict[bytes, Response | RopewalkError] = {}
        self._failures = 0
        self._bytes = 0
        self.last: tuple[Request, Response] | None = None

    def __call__(self, request: Request) -> Response:
        params: list[JSON] = [list(pair) for pair in request.params]
        key = canonical([request.method, request.url, params, request.body, request.credentials])
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = self._answer(request)
        if isinstance(kept, RopewalkError):
            raise kept
        self.last = (request, kept)
        return kept

    def _answer(self, request: Request) -> Response | RopewalkError:
        if len(self._kept) >= self._most or self._failures >= PATIENCE or self._bytes > limits.PROOF_BYTES:
            raise Enough
        try:
            response = self._fetch(request)
            self._bytes += len(response.body) if isinstance(response.body, bytes) else 0
            return response
        except RopewalkError as error:
            self._failures += isinstance(error, RetryLater)
            return error

    def allow(self, more: int) -> None:
        self._most, self._failures = len(self._kept) + more, 0

    def ahead(self, requests: Sequence[Request]) -> None:
        """Every request has to be wanted."""


class Tried(Struct, frozen=True):
    """Pages that some settings led to, and how a sync would judge them where they came to an end."""

    pages: tuple[Answer, ...]
    verdict: Verdict | None
    failed: bool = False

    @property
    def complete(self) -> bool:
        return self.verdict == "complete"


class Trying:
    """An endpoint, asked as its stream says it is but for paging and incremental reading: `said` has these too."""

    def __init__(self, kind: StreamKind, settings: Any, stream: Endpoint, fetch: Once) -> None:
        if kind.first_request is None:
            raise ValueError("this kind of stream knows how it is read")
        self._kind = kind
        self._first_request = kind.first_request
        self._settings = settings
        self.said = stream
        bare: dict[str, Any] = {"pagination": SinglePage(), "records_path": ""}
        if isinstance(stream, SyncedEndpoint):
            bare["incremental"] = None
        self._stream = stream.model_copy(update=bare)
        self._fetch = fetch
        self.in_body = False

    @property
    def method(self) -> str:
        return self._stream.method

    def ask(self, params: Mapping[str, JSON]) -> Answer | None:
        """None: it refused, or what it said is no JSON."""
        request = self._first_request(self._settings, self._stream, Window())
        if self.in_body:
            body = request.body
            for name, value in params.items():
                if not self.fits(name):
                    continue
                body = paths.put(body, paths.parse(name), value)
            request = replace(request, body=body)
        elif params:
            added = tuple((name, text_of(value)) for name, value in params.items())
            request = replace(request, url=without(request.url, params), params=request.params + added)
        try:
            response = self._fetch(request)
        except RopewalkError:
            return None
        return _answer(request, response)

    def fits(self, name: str) -> bool:
        """Whether the body has a place for this parameter."""
        path = paths.parse(name)
        try:
            paths.put(self._stream.body, path, "")
        except ValueError:
            return False
        return not isinstance(paths.get(self._stream.body, path), dict | list)

    def read(
        self,
        records_path: str,
        paging: Mapping[str, Any],
        pages: int,
        params: Mapping[str, JSON] | None = None,
    ) -> Tried:
        """The first pages, as a sync would read them; `params` stand in the URL beside."""
        settings = paging_settings({**paging, **({"params_in": "body"} if self.in_body else {})})
        url = self._stream.url
        if params:
            url = without(url, params)
            url += ("&" if "?" in url else "?") + urlencode(
                {name: text_of(value) for name, value in params.items()}
            )
        stream = self._stream.model_copy(
            update={"records_path": records_path, "pagination": settings, "url": url}
        )
        answers: list[Answer] = []
        ending = None
        try:
            for page in self._kind.read(self._settings, stream, Window(max_pages=pages), self._fetch, None):
                answer = _answer(*self._fetch.last) if self._fetch.last else None
                if answer is None:
                    break
                answers.append(answer)
                ending = page.ending
        except RopewalkError:
            return Tried(tuple(answers), None, failed=True)
        return Tried(tuple(answers), ending.verdict if ending else None)

    def find(self, wanted: Iterable[str], works: Callable[[Sequence[str]], bool | None]) -> str | None:
        """The first of these parameters that works. Many go out together, so that one request tells of all of them
        that none does; `works` answers None where the endpoint refuses."""
        listed = list(wanted)
        for at in range(0, len(listed), TOGETHER):
            some = listed[at : at + TOGETHER]
            together = works(some)
            if together is None and len(some) > 1:
                return next((name for name in listed[:SINGLES] if works([name])), None)
            if together and len(some) == 1:
                return some[0]
            if together and (found := self._halved(some, works)) is not None:
                return found
        return None

    def _halved(self, some: Sequence[str], works: Callable[[Sequence[str]], bool | None]) -> str | None:
        half = len(some) // 2
        for part in (some[:half], some[half:]):
            if works(part):
                found = part[0] if len(part) == 1 else self._halved(part, works)
                if found is not None:
                    return found
        return None


def _answer(request: Request, response: Response) -> Answer | None:
    if not isinstance(response.body, bytes):
        return None
    try:
        value = whole(response.body, response.headers.get("content-type", ""))
    except RowRefused:
        return None
    url = request.url
    if request.params:
        url += ("&" if "?" in url else "?") + urlencode(request.params)
    return Answer(value, url, response.headers, request.body)
