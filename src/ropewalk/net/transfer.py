"""One exchange over the wire by libcurl: no redirects, no retries, and no address but the ones checked."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, BinaryIO, Literal
from urllib.parse import urlsplit

import certifi
import pycurl

from ropewalk.core import limits
from ropewalk.net import encoding
from ropewalk.net.guard import Address
from ropewalk.net.spool import Spool

REFUSAL_BYTES = 64 * 1024
"""How much is read of an answer that isn't a 2xx; messages quote the start of it."""

# The wheel's libcurl looks where its build machine kept its authorities; we look where this one may.
_CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_IDLE_HANDLES = 16
_TLS_CODES = frozenset(
    {
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_CERTPROBLEM,
        pycurl.E_SSL_ISSUER_ERROR,
    }
)

Trouble = Literal["timeout", "connection", "tls", "encoding", "not_http", "too_large", "no_room", "cancelled"]


class Broken(Exception):
    """An exchange that gave no whole answer. `reason` is libcurl's; it names hosts, never headers or parameters."""

    def __init__(self, trouble: Trouble, reason: str = "") -> None:
        super().__init__(trouble, reason)
        self.trouble: Trouble = trouble
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Exchange:
    """`addresses` are the checked ones of `host`; `url` and `headers` may hold secrets."""

    method: str
    url: str = field(repr=False)
    host: str
    port: int
    addresses: tuple[Address, ...]
    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes | BinaryIO = field(repr=False)
    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Proxy:
    """Named by whoever operates the installation, so its own address is not guarded."""

    url: str = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        parts = urlsplit(self.url)
        return tuple(filter(None, (parts.username, parts.password)))


class Wire:
    """Keeps libcurl handles, and with them their connections, between exchanges."""

    def __init__(self, *, agent: str, proxy: Proxy | None = None, ca_bundle: str | None = None) -> None:
        self._agent = agent
        self._proxy = proxy
        self._ca_bundle = ca_bundle or _system_ca_bundle()
        self._idle: list[pycurl.Curl] = []
        self._lock = threading.Lock()

    def send(self, exchange: Exchange, seconds: float, cancelled: Callable[[], bool]) -> Answer:
        handle = self._handle()
        try:
            answer = _Receiver(handle, exchange, cancelled).perform(self._prepare(handle, exchange, seconds))
        except BaseException:
            handle.close()
            raise
        self._keep(handle)
        return answer

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for handle in idle:
            handle.close()

    def _handle(self) -> pycurl.Curl:
        with self._lock:
            return self._idle.pop() if self._idle else pycurl.Curl()

    def _keep(self, handle: pycurl.Curl) -> None:
        handle.reset()
        with self._lock:
            if len(self._idle) < _IDLE_HANDLES:
                self._idle.append(handle)
                return
        handle.close()

    def _prepare(self, handle: pycurl.Curl, exchange: Exchange, seconds: float) -> frozenset[Address] | None:
        """Sets the handle up; answers the addresses it may connect to, None where the proxy does it for us."""
        milliseconds = max(1, int(seconds * 1_000))
        options: list[tuple[int, Any]] = [
            (pycurl.URL, exchange.url),
            (pycurl.NOSIGNAL, 1),
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.PATH_AS_IS, 1),
            (pycurl.HTTP_CONTENT_DECODING, 0),
            (pycurl.TIMEOUT_MS, milliseconds),
            (pycurl.CONNECTTIMEOUT_MS, milliseconds),
            (pycurl.BUFFERSIZE, 128 * 1024),
            (pycurl.USERAGENT, self._agent),
            (pycurl.CAINFO, self._ca_bundle),
            (pycurl.PROXY_CAINFO, self._ca_bundle),
            (pycurl.HTTPHEADER, _headers(exchange)),
        ]
        options += _method(exchange)
        options += self._route(exchange)
        for option, value in options:
            handle.setopt(option, value)
        return None if self._proxy else frozenset(exchange.addresses)

    def _route(self, exchange: Exchange) -> list[tuple[int, Any]]:
        if self._proxy is None:
            # An empty PROXY also keeps the environment's proxies out. A literal address needs no pin.
            pins = ",".join(map(_bracketed, exchange.addresses))
            literal = ":" in exchange.host or exchange.host == str(exchange.addresses[0])
            pinned = [] if literal else [f"{exchange.host}:{exchange.port}:{pins}"]
            return [(pycurl.PROXY, ""), (pycurl.RESOLVE, pinned)]
        # A tunnel to the address that was checked: the proxy never looks the name up itself.
        to = f"::{_bracketed(exchange.addresses[0])}:{exchange.port}"
        return [
            (pycurl.PROXY, self._proxy.url),
            (pycurl.NOPROXY, ""),
            (pycurl.HTTPPROXYTUNNEL, 1),
            (pycurl.CONNECT_TO, [to]),
        ]


class _Receiver:
    """What libcurl calls back into during one exchange. A callback that raised would only print, so none does."""

    def __init__(self, handle: pycurl.Curl, exchange: Exchange, cancelled: Callable[[], bool]) -> None:
        self._handle = handle
        self._exchange = exchange
        self._cancelled = cancelled
        self._status = 0
        self._headers: dict[str, str] = {}
        self._headers_ended = False
        self._decoder: encoding.Decoder | None = None
        self._spool = Spool()
        self._sockets: list[socket.socket] = []
        self._addresses: frozenset[Address] | None = None
        self._stopped: BaseException | None = None
        self._enough = False

    def perform(self, addresses: frozenset[Address] | None) -> Answer:
        self._addresses = addresses
        handle = self._handle
        handle.setopt(pycurl.HEADERFUNCTION, self._header)
        handle.setopt(pycurl.WRITEFUNCTION, self._write)
        handle.setopt(pycurl.NOPROGRESS, 0)
        handle.setopt(pycurl.XFERINFOFUNCTION, self._progress)
        if addresses is not None:
            handle.setopt(pycurl.OPENSOCKETFUNCTION, self._open)
        try:
            self._perform()
        except BaseException:
            self._spool.close()
            raise
        finally:
            for each in self._sockets:
                each.close()
        size = self._spool.size
        return Answer(
            self._status, self._headers, self._spool.take(), size, handle.getinfo(pycurl.TOTAL_TIME)
        )

    def _perform(self) -> None:
        try:
            self._handle.perform()
        except pycurl.error as error:
            if not self._enough:
                raise self._broken(*error.args) from None
        if not self._headers_ended:
            raise Broken("connection", "the answer ended within its headers")
        if self._useful() and self._decoder is not None and not self._decoder.whole():
            raise Broken("connection", "the body ended before its encoding did")

    def _useful(self) -> bool:
        return 200 <= self._status < 300

    def _header(self, line: bytes) -> int | None:
        try:
            self._read_header(line.decode("latin-1").strip())
        except BaseException as error:  # noqa: BLE001 - raised again when libcurl has returned, as below
            return self._stop(error)
        return None

    def _read_header(self, text: str) -> None:
        if text.startswith("HTTP/"):
            # Each answer begins anew: the proxy's, a 100, and then the one that counts.
            code = text.split(None, 2)[1:2]
            self._status = int(code[0]) if code and code[0].isdigit() else 0
            self._headers.clear()
            self._headers_ended = False
            return
        if not text:
            self._headers_ended = True
            return
        name, colon, value = text.partition(":")
        if colon:
            key = name.strip().lower()
            known = self._headers.get(key)
            self._headers[key] = value.strip() if known is None else f"{known}, {value.strip()}"

    def _write(self, chunk: bytes) -> int:
        try:
            return len(chunk) if self._take(chunk) else 0
        except OSError as error:
            return self._stop(Broken("no_room", error.strerror or ""))
        except encoding.Unknown:
            if self._useful():
                return self._stop(Broken("encoding", self._headers["content-encoding"]))
        except encoding.Corrupt as error:
            if self._useful():
                return self._stop(Broken("connection", f"the body is not what its encoding says: {error}"))
        except BaseException as error:  # noqa: BLE001
            return self._stop(error)
        self._enough = True
        return 0

    def _take(self, chunk: bytes) -> bool:
        """Whether more is wanted."""
        if self._decoder is None:
            self._decoder = encoding.decoder(self._headers.get("content-encoding", ""))
        for piece in self._decoder.feed(chunk):
            size = self._spool.size + len(piece)
            if not self._useful() and size > REFUSAL_BYTES:
                self._enough = True
                return False
            if size > limits.BODY_BYTES:
                raise Broken("too_large")
            self._spool.write(piece)
        return True

    def _progress(self, *_: int) -> int:
        try:
            if not self._cancelled():
                return 0
            self._stop(Broken("cancelled"))
        except BaseException as error:  # noqa: BLE001
            self._stop(error)
        return 1

    def _open(self, _purpose: int, place: tuple[int, int, int, tuple[Any, ...]]) -> socket.socket | int:
        family, kind, protocol, address = place
        try:
            if self._addresses is None or ip_address(address[0]) not in self._addresses:
                return pycurl.SOCKET_BAD
            opened = socket.socket(family, kind, protocol)
        except (OSError, ValueError):
            return pycurl.SOCKET_BAD
        self._sockets.append(opened)  # libcurl works on a copy of it; ours is closed at the end
        return opened

    def _stop(self, why: BaseException) -> int:
        self._stopped = why
        return 0

    def _broken(self, code: int, reason: str) -> BaseException:
        if self._stopped is not None:
            return self._stopped
        if code == pycurl.E_OPERATION_TIMEDOUT:
            return Broken("timeout", reason)
        if code in _TLS_CODES:
            return Broken("tls", reason)
        if code == pycurl.E_UNSUPPORTED_PROTOCOL:
            return Broken("not_http", reason)
        return Broken("connection", reason)


def _system_ca_bundle() -> str:
    own = ssl.get_default_verify_paths().cafile
    return next((each for each in (own, *_CA_BUNDLES) if each and Path(each).is_file()), certifi.where())


def _method(exchange: Exchange) -> list[tuple[int, Any]]:
    if exchange.method == "GET":
        return [(pycurl.HTTPGET, 1)]
    return [(pycurl.POST, 1), (pycurl.POSTFIELDS, exchange.body or b"")]


def _headers(exchange: Exchange) -> list[bytes]:
    # "Name:" keeps libcurl from adding its own; an empty value of ours is spelled with a semicolon.
    lines = [f"{name}: {value}" if value else f"{name};" for name, value in exchange.headers]
    given = {name.lower() for name, _ in exchange.headers}
    lines += [f"{name}:" for name in ("Expect", "Content-Type") if name.lower() not in given]
    if "accept-encoding" not in given:
        lines.append(f"Accept-Encoding: {encoding.OFFERED}")
    return [line.encode() for line in lines]


def _bracketed(address: Address) -> str:
    return f"[{address}]" if address.version == 6 else str(address)
