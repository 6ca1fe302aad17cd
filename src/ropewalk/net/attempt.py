"""One try at a request: its credentials, its hops, and what the last answer means (product.md §4.1–§4.3)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from ropewalk.core import limits
from ropewalk.core.errors import MustFix, RopewalkError
from ropewalk.core.exchange import Request
from ropewalk.core.redact import Redactor
from ropewalk.net import failures, retry
from ropewalk.net.credentials import Credentials
from ropewalk.net.guard import Address
from ropewalk.net.origin import Target, follow, parse, without_parameter
from ropewalk.net.transfer import Answer, Broken, Exchange, Wire

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OF_THE_CONNECTION = re.compile(
    r"connection|content-(encoding|length)|expect|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade",
    re.IGNORECASE,
)


class Line(Struct, frozen=True):
    """What one try may use: the wire, where a host may lead, when to wait and when to stop."""

    wire: Wire
    addresses: Callable[[str, int], tuple[Address, ...]]
    reserve: Callable[[], None]
    remaining: Callable[[], float]
    cancelled: Callable[[], bool]
    now: Callable[[], float]
    wait_header: str = ""


class Reached(Struct, frozen=True):
    """`target` is where the last hop led, without the credential that its query carried."""

    target: Target
    answer: Answer
    milliseconds: int


class _Hop(Struct, frozen=True):
    method: str
    target: Target
    body: bytes | None
    trusted: bool
    left_behind: Target | None = None


def target_of(request: Request) -> Target:
    target = parse(request.url)
    if not request.params:
        return target
    added = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in request.params)
    return replace(target, query=f"{target.query}&{added}" if target.query else added)


def attempt(
    request: Request, credentials: Credentials, token: str | None, line: Line, redactor: Redactor
) -> Reached:
    """A 2xx with a body; anything else raises, as `RetryLater` where another try may help."""
    body = None
    if request.method == "POST" and request.body is not None:
        body = json.dumps(request.body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    hop = _Hop(request.method, target_of(request), body, request.credentials)
    spent = 0.0
    for _ in range(limits.REDIRECTS + 1):
        addresses = line.addresses(hop.target.spelled, hop.target.port)
        if hop.target.user_info:
            raise MustFix(
                "invalid_url",
                f"{redactor.quote(hop.target.origin)}: a URL holds no user name and no password.",
            )
        if hop.trusted:
            credentials.require(hop.target)
        line.reserve()
        seconds = min(request.timeout_ms / 1_000 - spent, line.remaining())
        if seconds <= 0:
            raise _broken(hop, Broken("timeout"), redactor, spent)
        exchange = _exchange(hop, request, credentials, token, addresses)
        try:
            answer = line.wire.send(exchange, seconds, line.cancelled)
        except Broken as error:
            raise _broken(hop, error, redactor, spent + seconds) from None
        spent += answer.seconds
        if answer.status not in _REDIRECTS or "location" not in answer.headers:
            return _usable(hop, answer, int(spent * 1_000), line, redactor)
        hop = _next(hop, answer, credentials, token, redactor)
    raise MustFix(
        "too_many_redirects",
        f"{failures.shown(hop.target, redactor)}: more than {limits.REDIRECTS} redirects in a row.",
    )


def _exchange(
    hop: _Hop, request: Request, credentials: Credentials, token: str | None, addresses: tuple[Address, ...]
) -> Exchange:
    target = hop.target
    headers = {"accept": ("Accept", "application/json, application/x-ndjson;q=0.9, */*;q=0.5")}
    if hop.body is not None:
        headers["content-type"] = ("Content-Type", "application/json")
    if hop.trusted:
        for name, value in (*request.headers, *credentials.headers.items()):
            headers[name.lower()] = (_header_name(name), _header_value(name, value))
        proof = credentials.header(token)
        if proof is not None:
            headers[proof[0].lower()] = proof
        parameter = credentials.parameter()
        if parameter is not None:
            target = _with_parameter(target, *parameter)
    return Exchange(
        hop.method, target.url, target.host, target.port, addresses, tuple(headers.values()), hop.body
    )


def _next(hop: _Hop, answer: Answer, credentials: Credentials, token: str | None, redactor: Redactor) -> _Hop:
    try:
        target = follow(hop.target, answer.headers["location"])
    except MustFix as error:
        raise MustFix(
            error.code,
            f"{failures.shown(hop.target, redactor)} redirects to a place that can't be read. {error.message}",
        ) from None
    method, body = hop.method, hop.body
    if answer.status == 303 or (answer.status in (301, 302) and method == "POST"):
        method, body = "GET", None
    parameter = credentials.parameter() if hop.trusted or hop.left_behind else None
    if parameter is not None:
        # A server that copies the query into its redirect must not take the key along; at home it is added again.
        target = replace(target, query=without_parameter(target.query, parameter[0]))
    if target.origin == hop.target.origin:
        return replace(hop, method=method, target=target, body=body)
    if Redactor([*credentials.proofs(), token or ""]).text(target.url) != target.url:
        raise MustFix(
            "redirect_with_secret",
            f"{failures.shown(hop.target, redactor)} redirects to {target.origin} with the credential in the URL; it was not "
            "followed. Enter the API's final URL.",
        )
    left = hop.target if hop.trusted else hop.left_behind
    return _Hop(method, target, body, trusted=False, left_behind=left)


def _wait(answer: Answer, line: Line) -> float | None:
    """Seconds that the answer asks for."""
    told = retry.retry_after(answer.headers.get("retry-after"), answer.headers.get("date"), line.now())
    if told is None and answer.status == 429 and line.wait_header:
        return retry.milliseconds(answer.headers.get(line.wait_header.lower()))
    return told


def _broken(hop: _Hop, error: Broken, redactor: Redactor, seconds: float) -> RopewalkError:
    return failures.broken(error, failures.shown(hop.target, redactor), redactor, seconds)


def _usable(hop: _Hop, answer: Answer, milliseconds: int, line: Line, redactor: Redactor) -> Reached:
    succeeded = 200 <= answer.status < 300
    if succeeded and answer.size:
        return Reached(hop.target, answer, milliseconds)
    url = failures.shown(hop.target, redactor)
    if succeeded:
        raise failures.empty(answer.status, url)
    hint = ""
    if hop.left_behind is not None:
        hint = (
            f" The request was redirected there from {redactor.quote(hop.left_behind.origin)}, and credentials are never sent "
            "along to another origin: enter the final URL."
        )
    raise failures.refusal(
        answer.status,
        url,
        failures.start(answer.body, redactor) if isinstance(answer.body, bytes) else "",
        after=_wait(answer, line),
        retried=answer.status in retry.RETRIED_STATUSES,
        hint=hint,
    )


def _with_parameter(target: Target, name: str, value: str) -> Target:
    own = f"{quote(name, safe='')}={quote(value, safe='')}"
    rest = without_parameter(target.query, name)
    return replace(target, query=f"{rest}&{own}" if rest else own)


def _header_name(name: str) -> str:
    if not _HEADER_NAME.match(name):
        raise MustFix("invalid_header", "A header name is letters, digits and dashes, like Accept-Version.")
    if _OF_THE_CONNECTION.fullmatch(name):
        raise MustFix(
            "invalid_header", f"The header {name} belongs to the connection itself and can't be set."
        )
    return name


def _header_value(name: str, value: str) -> str:
    if _UNSENDABLE.search(value):
        raise MustFix(
            "invalid_header", f"The value of the header {name} holds a line break or control character."
        )
    return value.strip()
