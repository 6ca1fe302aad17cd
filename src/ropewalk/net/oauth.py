"""OAuth 2 client credentials: access tokens, fetched through the same guarded wire and kept in memory."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from ropewalk.core.auth import ClientCredentials
from ropewalk.core.errors import Cancelled, MustFix, RopewalkError
from ropewalk.core.redact import Redactor
from ropewalk.net import failures, retry
from ropewalk.net.attempt import Line
from ropewalk.net.credentials import Credentials, basic_form
from ropewalk.net.origin import Target, parse
from ropewalk.net.transfer import Answer, Broken, Exchange

EARLY_SECONDS = 60.0
_UNTOLD_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    until: float


@dataclass(slots=True)
class _Place:
    lock: threading.Lock = field(default_factory=threading.Lock)
    token: _Token | None = field(default=None, repr=False)
    in_body: bool = False


class Tokens:
    """One place per client, so that two of its requests never fetch at once. `clock` is monotonic; `learned` hears of
    each token before anybody uses it."""

    def __init__(self, clock: Callable[[], float], learned: Callable[[Iterable[str]], None]) -> None:
        self._clock = clock
        self._learned = learned
        self._places: dict[bytes, _Place] = {}
        self._lock = threading.Lock()

    def get(
        self,
        auth: ClientCredentials,
        credentials: Credentials,
        line: Line,
        seconds: float,
        *,
        stale: str | None,
    ) -> str:
        """The client's access token; one that equals `stale` was refused, and is fetched anew."""
        target = parse(auth.token_url)
        credentials.require(target)
        place = self._place(auth, credentials.secret())
        while not place.lock.acquire(timeout=0.2):
            if line.cancelled():
                raise Cancelled
        try:
            token = place.token
            if token is None or token.value == stale or token.until <= self._clock():
                token = place.token = self._fetch(place, auth, credentials, target, line, seconds)
            return token.value
        finally:
            place.lock.release()

    def values(self) -> tuple[str, ...]:
        """Every token at hand, to be kept out of messages."""
        with self._lock:
            places = list(self._places.values())
        return tuple(place.token.value for place in places if place.token is not None)

    def _place(self, auth: ClientCredentials, secret: str) -> _Place:
        named = json.dumps([auth.token_url, auth.client_id, auth.scope, secret])
        with self._lock:
            return self._places.setdefault(hashlib.sha256(named.encode()).digest(), _Place())

    def _fetch(
        self,
        place: _Place,
        auth: ClientCredentials,
        credentials: Credentials,
        target: Target,
        line: Line,
        seconds: float,
    ) -> _Token:
        redactor = Redactor(credentials.values())
        answer = _ask(place.in_body, auth, credentials, target, line, seconds, redactor)
        if answer.status in (400, 401):
            # Servers must take the secret in a header (RFC 6749 §2.3.1), but some know it in the body only.
            other = _ask(not place.in_body, auth, credentials, target, line, seconds, redactor)
            if 200 <= other.status < 300:
                place.in_body = not place.in_body
                answer = other
        if not 200 <= answer.status < 300:
            raise _refused(answer, failures.shown(target, redactor), redactor, line)
        return self._read(answer, failures.shown(target, redactor), redactor)

    def _read(self, answer: Answer, url: str, redactor: Redactor) -> _Token:
        found = _object(answer)
        value = _access_token(found, answer.status, url, redactor)
        self._learned([value])
        return _Token(value, self._clock() + _lifetime(found.get("expires_in")) - EARLY_SECONDS)


def _object(answer: Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.body) if isinstance(answer.body, bytes) else None
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def _access_token(found: dict[str, Any], status: int, url: str, redactor: Redactor) -> str:
    value = found.get("access_token")
    if not isinstance(value, str) or not value or not value.isprintable():
        keys = f" but {', '.join(sorted(map(str, found))[:10])}" if found else ""
        raise MustFix(
            "token_unusable",
            f"The token URL {url} answered {status} without an access_token{redactor.quote(keys)}; check that it is "
            "the API's token endpoint.",
        )
    if str(found.get("token_type", "bearer")).lower() != "bearer":
        raise MustFix("token_unusable", f"The token URL {url} gives tokens of another type than bearer.")
    return value


def _ask(
    in_body: bool,
    auth: ClientCredentials,
    credentials: Credentials,
    target: Target,
    line: Line,
    seconds: float,
    redactor: Redactor,
) -> Answer:
    form = {"grant_type": "client_credentials"}
    if auth.scope:
        form["scope"] = auth.scope
    headers = []
    if in_body:
        form |= {"client_id": auth.client_id, "client_secret": credentials.secret()}
    else:
        headers.append(("Authorization", f"Basic {basic_form(auth.client_id, credentials.secret())}"))
    return _post(target, form, headers, line, seconds, redactor)


def _post(
    target: Target,
    form: Mapping[str, str],
    more: Sequence[tuple[str, str]],
    line: Line,
    seconds: float,
    redactor: Redactor,
) -> Answer:
    headers = [("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded"), *more]
    addresses = line.addresses(target.spelled, target.port)
    if target.user_info:
        raise MustFix("invalid_url", f"{target.origin}: a URL holds no user name and no password.")
    body = urlencode(form).encode()
    line.reserve()
    allowed = min(seconds, line.remaining())
    if allowed <= 0:
        raise failures.broken(Broken("timeout"), failures.shown(target, redactor), redactor, 0)
    exchange = Exchange("POST", target.url, target.host, target.port, addresses, headers, body)
    try:
        return line.wire.send(exchange, allowed, line.cancelled)
    except Broken as error:
        raise failures.broken(error, failures.shown(target, redactor), redactor, allowed) from None


def exchange(url: str, form: Mapping[str, str], line: Line, seconds: float) -> dict[str, Any]:
    """What a vendor's token endpoint answers to a code or a refresh token; `access_token` is in it."""
    secret = [
        form[name] for name in ("client_secret", "code", "code_verifier", "refresh_token") if name in form
    ]
    redactor, target = Redactor(secret), parse(url)
    answer = _post(target, form, (), line, seconds, redactor)
    shown = failures.shown(target, redactor)
    if not 200 <= answer.status < 300:
        raise _refused(answer, shown, redactor, line)
    found = _object(answer)
    _access_token(found, answer.status, shown, redactor)
    return found


def _refused(answer: Answer, url: str, redactor: Redactor, line: Line) -> RopewalkError:
    said = failures.start(answer.body, redactor) if isinstance(answer.body, bytes) else ""
    if answer.status in (400, 401, 403):
        return MustFix(
            "authentication_failed",
            f"The token URL {url} answered {answer.status}: it did not accept the client id, its secret or the "
            f"scope. It said: {said}",
        )
    if answer.status in (301, 302, 303, 307, 308):
        return MustFix(
            "unexpected_status",
            f"The token URL {url} answered {answer.status}, a redirect; a secret doesn't follow one: enter the final URL.",
        )
    after = retry.retry_after(answer.headers.get("retry-after"), answer.headers.get("date"), line.now())
    retried = answer.status in retry.RETRIED_STATUSES
    return failures.refusal(answer.status, f"The token URL {url}", said, after=after, retried=retried)


def _lifetime(told: object) -> float:
    try:
        return float(told) if isinstance(told, int | float | str) else _UNTOLD_SECONDS
    except ValueError:
        return _UNTOLD_SECONDS
