"""The way out for vendors' own clients, which bring an HTTP library: to their vendor's hosts only, and connected to the very
address that the guard has checked (product.md §12.2).

Through a proxy, the name is checked here and looked up again over there; the certificate says whether it led to the same."""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from ropewalk.net.guard import Address

_PORTS = {"http": 80, "https": 443}


class Pins(Struct, frozen=True):
    """`addresses` gives the checked ones of a host, and raises for a host that may not be reached."""

    addresses: Callable[[str, int], tuple[Address, ...]]
    ca_bundle: str | None = None
    proxy: str | None = None

    def check(self, url: str) -> None:
        parts = urlsplit(url)
        self.addresses(parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0))


def adapter(adapters: ModuleType, pools: ModuleType, pins: Pins) -> Any:
    """A class of adapters for a `requests` and its `urllib3`, or a vendor's copy of both: their modules of these names."""
    by_scheme = {
        "http": _pool(pools.HTTPConnectionPool, pools.NewConnectionError, pins),
        "https": _pool(pools.HTTPSConnectionPool, pools.NewConnectionError, pins),
    }

    class Adapter(adapters.HTTPAdapter):  # type: ignore[misc,name-defined]
        def init_poolmanager(self, *args: Any, **options: Any) -> None:
            super().init_poolmanager(*args, **options)
            self.poolmanager.pool_classes_by_scheme = by_scheme

        def send(self, request: Any, *args: Any, **options: Any) -> Any:
            pins.check(request.url)
            # What the environment says of proxies and authorities is not what the operator told Ropewalk.
            options["proxies"] = {"http": pins.proxy, "https": pins.proxy} if pins.proxy else {}
            options["verify"] = pins.ca_bundle or True
            return super().send(request, *args, **options)

    return Adapter


def _pool(pool: Any, failure: Any, pins: Pins) -> Any:
    class Connection(pool.ConnectionCls):  # type: ignore[misc]
        def _new_conn(self) -> socket.socket:
            failed: OSError | None = None
            for address in pins.addresses(self.host, self.port):
                try:
                    opened = socket.create_connection((str(address), self.port), self.timeout)
                except OSError as error:
                    failed = error
                    continue
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return opened
            raise failure(self, f"{self.host} can't be reached ({failed})") from failed

    return type(pool.__name__, (pool,), {"ConnectionCls": Connection})
