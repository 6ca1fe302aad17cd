"""The one door out: a client for the whole process, and a `Fetch` bound to one connector's credentials."""

from __future__ import annotations

import logging
import random as chance
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, BinaryIO, Self

from ropewalk import __version__
from ropewalk.core import limits
from ropewalk.core.errors import Cancelled, MustFix, RetryLater
from ropewalk.core.exchange import Request, Response
from ropewalk.core.redact import Redactor
from ropewalk.net import failures, oauth, retry
from ropewalk.net.ahead import Ahead
from ropewalk.net.attempt import Line, Reached, attempt, target_of
from ropewalk.net.credentials import Credentials
from ropewalk.net.failures import TokenRefused
from ropewalk.net.guard import Address, Guard
from ropewalk.net.lookup import Lookup
from ropewalk.net.oauth import Tokens
from ropewalk.net.transfer import Proxy, Wire

log = logging.getLogger(__name__)

_GLANCE_SECONDS = 0.5
_WITH_TOKENS = ("oauth2_client_credentials", "oauth2_authorization_code")


def _never() -> bool:
    return False


def _nobody(_: Iterable[str]) -> None:
    pass


class Client:
    """Holds connections and access tokens. `clock` is monotonic, `now` the time of day; tests give their own.
    `learned` hears of each access token before it is used."""

    def __init__(
        self,
        guard: Guard,
        *,
        proxy: str | None = None,
        ca_bundle: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = chance.random,
        learned: Callable[[Iterable[str]], None] = _nobody,
    ) -> None:
        self.clock = clock
        self.now = now
        self.sleep = sleep
        self.random = random
        self.proxy_secrets = Proxy(proxy).secrets if proxy else ()
        self.lookup = Lookup(guard, clock)
        self.tokens = Tokens(clock, learned)
        self.wire = Wire(
            agent=f"Ropewalk/{__version__}", proxy=Proxy(proxy) if proxy else None, ca_bundle=ca_bundle
        )

    def bind(
        self,
        credentials: Credentials,
        *,
        budget: Callable[[str], float] | None = None,
        deadline: float | None = None,
        cancelled: Callable[[], bool] = _never,
        retries: int = limits.RETRIES,
        wait_header: str = "",
    ) -> BoundFetch:
        """`budget` reserves the next slot of a lane and answers the seconds until then; `deadline` is a time of `clock`.
        `wait_header`: of a 429 without Retry-After, the one that says how many milliseconds to wait.

        `budget`, `cancelled` and the credentials' `granted` are also called from background threads.
        """
        return BoundFetch(self, credentials, budget, deadline, cancelled, retries, wait_header)

    def exchange(self, url: str, form: Mapping[str, str], seconds: float) -> dict[str, Any]:
        """One try at a vendor's token endpoint (net.oauth). Nothing of it is kept here."""
        until = self.clock() + seconds

        def remaining() -> float:
            return until - self.clock()

        line = Line(
            wire=self.wire,
            addresses=lambda host, port: self.lookup.addresses(host, port, remaining(), _never),
            reserve=lambda: None,
            remaining=remaining,
            cancelled=_never,
            now=self.now,
        )
        return oauth.exchange(url, form, line, seconds)

    def close(self) -> None:
        self.wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class BoundFetch:
    """A `Fetch`. Close it, or use it in a `with`: that ends what runs ahead and closes bodies still open."""

    def __init__(
        self,
        client: Client,
        credentials: Credentials,
        budget: Callable[[str], float] | None,
        deadline: float | None,
        cancelled: Callable[[], bool],
        retries: int,
        wait_header: str,
    ) -> None:
        self._client = client
        self._credentials = credentials
        self._budget = budget
        self._deadline = deadline
        self._asked_to_stop = cancelled
        self._retries = retries
        self._wait_header = wait_header
        self._granted: set[str] = set()
        self._closed = False
        self._redacts: tuple[tuple[str, ...], Redactor] | None = None
        self._ahead = Ahead(self._answer)
        self._files: weakref.WeakSet[BinaryIO] = weakref.WeakSet()

    def __call__(self, request: Request) -> Response:
        if request.pause_ms:
            self._pause(request)
        future = self._ahead.take(request)
        return self._answer(request) if future is None else future.result()

    def ahead(self, requests: Sequence[Request]) -> None:
        self._ahead.hint(requests)

    def secrets(self) -> tuple[str, ...]:
        """Every value that must not be written down; access tokens come and go while requests are made."""
        fetched = (*self._client.tokens.values(), *sorted(self._granted))
        return (*self._credentials.values(), *fetched, *self._client.proxy_secrets)

    def close(self) -> None:
        self._closed = True
        self._ahead.close()
        for file in list(self._files):
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self, request: Request) -> Response:
        """Tries until there is a usable answer, a final error, or no try left (product.md §5.4)."""
        failed = 0
        while True:
            if self._cancelled():
                raise Cancelled
            try:
                return self._response(self._authenticated(request))
            except RetryLater as error:
                failed += 1
                if error.after is not None and error.after > limits.RETRY_AFTER_SECONDS:
                    raise failures.too_long(error) from None
                seconds = error.after or retry.pause(failed, self._client.random)
                if failed > self._retries or seconds >= self._remaining():
                    raise failures.exhausted(error, failed) from None
                log.info("try %d failed, next in %.1f s: %s", failed, seconds, error.message)
                self._wait(seconds)

    def _authenticated(self, request: Request) -> Reached:
        """One try; a refused access token is fetched anew once, which doesn't count as another."""
        line = self._line(request)
        if not request.credentials or self._credentials.auth.type not in _WITH_TOKENS:
            return attempt(request, self._credentials, None, line, self._redactor())
        self._credentials.require(target_of(request))
        token = self._token(request, line, stale=None)
        try:
            return attempt(request, self._credentials, token, line, self._redactor())
        except TokenRefused:
            pass
        token = self._token(request, line, stale=token)
        return attempt(request, self._credentials, token, line, self._redactor())

    def _token(self, request: Request, line: Line, *, stale: str | None) -> str:
        """An access token; one that equals `stale` was refused."""
        auth, granted = self._credentials.auth, self._credentials.granted
        if auth.type == "oauth2_client_credentials":
            return self._client.tokens.get(
                auth, self._credentials, line, request.timeout_ms / 1_000, stale=stale
            )
        if granted is None:
            raise MustFix("authentication_failed", "Nobody has connected this connector at its vendor yet.")
        token = granted(stale)
        self._granted.add(token)
        return token

    def _line(self, request: Request) -> Line:
        seconds = request.timeout_ms / 1_000

        def addresses(host: str, port: int) -> tuple[Address, ...]:
            return self._client.lookup.addresses(host, port, min(seconds, self._remaining()), self._cancelled)

        return Line(
            wire=self._client.wire,
            addresses=addresses,
            reserve=lambda: self._reserve(request.lane),
            remaining=self._remaining,
            cancelled=self._cancelled,
            now=self._client.now,
            wait_header=self._wait_header,
        )

    def _response(self, reached: Reached) -> Response:
        answer = reached.answer
        if not isinstance(answer.body, bytes):
            self._files.add(answer.body)
            if self._closed:
                answer.body.close()
        return Response(answer.status, answer.headers, answer.body, reached.target.url, reached.milliseconds)

    def _redactor(self) -> Redactor:
        secrets = self.secrets()
        if self._redacts is None or self._redacts[0] != secrets:
            self._redacts = (secrets, Redactor(secrets))
        return self._redacts[1]

    def _reserve(self, lane: str) -> None:
        if self._budget is None:
            return
        seconds = self._budget(lane)
        if seconds > 0 and seconds >= self._remaining():
            raise RetryLater(
                "budget_used_up",
                f"The connector's requests-per-minute budget is used up for another {seconds:.0f} s.",
                after=seconds,
            )
        self._wait(seconds)

    def _pause(self, request: Request) -> None:
        seconds = request.pause_ms / 1_000
        if seconds >= self._remaining():
            raise failures.not_ready(failures.shown(target_of(request), self._redactor()))
        self._wait(seconds)

    def _wait(self, seconds: float) -> None:
        until = self._client.clock() + seconds
        while (left := until - self._client.clock()) > 0:
            if self._cancelled():
                raise Cancelled
            self._client.sleep(min(left, _GLANCE_SECONDS))

    def _remaining(self) -> float:
        return float("inf") if self._deadline is None else self._deadline - self._client.clock()

    def _cancelled(self) -> bool:
        return self._closed or self._asked_to_stop()
